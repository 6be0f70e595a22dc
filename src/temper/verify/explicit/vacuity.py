"""Weakest links: what a property would still say if a part of it were replaced by its worst constant.

A property that survives such a replacement in every explored state does not depend on that part: either the
part is superfluous, or the situation it speaks of never comes. Both deserve to be said aloud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from temper.machine import BOOL, Algebra, Expression, Op, Property, PropertyKind, fold, total
from temper.verify.substitution import is_narrowing


@dataclass(frozen=True, slots=True)
class Variant:
    """The property with `part` replaced by the constant that makes the whole hardest to satisfy."""

    part: Expression
    property: Property


def variants(property_: Property) -> tuple[Variant, ...]:
    """Every strengthening of an `always` or `step` property, outermost parts first, equal ones once.

    >>> from temper.machine import BOOL, Expression, Op, Property, PropertyKind
    >>> flag = Expression(Op.VARIABLE, BOOL, name="flag")
    >>> [v.property.body.value for v in variants(Property("p", PropertyKind.ALWAYS, (), None, flag))]
    [False]
    """
    if property_.kind not in (PropertyKind.ALWAYS, PropertyKind.STEP):
        return ()
    found: dict[tuple[Expression | None, Expression], Variant] = {}
    for part, changed in _whole(property_):
        found.setdefault((changed.whenever, changed.body), Variant(part, changed))
    return tuple(found.values())


def _whole(property_: Property) -> Iterator[tuple[Expression, Property]]:
    for part, body in _strengthened(property_.body, positive=True):
        yield part, replace(property_, body=body)
    if property_.whenever is not None:
        for part, whenever in _strengthened(property_.whenever, positive=False):
            yield part, replace(property_, whenever=whenever)


def _strengthened(expression: Expression, *, positive: bool) -> Iterator[tuple[Expression, Expression]]:
    yield from fold(expression, _ALGEBRA).replacements(positive)


Replacements = Callable[[bool], Iterator[tuple[Expression, Expression]]]


@dataclass(frozen=True, slots=True)
class _Folded:
    """A node, and every way to replace one part of it, given whether the whole gains or loses by being true."""

    node: Expression
    replacements: Replacements


def _constant(value: bool) -> Expression:  # noqa: FBT001 - the value is the whole point
    return Expression(Op.LITERAL, BOOL, value=value)


def _itself(node: Expression) -> Replacements:
    """The node as a whole by its worst constant; a constant has no worse one.

    A comparison with None stays: the types ask for it before what is optional may be read.
    """

    def replacements(positive: bool) -> Iterator[tuple[Expression, Expression]]:  # noqa: FBT001
        if node.op is not Op.LITERAL and not is_narrowing(node):
            yield node, _constant(not positive)

    return replacements


def _leaf(node: Expression, *_: _Folded) -> _Folded:
    return _Folded(node, _itself(node))


def _with_operands(*polarities: bool | None) -> Callable[..., _Folded]:
    """Descend into operands: True keeps the polarity, False turns it round, None stays out.

    Fewer polarities than operands: the last one goes for the rest.
    """

    def meaning(node: Expression, *operands: _Folded) -> _Folded:
        def replacements(positive: bool) -> Iterator[tuple[Expression, Expression]]:  # noqa: FBT001
            yield from _itself(node)(positive)
            for place, operand in enumerate(operands):
                keeps = polarities[min(place, len(polarities) - 1)]
                if keeps is None:
                    continue
                for part, changed in operand.replacements(positive is keeps):
                    yield part, replace(node, operands=(*node.operands[:place], changed, *node.operands[place + 1 :]))

        return _Folded(node, replacements)

    return meaning


_ALGEBRA: Algebra[_Folded] = total(
    {
        **dict.fromkeys(Op, _leaf),
        Op.NOT: _with_operands(False),
        Op.AND: _with_operands(True),
        Op.OR: _with_operands(True),
        Op.IF: _with_operands(None, True),
        Op.ALL: _with_operands(None, False, True),
        Op.ANY: _with_operands(None, True, True),
    }
)
"""Only these have parts with a polarity; a comparison is replaced as a whole."""
