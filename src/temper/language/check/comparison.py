"""`==`, `<`, `in` and their kin."""

from __future__ import annotations

import ast
from itertools import pairwise

from temper.language.check.findings import article
from temper.language.check.logic import joined, negated
from temper.language.check.openness import is_open
from temper.language.check.reading import Reading, fits, is_opaque, is_ordered, join
from temper.machine import BOOL, EnumType, Expression, Op, OptionType, SetType, Type, parts

_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def read_comparison(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:  # noqa: ARG001 - a rule
    """One comparison, or a chain of order comparisons."""
    assert isinstance(node, ast.Compare)
    if len(node.ops) > 1:
        return _chain(reading, node)
    left, op, right = node.left, node.ops[0], node.comparators[0]
    match op:
        case ast.Eq():
            return _equal(reading, node, left, right)
        case ast.NotEq():
            found = _equal(reading, node, left, right)
            return None if found is None else negated(found, node, reading)
        case ast.In():
            return _member(reading, node, left, right)
        case ast.NotIn():
            found = _member(reading, node, left, right)
            return None if found is None else negated(found, node, reading)
        case ast.Is() | ast.IsNot():
            word, cure = ("is", "==") if isinstance(op, ast.Is) else ("is not", "!=")
            fixed = f"{reading.parsed.written(left)} {cure} {reading.parsed.written(right)}"
            reading.add(
                "expression-construct",
                f"values have no identity: write `{cure}`, not `{word}`",
                node,
                reason=f"`{word}` has no meaning here",
                helps=reading.instead(node, fixed),
            )
            return None
        case _:
            return _ordered(reading, node, left, op, right)


def _chain(reading: Reading, node: ast.Compare) -> Expression | None:
    if not all(isinstance(op, _ORDER) for op in node.ops):
        reading.add(
            "chained-comparison",
            "only `<`, `<=`, `>` and `>=` can be chained; join the others with `and`",
            node,
            reason="a chain with `==`, `!=` or `in` in it",
        )
        return None
    sides: list[Expression] = []
    for side in (node.left, *node.comparators):
        found = _orderable(reading, side, sides[0].type if sides else None)
        if found is None or (sides and not _same_order(reading, node, sides[0], found)):
            return None
        sides.append(found)
    if not all(may_be_copied(reading, side, at) for side, at in zip(sides[1:-1], node.comparators, strict=False)):
        return None
    pairs = zip(node.ops, pairwise(sides), strict=True)
    return joined(Op.AND, [_order(reading, node, op, one, other) for op, (one, other) in pairs], node, reading)


COPIED_MAX = 200


def may_be_copied(reading: Reading, found: Expression, node: ast.expr) -> bool:
    """Whether an operand is small enough to stand twice in what is made of it: copies of copies grow without end."""
    if sum(1 for _ in parts(found)) <= COPIED_MAX:
        return True
    reading.add(
        "expression-too-large",
        "this operand is read twice here, and it is too large for that",
        node,
        reason=f"more than {COPIED_MAX} parts",
    )
    return False


def _equal(reading: Reading, node: ast.Compare, left: ast.expr, right: ast.expr) -> Expression | None:
    pair = read_alike(reading, node, left, right)
    if pair is None:
        return None
    one, other = pair
    for found, side in ((one, left), (other, right)):
        if is_opaque(found.type):
            refuse_opaque(reading, found, side)
            return None
    type_ = join(one.type, other.type)
    if type_ is None:
        _never_equal(reading, node, one, other)
        return None
    first, second = reading.fit(one, _shape(one, type_), left), reading.fit(other, _shape(other, type_), right)
    if first is None or second is None:
        return None
    return Expression(Op.EQ, BOOL, (first, second), span=reading.span(node))


def _shape(found: Expression, type_: Type) -> Type:
    """The common type, with the range of its own that the operand has: only `| None` is added."""
    return (
        OptionType(found.type)
        if isinstance(type_, OptionType) and not isinstance(found.type, OptionType)
        else found.type
    )


def _never_equal(reading: Reading, node: ast.Compare, one: Expression, other: Expression) -> None:
    reading.add(
        "never-equal",
        f"{article(one.type)} and {article(other.type)} are never equal",
        node,
        reason="values of two types",
        labels=(*reading.label(one), *reading.label(other)),
    )


def read_alike(
    reading: Reading, node: ast.expr, left: ast.expr, right: ast.expr
) -> tuple[Expression, Expression] | None:
    """Two operands that stand for the same kind of thing: what one says of its type helps to read the other."""
    if is_open(reading, left) and is_open(reading, right):
        _both_open(reading, node, left, right)
        return None
    if is_open(reading, left):
        other = reading.infer(right)
        one = None if other is None else _against(reading, left, other, right)
    else:
        one = reading.infer(left)
        other = None if one is None else _against(reading, right, one, left)
    return None if one is None or other is None else (one, other)


def _against(reading: Reading, node: ast.expr, typed: Expression, at: ast.expr) -> Expression | None:
    """Read a side whose other side has a type."""
    if isinstance(node, ast.Constant) and node.value is None and not isinstance(typed.type, OptionType):
        if is_opaque(typed.type):
            refuse_opaque(reading, typed, at)
            return None
        written = reading.parsed.written(at)
        reading.add(
            "never-none",
            f"`{written}` is {article(typed.type)}, which is never None",
            node,
            reason="always false or always true",
            labels=reading.label(typed),
        )
        return None
    return reading.infer(node, typed.type)


def _both_open(reading: Reading, node: ast.expr, left: ast.expr, right: ast.expr) -> None:
    before = reading.findings.errors
    for side in (left, right):
        if isinstance(side, ast.Name) and side.id not in reading.place.declared.members:
            reading.infer(side)
    if reading.findings.errors == before:
        reading.add("type-unclear", "neither side says of which type it is", node, reason="two bare members, or None")


def _ordered(reading: Reading, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Expression | None:
    # A side that says nothing of its type is read after the other one, which tells it what is expected.
    first, second = (right, left) if is_open(reading, left) else (left, right)
    one = _orderable(reading, first, None)
    other = None if one is None else _orderable(reading, second, one.type)
    if one is None or other is None or not _same_order(reading, node, one, other):
        return None
    return _order(reading, node, op, *((one, other) if first is left else (other, one)))


def _same_order(reading: Reading, node: ast.Compare, one: Expression, other: Expression) -> bool:
    if fits(one.type, other.type):
        return True
    reading.add(
        "type-mismatch",
        f"{article(one.type)} and {article(other.type)} have no common order",
        node,
        reason="a number and a duration",
        notes=("write the unit: `30s`, `10m`",),
    )
    return False


def _order(reading: Reading, node: ast.Compare, op: ast.cmpop, one: Expression, other: Expression) -> Expression:
    """There is no `>`: its sides are swapped."""
    kind = Op.LT if isinstance(op, ast.Lt | ast.Gt) else Op.LE
    pair = (one, other) if isinstance(op, ast.Lt | ast.LtE) else (other, one)
    return Expression(kind, BOOL, pair, span=reading.span(node))


def _orderable(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """A side of an order comparison: an int or a duration."""
    found = reading.infer(node, hint)
    if found is None:
        return None
    if is_opaque(found.type):
        refuse_opaque(reading, found, node)
        return None
    if is_ordered(_bare(found.type)):
        return reading.plain(found, node)
    reading.add(
        "not-ordered",
        f"only ints and durations have an order, but `{reading.parsed.written(node)}` is {article(found.type)}",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
        notes=("list the members you mean: `x in {a, b}`",) if isinstance(found.type, EnumType) else (),
    )
    return None


def refuse_opaque(reading: Reading, found: Expression, node: ast.expr) -> None:
    """Say that times and json are not looked into."""
    cure = (
        "a deadline is a timer, not a comparison"
        if found.op is Op.NOW or "time" in str(found.type)
        else "store what decisions need in a field of its own"
    )
    reading.add(
        "opaque-value",
        f"`{reading.parsed.written(node)}` is {article(found.type)}, which is stored and passed on but never looked at",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
        notes=(cure,),
    )


def _member(reading: Reading, node: ast.Compare, left: ast.expr, right: ast.expr) -> Expression | None:
    if is_open(reading, left):
        group = reading.infer(right)
        of = _element(reading, group, right)
        member = None if of is None else reading.infer(left, of)
    else:
        member = reading.infer(left)
        if member is not None and is_opaque(member.type):
            refuse_opaque(reading, member, left)
            return None
        group = None if member is None else reading.infer(right, SetType(_bare(member.type)))
        of = _element(reading, group, right)
    if member is None or group is None or of is None:
        return None
    return contained(reading, node, (member, left), (group, right), of)


def _bare(type_: Type) -> Type:
    return type_.of if isinstance(type_, OptionType) else type_


def _element(reading: Reading, group: Expression | None, node: ast.expr) -> Type | None:
    if group is None:
        return None
    found = reading.plain(group, node)
    if found is not None and not isinstance(found.type, SetType):
        reading.add(
            "not-a-set",
            f"`in` asks a set, but `{reading.parsed.written(node)}` is {article(found.type)}",
            node,
            reason=f"this is {article(found.type)}",
            labels=reading.label(found),
        )
        return None
    return found.type.of if found is not None and isinstance(found.type, SetType) else None


def contained(
    reading: Reading,
    node: ast.Compare,
    member: tuple[Expression, ast.expr],
    group: tuple[Expression, ast.expr],
    of: Type,
) -> Expression | None:
    """`x in s`. Where x may be None, and s holds no None, it means `x != None and x in s`."""
    found, at = member
    whole = reading.plain(group[0], group[1])
    if whole is None:
        return None
    span = reading.span(node)
    if (
        isinstance(found.type, OptionType)
        and not isinstance(of, OptionType)
        and found not in reading.facts
        and fits(found.type.of, of)
    ):
        if not may_be_copied(reading, found, at):
            return None
        none = Expression(Op.LITERAL, found.type, value=None, span=found.span)
        there = Expression(Op.NOT, BOOL, (Expression(Op.EQ, BOOL, (found, none), span=span),), span=span)
        the = Expression(Op.THE, found.type.of, (found,), span=found.span)
        return Expression(Op.AND, BOOL, (there, Expression(Op.IN, BOOL, (the, whole), span=span)), span=span)
    fitted = reading.fit(found, of, at)
    return None if fitted is None else Expression(Op.IN, BOOL, (fitted, whole), span=span)
