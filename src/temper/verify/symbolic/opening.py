"""Open constants as the solver sees them: numbers of which nothing is known but that every range has a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

import z3

from temper.machine import Entity, EnumType, Expression, Family, IntType, MapType, Op, OptionType, SetType, Type, parts
from temper.report import Span
from temper.verify.symbolic.shapes import Term, Texts, Unencodable, get, has, within

CODES_MAX = 900
"""Members, states and texts are numbered, and all stand-ins are larger."""


class Opening:
    """A family's stand-ins, and the names that the solver has for them."""

    def __init__(self, family: Family) -> None:
        numbers = [number for _, number in family.stand_ins]
        if any(len(listed) > CODES_MAX for listed in _listed(family.table)) or any(
            number <= CODES_MAX for number in numbers
        ):
            raise Unencodable(f"more than {CODES_MAX} members or states")
        self.numbers = frozenset(numbers)
        self._names = [(z3.IntVal(number), z3.Int(f"constant.{name}")) for name, number in family.stand_ins]
        ranges = {type_ for type_ in _types(family.table) if isinstance(type_, IntType) and self.is_open(type_)}
        self.facts = [self.opened(type_.lo <= z3.IntVal(type_.hi)) for type_ in ranges]
        self.least = [z3.IntVal(lo) for lo in sorted({type_.lo for type_ in ranges})]

    def look_at(self, texts: Texts) -> None:
        """Raises `Unencodable` if there are so many texts that the number of one could be a stand-in."""
        if len(texts.codes) > CODES_MAX:
            raise Unencodable(f"more than {CODES_MAX} texts")

    def opened(self, formula: z3.BoolRef) -> z3.BoolRef:
        """The formula with names in the place of the stand-ins."""
        return z3.substitute(formula, *self._names)

    def is_open(self, type_: Type) -> bool:
        """Whether it is a range that ends in an open constant."""
        return isinstance(type_, IntType) and type_.hi in self.numbers

    def keys(self, type_: Type, term: Term) -> Iterator[z3.ExprRef]:
        """The value of an open range that a value of the type is, or may be."""
        if self.is_open(type_):
            yield term[0]
        elif isinstance(type_, OptionType) and self.is_open(type_.of):
            yield term[1]

    def written(self, expressions: Iterable[Expression]) -> Iterator[z3.ExprRef]:
        """Values of open ranges that are written out: `1 in heard`."""
        for part in (part for whole in expressions for part in parts(whole)):
            if part.op in _MEET and any(self._speaks_of(operand.type) for operand in part.operands):
                for operand in part.operands:
                    if operand.op is Op.LITERAL and isinstance(operand.type, IntType) and operand.value is not None:
                        yield z3.IntVal(operand.value)

    def _speaks_of(self, type_: Type) -> bool:
        match type_:
            case SetType(of) | OptionType(of) | MapType(of, _):
                return self.is_open(of)
        return self.is_open(type_)

    def typed(self, type_: Type, term: Term, keys: Iterable[z3.ExprRef]) -> Iterator[z3.BoolRef]:
        """That what a set or map over an open range has for these keys is of its type."""
        match type_:
            case SetType(of) if self.is_open(of):
                yield from (z3.Implies(has(type_, term, (key,)), within(of, (key,))) for key in keys)
            case MapType(of, item) if self.is_open(of):
                yield from (within(item, get(type_, term, (key,)), unset=True) for key in keys)


def is_keyed(family: Family) -> bool:
    """Whether some entity has something for each value of an open range."""
    ends = {number for _, number in family.stand_ins}
    return any(isinstance(key, IntType) and key.hi in ends for each in family.table.entities for key in keys_of(each))


def keys_of(entity: Entity) -> Iterator[Type]:
    """The types by which the entity has something for each of their values."""
    for field in entity.fields:
        match field.type:
            case SetType(key) | MapType(key, _):
                yield key


_MEET = frozenset({Op.IN, Op.GET, Op.EQ})


def _types(part: object) -> Iterator[object]:
    """Every type in a table or a part of one, and whatever else has parts."""
    if isinstance(part, tuple):
        for each in part:
            yield from _types(each)
    elif is_dataclass(part) and not isinstance(part, Span):
        yield part
        for field in fields(part):
            if field.compare:
                yield from _types(getattr(part, field.name))


def _listed(table: object) -> Iterator[tuple[str, ...]]:
    for part in _types(table):
        if isinstance(part, EnumType):
            yield part.members
        elif isinstance(part, Entity):
            yield part.states
