"""What is pending, as native code reads and changes it: lanes of requests, and mail by place."""

from __future__ import annotations

from temper.machine import Address, Site, Spawn
from temper.verify.native.lateness import Lateness
from temper.verify.native.layout import Arguments, Bits, Lane, LaneSite, Layout, MailPlace
from temper.verify.native.meant import Meant
from temper.verify.native.sight import Words, get, put
from temper.verify.native.writer import Truth, Word, Writer


class Pending:
    """The pending deliveries of a layout."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.layout = writer, layout
        self.lateness = Lateness(writer, layout)

    # Arguments.

    def packed(self, packing: Arguments, args: tuple[Meant, ...]) -> Word:
        """The arguments as bits."""
        bits: Word = 0
        offset = 0
        for packed, meant in zip(packing.packings, args, strict=True):
            if packed.width:
                bits = self.writer.either(bits, self.writer.left(packed.pack(self.writer, meant), offset))
            offset += packed.width
        return bits

    def unpacked(self, packing: Arguments, bits: Word) -> dict[str, Meant]:
        """The arguments that the bits hold, which begin at bit 0."""
        found: dict[str, Meant] = {}
        for name, packed in zip(packing.names, packing.packings, strict=True):
            mask = (1 << packed.width) - 1
            found[name] = packed.unpack(self.writer, self.writer.both(bits, mask))
            if packed.width < 64:
                bits = self.writer.right(bits, packed.width)
        return found

    # Lanes.

    def request(self, words: Words, lane: Lane, asked: LaneSite, args: Word, rank: Word) -> tuple[Words, Truth]:
        """The words with one more request at the end of its lane, and whether its place was free."""
        if asked.template.replaces:
            words = self._withdrawn(words, lane)
        bits = self.writer.either(self.writer.left(args, lane.args_at), asked.number)
        bits = self.writer.either(bits, self.writer.left(rank, lane.rank_at) if lane.rank_width else 0)
        mine: Word = 0
        room: Truth = True
        for slot in lane.slots:
            held = get(self.writer, words, slot)
            number = self.writer.both(held, (1 << lane.number_width) - 1)
            mine = self.writer.add(mine, self.writer.as_word(self.writer.compare("eq", number, asked.number)))
            is_empty = self.writer.compare("eq", held, 0)
            here = self.writer.and_(is_empty, room)
            words = put(self.writer, words, slot, self.writer.select(here, bits, held))
            room = self.writer.and_(room, self.writer.is_not(is_empty))
        free = self.writer.compare("slt", mine, self.layout.universe.in_flight)
        return self.lateness.touched(words, lane), free

    def _withdrawn(self, words: Words, lane: Lane) -> Words:
        """The words with the lane empty, and what was in it late if it may still happen."""
        for slot in lane.slots:
            words = self.lateness.leave(words, lane, get(self.writer, words, slot), None)
        for slot in lane.slots:
            words = put(self.writer, words, slot, 0)
        return words

    def without_first(self, words: Words, lane: Lane) -> Words:
        """The words when the first request of the lane is gone."""
        return self._without(words, lane.slots, 0)

    def _without(self, words: Words, slots: tuple[Bits, ...], at: int) -> Words:
        held = [get(self.writer, words, slot) for slot in slots[at + 1 :]]
        for slot, value in zip(slots[at:], [*held, 0], strict=True):
            words = put(self.writer, words, slot, value)
        return words

    # Mail.

    def post(
        self, words: Words, owner: Address, site: Site, receiver: Address, args: Word, condition: Truth
    ) -> tuple[Words, Truth]:
        """The words with a message or spawn in its place, if the condition holds, and whether there was room."""
        place = self.layout.by_mail[owner, site, receiver]
        last = get(self.writer, words, place.slots[-1])
        is_free = self.writer.or_(self.writer.is_not(condition), self.writer.compare("eq", last, 0))
        bits = self.writer.select(condition, self.message(args), 0)
        return self.sorted_in(words, place, bits), is_free

    def message(self, args: Word) -> Word:
        return self.writer.either(self.writer.left(args, 2), 1)

    def refusal(self, place: MailPlace, letter: Word, reason: Word) -> Word:
        """The refusal of a letter; `reason` is packed."""
        bits = self.writer.either(letter, 2)
        if not place.tells_reason:
            return bits
        return self.writer.either(bits, self.writer.left(reason, 2 + place.args.width))

    def sorted_in(self, words: Words, place: MailPlace, letter: Word) -> Words:
        """The words with the letter among the others of its place, the largest first."""
        for slot in place.slots:
            held = get(self.writer, words, slot)
            if len(place.slots) == 1:
                return put(self.writer, words, slot, self.writer.either(held, letter))
            is_smaller = self.writer.compare("ult", held, letter)
            words = put(self.writer, words, slot, self.writer.select(is_smaller, letter, held))
            letter = self.writer.select(is_smaller, held, letter)
        return words

    def without_letter(self, words: Words, place: MailPlace, at: int) -> Words:
        return self._without(words, place.slots, at)

    # Ids.

    def is_unused(self, words: Words, address: Address) -> Truth:
        """Whether no instance has, had or is about to have the id."""
        place = self.layout.by_address[address]
        free = [self.writer.compare("eq", get(self.writer, words, place.control), 0)]
        if place.burnt is not None:
            free.append(self.writer.compare("eq", get(self.writer, words, place.burnt), 0))
        return self.writer.and_(*free, self.writer.is_not(self.is_spawning(words, address)))

    def is_spawning(self, words: Words, address: Address) -> Truth:
        """Whether a spawn of that instance is pending."""
        found = [
            self.is_letter(get(self.writer, words, slot))
            for place in self.layout.mail
            if isinstance(place.template, Spawn) and place.receiver == address
            for slot in place.slots
        ]
        return self.writer.or_(*found)

    def is_letter(self, letter: Word) -> Truth:
        """Whether a slot holds a message or spawn, and no refusal."""
        return self.writer.compare("eq", self.writer.both(letter, 3), 1)

    def busy(self, words: Words, address: Address) -> Truth:
        """Whether a pending delivery is from or to the instance."""
        found: list[Truth] = [
            self.writer.compare("ne", get(self.writer, words, lane.slots[0]), 0)
            for lane in self.layout.lanes
            if lane.owner == address
        ]
        for place in self.layout.mail:
            if place.owner == address:
                found.append(self.writer.compare("ne", get(self.writer, words, place.slots[0]), 0))
            elif place.receiver == address and not isinstance(place.template, Spawn):
                found += [self.is_letter(get(self.writer, words, slot)) for slot in place.slots]
        return self.writer.or_(*found)
