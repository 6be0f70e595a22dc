"""Numbers that only ever grow, or only ever fall: within a range neither goes on for ever.

A step that raises a number is taken again and again only if some step lowers it again and again, whatever else
happens. So it is to be treated like an outcome that is asked for: in vain where nothing lowers the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from temper.machine import INT_MAX, INT_MIN, Entity, Expression, IntType, Op, Update

UNBOUND = float("inf")


class Span(NamedTuple):
    """By how much a step changes a number: at least and at most."""

    least: float
    most: float

    def plus(self, other: Span) -> Span:
        return Span(self.least + other.least, self.most + other.most)


KEPT, SOMEHOW = Span(0, 0), Span(-UNBOUND, UNBOUND)


class Turn(NamedTuple):
    """By how much a step changes a number of a figure."""

    owner: int
    field: str
    span: Span


def changes(entity: Entity, several: Iterable[tuple[Update, ...]]) -> Iterator[tuple[str, Span]]:
    """By how much each number of the entity that has a range is changed, by updates made one set after the other."""
    ranged = {field.name for field in entity.fields if is_counted(field.type)}
    spans: dict[str, Span] = {}
    for updates in several:
        before = dict(spans)
        for update in updates:
            if update.name in ranged:
                spans[update.name] = before.get(update.name, KEPT).plus(change(update.name, update.value))
    yield from spans.items()


def is_counted(type_: object) -> bool:
    """Whether it is a number with a range of its own, which what is written to it cannot leave."""
    return isinstance(type_, IntType) and type_.lo > INT_MIN and type_.hi < INT_MAX


def change(name: str, value: Expression) -> Span:
    """By how much the value differs from the field of that name.

    >>> from temper.machine import INT
    >>> count, two = Expression(Op.FIELD, INT, name="count"), Expression(Op.LITERAL, INT, value=2)
    >>> change("count", Expression(Op.ADD, INT, (count, two)))
    Span(least=2, most=2)
    >>> change("count", two)
    Span(least=-inf, most=inf)
    """
    match value.op:
        case Op.FIELD if value.name == name:
            return KEPT
        case Op.ADD:
            left, right = value.operands
            one, other = (left, right) if right.op is Op.LITERAL else (right, left)
            return _moved(change(name, one), other, 1)
        case Op.SUB:
            return _moved(change(name, value.operands[0]), value.operands[1], -1)
        case Op.IF:
            then, otherwise = (change(name, operand) for operand in value.operands[1:])
            return Span(min(then.least, otherwise.least), max(then.most, otherwise.most))
        case _:
            return SOMEHOW


def _moved(span: Span, by: Expression, sign: int) -> Span:
    if by.op is not Op.LITERAL or not isinstance(by.value, int):
        return SOMEHOW
    return span.plus(Span(sign * by.value, sign * by.value))
