"""Atoms: what may be said of one instance, or of two, in the blueprint's language; lemmas are made of them.

Each is an expression over the variables `x` and `y`. A few systems of which everything is known are looked at through
all of them at once: which of them hold is one bit each (`Atoms.mask`), and a false one has a bit as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from temper.machine import (
    BOOL,
    NEW,
    Address,
    BoolType,
    Cell,
    EnumType,
    Expression,
    Field,
    IntType,
    MapType,
    Op,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TransitionTable,
    Type,
    Value,
    expressions,
    finite_values,
    parts,
)
from temper.machine.python import Constants, Names, define, python_source, variable_name
from temper.verify.symbolic.ghosts import MANY, TAKEN, taken_ids

MEMBERS_MAX = 8
"""An enum with more members is not gone through."""
NUMBERS_MAX = 5
KEYS_MAX = 16
"""A type with more values is not gone through key by key."""
X, Y, K = "x", "y", "k"
GHOST, NUMBER = 4, 12
"""How heavy it is to speak of what is armed or how much is pending, and of a number."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What atoms are about: an instance; an instance and one of its keys; or two different instances."""

    x: str
    y: str = ""
    key: Type | None = None


class Atoms:
    """The atoms of one kind, and a function that gives the bits of those that hold."""

    def __init__(self, table: TransitionTable, kind: Kind, found: Sequence[Expression]) -> None:
        self.kind, self.found = kind, tuple(dict.fromkeys(found))
        self.literals = tuple(literal for atom in self.found for literal in (atom, negated(atom)))
        """Each atom and its opposite; the bit of a literal is its place."""
        self.heaviness = tuple(sum(map(_heaviness, parts(literal))) for literal in self.literals)
        """How much there is to each literal: ghosts and numbers are heavier."""
        self._reads = tuple(_fields(atom) for atom in self.found)
        self._about: dict[frozenset[tuple[str, str]], int] = {}
        constants = Constants()
        names = Names(view="view")
        lines = [
            f"def mask(view, {variable_name(X)}, {variable_name(Y)}, {variable_name(K)}):",
            " found = 0",
        ]
        for place, atom in enumerate(self.found):
            source = python_source(atom, names, constants, table)
            lines.append(f" found |= {1 << 2 * place} if {source} else {2 << 2 * place}")
        lines.append(" return found")
        self.mask: Callable[[Mapping[Address, Cell], str, str, Value], int] = define(
            "mask", "\n".join(lines), constants
        )

    def about(self, fields: frozenset[tuple[str, str]]) -> int:
        """The bits of the literals that read these fields and no others."""
        if fields not in self._about:
            places = [place for place, reads in enumerate(self._reads) if reads <= fields]
            self._about[fields] = sum(3 << 2 * place for place in places)
        return self._about[fields]


def _heaviness(node: Expression) -> int:
    """What hangs on a number other than 0 is hardly so for more than the values that constants have."""
    if node.op is Op.LITERAL and isinstance(node.type, IntType):
        return NUMBER if node.value else GHOST
    return GHOST if node.op is Op.READ and " " in node.name else 1


def _fields(atom: Expression) -> frozenset[tuple[str, str]]:
    """The fields that an atom reads, by entity and name."""
    return frozenset(
        (part.operands[0].type.entity, part.name)
        for part in parts(atom)
        if part.op is Op.READ and isinstance(part.operands[0].type, RefType)
    )


def kinds(table: TransitionTable) -> Iterator[Kind]:
    """Every kind of things that atoms are about."""
    movers = [entity for entity in table.entities if entity.fields or len(entity.states) > 1]
    for entity in movers:
        yield Kind(entity.name)
        yield from (Kind(entity.name, key=key) for key in dict.fromkeys(map(_key, entity.fields)) if key is not None)
    for one, other in combinations(movers, 2):
        if not (one.single or other.single):
            yield Kind(one.name, other.name)
    yield from (Kind(entity.name, entity.name) for entity in movers if not entity.single)


