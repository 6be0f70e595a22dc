"""A loaded table with everything the engine looks up in it, prepared once.

The hash names the table; the typed columns turn values into JSON and back without asking the types each time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from temper.machine import (
    UNKNOWN,
    Action,
    Address,
    Args,
    BoolType,
    Effect,
    Entity,
    EnumType,
    IntType,
    OptionType,
    Parameter,
    PrincipalType,
    RefType,
    Request,
    Site,
    Spawn,
    StrType,
    Template,
    TransitionTable,
    Type,
    Value,
    from_json,
    table_from_json,
    table_hash,
    table_to_json,
    templates,
    to_json,
)
from temper.run.wording import Write, WritePairs, member_writer, pairs_writer, text, writer

Encode = Callable[[Value], Any]
Decode = Callable[[Any], Value]


@dataclass(frozen=True, slots=True)
class Columns:
    """Named, typed places in a fixed order: an entity's fields, an action's or an effect's parameters."""

    names: tuple[str, ...]
    types: tuple[Type, ...]
    index: Mapping[str, int]
    coded: tuple[tuple[int, Encode, Decode], ...]
    """Only the places whose values are not JSON as they are."""
    write: Write
    """All values as JSON text."""
    write_pairs: WritePairs
    """The same for values that come with their names; quickly if they are all there, in their order."""
    members: tuple[Callable[[Any], str], ...]
    """Each value with its name as JSON text, by its place."""
    readers: Mapping[str, Decode]
    """By name: what reads JSON data that is given from outside."""

    def encode(self, values: tuple[Value, ...]) -> dict[str, Any]:
        data: dict[str, Any] = dict(zip(self.names, values, strict=True))
        for index, encode, _ in self.coded:
            data[self.names[index]] = encode(values[index])
        return data

    def decode(self, data: Mapping[str, Any]) -> tuple[Value, ...]:
        values = [data[name] for name in self.names]
        for index, _, decode in self.coded:
            values[index] = decode(values[index])
        return tuple(values)

    def encode_pairs(self, pairs: Args) -> dict[str, Any]:
        """The same for values that come with their names, perhaps not all of them."""
        return {name: to_json(self.types[self.index[name]], value) for name, value in pairs}

    def decode_pairs(self, data: Mapping[str, Any]) -> Args:
        return tuple((name, from_json(self.types[self.index[name]], value)) for name, value in data.items())


@dataclass(frozen=True, slots=True)
class Version:
    """A table in force, or one that once was."""

    table: TransitionTable
    hash: str
    entities: Mapping[str, Entity]
    fields: Mapping[str, Columns]
    actions: Mapping[tuple[str, str], Action]
    params: Mapping[tuple[str, str], Columns]
    effects: Mapping[str, Effect]
    asks: Mapping[str, Columns]
    """The parameters of each effect."""
    outcomes: Mapping[tuple[str, str], Columns]
    """The fields of each outcome, by effect and outcome; `unknown` included."""
    sites: Mapping[Site, Template]
    replaces: frozenset[Site]
    """Where `replaces: true` stands."""
    spawns_max: Mapping[str, int]
    """By entity: how many ids one call can need at most."""

    def live(self, entity: str) -> Entity | None:
        """The entity if it exists in the runtime; world entities do not."""
        found = self.entities.get(entity)
        return None if found is None or found.world else found


STAGED_MAX = 16
"""How many tables stay prepared; a process that starts again and again in a simulation prepares its table once."""


def stage(table: TransitionTable) -> Version:
    """Prepare a table for the engine."""
    found = _STAGED.get(id(table))
    if found is None:
        while len(_STAGED) >= STAGED_MAX:
            del _STAGED[next(iter(_STAGED))]
        found = _STAGED[id(table)] = _stage(table)
    return found


@lru_cache(maxsize=STAGED_MAX)
def restaged(body: str) -> Version:
    """The version of a table that a store keeps as this text; the same text is read once."""
    return stage(table_from_json(json.loads(body)))


