"""The values that can occur at all, type by type: which number stands for which text, person, reference or member."""

from __future__ import annotations

from collections.abc import Iterator

from temper.machine import (
    NEW,
    REJECTIONS,
    STR,
    BoolType,
    DurationType,
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
    StrType,
    TimeType,
    TransitionTable,
    Type,
    Universe,
    Value,
    expressions,
    finite_values,
    initial,
    parts,
)
from temper.verify.native.meant import Entries, Maybe, Meant, Members, Number, known
from temper.verify.native.unsupported import Unsupported

Domain = tuple[Value, ...]


class Domains:
    """The domains of one table in one universe. Code 0 is None; the first value of a domain has code 1."""

    def __init__(self, table: TransitionTable, universe: Universe) -> None:
        self.table, self.universe = table, universe
        self.states = {f"{entity.name}.state": (NEW, *entity.states) for entity in table.entities}
        written = list(_written(table))
        texts = [*universe.values_of(STR), "", *(v for t, v in written if isinstance(t, StrType)), *REJECTIONS]
        people = [*(name for name, _ in universe.principals), *(v for t, v in written if isinstance(t, PrincipalType))]
        self._texts = tuple(dict.fromkeys(texts))
        self._people = tuple(dict.fromkeys(people))
        self._references = {
            entity.name: tuple(dict.fromkeys((*universe.ids_of(entity.name), *_named(written, RefType(entity.name)))))
            for entity in table.entities
        }
        durations = [v for t, v in written if isinstance(t, DurationType)]
        self.durations: tuple[int, ...] = tuple(sorted({v for v in [0, 1_000, *durations] if isinstance(v, int)}))

    def of(self, type_: Type) -> Domain | None:
        """The values that have codes; None if values of the type are no codes."""
        match type_:
            case EnumType(name, of):
                return self.states.get(name, of)
            case StrType():
                return self._texts
            case PrincipalType():
                return self._people
            case RefType(entity):
                return self._references[entity]
            case TimeType():
                return (0,)
            case JsonType():
                return ("null",)
            case OptionType(of):
                return self.of(of)
            case _:
                return None

    def code(self, type_: Type, value: Value) -> int:
        """The code of a value of that type."""
        if value is None:
            return 0
        domain = self.of(type_)
        if domain is None or value not in domain:
            raise Unsupported(f"a {type_} that the universe does not know: {value!r}")
        return 1 + domain.index(value)

    def span(self, type_: Type) -> tuple[int, int]:
        """The interval of the elements of a set, or of the keys of a map, as numbers."""
        match type_:
            case BoolType():
                return 0, 1
            case IntType(lo, hi):
                return (lo, hi) if finite_values(type_) is not None else self.universe.unbounded
            case OptionType() | SetType() | MapType() | DurationType():
                raise Unsupported(f"a set or map of {type_}")
            case _:
                domain = self.of(type_)
                assert domain is not None, f"{type_} has codes"
                if not domain:
                    raise Unsupported(f"a set or map of {type_}, of which there is none")
                return 1, len(domain)

    def element(self, type_: Type, value: Value) -> int:
        """The number that stands for an element or key."""
        if isinstance(type_, BoolType | IntType):
            assert isinstance(value, int), "bools and ints are numbers"
            return int(value)
        return self.code(type_, value)

    def value(self, type_: Type, number: int) -> Value:
        """The element or key for which the number stands."""
        if isinstance(type_, BoolType):
            return bool(number)
        if isinstance(type_, IntType):
            return number
        domain = self.of(type_)
        assert domain is not None, f"{type_} has codes"
        return domain[number - 1]

    def constant(self, type_: Type, value: Value) -> Meant:
        """A value that is known."""
        match type_:
            case BoolType():
                return bool(value)
            case IntType():
                assert isinstance(value, int), "an int has a value"
                return known(value)
            case DurationType():
                assert value is None or isinstance(value, int), "a duration is a number"
                return known(value or 0)
            case OptionType(BoolType() | IntType() | DurationType() as of):
                return self._maybe(of, value)
            case OptionType(SetType() | MapType() | OptionType()):
                raise Unsupported(f"a value of type {type_}")
            case SetType(of):
                lo, hi = self.span(of)
                assert isinstance(value, frozenset), "a set is a frozenset"
                numbers = [self.element(of, x) for x in value]
                lo, hi = min([lo, *numbers]), max([hi, *numbers])
                Members(0, lo, hi)
                return Members(sum(1 << (n - lo) for n in numbers), lo, hi)
            case MapType(key, item):
                return self._entries(key, item, value)
            case _:
                return known(self.code(type_, value))

    def _maybe(self, of: Type, value: Value) -> Maybe:
        inner = self.constant(of, (initial(of) or 0) if value is None else value)
        assert isinstance(inner, bool | str | Number), "what may be missing is a bool or a number"
        return Maybe(value is not None, inner)

    def _entries(self, key: Type, item: Type, value: Value) -> Entries:
        assert isinstance(value, FrozenMap), "a map is a FrozenMap"
        lo, hi = self.span(key)
        if hi - lo >= 64:
            raise Unsupported("a map of more than 64 keys")
        start = initial(item)
        values = tuple(self.constant(item, value.get(self.value(key, number), start)) for number in range(lo, hi + 1))
        return Entries(lo, values, self.constant(item, start), finite_values(key) is None)


def _written(table: TransitionTable) -> Iterator[tuple[Type, Value]]:
    """Every constant that stands somewhere in the table, with what is inside of it."""
    for whole in expressions(table):
        for part in parts(whole):
            if part.op is Op.LITERAL:
                yield from _inside(part.type, part.value)
    for entity in table.entities:
        for field in entity.fields:
            yield from _inside(field.type, field.initial)


def _inside(type_: Type, value: Value) -> Iterator[tuple[Type, Value]]:
    if value is None:
        return
    match type_:
        case OptionType(of):
            yield from _inside(of, value)
        case SetType(of) if isinstance(value, frozenset):
            for x in value:
                yield from _inside(of, x)
        case MapType(key, item) if isinstance(value, FrozenMap):
            for k, v in value.items():
                yield from _inside(key, k)
                yield from _inside(item, v)
        case _:
            yield type_, value


def _named(written: list[tuple[Type, Value]], type_: Type) -> list[Value]:
    return [value for of, value in written if of == type_]
