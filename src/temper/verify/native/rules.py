"""Rules 1 to 6 of semantics.md section 3 as one native function, after `machine.relation`.

`expand(state, number, out)` writes every other state that follows to `out`, gives the end of them, and counts the
steps. The order is that of cells and deliveries; only the lengths of traces, not the traces, depend on it being fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    PRINCIPAL,
    STR,
    UNKNOWN,
    Address,
    Call,
    Cause,
    Offers,
    Outcome,
    Parameter,
    RefType,
    Send,
    Spawn,
    System,
    Target,
    Timer,
    TransitionTable,
    Universe,
)
from temper.verify.native.domain import Domains
from temper.verify.native.gates import Gates
from temper.verify.native.layout import InstancePlace, Lane, LaneSite, Layout, MailPlace, reads
from temper.verify.native.meant import Meant, known
from temper.verify.native.monitors import Monitor, Monitors
from temper.verify.native.outside import Outside
from temper.verify.native.ranges import fitted
from temper.verify.native.row import AGAIN_MADE, MACHINE, Made, Rows, Turn
from temper.verify.native.sight import Words, get, put
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer, bit, text
from temper.verify.native.zones import Known, Tick
from temper.verify.obligations import handled

SITES_MAX = 20_000
"""How many places may write a successor before native code is too long to be worth it."""


class Rules:
    """Writes the relation of one table in one universe."""

    def __init__(self, table: TransitionTable, universe: Universe, layout: Layout | None = None) -> None:
        self.table, self.universe = table, universe
        self.layout = layout or Layout(table, universe, Domains(table, universe))
        self.domains = self.layout.domains
        self.monitors = self.monitoring()
        self.offers = Offers(table, universe)
        self.sites = 0
        """How many places write a successor: at most so many has one state."""
        self.writer = Writer()
        self.state: Words = (*(f"%w{at}" for at in range(self.layout.words)), *[0] * self.layout.extra)
        self.rows = Rows(self.writer, self.layout, self.monitors, self.state, self._emit)
        self.pending = self.rows.pending
        self.gates = Gates(self.writer, self.layout)

    def monitoring(self) -> Monitors:
        """What watches while states are expanded."""
        return Monitors()

    def expand(self) -> list[str]:
        """The body of the function."""
        for place in self.layout.instances:
            self._calls(place)
        for posted in self.layout.mail:
            self._deliver(posted)
        for lane in self.layout.lanes:
            self._settle(lane)
        for place in self.layout.instances:
            self._fire(place)
        for lane in self.layout.lanes:
            self._perform(lane)
        return self.writer.lines

    def tables(self, starts: Iterable[System]) -> list[str]:
        """What the function calls and looks things up in; to be asked for when it is written."""
        begins = tuple(starts)
        found = self.pending.lateness.functions() + self.gates.tables()
        for name, zones in self.layout.zones.items():
            found += zones.close(known_ for begin in begins for known_ in _known(begin, name))
        return found

    def _emit(self, words: Words, made: Made = MACHINE) -> None:  # noqa: ARG002 - whoever asks what a step means reads it
        """Write a successor. One that is the state itself is a step like any other, but need not be looked up."""
        writer = self.writer
        out = self._written(words)
        words = words[: self.layout.words]
        moves = writer.or_(*(writer.compare("ne", a, b) for a, b in zip(words, self.state, strict=False) if a != b))
        after = writer.emit(f"getelementptr i64, ptr {out}, i64 {len(words)}")
        kept = writer.emit(f"select i1 {bit(moves)}, ptr {after}, ptr {out}")
        writer.line(f"store ptr {kept}, ptr %next")

    def _written(self, words: Words) -> str:
        """Where the words of a successor were written."""
        self.sites += 1
        if self.sites > SITES_MAX:
            raise Unsupported("too many different steps")
        writer = self.writer
        out = writer.emit("load ptr, ptr %next")
        for at, word in enumerate(words[: self.layout.words]):
            place = out if at == 0 else writer.emit(f"getelementptr i64, ptr {out}, i64 {at}")
            writer.line(f"store i64 {text(word)}, ptr {place}")
        writer.line(f"store i64 {writer.add(writer.emit('load i64, ptr %taken'), 1)}, ptr %taken")
        return out

    def _by_control(
        self, place: InstancePlace, words: Words, behind: str, controls: tuple[str, ...], write: Callable[[str], None]
    ) -> None:
        """One block for each control state of the instance; any other goes on behind."""
        labels = {control: self.writer.label() for control in controls}
        numbers = {place.controls.index(control): label for control, label in labels.items()}
        self.writer.switch(get(self.writer, words, place.control), numbers, behind)
        for control, label in labels.items():
            self.writer.place(label)
            write(control)
            self.writer.goto(behind)

    # Rule 1.

    def _calls(self, place: InstancePlace) -> None:
        entity = place.entity.name
        unlisted = {control: self.offers.unlisted(entity, control) for control in place.controls}
        controls = tuple(each for each in place.controls if unlisted[each] or self.offers.to(entity, each))
        if not controls:
            return
        behind = self.writer.label()

        def write(control: str) -> None:
            if control == NEW:
                self.writer.unless(self.pending.is_unused(self.state, place.address), behind)
            for offer in self.offers.to(entity, control):
                self._offer(place, control, offer.call)
            for action, missing in unlisted[control]:
                self.monitors.cut(self.writer, "values", f"{entity}.{action}: {missing}")

        self._by_control(place, self.state, behind, controls, write)
        self.writer.place(behind)

    def _offer(self, place: InstancePlace, control: str, call: Call) -> None:
        """One call, if the gate lets it pass; a denial is as silent as any refusal of what people ask."""
        passes = call.cause is not Cause.PERSON or self.gates.passes(place, control, call, self.state)
        if passes is False:
            return
        done = self.writer.label()
        self.writer.unless(passes, done)
        params = place.entity.action(call.action).params
        args = {param.name: self.domains.constant(param.type, call.args[param.name]) for param in params}
        self._call(place, control, call.action, args, call.caller, done)
        self.writer.place(done)

    def _call(
        self, place: InstancePlace, control: str, action: str, args: Mapping[str, Meant], caller: str | None, done: str
    ) -> None:
        violated = self.writer.label()
        used: list[str] = []

        def reject(code: str) -> str:
            if code in {"out-of-range", "same-key-twice"}:
                used.append(code)
                return violated
            return done

        who = None if caller is None else known(self.domains.code(PRINCIPAL, caller))
        spot = f"{place.entity.name}.{action}"
        self.rows.take(Turn(place, control, action, args, who, self.state, reject, done, spot))
        if used:
            self.writer.place(violated)
            self._emit(self.state)

    # Rule 2.

    def _deliver(self, posted: MailPlace) -> None:
        for at, slot in enumerate(posted.slots):
            behind = self.writer.label()
            letter = get(self.writer, self.state, slot)
            self.writer.unless(self.writer.compare("ne", letter, 0), behind)
            if at:
                before = get(self.writer, self.state, posted.slots[at - 1])
                self.writer.unless(self.writer.compare("ne", letter, before), behind)
            words = self.pending.without_letter(self.state, posted, at)
            if posted.template.refused != (IGNORE,):
                refused, received = self.writer.label(), self.writer.label()
                is_refusal = self.writer.as_truth(self.writer.right(letter, 1))
                self.writer.branch(is_refusal, refused, received)
                self.writer.place(refused)
                self._refused(posted, letter, words, behind)
                self.writer.goto(behind)
                self.writer.place(received)
            self._receive(posted, letter, words, behind)
            self.writer.place(behind)

    def _receive(self, posted: MailPlace, letter: Word, words: Words, behind: str) -> None:
        template, place = posted.template, self.layout.by_address[posted.receiver]
        if isinstance(template, Send):
            self.writer.unless(self.writer.is_not(self.pending.is_spawning(self.state, posted.receiver)), behind)
        given = self._args_of(posted, letter)
        labels: dict[str, str] = {}

        def reject(code: str) -> str:
            return labels.setdefault(code if posted.tells_reason else "", self.writer.label())

        def write(control: str) -> None:
            if control == NEW and place.burnt is not None:
                burnt = get(self.writer, self.state, place.burnt)
                self.writer.unless(self.writer.compare("eq", burnt, 0), reject("wrong-state"))
            args = self._filled(place, template.action, given)
            if args is None:
                self.writer.goto(reject("bad-args"))
                return
            spot = f"{place.entity.name}.{template.action}"
            self.rows.take(Turn(place, control, template.action, args, None, words, reject, behind, spot))

        self._by_control(place, self.state, behind, place.controls, write)
        for code, label in labels.items():
            self.writer.place(label)
            self._emit(self._rejected(posted, letter, words, code))
            self.writer.goto(behind)

    def _rejected(self, posted: MailPlace, letter: Word, words: Words, code: str) -> Words:
        if isinstance(posted.template, Spawn):
            burnt = self.layout.by_address[posted.receiver].burnt
            assert burnt is not None, "what is spawned can be burnt"
            words = put(self.writer, words, burnt, 1)
        if posted.template.refused == (IGNORE,):
            return words
        return self.pending.sorted_in(
            words, posted, self.pending.refusal(posted, letter, posted.reason.encode(code) if code else 0)
        )

    def _refused(self, posted: MailPlace, letter: Word, words: Words, behind: str) -> None:
        template = posted.template
        receiver = known(self.domains.code(RefType(template.entity), posted.receiver.id))
        given = self._args_of(posted, letter)
        if posted.tells_reason:
            width = posted.reason.width
            bits = self.writer.both(self.writer.right(letter, 2 + posted.args.width), (1 << width) - 1)
            given["reason"] = posted.reason.unpack(self.writer, bits)
        else:
            given["reason"] = self.domains.constant(STR, "")
        given["receiver"] = receiver
        site = posted.site
        place = f"{site.entity}.{site.action}.{template.entity}.{template.action}"

        def again() -> Words:
            only = self.writer.both(letter, ~(((1 << 64) - 1) << (2 + posted.args.width)) & ~2 & ((1 << 64) - 1))
            return self.pending.sorted_in(words, posted, only)

        self._aim(posted.owner, words, template.refused, given, again, handled(site), place, behind)

    def _args_of(self, posted: MailPlace, letter: Word) -> dict[str, Meant]:
        return self.pending.unpacked(posted.args, self.writer.right(letter, 2))

    # Rule 3.

    def _settle(self, lane: Lane) -> None:
        behind = self.writer.label()
        first = get(self.writer, self.state, lane.slots[0])
        number = self.writer.both(first, (1 << lane.number_width) - 1)
        labels = {asked.number: self.writer.label() for asked in lane.sites}
        self.writer.switch(number, labels, behind)
        for asked in lane.sites:
            self.writer.place(labels[asked.number])
            args = self.pending.unpacked(asked.args, self.writer.right(first, lane.args_at))
            self._outcomes(lane, asked, args, first)
            self.writer.goto(behind)
        self.writer.place(behind)

    def _outcomes(self, lane: Lane, asked: LaneSite, args: dict[str, Meant], first: Word) -> None:
        for outcome in (*lane.effect.outcomes, Outcome(UNKNOWN, ())):
            target = asked.template.target(outcome.name)
            free = [each for each in outcome.fields if each.name not in dict(outcome.told)]
            read = [reads(self.table, lane.owner.entity, target, each.name) for each in free]
            choices = [
                self.universe.values_of(each.type)[: None if is_read else 1]
                for each, is_read in zip(free, read, strict=True)
            ]
            behind = self.writer.label()
            self.writer.unless(self._possible(lane, first, outcome), behind)
            for values in product(*choices):
                fields = {
                    each.name: self.domains.constant(each.type, value) for each, value in zip(free, values, strict=True)
                }
                for was_told, told in self._told(lane, first, outcome):
                    untold = self.writer.label()
                    self.writer.unless(was_told, untold)
                    self._settled(lane, asked, first, outcome.name, {**args, **fields, **told})
                    self.writer.place(untold)
            missing = next(
                (e.name for e, known_ in zip(free, read, strict=True) if known_ and not self._is_whole(e)), ""
            )
            if missing:
                self.monitors.cut(self.writer, "values", f"{lane.effect.name}.{outcome.name}: {missing}")
            self.writer.place(behind)

    def _is_whole(self, field: Parameter) -> bool:
        """Whether the universe has every value that the field could make a difference by."""
        return self.universe.is_whole(field.type)

    def _told(self, lane: Lane, first: Word, outcome: Outcome) -> list[tuple[Truth, dict[str, Meant]]]:
        """What the outcome may tell, and whether it was so at a perform."""
        if not outcome.told or not lane.performing:
            return [(True, {})] if not outcome.told else []
        found: dict[tuple[int, ...], tuple[int, dict[str, Meant]]] = {}
        for number in range(lane.performed_width):
            told: dict[str, Meant] = {}
            key, rest = [], number
            for each in lane.told:
                bits = rest & ((1 << each.packing.width) - 1)
                rest >>= each.packing.width
                if each.outcome == outcome.name:
                    key.append(bits)
                    told[each.name] = each.packing.unpack(self.writer, bits)
            mask, _ = found.get(tuple(key), (0, told))
            found[tuple(key)] = mask | 1 << number, told
        seen = self.pending.lateness.seen(lane, first)
        return [(self.writer.compare("ne", self.writer.both(seen, mask), 0), told) for mask, told in found.values()]

    def _possible(self, lane: Lane, first: Word, outcome: Outcome) -> Truth:
        """Whether the outcome can come, after what the request has or has not done to the world."""
        performs = lane.effect.performs
        if not lane.performing or performs is None:
            return True
        performed = self.pending.lateness.performed(lane, first)
        without = outcome.name not in performs.surely and not outcome.told
        return self.writer.choose(performed, outcome.name not in performs.never, without)

    def _settled(self, lane: Lane, asked: LaneSite, first: Word, outcome: str, given: dict[str, Meant]) -> None:
        lateness, writer = self.pending.lateness, self.writer
        left = lateness.touched(lateness.leave(self.state, lane, first, outcome), lane)
        seen = ((1 << lane.performed_width) - 1) << lane.performed_at
        kept = writer.both(first, ~seen & ((1 << 64) - 1))
        again = put(writer, left, lane.slots[0], kept)
        words = self.pending.without_first(left, lane)
        behind = writer.label()
        where = f"{asked.site.entity}.{asked.site.action}.{lane.effect.name}.{outcome}"
        target = asked.template.target(outcome)
        self._aim(lane.owner, words, target, given, lambda: again, handled(asked.site), where, behind)
        writer.place(behind)

    # Rule 5.

    def _fire(self, place: InstancePlace) -> None:
        for timer, bits in zip(place.entity.timers, place.timers, strict=True):
            behind = self.writer.label()
            armed: Truth = self.writer.compare("ne", get(self.writer, self.state, bits), 0)
            self.writer.unless(armed, behind)
            if place.zone is not None:
                zone = get(self.writer, self.state, place.zone)
                zones = self.layout.zones[place.entity.name]
                self.writer.unless(zones.can_fire(self.writer, zone, timer.name), behind)
            words = put(self.writer, self.state, bits, 0)
            where = f"{place.entity.name}.{timer.name}"
            self._aim(place.address, words, timer.target, {}, _never_again, f"handled:{where}", where, behind, timer)
            self.writer.place(behind)

    # Rule 4.

    def _perform(self, lane: Lane) -> None:
        Outside(self.rows, self._emit).perform(lane)

    # Targets.

    def _aim(
        self,
        owner: Address,
        words: Words,
        target: Target,
        given: Mapping[str, Meant],
        again: Callable[[], Words],
        question: str,
        spot: str,
        behind: str,
        timer: Timer | None = None,
    ) -> None:
        """Apply a target to its owner, because `timer` fires if there is one; afterwards it goes on behind."""
        place, fired = self.layout.by_address[owner], timer.name if timer else ""

        def write(control: str) -> None:
            for part in target:
                if part in {AGAIN, IGNORE}:
                    unmoved = again() if part == AGAIN else self._unmoved(place, words, fired)
                    self._emit(self.rows.closed(unmoved, behind), AGAIN_MADE if part == AGAIN else MACHINE)
                    self.writer.goto(behind)
                    return
                declined = self.writer.label()
                args = self._filled(place, part, given)
                if args is not None:
                    self.rows.take(
                        Turn(place, control, part, args, None, words, _always(declined), behind, spot, fired)
                    )
                self.writer.place(declined)
            self.monitors.meet(self.writer, Monitor("violation", question, ""))
            self._emit(self.rows.closed(self._unmoved(place, words, fired), behind))

        existing = tuple(control for control in place.controls if control != NEW)
        self._by_control(place, self.state, behind, timer.states if timer else existing, write)

    def _unmoved(self, place: InstancePlace, words: Words, fired: str) -> Words:
        """The words when no action was taken: what fired is known to have been the first."""
        if place.zone is None or not fired:
            return words
        zones, zone = self.layout.zones[place.entity.name], get(self.writer, self.state, place.zone)
        return put(self.writer, words, place.zone, zones.after(self.writer, zone, Tick(fired, moves=False)))

    def _filled(self, place: InstancePlace, action: str, given: Mapping[str, Meant]) -> dict[str, Meant] | None:
        """The arguments of a call of the machine; None if one is missing."""
        params = place.entity.action(action).params
        if any(param.name not in given for param in params):
            return None
        return {param.name: fitted(param.type, given[param.name]) for param in params}


def _known(begin: System, entity: str) -> Iterator[Known]:
    """What is known of the timers of the entity's instances in a system."""
    armed = {cell.address: tuple(name for name, _ in cell.timers) for cell in begin.cells}
    return ((armed[address], zone) for address, zone in begin.zones if address.entity == entity)


def _always(label: str) -> Callable[[str], str]:
    return lambda _: label


def _never_again() -> Words:
    raise AssertionError("a timer is restarted, not asked again")
