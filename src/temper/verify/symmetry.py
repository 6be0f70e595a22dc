"""Symmetry: values that the table cannot tell apart, so that runs differ only by their names.

Let a renaming change ids of one entity, principals of the same roles, texts, or numbers of a range that are only
compared for equality, each among themselves. The relation takes it along: what a system can do, the renamed system
can do with everything renamed, because

- expressions compare such values for equality only and gather them in sets and maps; nothing orders them, and the
  order in which a set is gone through is never seen (messages to a set differ in their receivers);
- people may give every value of a type, so renaming the arguments of a call gives another call, and every unused id
  is tried by a constructor that people call;
- deliveries keep the order of their lane, and every bound (in flight, late, spawn, range) counts and names nobody;
- properties quantify over all instances, so what is so of one renamed system is so of the other.

It does not hold for what the table or its policies name: a literal, the value a field begins with, a name in a policy.
Those stay as they are. So do the ids of an entity that is spawned: a spawn takes the lowest unused id, and an unused
id may be told apart by somebody who holds a reference to it already.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from temper.machine import (
    FrozenMap,
    IntType,
    MapType,
    OptionType,
    PrincipalType,
    RefType,
    Request,
    SetType,
    Spawn,
    StrType,
    TransitionTable,
    Type,
    Universe,
    Value,
    expressions,
    parts,
    templates,
)
from temper.machine import Op as Operator
from temper.verify.scalars import is_only_compared
from temper.verify.slicing import FIELD, PARAM, REQUEST, Place


@dataclass(frozen=True, slots=True)
class Alike:
    """Values of one type that nothing tells apart; two or more."""

    type: Type
    values: tuple[Value, ...]

    def __str__(self) -> str:
        shown = [str(value) for value in self.values]
        listed = f"{', '.join(shown[:-1])} and {shown[-1]}"
        return f"{self.type} {listed}" if isinstance(self.type, IntType) else listed


def alike(table: TransitionTable, universe: Universe, unread: frozenset[Place] = frozenset()) -> tuple[Alike, ...]:
    """Every class of values that change nothing by changing places, and that a state can hold in what is read.

    >>> from temper.machine import universe
    >>> empty = TransitionTable("empty", ("chief",), (), (), (), (), ())
    >>> alike(empty, universe(empty))
    ()
    """
    held = set(_held(table, unread))
    fixed = _named(table, universe)
    found = [
        *(Alike(RefType(name), ids) for name, ids in universe.ids if name in _free(table)),
        *(Alike(type_, values) for type_, values in _given(table, universe) if type_ in held),
    ]
    kept = (Alike(each.type, tuple(v for v in each.values if (each.type, v) not in fixed)) for each in found)
    return tuple(each for each in kept if len(each.values) > 1)


def alike_said(classes: Iterable[Alike]) -> str:
    """The classes in words: `j1 and j2; bob, cid and dan`."""
    return "; ".join(map(str, classes))


def inside(type_: Type, value: Value) -> Iterator[tuple[Type, Value]]:
    """The plain values of which the value is made, with their types."""
    if value is None:
        return
    match type_:
        case OptionType(of):
            yield from inside(of, value)
        case SetType(of) if isinstance(value, frozenset):
            for member in value:
                yield from inside(of, member)
        case MapType(key, item) if isinstance(value, FrozenMap):
            for name, held in value.items():
                yield from inside(key, name)
                yield from inside(item, held)
        case _:
            yield type_, value


def types_in(type_: Type) -> Iterator[Type]:
    """The plain types of which the type is made."""
    match type_:
        case OptionType(of) | SetType(of):
            yield from types_in(of)
        case MapType(key, value):
            yield from types_in(key)
            yield from types_in(value)
        case _:
            yield type_


def _held(table: TransitionTable, unread: frozenset[Place] = frozenset()) -> Iterator[Type]:
    """Every plain type of which a state can hold a value: in a field, or in what is on its way."""
    for entity in table.entities:
        for field in entity.fields:
            if Place(FIELD, entity.name, field.name) not in unread:
                yield from types_in(field.type)
    for *_, template in templates(table):
        if isinstance(template, Request):
            kind, of, params = REQUEST, template.effect, table.effect(template.effect).params
        else:
            kind, of = PARAM, f"{template.entity}.{template.action}"
            params = table.entity(template.entity).action(template.action).params
        for param in params:
            if Place(kind, of, param.name) not in unread:
                yield from types_in(param.type)


def _free(table: TransitionTable) -> set[str]:
    """The entities whose instances only people make."""
    spawned = {template.entity for *_, template in templates(table) if isinstance(template, Spawn)}
    return {entity.name for entity in table.entities if not entity.single and entity.name not in spawned}


def _given(table: TransitionTable, universe: Universe) -> Iterator[tuple[Type, tuple[Value, ...]]]:
    """Types whose values people give and nobody orders, with those values."""
    roles = dict.fromkeys(roles for _, roles in universe.principals)
    for group in roles:
        yield PrincipalType(), tuple(name for name, held in universe.principals if held == group)
    yield StrType(), universe.values_of(StrType())
    for type_ in dict.fromkeys(_held(table)):
        if isinstance(type_, IntType) and is_only_compared(table, type_):
            values = tuple(range(type_.lo, type_.hi + 1)) if type_.hi - type_.lo < RANGE_MAX else ()
            if universe.values_of(type_) == values:
                yield type_, values


RANGE_MAX = 64
"""A longer range is no list of names."""
LIKE = re.compile(r"\blike\b")
"""What looks into texts in a policy."""


def _named(table: TransitionTable, universe: Universe) -> set[tuple[Type, Value]]:
    """Every value that something tells from others, with its type."""
    found = set(_written(table, universe))
    everything: list[tuple[Type, Value]] = [
        *((RefType(name), ident) for name, ids in universe.ids for ident in ids),
        *((PrincipalType(), name) for name, _ in universe.principals),
        *((StrType(), text) for text in universe.values_of(StrType())),
    ]
    spelt = Counter(value for _, value in everything)
    policies = "\n".join(text for _, text in table.policies)
    for type_, value in everything:
        # A policy sees ids and texts alike as texts: one that reads the same in two types could be taken for the other.
        if spelt[value] > 1 or value == "" or str(value) in policies or LIKE.search(policies):
            found.add((type_, value))
    return found


def _written(table: TransitionTable, universe: Universe) -> Iterator[tuple[Type, Value]]:
    for whole in expressions(table):
        for part in parts(whole):
            if part.op is Operator.LITERAL:
                yield from inside(part.type, part.value)
    for entity in table.entities:
        for field in entity.fields:
            yield from inside(field.type, field.initial)
    for type_, values in universe.values:
        if not isinstance(type_, StrType | IntType):
            yield from _among(type_, values)


def _among(type_: Type, values: Iterable[Value]) -> Iterator[tuple[Type, Value]]:
    for value in values:
        yield from inside(type_, value)
