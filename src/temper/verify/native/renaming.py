"""What a renaming does to the words of a state: which bit goes where, and which numbers become which others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from temper.machine import MapType, Type, Value
from temper.verify.explicit.permuting import Renamer, Renaming
from temper.verify.native.layout import Arguments, Bits, FieldPlace, InstancePlace, Lane, Layout, MailPlace
from temper.verify.native.packing import Packing, Subset, Table
from temper.verify.native.unsupported import Unsupported
from temper.verify.symmetry import types_in

LOOKUP_BITS_MAX = 10
"""How wide a number may be that is looked up in a table."""


@dataclass(frozen=True, slots=True)
class Move:
    """Bits of a piece that go elsewhere in it, or in the piece that takes its place; `table` says what they become."""

    source: int
    width: int
    target: int
    table: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """A number at one place that becomes another number at another."""

    source: Bits
    target: Bits
    table: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A slot of something pending: what its bits mean depends on its lowest ones. Where they are 0 it is empty."""

    source: Bits
    target: Bits
    number_width: int
    moves: tuple[tuple[int, tuple[Move, ...]], ...]
    """A number, and what becomes of the bits then; of any other nothing does."""


@dataclass(slots=True)
class Rearrangement:
    """Where each bit goes under one renaming, by its number: 64 times the word, and the offset in it."""

    bits: dict[int, int] = field(default_factory=dict)
    lookups: list[Lookup] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    unsorted: list[tuple[Bits, ...]] = field(default_factory=list)
    """Slots that stand in order, the largest first, and whose contents have changed."""

    @property
    def is_plain(self) -> bool:
        """Whether bits only change places."""
        return not (self.lookups or self.choices or self.unsorted)

    def moved(self) -> dict[int, int]:
        """The bits that really go elsewhere."""
        return {source: target for source, target in self.bits.items() if source != target}


def rearrangement(layout: Layout, renaming: Renaming) -> Rearrangement:
    """What the renaming does to the words of this layout. Raises `Unsupported` where that would take too long."""
    return _Arranger(layout, renaming).arranged()


