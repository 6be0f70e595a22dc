"""A system in words, as native code reads and changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from temper.machine import Address, Field, MapType
from temper.verify.native.domain import Domains
from temper.verify.native.layout import Bits, FieldPlace, InstancePlace, Layout, map_packing
from temper.verify.native.meant import Entries, Meant, Number, known
from temper.verify.native.writer import Truth, Word, Writer

Words = tuple[Word, ...]


def get(writer: Writer, words: Words, bits: Bits) -> Word:
    """What the piece holds."""
    shifted = writer.right(words[bits.word], bits.offset) if bits.width else 0
    return shifted if bits.offset + bits.width == 64 else writer.both(shifted, (1 << bits.width) - 1)


def put(writer: Writer, words: Words, bits: Bits, value: Word) -> Words:
    """The words with something else in the piece."""
    if not bits.width:
        return words
    mask = ((1 << bits.width) - 1) << bits.offset
    kept = writer.both(words[bits.word], ~mask & ((1 << 64) - 1))
    changed = writer.either(kept, writer.left(value, bits.offset))
    return (*words[: bits.word], changed, *words[bits.word + 1 :])


@dataclass(frozen=True)
class Fields(Mapping[str, Meant]):
    """The fields of one instance: as they lie, except for those that have changed.

    What lies is read anew each time, since a value is only known in the blocks behind the one that computed it.
    """

    writer: Writer
    domains: Domains
    place: InstancePlace
    words: Words
    changed: Mapping[str, Meant]

    def __getitem__(self, name: str) -> Meant:
        if name in self.changed:
            return self.changed[name]
        for field, pieces in zip(self.place.entity.fields, self.place.fields, strict=True):
            if field.name == name:
                return field_of(self.writer, self.domains, field, pieces, self.words)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in self.place.entity.fields)

    def __len__(self) -> int:
        return len(self.place.entity.fields)


def field_of(writer: Writer, domains: Domains, field: Field, pieces: tuple[FieldPlace, ...], words: Words) -> Meant:
    """What a field holds."""
    values = tuple(
        piece.packing.unpack(writer, writer.xor(get(writer, words, piece.bits), piece.start)) for piece in pieces
    )
    if not isinstance(field.type, MapType):
        return values[0]
    found = map_packing(domains, field.type)
    return Entries(found.keys[0], values, found.initial, found.is_endless)


def with_field(writer: Writer, words: Words, pieces: tuple[FieldPlace, ...], meant: Meant) -> Words:
    """The words with another value in the field."""
    values = meant.values if isinstance(meant, Entries) else (meant,)
    for piece, value in zip(pieces, values, strict=True):
        words = put(writer, words, piece.bits, writer.xor(piece.packing.pack(writer, value), piece.start))
    return words


@dataclass(frozen=True)
class Sight:
    """A whole system as properties read it."""

    writer: Writer
    layout: Layout
    words: Words

    def read(self, entity: str, ident: str, name: str) -> Meant:
        """A field, or `state`; an instance that the universe does not know reads as its defaults."""
        place = self.layout.by_address.get(Address(entity, ident))
        if place is None:
            return self._default(entity, name)
        if name == "state":
            return control_of(self.writer, place, self.words)
        return Fields(self.writer, self.layout.domains, place, self.words, {})[name]

    def exists(self, entity: str, ident: str) -> Truth:
        place = self.layout.by_address.get(Address(entity, ident))
        if place is None:
            return False
        return (
            True if place.entity.single else self.writer.compare("ne", get(self.writer, self.words, place.control), 0)
        )

    def _default(self, entity: str, name: str) -> Meant:
        if name == "state":
            return known(1)
        field = next(f for f in self.layout.table.entity(entity).fields if f.name == name)
        return self.layout.domains.constant(field.type, field.initial)


def control_of(writer: Writer, place: InstancePlace, words: Words) -> Number:
    """The control state as a code of the enum `Entity.state`, in which `new` is the first."""
    first = 2 if place.entity.single else 1
    word = writer.add(get(writer, words, place.control), first)
    return known(word) if isinstance(word, int) else Number(word, first, first + len(place.controls) - 1)