def kept_text(version: Version) -> str:
    """The table as the text that a store keeps of it; written once, however often it is loaded."""
    found = _TEXTS.get(id(version))
    if found is None:
        while len(_TEXTS) >= STAGED_MAX:
            del _TEXTS[next(iter(_TEXTS))]
        found = _TEXTS[id(version)] = version, text(table_to_json(version.table))
    return found[1]


def _stage(table: TransitionTable) -> Version:
    sites = {
        Site(entity.name, action.name, case, position): template
        for entity, action, case, position, template in templates(table)
    }
    live = [(entity, action) for entity in table.entities for action in entity.actions]
    return Version(
        table=table,
        hash=table_hash(table),
        entities={entity.name: entity for entity in table.entities},
        fields={entity.name: columns((f.name, f.type) for f in entity.fields) for entity in table.entities},
        actions={(entity.name, action.name): action for entity, action in live},
        params={(entity.name, action.name): parameters(action.params) for entity, action in live},
        effects={effect.name: effect for effect in table.effects},
        asks={effect.name: parameters(effect.params) for effect in table.effects},
        outcomes={
            (effect.name, name): parameters(effect.outcome(name).fields)
            for effect in table.effects
            for name in (*(outcome.name for outcome in effect.outcomes), UNKNOWN)
        },
        sites=sites,
        replaces=frozenset(at for at, asks in sites.items() if isinstance(asks, Request) and asks.replaces),
        spawns_max={entity.name: _spawns_max(entity) for entity in table.entities},
    )


def parameters(params: tuple[Parameter, ...]) -> Columns:
    """The columns of declared parameters."""
    return columns((p.name, p.type) for p in params)


def columns(places: Any) -> Columns:
    """Columns of (name, type) pairs."""
    pairs: list[tuple[str, Type]] = list(places)
    coded = tuple((i, _encoder(t), _decoder(t)) for i, (_, t) in enumerate(pairs) if not _is_plain(t))
    names = tuple(name for name, _ in pairs)
    index = {name: i for i, name in enumerate(names)}
    types = tuple(type_ for _, type_ in pairs)

    def some(found: Sequence[tuple[str, Any]]) -> str:
        return text({name: to_json(types[index[name]], value) for name, value in found})

    members = tuple(member_writer(name, type_) for name, type_ in pairs)
    readers = {name: _reader(type_) for name, type_ in pairs}
    return Columns(names, types, index, coded, writer(pairs), pairs_writer(pairs, some), members, readers)


def is_single(version: Version, address: Address) -> bool:
    """Whether this is the one instance of a `single` entity."""
    entity = version.live(address.entity)
    return entity is not None and entity.single and address.id == entity.name


def _spawns_max(entity: Entity) -> int:
    cases = (case for action in entity.actions for case in action.cases)
    return max((sum(isinstance(t, Spawn) for t in case.deliveries) for case in cases), default=0)


def _is_plain(type_: Type) -> bool:
    inner = type_.of if isinstance(type_, OptionType) else type_
    return isinstance(inner, BoolType | IntType | EnumType | StrType | PrincipalType | RefType)


def _reader(type_: Type) -> Decode:
    """As `from_json`; what is plainly of its type is not looked at twice."""
    if isinstance(type_, IntType):
        return lambda data: data if type(data) is int else from_json(type_, data)
    if isinstance(type_, StrType | EnumType | PrincipalType | RefType):
        return lambda data: data if type(data) is str else from_json(type_, data)
    return lambda data: from_json(type_, data)


def _encoder(type_: Type) -> Encode:
    return lambda value: to_json(type_, value)


def _decoder(type_: Type) -> Decode:
    return lambda data: None if data is None else from_json(type_, data)


_STAGED: dict[int, Version] = {}
"""By the table's id, which stays taken because the version holds the table."""
_TEXTS: dict[int, tuple[Version, str]] = {}
"""By the version's id, which stays taken because the version is held."""
