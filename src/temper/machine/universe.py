"""The universe of a search: whose ids, principals and values it looks at, and where it stops.

A universe bounds what *people* choose, silently: who calls, with what, and how many instances there are. Anything
else that meets a bound is a `Cut`, which the verdict must own up to (semantics.md section 6).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod
from typing import assert_never

from temper.machine.expression import Op, parts
from temper.machine.reads import expressions, property_parts, world_matters
from temper.machine.table import (
    Effect,
    Parameter,
    Scope,
    Send,
    Spawn,
    TransitionTable,
    templates,
)
from temper.machine.value import (
    INT,
    STR,
    BoolType,
    DurationType,
    EnumType,
    FrozenMap,
    IntType,
    JsonType,
    MapType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TimeType,
    Type,
    Value,
    finite_values,
    initial,
    show,
)

RANGE_WHOLE_MAX = 16
"""A range with at most so many values is tried whole; of a longer one the ends and what it is compared with."""
CHOICES_MAX = 64
"""A set or map type with at most so many values is tried whole; of a larger one the small ones."""
SMALL_MAX = 20
"""A written number up to here widens where an `int` is cut; a larger one would make the search too long unasked."""
WORDS_MAX = 4
"""How many texts people have at hand, unless more are compared with."""
NAMES = ("ann", "bob", "cid")


@dataclass(frozen=True, slots=True)
class Universe:
    """What a search looks at. Made by `universe`; `str` says it in words, as verdicts name it."""

    ids: tuple[tuple[str, tuple[str, ...]], ...]
    """Entity and the ids its instances may have."""
    principals: tuple[tuple[str, frozenset[str]], ...]
    """Each principal with the roles it always has."""
    values: tuple[tuple[Type, tuple[Value, ...]], ...]
    """What people and outcomes may give, by type; types that are not here are listed whole."""
    unbounded: tuple[int, int]
    """Where an `int` without a range is cut."""
    in_flight: int = 1
    late: int = 4
    small: tuple[Type, ...] = ()
    """Set and map types that have too many values, of which only the small ones are given."""
    world: bool = False
    """Whether world entities, performs and late requests are part of the search (`world_matters`)."""

    def ids_of(self, entity: str) -> tuple[str, ...]:
        return next((ids for name, ids in self.ids if name == entity), ())

    def values_of(self, type_: Type) -> tuple[Value, ...]:
        """Every value of the type that somebody may give, in a fixed order."""
        given = next((values for of, values in self.values if of == type_), None)
        return self._listed(type_) if given is None else given

    def is_whole(self, type_: Type) -> bool:
        """Whether `values_of` has every value that could make a difference.

        Texts, principals and references are compared for equality only, so the ones given stand for the rest;
        times and json are never read. A number or a member that is not given is missing.
        """
        match type_:
            case IntType(lo, hi):
                return len(set(self.values_of(type_))) == hi - lo + 1
            case BoolType() | EnumType():
                return set(self.values_of(type_)) == set(finite_values(type_) or ())
            case DurationType():
                return False
            case OptionType(of):
                return self.is_whole(of)
            case SetType(of):
                return type_ not in self.small and self.is_whole(of)
            case MapType(key, value):
                return type_ not in self.small and self.is_whole(key) and self.is_whole(value)
            case StrType() | PrincipalType() | RefType() | TimeType() | JsonType():
                return True
            case _:
                assert_never(type_)

    def _listed(self, type_: Type) -> tuple[Value, ...]:
        match type_:
            case PrincipalType():
                return tuple(name for name, _ in self.principals)
            case RefType(entity):
                return self.ids_of(entity) or ("nobody",)
            case OptionType(of):
                return (None, *(value for value in self.values_of(of) if value is not None))
            case SetType(of, size_max):
                return _subsets(self.values_of(of), size_max)
            case MapType(key, value):
                return _maps(self.values_of(key), self.values_of(value), initial(value))
            case TimeType():
                return (0,)
            case JsonType():
                return ("null",)
            case DurationType():
                return (1_000,)
            case StrType():
                return ("a",)
            case BoolType() | EnumType():
                return finite_values(type_) or ()
            case IntType(lo, hi):
                return tuple(sorted({lo, hi}))

    def __str__(self) -> str:
        counts = (f"{len(ids)} {entity} ({', '.join(ids)})" for entity, ids in self.ids)
        people = (f"{name} [{', '.join(sorted(roles))}]" for name, roles in self.principals)
        given = (f"{of} among {', '.join(show(of, value) for value in values)}" for of, values in self.values)
        small = (f"{of} small" for of in self.small)
        lo, hi = self.unbounded
        bounds = f"int within [{lo}, {hi}], {self.in_flight} in flight, {self.late} late"
        world = "with the world" if self.world else "without the world"
        return "; ".join((", ".join(counts), "principals " + ", ".join(people), *given, *small, bounds, world))


def universe(table: TransitionTable, scope: Scope | None = None) -> Universe:
    """The universe that a scope asks for, the table's own unless another is given; defaults as blueprint.md section 6.

    >>> from temper.machine.table import TransitionTable
    >>> empty = TransitionTable("empty", ("chief",), (), (), (), (), ())
    >>> str(universe(empty)).split("; ")[1]
    'principals ann [chief], bob [chief], cid [chief]'
    """
    scope = table.scope if scope is None else scope
    literals = tuple(_literals(table))
    unbounded = scope.unbounded or _unbounded(literals)
    whole = Universe(
        ids=_ids(table, dict(scope.instances)),
        principals=_principals(table, scope),
        values=_values(table, scope, literals, unbounded),
        unbounded=unbounded,
        in_flight=scope.in_flight,
        late=scope.late,
        world=world_matters(table),
    )
    return replace(whole, small=tuple(type_ for type_ in dict.fromkeys(_types(table)) if _is_cut_short(whole, type_)))


def _literals(table: TransitionTable) -> Iterator[tuple[Type, Value]]:
    for whole in expressions(table):
        for part in parts(whole):
            if part.op is Op.LITERAL:
                yield part.type, part.value


def _ids(table: TransitionTable, asked: dict[str, int]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    meeting = _meeting(table)
    listed: list[tuple[str, tuple[str, ...]]] = []
    for entity in table.entities:
        if entity.single:
            listed.append((entity.name, (entity.name,)))
            continue
        count = asked.get(entity.name, 2 if entity.name in meeting else 1)
        prefix = _prefix(entity.name, [other.name for other in table.entities])
        listed.append((entity.name, tuple(f"{prefix}{number}" for number in range(1, count + 1))))
    return tuple(listed)


def _prefix(name: str, names: list[str]) -> str:
    """The shortest beginning of the name that no other entity shares, in small letters."""
    lower = [other.lower() for other in names]
    for length in range(1, len(name) + 1):
        start = name.lower()[:length]
        if sum(other.startswith(start) for other in lower) == 1 and not start[-1].isdigit():
            return start
    return f"{name}-"


def _meeting(table: TransitionTable) -> set[str]:
    """The entities of which two instances can meet: referred to, sent to, spawned, or ranged over twice."""
    types = [field.type for entity in table.entities for field in entity.fields]
    types += [param.type for entity in table.entities for action in entity.actions for param in action.params]
    met = {entity for type_ in types for entity in _referred(type_)}
    met |= {template.entity for *_, template in templates(table) if isinstance(template, Send | Spawn)}
    for prop in table.properties:
        counted = Counter(entity for _, entity in prop.variables)
        met |= {entity for entity, count in counted.items() if count > 1}
        met |= {part.name for part in property_parts(prop) if part.op is Op.INSTANCES}
    return met


def _referred(type_: Type) -> Iterator[str]:
    match type_:
        case RefType(entity):
            yield entity
        case OptionType(of) | SetType(of):
            yield from _referred(of)
        case MapType(key, value):
            yield from _referred(key)
            yield from _referred(value)
        case _:
            return


def _principals(table: TransitionTable, scope: Scope) -> tuple[tuple[str, frozenset[str]], ...]:
    if scope.principals:
        return tuple((name, frozenset(roles)) for name, roles in scope.principals)
    everything = frozenset(table.roles)
    without = [(f"not_{role}", everything - {role}) for role in table.roles if role in _forbidden(table)]
    return (*((name, everything) for name in NAMES), *without)


def _forbidden(table: TransitionTable) -> set[str]:
    """The roles that some `forbid` of the policies names."""
    statements = [statement for _, text in table.policies for statement in text.split(";")]
    forbids = [statement for statement in statements if re.search(r"\bforbid\b", statement)]
    return {role for statement in forbids for role in re.findall(r'Role::"([^"]+)"', statement)}


def _unbounded(literals: tuple[tuple[Type, Value], ...]) -> tuple[int, int]:
    """From -2 to 5, and wide enough that each small number the blueprint writes can be passed by one."""
    written = [value for type_, value in literals if isinstance(type_, IntType) and isinstance(value, int)]
    numbers = [number for number in written if abs(number) <= SMALL_MAX]
    return min([-2, *(number - 1 for number in numbers)]), max([5, *(number + 1 for number in numbers)])


def _values(
    table: TransitionTable, scope: Scope, literals: tuple[tuple[Type, Value], ...], unbounded: tuple[int, int]
) -> tuple[tuple[Type, tuple[Value, ...]], ...]:
    chosen: dict[Type, tuple[Value, ...]] = {}
    used = set(_types(table))
    if STR in used:
        chosen[STR] = _texts(table, literals)
    for type_ in sorted((t for t in used if isinstance(t, IntType)), key=lambda t: (t.lo, t.hi)):
        lo, hi = unbounded if type_ == INT else (type_.lo, type_.hi)
        chosen[type_] = _numbers(lo, hi, literals)
    durations = sorted(
        {value for type_, value in literals if isinstance(type_, DurationType) and isinstance(value, int)}
    )
    chosen |= {type_: tuple(durations) for type_ in used if isinstance(type_, DurationType) and durations}
    named = dict(table.types) | {"str": STR, "int": INT}
    asked: dict[Type, tuple[Value, ...]] = {}
    for name, values in scope.values:
        if name in named:
            asked[named[name]] = tuple(dict.fromkeys((*asked.get(named[name], ()), *values)))
    return tuple((chosen | asked).items())


def _types(table: TransitionTable) -> Iterator[Type]:
    """Every type, parts included, of which somebody may be asked for a value."""
    whole = [param.type for entity in table.entities for action in entity.actions for param in action.params]
    whole += [param.type for effect in table.effects for param in _effect_params(effect)]
    for type_ in whole:
        yield from _type_parts(type_)


def _effect_params(effect: Effect) -> tuple[Parameter, ...]:
    return (*effect.params, *(field for outcome in effect.outcomes for field in outcome.fields))


def _type_parts(type_: Type) -> Iterator[Type]:
    yield type_
    match type_:
        case OptionType(of) | SetType(of):
            yield from _type_parts(of)
        case MapType(key, value):
            yield from _type_parts(key)
            yield from _type_parts(value)
        case _:
            return


def _texts(table: TransitionTable, literals: tuple[tuple[Type, Value], ...]) -> tuple[Value, ...]:
    """The texts compared with, then letters: as many as can differ at once and one more, up to four."""
    compared = list(dict.fromkeys(value for type_, value in literals if isinstance(type_, StrType)))
    whole = [field.type for entity in table.entities for field in entity.fields]
    whole += [param.type for entity in table.entities for action in entity.actions for param in action.params]
    whole += [param.type for effect in table.effects for param in _effect_params(effect)]
    places = sum(isinstance(part, StrType) for type_ in whole for part in _type_parts(type_))
    wanted = min(WORDS_MAX, places + len(compared) + 1)
    letters = (letter for letter in "abcdefgh" if letter not in compared)
    return (*compared, *(next(letters) for _ in range(wanted - len(compared))))


def _numbers(lo: int, hi: int, literals: tuple[tuple[Type, Value], ...]) -> tuple[Value, ...]:
    if hi - lo < RANGE_WHOLE_MAX:
        return tuple(range(lo, hi + 1))
    written = {value for type_, value in literals if isinstance(type_, IntType) and isinstance(value, int)}
    return tuple(sorted({lo, hi, *(value for value in written if lo <= value <= hi)}))


def _is_cut_short(whole: Universe, type_: Type) -> bool:
    match type_:
        case SetType(of):
            return prod(2 for _ in whole.values_of(of)) > CHOICES_MAX
        case MapType(key, value):
            return prod(len(whole.values_of(value)) for _ in whole.values_of(key)) > CHOICES_MAX
        case _:
            return False


def _subsets(members: tuple[Value, ...], size_max: int) -> tuple[Value, ...]:
    """Every subset where they are few, else those of up to two members."""
    longest = len(members) if 2 ** len(members) <= CHOICES_MAX else 2
    sizes = range(min(longest, size_max) + 1)
    return tuple(frozenset(chosen) for size in sizes for chosen in combinations(members, size))


def _maps(keys: tuple[Value, ...], values: tuple[Value, ...], start: Value) -> tuple[Value, ...]:
    """Every map where they are few, else those with at most one entry that is not initial."""
    others = [value for value in values if value != start]
    if (len(others) + 1) ** len(keys) <= CHOICES_MAX:
        rows = product([start, *others], repeat=len(keys))
        return tuple(FrozenMap({k: v for k, v in zip(keys, row, strict=True) if v != start}) for row in rows)
    return (FrozenMap(), *(FrozenMap({key: value}) for key in keys for value in others))
