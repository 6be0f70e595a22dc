"""Late requests in native code, after `machine.late`: what leaves a lane, and the one form that is left of it.

What becomes late in a step is kept behind the words until the step is closed, because only then are equal
neighbours merged, ranks made dense, and the bound looked at.
"""

from __future__ import annotations

from temper.machine import UNKNOWN, DeliveryKind
from temper.verify.native.layout import Lane, Layout
from temper.verify.native.sight import Words, get, put
from temper.verify.native.writer import Truth, Word, Writer, bit, text


class Lateness:
    """The late requests of a layout."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.layout = writer, layout
        self.lanes = sorted((lane for lane in layout.lanes if lane.performing), key=lambda lane: lane.effect.name)

    # What leaves.

    def leave(self, words: Words, lane: Lane, slot: Word, outcome: str | None) -> Words:
        """The words when the request in that slot is settled so, or replaced (None), as far as it may be late."""
        joins = self._joins(lane, slot, outcome)
        if joins is False:
            return words
        args = self.writer.left(self.writer.right(slot, lane.args_at), lane.late_args_at)
        rank = self.writer.left(self.rank(lane, slot), 1) if lane.rank_width else 0
        late = self.writer.either(self.writer.either(args, rank), 1)
        joins = self.writer.and_(joins, self.writer.compare("ne", slot, 0))
        return self._with_leaving(words, lane, self.writer.select(joins, late, 0))

    def _joins(self, lane: Lane, slot: Word, outcome: str | None) -> Truth:
        effect = lane.effect
        if not lane.performing or effect.performs is None:
            return False
        not_performed = self.writer.is_not(self.performed(lane, slot))
        match effect.delivery:
            case DeliveryKind.AT_MOST_ONCE:
                return not_performed if outcome in {None, UNKNOWN} else False
            case DeliveryKind.KEYED:
                return False if outcome in effect.performs.never else not_performed
            case DeliveryKind.IDEMPOTENT:
                return True

    def performed(self, lane: Lane, slot: Word) -> Truth:
        """Whether the request in the slot has happened."""
        return self.writer.compare("ne", self.seen(lane, slot), 0)

    def seen(self, lane: Lane, slot: Word) -> Word:
        """One bit for each thing that was told at a perform."""
        return self.writer.both(self.writer.right(slot, lane.performed_at), (1 << lane.performed_width) - 1)

    def rank(self, lane: Lane, slot: Word) -> Word:
        return self.writer.both(self.writer.right(slot, lane.rank_at), (1 << lane.rank_width) - 1)

    def _late_rank(self, lane: Lane, late: Word) -> Word:
        return self.writer.both(self.writer.right(late, 1), (1 << lane.rank_width) - 1)

    def _with_leaving(self, words: Words, lane: Lane, late: Word) -> Words:
        begin = self.layout.words + lane.at
        for at in range(begin + 1, begin + 1 + lane.leaving_max):
            if words[at] == 0:
                return self.touched((*words[:at], late, *words[at + 1 :]), lane)
        raise AssertionError("no more leave a lane than were in it")

    def touched(self, words: Words, lane: Lane) -> Words:
        """The words with the lane marked as one to be closed."""
        if not lane.performing:
            return words
        at = self.layout.words + lane.at
        return (*words[:at], 1, *words[at + 1 :])

    # Ranks.

    def next_rank(self, words: Words, lane: Lane) -> Word:
        """One more than the highest in the lane."""
        found: Word = 0
        for slot in lane.slots:
            found = self._above(found, get(self.writer, words, slot), self.rank(lane, get(self.writer, words, slot)))
        for late in self._all_late(words, lane):
            found = self._above(found, late, self._late_rank(lane, late))
        return found

    def _above(self, found: Word, holder: Word, rank: Word) -> Word:
        more = self.writer.add(rank, 1)
        higher = self.writer.and_(self.writer.compare("ne", holder, 0), self.writer.compare("ult", found, more))
        return self.writer.select(higher, more, found)

    def _all_late(self, words: Words, lane: Lane) -> list[Word]:
        begin = self.layout.words + lane.at
        leaving = [word for word in words[begin + 1 : begin + 1 + lane.leaving_max] if word != 0]
        return [*(get(self.writer, words, slot) for slot in lane.late), *leaving]

    # What goes when something is performed.

    def without(self, words: Words, lane: Lane, at: int) -> Words:
        """The words without the late request in that slot."""
        return self.touched(put(self.writer, words, lane.late[at], 0), lane)

    def without_older(self, words: Words, lane: Lane, rank: Word) -> Words:
        """What is left once the receiver has seen that rank of a fenced lane."""
        if not lane.effect.fenced:
            return words
        for slot in lane.late:
            late = get(self.writer, words, slot)
            older = self.writer.compare("ult", self._late_rank(lane, late), rank)
            words = put(self.writer, words, slot, self.writer.select(older, 0, late))
        return self.touched(words, lane)

    # Closing.

    def closed(self, words: Words) -> tuple[Words, list[tuple[Truth, str]]]:
        """The words with every touched lane in its one form, and for each whether it is within the bound."""
        bounds = []
        for lane in self.lanes:
            if words[self.layout.words + lane.at] == 1:
                words, fine = self._closed(words, lane)
                bounds.append((fine, f"{lane.owner.entity}.{lane.effect.name}"))
        return words, bounds

    def _closed(self, words: Words, lane: Lane) -> tuple[Words, Truth]:
        slots = [get(self.writer, words, slot) for slot in lane.slots]
        late = self._all_late(words, lane)
        slots, late, fine = self._called(lane, slots, late) if lane.rank_width else self._formed(lane, slots, late)
        for place, slot in zip(lane.slots, slots, strict=True):
            words = put(self.writer, words, place, slot)
        for place, each in zip(lane.late, late, strict=False):
            words = put(self.writer, words, place, each)
        return words, fine

    def _called(self, lane: Lane, slots: list[Word], late: list[Word]) -> tuple[list[Word], list[Word], Truth]:
        """The form of a fenced lane takes much code, so that it is a function of its own."""
        w = self.writer
        late = [*late, *[0] * (len(lane.late) + lane.leaving_max - len(late))]
        places = [w.emit(f"getelementptr i64, ptr %scratch, i64 {at}") for at in range(len(slots) + len(late))]
        for place, each in zip(places, [*slots, *late], strict=True):
            w.line(f"store i64 {text(each)}, ptr {place}")
        fine = w.emit(f"call i1 @form{self.layout.lanes.index(lane)}(ptr %scratch, ptr %gave_up)")
        found = [w.emit(f"load i64, ptr {place}") for place in places]
        return list(found[: len(slots)]), list(found[len(slots) :]), fine

    def functions(self) -> list[str]:
        """The functions that bring fenced lanes into their form."""
        found: list[str] = []
        for lane in self.lanes:
            if lane.rank_width:
                within = Lateness(Writer(), self.layout)
                body = within._function(lane)
                name = f"@form{self.layout.lanes.index(lane)}"
                found += [f"define internal i1 {name}(ptr %scratch, ptr %gave_up) noinline {{", "entry:", *body, "}"]
        return found

    def _function(self, lane: Lane) -> list[str]:
        w, count = self.writer, len(lane.slots) + len(lane.late) + lane.leaving_max
        places = [w.emit(f"getelementptr i64, ptr %scratch, i64 {at}") for at in range(count)]
        held: list[Word] = [w.emit(f"load i64, ptr {place}") for place in places]
        slots, late, fine = self._formed(lane, held[: len(lane.slots)], held[len(lane.slots) :])
        for place, each in zip(places, [*slots, *late], strict=True):
            w.line(f"store i64 {text(each)}, ptr {place}")
        w.line(f"ret i1 {bit(fine)}")
        return w.lines

    def _formed(self, lane: Lane, slots: list[Word], late: list[Word]) -> tuple[list[Word], list[Word], Truth]:
        """Merged, ranked and sorted, and whether there is room for what is late."""
        if lane.effect.delivery is DeliveryKind.IDEMPOTENT:
            late = self._merged(lane, late)
            if lane.rank_width:
                self._give_up_if_unfinished(lane, late)
        if lane.rank_width:
            slots, late = self._ranked(lane, slots, late)
        late = self._sorted(late)
        beyond = late[len(lane.late) :]
        return slots, late, self.writer.compare("eq", beyond[0], 0) if beyond else True

    def _merged(self, lane: Lane, late: list[Word]) -> list[Word]:
        """All but those of which an equal one of the same rank, or of the next if alone in its own, follows."""
        dropped = self._repeated(lane, late)
        return [self.writer.select(drop, 0, each) for drop, each in zip(dropped, late, strict=True)]

    def _repeated(self, lane: Lane, late: list[Word]) -> list[Truth]:
        return [
            self.writer.and_(self.writer.compare("ne", late[at], 0), self._is_repeated(lane, late, at))
            for at in range(len(late))
        ]

    def _is_repeated(self, lane: Lane, late: list[Word], at: int) -> Truth:
        w, mine = self.writer, late[at]
        twice = w.or_(*(w.compare("eq", mine, other) for other in late[at + 1 :]))
        if not lane.rank_width:
            return twice
        rank, others = self._late_rank(lane, mine), [each for place, each in enumerate(late) if place != at]
        nearest: Word = 1 << lane.rank_width
        tied: list[Truth] = []
        for other in others:
            there, of = w.compare("ne", other, 0), self._late_rank(lane, other)
            tied.append(w.and_(there, w.compare("eq", of, rank), w.compare("ne", other, mine)))
            closer = w.and_(there, w.compare("ult", rank, of), w.compare("ult", of, nearest))
            nearest = w.select(closer, of, nearest)
        at_next = w.either(w.both(mine, ~(((1 << lane.rank_width) - 1) << 1)), w.left(nearest, 1))
        follows = w.or_(*(w.compare("eq", at_next, other) for other in others))
        has_next = w.compare("ult", nearest, 1 << lane.rank_width)
        return w.or_(twice, w.and_(w.is_not(w.or_(*tied)), has_next, follows))

    def _give_up_if_unfinished(self, lane: Lane, late: list[Word]) -> None:
        """Merging once may leave neighbours that a later step would merge; native code does not follow that far."""
        again = self.writer.or_(*self._repeated(lane, late))
        if again is not False:
            held = self.writer.emit("load i64, ptr %gave_up")
            self.writer.line(f"store i64 {self.writer.either(held, self.writer.as_word(again))}, ptr %gave_up")

    def _ranked(self, lane: Lane, slots: list[Word], late: list[Word]) -> tuple[list[Word], list[Word]]:
        """Every rank replaced by the number of lower ones that there are."""
        w = self.writer
        ranks = [self.rank(lane, slot) for slot in slots]
        late_ranks = [self._late_rank(lane, each) for each in late]
        present: Word = 0
        for holder, rank in zip([*slots, *late], [*ranks, *late_ranks], strict=True):
            present = w.either(present, w.left(w.as_word(w.compare("ne", holder, 0)), rank))
        return (
            [
                self._with_rank(slot, lane.rank_at, lane, self._lower(present, rank))
                for slot, rank in zip(slots, ranks, strict=True)
            ],
            [
                self._with_rank(each, 1, lane, self._lower(present, rank))
                for each, rank in zip(late, late_ranks, strict=True)
            ],
        )

    def _lower(self, present: Word, rank: Word) -> Word:
        below = self.writer.sub(self.writer.left(1, rank), 1)
        return self.writer.popcount(self.writer.both(present, below))

    def _with_rank(self, holder: Word, at: int, lane: Lane, rank: Word) -> Word:
        w = self.writer
        mask = ((1 << lane.rank_width) - 1) << at
        changed = w.either(w.both(holder, ~mask & ((1 << 64) - 1)), w.left(rank, at))
        return w.select(w.compare("ne", holder, 0), changed, 0)

    def _sorted(self, late: list[Word]) -> list[Word]:
        """The largest first."""
        found: list[Word] = []
        for each in late:
            carried, placed = each, list[Word]()
            for other in found:
                is_smaller = self.writer.compare("ult", other, carried)
                placed.append(self.writer.select(is_smaller, carried, other))
                carried = self.writer.select(is_smaller, other, carried)
            found = [*placed, carried]
        return found
