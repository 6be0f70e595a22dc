"""From a system to its words and back, in Python: where a search begins, and what is told of what it found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from temper.machine import (
    ARMED,
    NEW,
    Address,
    Args,
    Cell,
    Effecting,
    FrozenMap,
    Late,
    MapType,
    Message,
    Refusal,
    Site,
    Spawn,
    Spawning,
    System,
    Type,
    Value,
    absent,
    args_key,
    canonical,
)
from temper.verify.native.layout import Bits, FieldPlace, InstancePlace, Lane, Layout, MailPlace, map_packing


class Coding:
    """Systems of one layout as words."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def encode(self, system: System) -> tuple[int, ...]:
        """The words of a system."""
        words = [0] * self.layout.words
        words[0] = 1
        for bits, value in chain(
            self._cells(system), self._requests(system), self._letters(system), self._late(system)
        ):
            words[bits.word] |= bits.within(value)
        return tuple(words)

    def _cells(self, system: System) -> Iterator[tuple[Bits, int]]:
        for cell in system.cells:
            place = self.layout.by_address[cell.address]
            yield place.control, place.controls.index(cell.control)
            for field, value, pieces in zip(place.entity.fields, cell.data, place.fields, strict=True):
                yield from self._pieces(field.type, value, pieces)
            armed = {name for name, _ in cell.timers}
            zone = system.zone(cell.address)
            if place.zone is not None and zone is not None:
                yield place.zone, self.layout.zones[cell.entity].number((tuple(name for name, _ in cell.timers), zone))
            for timer, bits in zip(place.entity.timers, place.timers, strict=True):
                yield bits, int(timer.name in armed)
        for address in system.burnt:
            burnt = self.layout.by_address[address].burnt
            assert burnt is not None, "only what is spawned is burnt"
            yield burnt, 1

    def _pieces(self, type_: Type, value: Value, pieces: tuple[FieldPlace, ...]) -> Iterator[tuple[Bits, int]]:
        if not isinstance(type_, MapType):
            yield pieces[0].bits, pieces[0].packing.encode(value) ^ pieces[0].start
            return
        found = map_packing(self.layout.domains, type_)
        assert isinstance(value, FrozenMap), "a map is a FrozenMap"
        for key, piece in zip(found.keys, pieces, strict=True):
            item = value.get(self.layout.domains.value(type_.key, key), found.start)
            yield piece.bits, piece.packing.encode(item) ^ piece.start

    def _requests(self, system: System) -> Iterator[tuple[Bits, int]]:
        taken: dict[tuple[Address, str], int] = {}
        for request in system.effects:
            lane = self.layout.by_lane[request.owner, request.effect]
            at = taken.get((request.owner, request.effect), 0)
            taken[request.owner, request.effect] = at + 1
            asked = next(each for each in lane.sites if each.site == request.site)
            bits = asked.number | asked.args.encode(request.args) << lane.args_at
            if lane.performing:
                bits |= sum(1 << _told_number(lane, seen) for seen in request.performed) << lane.performed_at
            yield lane.slots[at], bits | (request.seq << lane.rank_at if lane.rank_width else 0)

    def _late(self, system: System) -> Iterator[tuple[Bits, int]]:
        for lane in self.layout.lanes:
            found = [
                1
                | (late.seq << 1 if lane.rank_width else 0)
                | lane.sites[0].args.encode(late.args) << lane.late_args_at
                for late in system.late
                if (late.owner, late.effect) == (lane.owner, lane.effect.name)
            ]
            yield from zip(lane.late, sorted(found, reverse=True), strict=False)

    def _letters(self, system: System) -> Iterator[tuple[Bits, int]]:
        found: dict[tuple[Address, Site, Address], list[int]] = {}
        for mail in system.mail:
            of = mail.of if isinstance(mail, Refusal) else mail
            receiver = of.receiver if isinstance(of, Message) else of.child
            place = self.layout.by_mail[of.owner, of.site, receiver]
            bits = 1 | isinstance(mail, Refusal) << 1 | place.args.encode(of.args) << 2
            if place.tells_reason and isinstance(mail, Refusal):
                bits |= place.reason.encode(mail.reason or "") << 2 + place.args.width
            found.setdefault((of.owner, of.site, receiver), []).append(bits)
        for key, letters in found.items():
            yield from zip(self.layout.by_mail[key].slots, sorted(letters, reverse=True), strict=False)

    def decode(self, words: tuple[int, ...]) -> System:
        """The system of some words."""
        cells = tuple(cell for place in self.layout.instances if (cell := self._cell(place, words)) is not None)
        burnt = tuple(p.address for p in self.layout.instances if p.burnt is not None and p.burnt.of(words))
        effects = tuple(request for lane in self.layout.lanes for request in self._pending(lane, words))
        mail = tuple(letter for place in self.layout.mail for letter in self._posted(place, words))
        zones = tuple(
            (place.address, self.layout.zones[place.entity.name].known[number][1])
            for place in self.layout.instances
            if place.zone is not None and (number := place.zone.of(words))
        )
        late = tuple(request for lane in self.layout.lanes for request in self._lately(lane, words))
        return canonical(System(cells, effects, mail, late, zones, burnt))

    def _cell(self, place: InstancePlace, words: tuple[int, ...]) -> Cell | None:
        control = place.controls[place.control.of(words)]
        if control == NEW:
            return None
        data = tuple(
            self._value(field.type, pieces, words)
            for field, pieces in zip(place.entity.fields, place.fields, strict=True)
        )
        timers = tuple(
            (timer.name, ARMED) for timer, bits in zip(place.entity.timers, place.timers, strict=True) if bits.of(words)
        )
        return absent(self.layout.table, place.address)._replace(control=control, data=data, timers=timers)

    def _value(self, type_: Type, pieces: tuple[FieldPlace, ...], words: tuple[int, ...]) -> Value:
        values = [piece.packing.decode(piece.bits.of(words) ^ piece.start) for piece in pieces]
        if not isinstance(type_, MapType):
            return values[0]
        found = map_packing(self.layout.domains, type_)
        pairs = zip(found.keys, values, strict=True)
        return FrozenMap(
            {self.layout.domains.value(type_.key, key): value for key, value in pairs if value != found.start}
        )

    def _pending(self, lane: Lane, words: tuple[int, ...]) -> Iterator[Effecting]:
        for slot in lane.slots:
            bits = slot.of(words)
            if bits:
                asked = lane.sites[(bits & ((1 << lane.number_width) - 1)) - 1]
                args = asked.args.decode(bits >> lane.args_at)
                rank = bits >> lane.rank_at & ((1 << lane.rank_width) - 1)
                seen = bits >> lane.performed_at & ((1 << lane.performed_width) - 1)
                told = (_told(lane, number) for number in range(lane.performed_width) if seen >> number & 1)
                performed = tuple(sorted(told, key=args_key))
                yield Effecting(lane.owner, asked.site, lane.effect.name, args, 0, rank, performed=performed)

    def _lately(self, lane: Lane, words: tuple[int, ...]) -> Iterator[Late]:
        for slot in lane.late:
            bits = slot.of(words)
            if bits:
                args = lane.sites[0].args.decode(bits >> lane.late_args_at)
                yield Late(lane.owner, lane.effect.name, args, bits >> 1 & ((1 << lane.rank_width) - 1))

    def _posted(self, place: MailPlace, words: tuple[int, ...]) -> Iterator[Message | Spawning | Refusal]:
        for slot in place.slots:
            bits = slot.of(words)
            if not bits:
                continue
            args = place.args.decode(bits >> 2 & ((1 << place.args.width) - 1))
            of: Message | Spawning
            if isinstance(place.template, Spawn):
                of = Spawning(place.owner, place.site, place.receiver, place.template.action, args, 0, 0)
            else:
                of = Message(place.owner, place.site, place.receiver, place.template.action, args, 0, 0)
            reason = place.reason.decode(bits >> 2 + place.args.width) if place.tells_reason else ""
            yield Refusal(of, str(reason), 0) if bits >> 1 & 1 else of


def _told_number(lane: Lane, seen: Args) -> int:
    """The number of what was told at a perform."""
    number = offset = 0
    for (_, value), told in zip(seen, lane.told, strict=True):
        number |= told.packing.encode(value) << offset
        offset += told.packing.width
    return number


def _told(lane: Lane, number: int) -> Args:
    """What was told at a perform, of that number."""
    found = []
    for told in lane.told:
        value = told.packing.decode(number & ((1 << told.packing.width) - 1))
        found.append((f"{told.outcome}.{told.name}", value))
        number >>= told.packing.width
    return tuple(found)