def atoms(table: TransitionTable, kind: Kind) -> Atoms:
    """All that may be said of the kind."""
    found = _Atoms(table)
    if kind.key is not None:
        return Atoms(table, kind, [*found.of_one(kind.x, X), *found.of_key(kind.x, kind.key)])
    if not kind.y:
        return Atoms(table, kind, list(found.of_one(kind.x, X)))
    both = [*found.of_one(kind.x, X), *found.of_one(kind.y, Y), *found.of_two(kind.x, kind.y)]
    return Atoms(table, kind, both)


def negated(atom: Expression) -> Expression:
    """The opposite, as a person would say it."""
    match atom.op:
        case Op.NOT:
            return atom.operands[0]
        case Op.LE:
            return Expression(Op.LT, BOOL, atom.operands[::-1])
        case Op.LT:
            return Expression(Op.LE, BOOL, atom.operands[::-1])
        case _:
            return Expression(Op.NOT, BOOL, (atom,))


class _Atoms:
    def __init__(self, table: TransitionTable) -> None:
        self.table = table
        self.numbers = _numbers(table)
        self.singles = [entity for entity in table.entities if entity.single]

    def of_one(self, entity: str, name: str) -> Iterator[Expression]:
        """What may be said of an instance, and of those that it refers to."""
        own = _variable(entity, name)
        values = list(self._values(entity, own))
        yield from self._state(entity, own, unborn=False)
        near: list[Expression] = []
        taken = {each.name for each in self.table.entities}
        for value in values:
            yield from self._alone(value)
            to = value
            if isinstance(value.type, OptionType) and isinstance(value.type.of, RefType):
                to = Expression(Op.THE, value.type.of, (value,))
            if isinstance(to.type, RefType):
                if to.type.entity == entity:
                    yield _same(value, own)
                yield from self._state(to.type.entity, to, unborn=True)
                if (ids := taken_ids(to.type.entity)) in taken:
                    yield _taken(value, ids)
                for far in self._values(to.type.entity, to):
                    near.append(far)
                    yield from self._alone(far)
                    if far.type in {RefType(entity), OptionType(RefType(entity))}:
                        yield _same(far, own)
        for single in self.singles:
            if single.name != entity:
                there = _literal(RefType(single.name), single.name)
                yield from self._state(single.name, there, unborn=False)
                for far in self._values(single.name, there):
                    near.append(far)
                    yield from self._alone(far)
                    if far.type in {RefType(entity), OptionType(RefType(entity))}:
                        yield _same(far, own)
        for one, other in combinations(values, 2):
            yield from _together(one, other)
        for value in values:
            for far in near:
                yield from _together(value, far)

    def of_two(self, one: str, other: str) -> Iterator[Expression]:
        """What may be said of two instances, one beside the other."""
        x, y = _variable(one, X), _variable(other, Y)
        for mine in self._values(one, x):
            if mine.type in {RefType(other), OptionType(RefType(other))}:
                yield _same(mine, y)
            if mine.type == SetType(RefType(other)):
                yield Expression(Op.IN, BOOL, (y, mine))
            for theirs in self._values(other, y):
                yield from _together(mine, theirs)
        for theirs in self._values(other, y):
            if theirs.type in {RefType(one), OptionType(RefType(one))}:
                yield _same(theirs, x)

    def of_key(self, entity: str, key: Type) -> Iterator[Expression]:
        """What may be said of one key of an instance's maps and sets."""
        each = Expression(Op.VARIABLE, key, name=K)
        for value in self._values(entity, _variable(entity, X)):
            match value.type:
                case SetType(of) if of == key:
                    yield Expression(Op.IN, BOOL, (each, value))
                case MapType(of, item) if of == key:
                    yield from self._alone(Expression(Op.GET, item, (value, each)))

    def _values(self, entity: str, own: Expression) -> Iterator[Expression]:
        for field in self.table.entity(entity).fields:
            yield Expression(Op.READ, field.type, (own,), name=field.name)

    def _state(self, entity: str, own: Expression, *, unborn: bool) -> Iterator[Expression]:
        states = self.table.entity(entity).states
        type_ = EnumType(f"{entity}.state", (NEW, *states))
        state = Expression(Op.READ, type_, (own,), name="state")
        if unborn or len(states) > 1:
            yield from (_eq(state, _literal(type_, name)) for name in (*((NEW,) if unborn else ()), *states))

    def _alone(self, value: Expression) -> Iterator[Expression]:
        match value.type:
            case OptionType():
                yield _eq(value, _literal(value.type, None))
            case BoolType():
                yield value
            case EnumType(_, members) if len(members) <= MEMBERS_MAX:
                yield from (_eq(value, _literal(value.type, member)) for member in members)
            case IntType() if value.type == MANY:
                yield from (_le(value, _literal(value.type, number)) for number in (0, 1))
            case IntType(lo, hi):
                yield from (_le(value, _literal(value.type, n)) for n in self.numbers if lo <= n < hi)
                yield from (_le(_literal(value.type, n), value) for n in self.numbers if lo + 1 < n <= hi)
            case SetType(of):
                yield _eq(value, Expression(Op.SET, value.type))
                if finite_values(of) is None:
                    size = Expression(Op.LEN, IntType(0, value.type.size_max), (value,))
                    yield from (_le(_literal(size.type, n), size) for n in self.numbers if 1 < n < 10)