class _Arranger:
    def __init__(self, layout: Layout, renaming: Renaming) -> None:
        self.layout, self.renaming = layout, renaming
        self.renamer = Renamer(layout.table, renaming)
        self.found = Rearrangement()

    def arranged(self) -> Rearrangement:
        self._move(Bits(0, 0, 1), Bits(0, 0, 1))
        for place in self.layout.instances:
            self._instance(place, self.layout.by_address[self.renamer.address(place.address)])
        for lane in self.layout.lanes:
            self._lane(lane, self.layout.by_lane[self.renamer.address(lane.owner), lane.effect.name])
        for posted in self.layout.mail:
            key = self.renamer.address(posted.owner), posted.site, self.renamer.address(posted.receiver)
            self._mail(posted, self.layout.by_mail[key])
        return self.found

    def _instance(self, place: InstancePlace, to: InstancePlace) -> None:
        self._move(place.control, to.control)
        for piece, other in zip(place.timers, to.timers, strict=True):
            self._move(piece, other)
        for one, another in ((place.burnt, to.burnt), (place.zone, to.zone)):
            if one is not None and another is not None:
                self._move(one, another)
        for declared, pieces, others in zip(place.entity.fields, place.fields, to.fields, strict=True):
            self._field(declared.type, pieces, others)

    def _field(self, type_: Type, pieces: tuple[FieldPlace, ...], others: tuple[FieldPlace, ...]) -> None:
        item, order = type_, list(range(len(pieces)))
        if isinstance(type_, MapType):
            keys = self._keys(type_.key, len(pieces))
            item, order = type_.value, [keys.index(self._renamed(type_.key, key)) for key in keys]
        for piece, at in zip(pieces, order, strict=True):
            other = others[at]
            assert piece.start == other.start, "what begins otherwise is told apart, and keeps its name"
            moves = tuple(self._moves(piece.packing, item, 0, piece.start))
            self._apply(piece.bits, other.bits, moves)

    def _lane(self, lane: Lane, to: Lane) -> None:
        if any(self._mentions(f.type) for o in lane.effect.outcomes for f in o.fields if lane.told):
            raise Unsupported("what is told of the world has names in it")
        head = Move(0, lane.args_at, 0)
        choices = tuple((site.number, (head, *self._arguments(site.args, lane.args_at))) for site in lane.sites)
        self._slots(lane.slots, to.slots, lane.number_width, choices)
        late = (Move(0, lane.late_args_at, 0), *self._arguments(lane.sites[0].args, lane.late_args_at))
        if self._slots(lane.late, to.late, 1, ((1, late),)):
            self.found.unsorted.append(to.late)

    def _mail(self, place: MailPlace, to: MailPlace) -> None:
        moves = [Move(0, 2, 0), *self._arguments(place.args, 2)]
        if place.tells_reason:
            at = 2 + place.args.width
            moves.append(Move(at, place.reason.width, at))
        if self._slots(place.slots, to.slots, 1, ((1, tuple(moves)),)):
            self.found.unsorted.append(to.slots)

    def _slots(
        self,
        slots: tuple[Bits, ...],
        others: tuple[Bits, ...],
        number_width: int,
        choices: tuple[tuple[int, tuple[Move, ...]], ...],
    ) -> bool:
        """Whether the contents of the slots change, so that their order may."""
        really = tuple((number, moves) for number, moves in choices if _changes(moves))
        for slot, other in zip(slots, others, strict=True):
            if really:
                self.found.choices.append(Choice(slot, other, number_width, really))
            else:
                self._move(slot, other)
        return bool(really) and len(slots) > 1

    def _arguments(self, args: Arguments, at: int) -> tuple[Move, ...]:
        found: list[Move] = []
        for type_, packed in zip(args.types, args.packings, strict=True):
            found += self._moves(packed, type_, at, 0)
            at += packed.width
        return tuple(found)

    # One value.

    def _mentions(self, type_: Type) -> bool:
        return any(of in self.renaming for of in types_in(type_))

    def _moves(self, packed: Packing, type_: Type, at: int, start: int) -> Iterator[Move]:
        """What becomes of a value that is packed at an offset, xor `start`."""
        if not self._mentions(type_):
            yield Move(at, packed.width, at)
        elif isinstance(packed, Subset):
            members = [self.layout.domains.value(packed.of, packed.lo + place) for place in range(packed.width)]
            order = [members.index(self._renamed(packed.of, member)) for member in members]
            assert all(start >> a & 1 == start >> b & 1 for a, b in enumerate(order)), "what begins so keeps its name"
            yield from (Move(at + place, 1, at + other) for place, other in enumerate(order))
        elif isinstance(packed, Table):
            yield from self._entries(packed, type_, at)
        else:
            yield Move(at, packed.width, at, self._looked_up(packed, type_, start))

    def _entries(self, packed: Table, type_: Type, at: int) -> Iterator[Move]:
        assert isinstance(type_, MapType), "a table is a map"
        keys = [self.layout.domains.value(packed.key, key) for key in packed.keys]
        width = packed.item.width
        for place, key in enumerate(keys):
            other = keys.index(self._renamed(packed.key, key))
            for move in self._moves(packed.item, type_.value, 0, 0):
                yield Move(at + place * width + move.source, move.width, at + other * width + move.target, move.table)

    def _looked_up(self, packed: Packing, type_: Type, start: int) -> tuple[int, ...]:
        if packed.width > LOOKUP_BITS_MAX:
            raise Unsupported(f"a {type_} of {packed.width} bits that is renamed")
        change = self.renamer.change(type_)
        assert change is not None, "the type is renamed"
        found = list(range(1 << packed.width))
        for bits in found.copy():
            try:
                value = packed.decode(bits ^ start)
                found[bits] = (packed.encode(None if value is None else change(value))) ^ start
            except (IndexError, Unsupported):
                continue
        return tuple(found)

    def _keys(self, type_: Type, count: int) -> list[Value]:
        lo, hi = self.layout.domains.span(type_)
        assert hi - lo + 1 == count, "a map has a place for each key"
        return [self.layout.domains.value(type_, number) for number in range(lo, hi + 1)]

    def _renamed(self, type_: Type, value: Value) -> Value:
        change = self.renamer.change(type_)
        return value if change is None else change(value)

    # Writing it down.

    def _apply(self, source: Bits, target: Bits, moves: Iterable[Move]) -> None:
        for move in moves:
            if not move.width:
                continue
            one = Bits(source.word, source.offset + move.source, move.width)
            other = Bits(target.word, target.offset + move.target, move.width)
            if _renames(move.table):
                self.found.lookups.append(Lookup(one, other, move.table))
            else:
                self._move(one, other)

    def _move(self, source: Bits, target: Bits) -> None:
        assert source.width == target.width, "what changes places has one size"
        for at in range(source.width):
            self.found.bits[64 * source.word + source.offset + at] = 64 * target.word + target.offset + at


def _changes(moves: Iterable[Move]) -> bool:
    return any(move.source != move.target or _renames(move.table) for move in moves)


def _renames(table: tuple[int, ...]) -> bool:
    return table != tuple(range(len(table)))
