"""Packing one value into bits and back, both in Python and in native code. Equal bits are equal values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from temper.machine import (
    INT,
    BoolType,
    DurationType,
    EnumType,
    FrozenMap,
    IntType,
    MapType,
    OptionType,
    SetType,
    StrType,
    Type,
    Value,
    initial,
)
from temper.verify.native.domain import Domains
from temper.verify.native.meant import Entries, Maybe, Meant, Members, Number, known, spread
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Word, Writer


@dataclass(frozen=True, slots=True)
class Flag:
    """A bool."""

    width: int = 1

    def encode(self, value: Value) -> int:
        return int(bool(value))

    def decode(self, bits: int) -> Value:
        return bool(bits)

    def pack(self, writer: Writer, meant: Meant) -> Word:
        assert isinstance(meant, bool | str), "a flag holds a bool"
        return writer.as_word(meant)

    def unpack(self, writer: Writer, bits: Word) -> Meant:
        return writer.as_truth(bits)


@dataclass(frozen=True, slots=True)
class Ranged:
    """A number from `lo` to `hi`."""

    lo: int
    hi: int

    @property
    def width(self) -> int:
        return (self.hi - self.lo).bit_length()

    def encode(self, value: Value) -> int:
        if not (isinstance(value, int) and self.lo <= value <= self.hi):
            raise Unsupported(f"a start beyond its range: {value!r}")
        return value - self.lo

    def decode(self, bits: int) -> Value:
        return bits + self.lo

    def pack(self, writer: Writer, meant: Meant) -> Word:
        assert isinstance(meant, Number), "a range holds a number"
        return writer.sub(meant.word, self.lo)

    def unpack(self, writer: Writer, bits: Word) -> Meant:
        word = writer.add(bits, self.lo)
        return known(word) if isinstance(word, int) else Number(word, self.lo, self.hi)


@dataclass(frozen=True, slots=True)
class Coded:
    """A value with a code; `lo` is 1 where it cannot be missing."""

    domains: Domains
    type: Type
    lo: int
    hi: int

    @property
    def width(self) -> int:
        return (self.hi - self.lo).bit_length()

    def encode(self, value: Value) -> int:
        return self.domains.code(self.type, value) - self.lo

    def decode(self, bits: int) -> Value:
        domain = self.domains.of(self.type)
        assert domain is not None, "what is coded has a domain"
        code = bits + self.lo
        return None if code == 0 else domain[code - 1]

    def pack(self, writer: Writer, meant: Meant) -> Word:
        assert isinstance(meant, Number), "a code is a number"
        return writer.sub(meant.word, self.lo)

    def unpack(self, writer: Writer, bits: Word) -> Meant:
        word = writer.add(bits, self.lo)
        return known(word) if isinstance(word, int) else Number(word, self.lo, self.hi)


@dataclass(frozen=True, slots=True)
class Lengths:
    """A duration among those that the table writes down; 0 bits stand for one that was never given."""

    values: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.values).bit_length()

    def encode(self, value: Value) -> int:
        if value is None:
            return 0
        assert isinstance(value, int), "a duration is a number"
        if value not in self.values:
            raise Unsupported(f"a duration of {value} ms, which is written nowhere")
        return 1 + self.values.index(value)

    def decode(self, bits: int) -> Value:
        return self.values[bits - 1] if bits else None

    def pack(self, writer: Writer, meant: Meant) -> Word:
        assert isinstance(meant, Number), "a duration is a number"
        if isinstance(meant.word, int):
            return self.encode(meant.word)
        if meant.among is None or not meant.among <= set(self.values):
            raise Unsupported("a duration that is computed")
        found: Word = 1
        for place, value in enumerate(self.values[1:], 2):
            found = writer.select(writer.compare("eq", meant.word, value), place, found)
        return found

    def unpack(self, writer: Writer, bits: Word) -> Meant:
        if isinstance(bits, int):
            return known(self.values[bits - 1] if bits else 0)
        found: Word = 0
        for place, value in enumerate(self.values, 1):
            found = writer.select(writer.compare("eq", bits, place), value, found)
        return Number(found, min(0, *self.values), max(0, *self.values), frozenset({0, *self.values}))


@dataclass(frozen=True, slots=True)
class Optional:
    """A bool or number that may be missing: 0, else one more than what is there."""

    of: Flag | Ranged

    @property
    def width(self) -> int:
        most = 1 if isinstance(self.of, Flag) else self.of.hi - self.of.lo
        return (most + 1).bit_length()

    def encode(self, value: Value) -> int:
        return 0 if value is None else 1 + self.of.encode(value)

    def decode(self, bits: int) -> Value:
        return self.of.decode(bits - 1) if bits else None

    def pack(self, writer: Writer, meant: Meant) -> Word:
        assert isinstance(meant, Maybe), "what is optional may be missing"
        return writer.select(meant.there, writer.add(self.of.pack(writer, meant.value), 1), 0)

    def unpack(self, writer: Writer, bits: Word) -> Meant:
        there = writer.compare("ne", bits, 0)
        value = self.of.unpack(writer, writer.select(there, writer.sub(bits, 1), 0))
        assert isinstance(value, bool | str | Number), "what may be missing is a bool or a number"
        return Maybe(there, value)


@dataclass(frozen=True, slots=True)
class Subset:
    """A set as one bit for each possible member."""

    domains: Domains
    of: Type
    lo: int
    hi: int

    @property
    def width(self) -> int:
        return self.hi - self.lo + 1

    def encode(self, value: Value) -> int:
        assert isinstance(value, frozenset), "a set is a frozenset"
        return sum(1 << (self.domains.element(self.of, x) - self.lo) for x in value)

    def decode(self, bits: int) -> Value:
        return frozenset(self.domains.value(self.of, self.lo + at) for at in range(self.width) if bits >> at & 1)

    def pack(self, writer: Writer, meant: Meant) -> Word:
        """What is beyond the possible members has been checked before, and is left out here."""
        assert isinstance(meant, Members), "a subset holds a set"
        shifted = writer.right(meant.mask, self.lo - meant.lo) if meant.lo < self.lo else meant.mask
        if meant.lo > self.lo:
            shifted = spread(writer, meant, self.lo, meant.hi).mask
        return shifted if meant.hi <= self.hi else writer.both(shifted, (1 << self.width) - 1)

    def unpack(self, _: Writer, bits: Word) -> Meant:
        return Members(bits, self.lo, self.hi)


@dataclass(frozen=True, slots=True)
class Table:
    """A map as its values, the first key lowest."""

    domains: Domains
    key: Type
    keys: tuple[int, ...]
    item: Packing
    start: Value
    initial: Meant
    is_endless: bool

    @property
    def width(self) -> int:
        return self.item.width * len(self.keys)

    def encode(self, value: Value) -> int:
        assert isinstance(value, FrozenMap), "a map is a FrozenMap"
        found = 0
        for place, key in enumerate(self.keys):
            found |= (
                self.item.encode(value.get(self.domains.value(self.key, key), self.start)) << place * self.item.width
            )
        return found

    def decode(self, bits: int) -> Value:
        mask = (1 << self.item.width) - 1
        values = {
            self.domains.value(self.key, key): self.item.decode(bits >> place * self.item.width & mask)
            for place, key in enumerate(self.keys)
        }
        return FrozenMap({key: value for key, value in values.items() if value != self.start})

    def pack(self, writer: Writer, meant: Meant) -> Word:
        assert isinstance(meant, Entries), "a table holds a map"
        found: Word = 0
        for place, value in enumerate(meant.values):
            found = writer.either(found, writer.left(self.item.pack(writer, value), place * self.item.width))
        return found

    def unpack(self, writer: Writer, bits: Word) -> Meant:
        mask = (1 << self.item.width) - 1
        values = tuple(
            self.item.unpack(writer, writer.both(writer.right(bits, place * self.item.width), mask))
            for place in range(len(self.keys))
        )
        return Entries(self.keys[0], values, self.initial, self.is_endless)


@dataclass(frozen=True, slots=True)
class Nothing:
    """What nothing reads: it takes no room, and reads as one value of its type."""

    domains: Domains
    type: Type
    value: Value
    width: int = 0

    def encode(self, _: Value) -> int:
        return 0

    def decode(self, _: int) -> Value:
        return self.value

    def pack(self, _writer: Writer, _meant: Meant) -> Word:
        return 0

    def unpack(self, _writer: Writer, _bits: Word) -> Meant:
        return self.domains.constant(self.type, self.value)


Packing: TypeAlias = Flag | Ranged | Coded | Lengths | Optional | Subset | Table | Nothing
WIDTH_MAX = 62
"""How many bits one value may take."""


def packing(domains: Domains, type_: Type) -> Packing:
    """How values of the type are packed into one piece."""
    found = packing_of(domains, type_)
    if found.width > WIDTH_MAX:
        raise Unsupported(f"a value of type {type_} takes {found.width} bits")
    return found


def fits_in(packed: Packing, meant: Meant) -> bool:
    """Whether whatever the value is has room there."""
    match packed:
        case Flag():
            return isinstance(meant, bool | str)
        case Ranged(lo, hi) | Coded(_, _, lo, hi):
            return isinstance(meant, Number) and lo <= meant.lo and meant.hi <= hi
        case _:
            return False


def packing_of(domains: Domains, type_: Type) -> Packing:
    """How values of the type are packed, however many bits that takes. What has no initial value may be missing."""
    match type_:
        case BoolType():
            return Flag()
        case IntType(lo, hi):
            return Ranged(*domains.universe.unbounded) if type_ == INT else Ranged(lo, hi)
        case DurationType():
            return Lengths(domains.durations)
        case OptionType(BoolType()):
            return Optional(Flag())
        case OptionType(IntType() as of):
            inner = packing(domains, of)
            assert isinstance(inner, Ranged), "an int is a range"
            return Optional(inner)
        case SetType(of):
            return Subset(domains, of, *domains.span(of))
        case MapType(key, item):
            lo, hi = domains.span(key)
            if hi - lo >= 64:
                raise Unsupported("a map of more than 64 keys")
            entries = domains.constant(type_, FrozenMap())
            assert isinstance(entries, Entries), "a map has entries"
            inner_packing = packing(domains, item)
            keys = tuple(range(lo, hi + 1))
            return Table(domains, key, keys, inner_packing, initial(item), entries.initial, entries.is_endless)
        case EnumType() | StrType():
            domain = domains.of(type_)
            assert domain, f"{type_} has values"
            return Coded(domains, type_, 1, len(domain))
        case _:
            domain = domains.of(type_)
            if domain is None:
                raise Unsupported(f"a value of type {type_}")
            return Coded(domains, type_, 0, len(domain))
