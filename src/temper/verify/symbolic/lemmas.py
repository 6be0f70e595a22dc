"""Lemmas: what may hold for ever besides what the author says, as candidates for a proof to lean on.

They are written in the blueprint's own language, since people learn from the one that made a proof work. Candidates
come from a few shapes, filled in from what an entity has: what is set or not in a state, which values, which field
bounds which, who refers back. Those that some reachable system breaks are left out at once; `induction` rules out
the rest of what does not last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, permutations, product

from temper.machine import (
    BOOL,
    BoolType,
    Entity,
    EnumType,
    Expression,
    Field,
    IntType,
    MapType,
    Op,
    OptionType,
    Property,
    PropertyKind,
    RefType,
    SetType,
    System,
    TransitionTable,
    Type,
    Value,
    expressions,
    holder,
    parts,
    text,
)
from temper.verify.symbolic.shapes import few

MEMBERS_MAX = 6
"""An enum with more members is not gone through."""
NUMBERS_MAX = 6
CANDIDATES_MAX = 400
LEMMA = "lemma:"
X = "x"


def lemmas(table: TransitionTable, reachable: Sequence[System]) -> tuple[Property, ...]:
    """Candidates for lemmas of the table; none is broken in the systems given."""
    views = [system.view for system in reachable]
    found: list[Property] = []
    for candidate in islice(_candidates(table), CANDIDATES_MAX):
        look = holder(table, candidate)
        if all(look(view) is None for view in views):
            found.append(candidate)
    return tuple(found)


def is_lemma(property_: Property) -> bool:
    """Whether it was found here, and not written by the author."""
    return property_.name.startswith(LEMMA)


def said(lemma: Property) -> str:
    """The lemma as a blueprint would say it.

    >>> from temper.machine import Expression, Op, BOOL, Property, PropertyKind
    >>> said(Property("l", PropertyKind.ALWAYS, (("x", "Job"),), None, Expression(Op.LITERAL, BOOL, value=True)))
    'for x in Job: True'
    """
    whose = f"for {', '.join(f'{name} in {entity}' for name, entity in lemma.variables)}: " if lemma.variables else ""
    premise = "" if lemma.whenever is None else f"whenever {text(lemma.whenever)}, "
    return f"{whose}{premise}{text(lemma.body)}"


def _candidates(table: TransitionTable) -> Iterator[Property]:
    numbers = _numbers(table)
    for entity in table.entities:
        shapes = _Shapes(table, entity, numbers)
        bodies = [(premise, body) for body in shapes.atoms() for premise in shapes.premises()]
        bodies += [(None, body) for body in shapes.implications()]
        for premise, body in bodies:
            name = f"{LEMMA}{entity.name}:{'' if premise is None else text(premise)}:{text(body)}"
            yield Property(name, PropertyKind.ALWAYS, ((X, entity.name),), premise, body)


def _numbers(table: TransitionTable) -> list[int]:
    """The numbers that the blueprint writes, and 0 and 1."""
    written = {
        part.value
        for whole in expressions(table)
        for part in parts(whole)
        if part.op is Op.LITERAL and isinstance(part.type, IntType)
    }
    return sorted({0, 1, *written}, key=abs)[:NUMBERS_MAX]


class _Shapes:
    """What may be said of one instance."""

    def __init__(self, table: TransitionTable, entity: Entity, numbers: Iterable[int]) -> None:
        self.table, self.entity, self.numbers = table, entity, numbers
        self.own = Expression(Op.VARIABLE, RefType(entity.name), name=X)

    def premises(self) -> Iterator[Expression | None]:
        yield None
        if len(self.entity.states) > 1:
            type_ = EnumType(f"{self.entity.name}.state", self.entity.states)
            state = Expression(Op.READ, type_, (self.own,), name="state")
            yield from (_eq(state, _literal(type_, name)) for name in self.entity.states)

    def atoms(self) -> Iterator[Expression]:
        for field in self.entity.fields:
            yield from self._alone(field)
        for one, other in permutations(self.entity.fields, 2):
            yield from self._together(one, other)

    def implications(self) -> Iterator[Expression]:
        """Of maps and sets over the same few keys: what is so for one key where something else is."""
        keys: list[Type] = [key for key in map(_key, self.entity.fields) if key is not None]
        for key in dict.fromkeys(keys):
            for (one, left), (other, right) in product(self._of_each(key), repeat=2):
                if one != other:
                    yield _all(key, _or(_not(left), right))

    def _read(self, field: Field) -> Expression:
        return Expression(Op.READ, field.type, (self.own,), name=field.name)

    def _alone(self, field: Field) -> Iterator[Expression]:
        read = self._read(field)
        match field.type:
            case OptionType(of):
                missing = _eq(read, _literal(field.type, None))
                yield missing
                yield _not(missing)
                if isinstance(of, RefType):
                    yield from (_or(missing, each) for each in self._of_referred(read, of))
            case BoolType():
                yield read
                yield _not(read)
            case EnumType(_, members) if len(members) <= MEMBERS_MAX:
                for member in members:
                    yield _eq(read, _literal(field.type, member))
                    yield _not(_eq(read, _literal(field.type, member)))
            case IntType():
                for number in self.numbers:
                    yield Expression(Op.LE, BOOL, (read, _literal(field.type, number)))
                    yield Expression(Op.LE, BOOL, (_literal(field.type, number), read))
            case SetType():
                yield _eq(read, Expression(Op.SET, field.type))
            case RefType():
                yield from self._of_referred(read, field.type)
        if (key := _key(field)) is not None:
            yield from (_all(key, literal) for name, literal in self._of_each(key) if name == field.name)

    def _of_referred(self, read: Expression, of: RefType) -> Iterator[Expression]:
        """That whom a field refers to refers back."""
        to = read if isinstance(read.type, RefType) else Expression(Op.THE, of, (read,))
        for field in self.table.entity(of.entity).fields:
            back = Expression(Op.READ, field.type, (to,), name=field.name)
            if field.type == RefType(self.entity.name):
                yield _eq(back, self.own)
            elif field.type == OptionType(RefType(self.entity.name)):
                yield _eq(back, Expression(Op.SOME, field.type, (self.own,)))

    def _together(self, one: Field, other: Field) -> Iterator[Expression]:
        left, right = self._read(one), self._read(other)
        match one.type, other.type:
            case IntType(), IntType():
                yield Expression(Op.LE, BOOL, (left, right))
            case of, SetType(members) if of == members:
                yield _not(Expression(Op.IN, BOOL, (left, right)))
            case OptionType(of), SetType(members) if of == members:
                held = Expression(Op.THE, of, (left,))
                yield _or(_eq(left, _literal(one.type, None)), _not(Expression(Op.IN, BOOL, (held, right))))

    def _of_each(self, key: Type) -> Iterator[tuple[str, Expression]]:
        """What may be said of each key: the name of the field, and the condition on `k`."""
        each = Expression(Op.VARIABLE, key, name="k")
        for field in self.entity.fields:
            read = self._read(field)
            match field.type:
                case SetType(of) if of == key:
                    there = Expression(Op.IN, BOOL, (each, read))
                    yield field.name, there
                    yield field.name, _not(there)
                case MapType(of, EnumType(_, members) as item) if of == key and len(members) <= MEMBERS_MAX:
                    held = Expression(Op.GET, item, (read, each))
                    for member in members:
                        yield field.name, _eq(held, _literal(item, member))
                        yield field.name, _not(_eq(held, _literal(item, member)))


def _key(field: Field) -> Type | None:
    """The key type of a field that has something for each of few keys."""
    match field.type:
        case MapType(key, EnumType()) | SetType(key) if few(key) is not None:
            return key
    return None


def _all(key: Type, body: Expression) -> Expression:
    every = Expression(Op.VALUES, SetType(key))
    return Expression(Op.ALL, BOOL, (every, _literal(BOOL, value=True), body), name="k")


def _literal(type_: Type, value: Value) -> Expression:
    return Expression(Op.LITERAL, type_, value=value)


def _eq(left: Expression, right: Expression) -> Expression:
    return Expression(Op.EQ, BOOL, (left, right))


def _not(of: Expression) -> Expression:
    return of.operands[0] if of.op is Op.NOT else Expression(Op.NOT, BOOL, (of,))


def _or(left: Expression, right: Expression) -> Expression:
    return Expression(Op.OR, BOOL, (left, right))
