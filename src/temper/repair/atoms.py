"""Conditions that could have kept a row from being taken: small, over names in scope, and false when it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from temper.machine import (
    BoolType,
    DurationType,
    Entity,
    EnumType,
    FrozenMap,
    IntType,
    JsonType,
    MapType,
    Op,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    TimeType,
    TransitionTable,
    Type,
    Value,
    action_expressions,
    finite_values,
    initial,
    parts,
    property_parts,
)
from temper.repair.evidence import Occasion

NUMBERS_MAX = 8
"""So many numbers that the blueprint writes are compared with."""


UNREAD = (JsonType, TimeType)
"""What no expression compares."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A condition: its text, whether it held, and the names it reads."""

    text: str
    held: bool
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    type: Type
    value: Value
    reads: frozenset[str]


def atoms(table: TransitionTable, occasion: Occasion, *, caller: bool) -> tuple[Atom, ...]:
    """Every small condition over what the row could read, with what it was then. `caller`: whether that may be read."""
    entity = table.entity(occasion.entity)
    named = [each for each in _names(entity, occasion, caller=caller) if not isinstance(_base(each.type), UNREAD)]
    found: dict[str, Atom] = {}
    for name in named:
        for atom in (*_alone(name), *_of_number(table, name), *_of_set(table, name, named)):
            found.setdefault(atom.text, atom)
    for one, other in combinations(named, 2):
        for atom in _pair(one, other):
            found.setdefault(atom.text, atom)
    return tuple(found.values())


def _names(entity: Entity, occasion: Occasion, *, caller: bool) -> Iterator[_Name]:
    """Fields, arguments, who calls, this instance, and what maps hold for any of these."""
    types = {field.name: field.type for field in entity.fields}
    plain = [_Name(name, types[name], value, frozenset({name})) for name, value in occasion.before.items()]
    params = {param.name: param.type for param in entity.action(occasion.action).params}
    plain += [
        _Name(f"args.{name}", params[name], value, frozenset({name}))
        for name, value in occasion.args.items()
        if name in params
    ]
    if caller and occasion.caller is not None:
        plain.append(_Name("caller", PrincipalType(), occasion.caller, frozenset({"caller"})))
    if not entity.single:
        plain.append(_Name("self", RefType(entity.name), occasion.id, frozenset()))
    yield from plain
    for map_ in plain:
        if isinstance(map_.type, MapType) and isinstance(map_.value, FrozenMap):
            for key in plain:
                if key.type == map_.type.key:
                    value = map_.value.get(key.value, initial(map_.type.value))
                    yield _Name(f"{map_.text}[{key.text}]", map_.type.value, value, map_.reads | key.reads)


def _alone(name: _Name) -> Iterator[Atom]:
    match name.type:
        case BoolType():
            yield Atom(name.text, bool(name.value), name.reads)
            yield Atom(f"not {name.text}", not name.value, name.reads)
        case EnumType(members=members):
            for member in members:
                yield Atom(f"{name.text} == {member}", name.value == member, name.reads)
                yield Atom(f"{name.text} != {member}", name.value != member, name.reads)
        case OptionType():
            yield Atom(f"{name.text} != None", name.value is not None, name.reads)
            yield Atom(f"{name.text} == None", name.value is None, name.reads)


def _of_number(table: TransitionTable, name: _Name) -> Iterator[Atom]:
    if not isinstance(name.type, IntType | DurationType) or not isinstance(name.value, int):
        return
    for text, number in _numbers(table, name.type):
        for word, held in (
            ("<", name.value < number),
            ("<=", name.value <= number),
            (">=", name.value >= number),
            (">", name.value > number),
            ("==", name.value == number),
            ("!=", name.value != number),
        ):
            yield Atom(f"{name.text} {word} {text}", held, name.reads)


def _of_set(table: TransitionTable, name: _Name, named: list[_Name]) -> Iterator[Atom]:
    if not isinstance(name.type, SetType) or not isinstance(name.value, frozenset):
        return
    for member in named:
        if _base(member.type) == _base(name.type.of):
            reads = name.reads | member.reads
            yield Atom(f"{member.text} in {name.text}", member.value in name.value, reads)
            yield Atom(f"{member.text} not in {name.text}", member.value not in name.value, reads)
    size = len(name.value)
    for text, number in _numbers(table, None):
        yield Atom(f"len({name.text}) >= {text}", size >= number, name.reads)
        yield Atom(f"len({name.text}) < {text}", size < number, name.reads)
    whole = finite_values(name.type.of)
    of = next((called for called, type_ in table.types if type_ == name.type.of), "")
    if whole and of:
        yield Atom(f"all(x in {name.text} for x in {of})", set(whole) <= name.value, name.reads)


def _pair(one: _Name, other: _Name) -> Iterator[Atom]:
    """What may be said of two names of one kind."""
    if _kind(one.type) != _kind(other.type) or isinstance(one.type, BoolType | SetType | MapType):
        return
    reads = one.reads | other.reads
    yield Atom(f"{one.text} == {other.text}", one.value == other.value, reads)
    yield Atom(f"{one.text} != {other.text}", one.value != other.value, reads)
    if isinstance(one.value, int) and isinstance(other.value, int) and isinstance(one.type, IntType | DurationType):
        yield Atom(f"{one.text} < {other.text}", one.value < other.value, reads)
        yield Atom(f"{one.text} <= {other.text}", one.value <= other.value, reads)
        yield Atom(f"{one.text} > {other.text}", one.value > other.value, reads)
        yield Atom(f"{one.text} >= {other.text}", one.value >= other.value, reads)


def _base(type_: Type) -> Type:
    return type_.of if isinstance(type_, OptionType) else type_


def _kind(type_: Type) -> object:
    """What may be compared with what: numbers of any range, otherwise values of one type, optional or not."""
    base = _base(type_)
    return IntType if isinstance(base, IntType) else base


def _numbers(table: TransitionTable, type_: Type | None) -> list[tuple[str, int]]:
    """Numbers that the blueprint names or writes: constants by their names, then those of guards and properties."""
    wanted = DurationType if isinstance(type_, DurationType) else IntType
    found = {value: name for name, value, of in table.constants if isinstance(of, wanted)}
    if wanted is IntType:
        for number in _written(table):
            found.setdefault(number, str(number))
    return [(text, number) for number, text in sorted(found.items())][:NUMBERS_MAX]


def _written(table: TransitionTable) -> Iterator[int]:
    whole = [each for entity in table.entities for action in entity.actions for each in action_expressions(action)]
    found = [part for expression in whole for part in parts(expression)]
    found += [part for property_ in table.properties for part in property_parts(property_)]
    for part in found:
        if part.op is Op.LITERAL and isinstance(part.type, IntType) and isinstance(part.value, int):
            yield part.value
