"""Whom an outline tells apart, and how much of each it knows.

The subject of a property is one figure. An instance that the subject's constructor makes, and to which the field that
holds it refers for ever, is another, if the property looks at it. All of them are told apart from the start, so that a
reference to one of them is never taken for a reference to somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temper.machine import (
    BoolType,
    Entity,
    EnumType,
    Expression,
    Field,
    IntType,
    Op,
    OptionType,
    Property,
    RefType,
    Spawn,
    TransitionTable,
    Type,
    Value,
    action_expressions,
    parts,
)
from temper.verify.symbolic.possible import ELSEWHERE, Values, of_type

SMALL_MAX = 8
"""A field of so many values at most is followed, where it is followed at all."""


@dataclass(frozen=True, slots=True)
class Figure:
    """An instance that is told apart, with the fields of it that are followed, in the order of its data."""

    ident: str
    entity: Entity
    followed: tuple[Field, ...]
    into: str = ""
    """The field in which the subject holds it; "" for the subject itself."""


def figures(table: TransitionTable, property_: Property, *, numbers: bool) -> tuple[Figure, ...]:
    """The subject and whom it made; none if the property has no single subject. With `numbers` more is followed."""
    subject = _subject(table, property_)
    if subject is None:
        return ()
    made = [field for field in subject.fields if field.name in _looked_through(property_) and _is_made(subject, field)]
    entities = [subject, *(table.entity(entity) for field in made if (entity := referred(field.type)) is not None)]
    read = _read_names(table, property_)
    return tuple(
        Figure(f"#{number}", entity, tuple(_followed(entity, read, numbers=numbers)), into)
        for number, (entity, into) in enumerate(zip(entities, ["", *(field.name for field in made)], strict=True))
    )


def referred(type_: Type) -> str | None:
    """The entity that a plain or optional reference refers to."""
    match type_:
        case RefType(entity) | OptionType(RefType(entity)):
            return entity
    return None


def choices(type_: Type, those: tuple[Figure, ...]) -> Values:
    """Every value that a followed field may have."""
    entity = referred(type_)
    if entity is None:
        return of_type(type_)
    others: list[Value] = [figure.ident for figure in those if figure.entity.name == entity]
    return frozenset([*others, ELSEWHERE, None])


def _subject(table: TransitionTable, property_: Property) -> Entity | None:
    """Whom the property is about: the one variable, or the one `single` that is read where there is none."""
    if len(property_.variables) == 1:
        entity = table.entity(property_.variables[0][1])
    else:
        named = {
            part.value
            for whole in (property_.whenever, property_.body)
            for part in (() if whole is None else parts(whole))
            if part.op is Op.LITERAL and isinstance(part.type, RefType)
        }
        if property_.variables or len(named) != 1:
            return None
        entity = table.entity(named.pop())
    return None if entity.world else entity


def _looked_through(property_: Property) -> frozenset[str]:
    """The fields of the subject through which the property reads."""
    return frozenset(
        inner.name
        for whole in (property_.whenever, property_.body)
        for part in (() if whole is None else parts(whole))
        if part.op is Op.READ
        for inner in parts(part.operands[0])
        if inner.op is Op.READ
    )


def _is_made(entity: Entity, field: Field) -> bool:
    """Whether the field holds what a constructor spawned, once and for all."""
    if referred(field.type) is None or field.initial is not None:
        return False
    made = False
    for action in entity.actions:
        if any(update.name == field.name for update in action.updates):
            return False
        for case in action.cases:
            spawned = sum(isinstance(each, Spawn) and each.into == field.name for each in case.deliveries)
            if any(update.name == field.name for update in case.updates) or spawned > 1:
                return False
            if spawned and not action.is_constructor:
                return False
            made = made or spawned == 1
    return made


def _read_names(table: TransitionTable, property_: Property) -> frozenset[str]:
    """The names of the fields that decide something: in guards, in what is written, and in the property."""

    def wholes() -> Iterator[Expression]:
        yield property_.body
        if property_.whenever is not None:
            yield property_.whenever
        for entity in table.entities:
            for action in entity.actions:
                yield from action_expressions(action)

    return frozenset(
        part.name for whole in wholes() for part in parts(whole) if part.op in {Op.FIELD, Op.READ} and part.name
    )


def _followed(entity: Entity, read: frozenset[str], *, numbers: bool) -> Iterator[Field]:
    for field in entity.fields:
        if referred(field.type) is not None or (numbers and field.name in read and _is_small(field.type)):
            yield field


def _is_small(type_: Type) -> bool:
    match type_:
        case BoolType():
            return True
        case EnumType(_, members):
            return len(members) <= SMALL_MAX
        case IntType(lo, hi):
            return hi - lo < SMALL_MAX
        case OptionType(of):
            return _is_small(of)
        case _:
            return False