def _taken(value: Expression, ids: str) -> Expression:
    """That the id to which a value refers is taken."""
    type_ = EnumType(f"{ids}.state", (NEW, TAKEN))
    state = Expression(Op.READ, type_, (Expression(Op.THE, RefType(ids), (value,)),), name="state")
    return _eq(state, _literal(type_, TAKEN))


@cache
def _variable(entity: str, name: str) -> Expression:
    return Expression(Op.VARIABLE, RefType(entity), name=name)


def _together(one: Expression, other: Expression) -> Iterator[Expression]:
    """What may be said of two values."""
    mine, theirs = one.type, other.type
    if MANY in (mine, theirs):
        return
    match mine, theirs:
        case IntType(), IntType():
            yield _eq(one, other)
            yield _le(one, other)
        case SetType(of), _ if _plain(theirs) == of:
            yield from _member(other, one)
        case _, SetType(of) if _plain(mine) == of:
            yield from _member(one, other)
        case _ if _plain(mine) == _plain(theirs) and isinstance(
            _plain(mine), RefType | PrincipalType | StrType | EnumType
        ):
            yield _same(one, other)


def _member(value: Expression, members: Expression) -> Iterator[Expression]:
    there = Expression(Op.THE, _plain(value.type), (value,)) if isinstance(value.type, OptionType) else value
    yield Expression(Op.IN, BOOL, (there, members))


def _plain(type_: Type) -> Type:
    return type_.of if isinstance(type_, OptionType) else type_


def _same(one: Expression, other: Expression) -> Expression:
    """That two values are the same, of which one may be optional."""
    if isinstance(one.type, OptionType) and not isinstance(other.type, OptionType):
        other = Expression(Op.SOME, one.type, (other,))
    elif isinstance(other.type, OptionType) and not isinstance(one.type, OptionType):
        one = Expression(Op.SOME, other.type, (one,))
    return _eq(one, other)


def _numbers(table: TransitionTable) -> list[int]:
    """The numbers that the blueprint writes, and 0."""
    written = {
        part.value
        for whole in expressions(table)
        for part in parts(whole)
        if part.op is Op.LITERAL and isinstance(part.type, IntType)
    }
    return sorted({0, *written}, key=abs)[:NUMBERS_MAX]


def _key(field: Field) -> Type | None:
    """The key type of a field that has something for each of few keys."""
    match field.type:
        case MapType(key, _) | SetType(key):
            values = finite_values(key)
            return key if values is not None and len(values) <= KEYS_MAX else None
    return None


def _literal(type_: Type, value: Value) -> Expression:
    return Expression(Op.LITERAL, type_, value=value)


def _eq(left: Expression, right: Expression) -> Expression:
    return Expression(Op.EQ, BOOL, (left, right))


def _le(left: Expression, right: Expression) -> Expression:
    return Expression(Op.LE, BOOL, (left, right))
