"""`+ - *`, `//` and `%` on numbers and durations, and `| & -` on sets."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from temper.language.check.comparison import read_alike, refuse_opaque
from temper.language.check.findings import article
from temper.language.check.logic import read_not
from temper.language.check.openness import is_open
from temper.language.check.reading import Reading, fits, is_opaque, join
from temper.machine import (
    DURATION,
    INT,
    INT_MIN,
    BoolType,
    DurationType,
    Expression,
    IntType,
    Op,
    OptionType,
    SetType,
    Type,
)
from temper.report import Help

_NUMBERS: Mapping[type[ast.operator], Op] = {
    ast.Add: Op.ADD,
    ast.Sub: Op.SUB,
    ast.Mult: Op.MUL,
    ast.FloorDiv: Op.DIV,
    ast.Mod: Op.MOD,
}
_SETS: Mapping[type[ast.operator], Op] = {ast.BitOr: Op.UNION, ast.BitAnd: Op.INTERSECT, ast.Sub: Op.DIFFERENCE}
_SIGNS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitOr: "|",
    ast.BitAnd: "&",
}
_CURES: Mapping[type[ast.operator], str] = {
    ast.Div: "`/` would make a fraction; `//` divides and rounds down",
    ast.Pow: "there is no `**`; multiply",
}


def read_operation(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """An operator between two operands."""
    assert isinstance(node, ast.BinOp)
    kind = type(node.op)
    if kind not in _SIGNS:
        cure = _CURES.get(kind, "there are `+ - * // %` for numbers and `| & -` for sets")
        reading.add("expression-construct", f"this operator is no part of an expression: {cure}", node, reason=cure)
        return None
    operands = _operands(reading, node, hint)
    if operands is None:
        return None
    one, other = operands
    if isinstance(one.type, SetType) and isinstance(other.type, SetType) and kind in _SETS:
        return _sets(reading, node, one, other)
    if kind in _NUMBERS:
        type_ = _number(one.type, _NUMBERS[kind], other.type)
        if type_ is not None:
            return Expression(_NUMBERS[kind], type_, (one, other), span=reading.span(node))
    _wrong_operands(reading, node, one, other)
    return None


def _operands(reading: Reading, node: ast.BinOp, hint: Type | None) -> tuple[Expression, Expression] | None:
    """Both operands, neither of them None. Where both say nothing of their type, the place has to say it."""
    sets = hint.of if isinstance(hint, OptionType) else hint
    if is_open(reading, node.left) and is_open(reading, node.right) and isinstance(sets, SetType):
        pair: tuple[Expression | None, Expression | None] = (
            reading.infer(node.left, sets),
            reading.infer(node.right, sets),
        )
    elif isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        pair = read_alike(reading, node, node.left, node.right) or (None, None)
    else:
        pair = reading.infer(node.left, hint), reading.infer(node.right, hint)
    if pair[0] is None or pair[1] is None:
        return None
    one, other = reading.plain(pair[0], node.left), reading.plain(pair[1], node.right)
    return None if one is None or other is None else (one, other)


def _sets(reading: Reading, node: ast.BinOp, one: Expression, other: Expression) -> Expression | None:
    assert isinstance(one.type, SetType)
    assert isinstance(other.type, SetType)
    of = join(one.type.of, other.type.of)
    if of is None or isinstance(of, OptionType) != isinstance(one.type.of, OptionType) or not fits(other.type.of, of):
        reading.add(
            "type-mismatch",
            f"{article(one.type)} and {article(other.type)} hold different things",
            node.right,
            reason=f"this is {article(other.type)}",
            labels=(*reading.label(one), *reading.label(other)),
        )
        return None
    return Expression(_SETS[type(node.op)], SetType(of), (one, other), span=reading.span(node))


def _number(one: Type, op: Op, other: Type) -> Type | None:
    """What an operator makes of two numbers or durations."""
    match one, op, other:
        case IntType(), _, IntType():
            return INT
        case DurationType(), Op.ADD | Op.SUB, DurationType():
            return DURATION
        case (DurationType(), Op.MUL, IntType()) | (IntType(), Op.MUL, DurationType()):
            return DURATION
        case _:
            return None


def _wrong_operands(reading: Reading, node: ast.BinOp, one: Expression, other: Expression) -> None:
    for found, side in ((one, node.left), (other, node.right)):
        if is_opaque(found.type):
            refuse_opaque(reading, found, side)
            return
    sign = _SIGNS[type(node.op)]
    written = reading.parsed.written
    left, right = written(node.left), written(node.right)
    notes: tuple[str, ...] = ()
    helps: tuple[Help, ...] = ()
    if isinstance(node.op, ast.BitOr | ast.BitAnd) and isinstance(one.type, BoolType):
        word = "or" if isinstance(node.op, ast.BitOr) else "and"
        notes = (f"`{sign}` is for sets; conditions are joined with `{word}`",)
        helps = reading.instead(node, f"{left} {word} {right}")
    elif isinstance(one.type, SetType) and fits(other.type, one.type.of):
        meant = "|" if isinstance(node.op, ast.Add) else sign
        helps = reading.instead(node, f"{left} {meant} {{{right}}}")
        notes = ("sets are joined with sets",)
    reading.add(
        "wrong-operands",
        f"`{sign}` does not go with {article(one.type)} and {article(other.type)}",
        node,
        reason=f"{article(one.type)} {sign} {article(other.type)}",
        labels=(*reading.label(one), *reading.label(other)),
        notes=notes,
        helps=helps,
    )


def read_sign(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:  # noqa: ARG001 - a rule
    """`-a` and `not a`."""
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not):
        return read_not(reading, node)
    if not isinstance(node.op, ast.USub):
        reading.add(
            "expression-construct", "only `-` and `not` stand before an operand", node, reason="no such operator"
        )
        return None
    if isinstance(node.operand, ast.Constant) and type(node.operand.value) is int and -node.operand.value >= INT_MIN:
        return Expression(Op.LITERAL, INT, value=-node.operand.value, span=reading.span(node))
    found = reading.infer_plain(node.operand)
    if found is None:
        return None
    if isinstance(found.type, DurationType) and found.op is Op.LITERAL:
        return Expression(Op.LITERAL, DURATION, value=-found.value, span=reading.span(node))
    if isinstance(found.type, IntType):
        if found.op is Op.LITERAL and found.value > INT_MIN:
            return Expression(Op.LITERAL, INT, value=-found.value, span=reading.span(node))
        return Expression(Op.NEG, INT, (found,), span=reading.span(node))
    reading.add(
        "wrong-operands",
        f"`-` does not go with {article(found.type)}",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
    )
    return None
