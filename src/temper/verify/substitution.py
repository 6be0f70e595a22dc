"""A violated expression with the values in place, so that a message shows what was compared with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from temper.machine import (
    BEFORE,
    Address,
    Algebra,
    Cell,
    Expression,
    Op,
    OptionType,
    RefType,
    TransitionTable,
    Value,
    absent,
    fold,
    total,
)

View = Mapping[Address, Cell]


def with_values(
    table: TransitionTable,
    expression: Expression,
    *,
    view: View,
    before: View,
    variables: Mapping[str, str],
    args: Mapping[str, Value],
) -> Expression:
    """The expression with everything it reads replaced by what it read. Nothing is computed."""

    def read(node: Expression, of: Expression) -> Expression:
        if of.op is not Op.LITERAL or of.value is None:
            return replace(node, operands=(of,))
        reference = of.type
        assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"
        address = Address(reference.entity, of.value)
        cell = (before if node.moment == BEFORE else view).get(address) or absent(table, address)
        return _literal(node, _value(table, cell, node.name))

    def variable(node: Expression) -> Expression:
        return _literal(node, variables[node.name]) if node.name in variables else node

    def argument(node: Expression) -> Expression:
        return _literal(node, args[node.name]) if node.name in args else node

    algebra: Algebra[Expression] = total(
        {
            **dict.fromkeys(Op, _rebuilt),
            Op.READ: read,
            Op.VARIABLE: variable,
            Op.ARGUMENT: argument,
            Op.SOME: _unwrapped,
            Op.THE: _unwrapped,
        }
    )
    return fold(expression, algebra)


def as_written(expression: Expression) -> Expression:
    """The expression without what only the types added: a guard against None where an optional may be a member.

    Such a guard has the place of the whole that it was added to; one that the author wrote has its own.
    """
    return fold(expression, _AS_WRITTEN)


def _without_guards(node: Expression, *operands: Expression) -> Expression:
    kept = tuple(part for part in operands if node.span is None or part.span != node.span or not is_narrowing(part))
    return kept[0] if len(kept) == 1 else replace(node, operands=kept)


def is_narrowing(node: Expression) -> bool:
    """Whether the node tells what is None from what is not."""
    tested = node.operands[0] if node.op is Op.NOT else node
    return tested.op is Op.EQ and any(part.op is Op.LITERAL and part.value is None for part in tested.operands)


def _value(table: TransitionTable, cell: Cell, name: str) -> Value:
    if name == "state":
        return cell.control
    return next(
        value for field, value in zip(table.entity(cell.entity).fields, cell.data, strict=True) if field.name == name
    )


def _literal(node: Expression, value: Value) -> Expression:
    return Expression(Op.LITERAL, node.type, value=value, span=node.span)


def _rebuilt(node: Expression, *operands: Expression) -> Expression:
    return replace(node, operands=operands)


def _unwrapped(node: Expression, of: Expression) -> Expression:
    """A literal stays one, under the type that its place has."""
    if of.op is not Op.LITERAL:
        return replace(node, operands=(of,))
    inner = of.type.of if node.op is Op.THE and isinstance(of.type, OptionType) else node.type
    return replace(of, type=inner)


_AS_WRITTEN: Algebra[Expression] = total({**dict.fromkeys(Op, _rebuilt), Op.AND: _without_guards})
