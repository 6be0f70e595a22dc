"""From a model of the solver back to values, texts included: what nobody wrote gets a name that nobody has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count

import z3

from temper.machine import (
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
    initial,
)
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, few, has_spare, items_of, literal

PEOPLE = ("ann", "bob", "cid", "dan", "eve")


class Decoding:
    """One model. The same code is the same text wherever it stands."""

    def __init__(self, model: z3.ModelRef, texts: Texts) -> None:
        self.model = model
        self.texts = texts
        self.names = {code: name for name, code in texts.codes.items()}
        self.numbers: set[int] = set()

    def number(self, term: z3.ExprRef) -> int:
        return int(self.model.eval(term, model_completion=True).as_long())

    def truth(self, term: z3.ExprRef) -> bool:
        return bool(z3.is_true(self.model.eval(term, model_completion=True)))

    def name(self, term: z3.ExprRef, begins: str = "", pool: tuple[str, ...] = ()) -> str:
        """The text of a code; a new one if it has none."""
        code = self.number(term)
        if code not in self.names:
            taken = {*self.names.values(), *self.texts.codes}
            numbered = (f"{begins}{number}" for number in count(1))
            self.names[code] = next(each for each in chain(pool, numbered) if each not in taken)
        return self.names[code]

    def value(self, type_: Type, term: Term | None) -> Value:
        """The value of the type; one that fits where there is no term, since then nothing is asked of it."""
        if term is None:
            return _any(type_)
        match type_:
            case BoolType():
                return self.truth(term[0])
            case IntType() | DurationType():
                self.numbers.add(self.number(term[0]))
                return self.number(term[0])
            case TimeType():
                return max(0, self.number(term[0]))
            case JsonType():
                return "null"
            case EnumType(_, members):
                return next(each for each in members if self._is(type_, each, term))
            case PrincipalType() | RefType() if self.number(term[0]) == NOTHING:
                return None
            case PrincipalType():
                return self.name(term[0], "person", PEOPLE)
            case StrType():
                return self.name(term[0], "text")
            case RefType(entity):
                return self.name(term[0], entity[0].lower())
            case OptionType(of) if has_spare(of):
                return None if self.number(term[0]) == NOTHING else self.value(of, term)
            case OptionType(of):
                return self.value(of, term[1:]) if self.truth(term[0]) else None
            case SetType(of):
                return frozenset(self._members(of, term))
            case MapType(key):
                keys = few(key)
                if keys is None:
                    return FrozenMap()
                start = initial(type_.value)
                items = [self.value(type_.value, item) for item in items_of(type_, term)]
                return FrozenMap({k: v for k, v in zip(keys, items, strict=True) if v != start})

    def _is(self, type_: Type, value: Value, term: Term) -> bool:
        return self.number(literal(type_, value, self.texts)[0]) == self.number(term[0])

    def _members(self, of: Type, term: Term) -> Iterator[Value]:
        """Of an endless set those members that something else in the model is, too."""
        values = few(of)
        if values is not None:
            yield from (value for value, there in zip(values, term, strict=True) if self.truth(there))
            return
        codes = sorted(self.numbers if isinstance(of, IntType | DurationType) else self.names)
        for code in codes:
            if self.truth(z3.Select(term[0], z3.IntVal(code))):
                yield code if isinstance(of, IntType | DurationType) else self.names[code]


def _any(type_: Type) -> Value:
    """Some value of the type."""
    match type_:
        case PrincipalType() | StrType() | RefType():
            return "somebody"
        case JsonType():
            return "null"
        case TimeType() | DurationType():
            return 0
        case _:
            return initial(type_)
