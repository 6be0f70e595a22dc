"""What a condition teaches: which expressions are not None where it holds, or where it does not."""

from __future__ import annotations

from temper.machine import Expression, Op


def not_none(condition: Expression, *, holds: bool) -> frozenset[Expression]:
    """The expressions that are known not to be None once the condition is known to hold, or not to."""
    match condition.op, holds:
        case Op.NOT, _:
            return not_none(condition.operands[0], holds=not holds)
        case Op.EQ, False:
            return _compared_with_none(condition)
        case (Op.AND, True) | (Op.OR, False):
            return frozenset().union(*(not_none(part, holds=holds) for part in condition.operands))
        case _:
            return frozenset()


def _compared_with_none(condition: Expression) -> frozenset[Expression]:
    one, other = condition.operands
    if other.op is Op.LITERAL and other.value is None:
        return frozenset({one})
    if one.op is Op.LITERAL and one.value is None:
        return frozenset({other})
    return frozenset()
