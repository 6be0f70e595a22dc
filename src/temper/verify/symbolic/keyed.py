"""Lemmas about what there is for each key: candidates for a proof that has to hold for any number of keys.

They are of few shapes: what is so for each key where something else is, in some state; what is so for one key at most;
what is not so for two keys at once. Those that do not hold wherever a few small members of the family get to are left
out at once; induction rules out the rest of what does not last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice, product

from temper.machine import (
    BOOL,
    BoolType,
    Entity,
    EnumType,
    Expression,
    Family,
    Field,
    MapType,
    Op,
    OptionType,
    Property,
    PropertyKind,
    RefType,
    SetType,
    TransitionTable,
    Type,
    Value,
    View,
    filled,
    holder,
    text,
    universe,
)
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch
from temper.verify.symbolic.clauses import LEMMA
from temper.verify.symbolic.opening import Opening, keys_of

MEMBERS_MAX = 6
"""An enum with more members is not gone through."""
CANDIDATES_MAX = 600
SAMPLE = Budget(300, 2.0)
"""How far the search goes to rule out lemmas that do not hold."""
SAMPLED = 3
"""So many members of a family are looked at, those with the smallest numbers."""
X, K, L = "x", "k", "l"


def keyed(family: Family, opening: Opening, sampled: int = SAMPLED) -> tuple[Property, ...]:
    """Candidates for lemmas of the family's table; none is broken in what was seen of so many small members."""
    found = {candidate.name: candidate for candidate in islice(_candidates(family.table, opening), CANDIDATES_MAX)}
    for member in family.members[:sampled]:
        views = _views(member)
        for candidate in [*found.values()]:
            look = holder(member, filled(candidate, family.of(member)))
            if any(look(view) is not None for view in views):
                del found[candidate.name]
    return tuple(found.values())


def _views(member: TransitionTable) -> list[View]:
    sample = PlainSearch(member, universe(member))
    sample.go(SAMPLE)
    return [system.view for system in sample.exploration.states]


def _candidates(table: TransitionTable, opening: Opening) -> Iterator[Property]:
    called = {type_: name for name, type_ in table.types}
    for entity in table.entities:
        for body in _bodies(entity, opening, called):
            for premise in _premises(entity):
                name = f"{LEMMA}{entity.name}:{'' if premise is None else text(premise)}:{text(body)}"
                yield Property(name, PropertyKind.ALWAYS, ((X, entity.name),), premise, body)


def _premises(entity: Entity) -> Iterator[Expression | None]:
    """Where it is so: everywhere, in some state, with some value of a field."""
    yield None
    if len(entity.states) > 1:
        state = _read(entity, "state", EnumType(f"{entity.name}.state", entity.states))
        yield from (_eq(state, _literal(state.type, name)) for name in entity.states)
    for field in entity.fields:
        own = _read(entity, field.name, field.type)
        match field.type:
            case BoolType():
                yield own
                yield _not(own)
            case EnumType(_, members) if len(members) <= MEMBERS_MAX:
                yield from (_eq(own, _literal(field.type, member)) for member in members)


def _bodies(entity: Entity, opening: Opening, called: Mapping[Type, str]) -> Iterator[Expression]:
    """What is so for each key of an open range, for one at most, or not for two."""
    for key in dict.fromkeys(filter(opening.is_open, keys_of(entity))):
        each = _Every(key, called.get(key, ""))
        one = [*_atoms(entity, key, K)]
        other = [*_atoms(entity, key, L)]
        yield from (each.all(K, atom.condition) for atom in one)
        for mine, its in combinations(one, 2):
            if mine.field != its.field:
                yield each.all(K, _or(mine.condition, its.condition))
        for mine, its in product(filter(_is_special, one), filter(_is_special, other)):
            if (mine.field, mine.value) == (its.field, its.value):
                yield each.all(K, each.all(L, _or(_not(mine.condition), _not(its.condition), _same(key))))
            elif (mine.field, mine.value) < (its.field, its.value):
                yield each.all(K, each.all(L, _or(_not(mine.condition), _not(its.condition))))


@dataclass(frozen=True, slots=True)
class _Every:
    """Every value of a type, and what the type is called."""

    type: Type
    called: str

    def all(self, name: str, body: Expression) -> Expression:
        """That the body is so for each of them."""
        every = Expression(Op.VALUES, SetType(self.type), name=self.called)
        return Expression(Op.ALL, BOOL, (every, _literal(BOOL, value=True), body), name=name)


@dataclass(frozen=True, slots=True)
class _Atom:
    """What may be said of one key: what a field has for it. `value` is empty where it says what it has not."""

    field: str
    value: str
    condition: Expression


def _is_special(atom: _Atom) -> bool:
    return bool(atom.value)


def _atoms(entity: Entity, key: Type, name: str) -> Iterator[_Atom]:
    for field in entity.fields:
        for value, condition in _said_of(entity, field, key, Expression(Op.VARIABLE, key, name=name)):
            yield _Atom(field.name, value, condition)
            yield _Atom(field.name, "", _not(condition))


def _said_of(entity: Entity, field: Field, key: Type, of: Expression) -> Iterator[tuple[str, Expression]]:
    own = _read(entity, field.name, field.type)
    match field.type:
        case SetType(held) if held == key:
            yield "in", Expression(Op.IN, BOOL, (of, own))
        case MapType(held, BoolType()) if held == key:
            yield "true", Expression(Op.GET, BOOL, (own, of))
        case MapType(held, EnumType(_, members) as item) if held == key and len(members) <= MEMBERS_MAX:
            found = Expression(Op.GET, item, (own, of))
            yield from ((member, _eq(found, _literal(item, member))) for member in members)
        case MapType(held, OptionType() as item) if held == key:
            yield "none", _eq(Expression(Op.GET, item, (own, of)), _literal(item, None))
        case held if held == key:
            yield "is", _eq(own, of)
        case OptionType(held) if held == key:
            yield "is", _eq(own, Expression(Op.SOME, field.type, (of,)))


# Expressions.


def _read(entity: Entity, name: str, type_: Type) -> Expression:
    return Expression(Op.READ, type_, (Expression(Op.VARIABLE, RefType(entity.name), name=X),), name=name)


def _same(key: Type) -> Expression:
    return _eq(Expression(Op.VARIABLE, key, name=K), Expression(Op.VARIABLE, key, name=L))


def _literal(type_: Type, value: Value) -> Expression:
    return Expression(Op.LITERAL, type_, value=value)


def _eq(left: Expression, right: Expression) -> Expression:
    return Expression(Op.EQ, BOOL, (left, right))


def _not(of: Expression) -> Expression:
    return of.operands[0] if of.op is Op.NOT else Expression(Op.NOT, BOOL, (of,))


def _or(*parts: Expression) -> Expression:
    return Expression(Op.OR, BOOL, parts)
