"""The law of refinement: what a store went through is a run of the relation that was verified, record by record.

`departure` holds two states and the records between them against sections 2 and 3 of semantics.md: each record that
changes something is one step that was enabled where it was taken, with exactly the outcome that the record says;
whatever else is different is a departure. It takes every step again by `step`, and asks neither the engine nor memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    UNKNOWN,
    Address,
    Again,
    Applied,
    Args,
    Call,
    Cause,
    Cell,
    Delivery,
    Effecting,
    Ignored,
    Message,
    Refusal,
    Rejected,
    Request,
    Send,
    Site,
    Spawn,
    Spawning,
    Stepped,
    Target,
    Type,
    Unhandled,
    Value,
    absent,
    apply_target,
    contains,
    initial_cells,
    step,
)
from temper.run.abstraction import Abstracted, Key
from temper.run.codec import Versions, record_from_json
from temper.run.engine import Instance, absorb
from temper.run.mapping import CellMapper, map_delivery
from temper.run.obstacle import Obstacle
from temper.run.record import Pending, Record, owner_of
from temper.run.store.rows import RecordRow
from temper.run.version import Version

CLOCKED = frozenset({"call", "deliver", "settle", "fire"})
"""Rules that move the clock of a cell."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a store left the relation: at a record, or (0) between records, and how."""

    record: int
    because: str


def departure(before: Abstracted, rows: Iterable[RecordRow], after: Abstracted, versions: Versions) -> Departure | None:
    """Where the way from one state to another is no run of the relation with these records; None if it is one."""
    run = _Run(versions, before.table, dict(before.cells), dict(before.pending), set(before.burnt))
    for row in rows:
        record = record_from_json(versions, json.loads(row.body))
        because = run.take(record)
        if because:
            return Departure(record.number, because)
    return run.differs(after)


@dataclass(slots=True)
class _Run:
    versions: Versions
    table: str
    cells: dict[Address, Cell]
    pending: dict[Key, Delivery]
    burnt: set[Address]

    @property
    def version(self) -> Version:
        return self.versions[self.table]

    def take(self, record: Record) -> str:
        """Take the one step that the record stands for; why that is none, if it is none."""
        if record.rule == "load":
            return self._load(record)
        if record.table != self.table:
            return f"it was made under {record.table[:12]}, and {self.table[:12]} is in force"
        if record.rule in CLOCKED and record.at < self._cell(record.address).clock:
            return "it happened before what its cell has seen"
        rules: Mapping[str, Callable[[Record], str]] = {
            "call": self._call,
            "deliver": self._deliver,
            "settle": self._settle,
            "fire": self._fire,
            "late": self._stutter,
            "retire": self._retire,
            "start": self._mapped,
            "reload": self._mapped,
        }
        if record.rule not in rules:
            return f"there is no rule `{record.rule}`"
        try:
            return rules[record.rule](record)
        except KeyError as missing:
            return f"it names {missing}, which the version does not have"

    def differs(self, after: Abstracted) -> Departure | None:
        """What the steps lead to, against what lies there."""
        for what, mine, theirs in (
            ("the version in force", self.table, after.table),
            ("the cells", self.cells, after.cells),
            ("what is pending", self.pending, after.pending),
            ("the ids that are burnt", self.burnt, after.burnt),
        ):
            if mine != theirs:
                return Departure(0, f"{what} changed without a step: {_difference(mine, theirs)}")
        return None

    # The rules

    def _call(self, record: Record) -> str:
        """Rule 1."""
        cell = self._cell(record.address)
        if cell.control == NEW and (record.address in self.burnt or self._is_on_its_way(record.address)):
            return "a constructor was given an id that is taken"
        if record.consumed:
            return "a call consumes nothing"
        args, roles = dict(record.args), frozenset(record.roles)
        call = Call(Cause.PERSON, record.action, args, record.at, record.caller, roles, self._fresh(record))
        return self._stepped(record, cell, step(self.version.table, cell, call), ())

    def _deliver(self, record: Record) -> str:
        """Rule 2."""
        if isinstance(found := self._consumed(record), str):
            return found
        delivery, cell = found, self._cell(record.address)
        if isinstance(delivery, Effecting):
            return "an effect settles, and is not delivered"
        if _receiver(delivery) != record.address:
            return "it was delivered to somebody else"
        if isinstance(delivery, Message) and self._is_on_its_way(record.address):
            return "a message came ahead of its receiver"
        if record.at < delivery.stamp:
            return "it was delivered before it was sent"
        if isinstance(delivery, Refusal):
            sent = delivery.of
            given = {**dict(sent.args), "reason": delivery.reason, "receiver": _receiver(sent).id}
            return self._targeted(record, cell, self._handed(sent.site).refused, given, delivery)
        call = Call(Cause.MACHINE, delivery.action, dict(delivery.args), record.at, fresh=self._fresh(record))
        is_barred = cell.control == NEW and record.address in self.burnt
        answer = Rejected("wrong-state", "it is burnt") if is_barred else step(self.version.table, cell, call)
        if isinstance(answer, Applied):
            return self._stepped(record, cell, answer, record.consumed)
        return self._refused(record, delivery, answer)

    def _refused(self, record: Record, delivery: Message | Spawning, why: Rejected) -> str:
        expected = [] if self._handed(delivery.site).refused == (IGNORE,) else [Refusal(delivery, why.code, record.at)]
        if record.stepped or [pending.delivery for pending in record.made] != expected:
            return f"it was rejected ({why.code}), and the record says something else"
        if isinstance(delivery, Spawning):
            self.burnt.add(record.address)
        return self._exchange(record)

    def _settle(self, record: Record) -> str:
        """Rule 3."""
        if isinstance(found := self._consumed(record), str):
            return found
        delivery, version = found, self.version
        if not isinstance(delivery, Effecting) or delivery.owner != record.address:
            return "what settled is no effect of this instance"
        lane = [key for key, d in self.pending.items() if isinstance(d, Effecting) and _lane(d) == _lane(delivery)]
        if min(lane) != record.consumed[0]:
            return "it settled before another of its lane"
        effect = version.effects[delivery.effect]
        if record.outcome not in {UNKNOWN, *(outcome.name for outcome in effect.outcomes)}:
            return f"{effect.name} has no outcome `{record.outcome}`"
        columns = version.outcomes[effect.name, record.outcome]
        types = dict(zip(columns.names, columns.types, strict=True))
        if {name for name, _ in record.fields} != set(types) or not _fit(types, record.fields):
            return f"the fields of `{record.outcome}` are not in their types"
        template = version.sites[delivery.site]
        assert isinstance(template, Request), "an effect comes from a request"
        given = {**dict(delivery.args), **dict(record.fields)}
        return self._targeted(record, self._cell(record.address), template.target(record.outcome), given, delivery)

    def _fire(self, record: Record) -> str:
        """Rule 5."""
        cell = self._cell(record.address)
        timers = self.version.entities[cell.entity].timers
        order = {timer.name: position for position, timer in enumerate(timers)}
        armed = sorted((due, order[name], name) for name, due in cell.timers)
        if not armed or record.consumed:
            return "no timer is armed, or something was consumed"
        due, position, name = armed[0]
        if name != record.cause or record.at < due:
            return f"`{record.cause}` fired, and `{name}` is the next, due at {due}"
        disarmed = cell._replace(timers=tuple(timer for timer in cell.timers if timer[0] != name))
        return self._targeted(record, disarmed, timers[position].target, {}, None)

    def _load(self, record: Record) -> str:
        """Rule 7: everything goes through the mapping of the version, all at once."""
        new, now = self.versions[record.table], record.at
        if self.table:
            mapper = CellMapper(self.version, new, now)
            for address, cell in self.cells.items():
                mapped = mapper.map(cell)
                if not isinstance(mapped, Cell):
                    return f"{address} has no place in the version: {'; '.join(map(str, mapped))}"
                self.cells[address] = mapped
            for key, delivery in self.pending.items():
                placed = map_delivery(self.version, new, Pending(*key, delivery))
                if isinstance(placed, Obstacle):
                    return f"a delivery has no place in the version: {placed}"
                self.pending[key] = placed.delivery
        self.table = new.hash
        for cell in initial_cells(new.table, now=now):
            self.cells.setdefault(cell.address, cell)
        return ""

    def _mapped(self, record: Record) -> str:
        """A part of a load, which was taken as a whole."""
        if record.made:
            same = all(self.pending.get(pending.key) == pending.delivery for pending in record.made)
            return (
                "" if same and record.consumed == tuple(p.key for p in record.made) else "a delivery was mapped wrongly"
            )
        cell = self.cells.get(record.address)
        written = absorb(Instance(absent(self.version.table, record.address)), record).cell
        return "" if cell is not None and cell == written else f"it was mapped to {cell}, and written as {written}"

    def _stutter(self, record: Record) -> str:
        """Rule 8."""
        changes = record.stepped or record.made or record.consumed or record.withdrawn or record.timers is not None
        return "a record that only keeps what somebody said changes something" if changes else ""

    def _retire(self, record: Record) -> str:
        """Putting away (G8): only what can do nothing but reject, and is taken for an id that is taken from then on."""
        cell, declared = self._cell(record.address), self.version.entities[record.address.entity]
        if cell.control not in declared.final or cell.timers or declared.single:
            return f"it is in `{cell.control}` and may still do something"
        if any(owner_of(delivery) == record.address for delivery in self.pending.values()):
            return "something that it handed on is still pending"
        if record.made or record.consumed or record.withdrawn or record.seq != cell.seq:
            return "putting away changes nothing else"
        del self.cells[record.address]
        self.burnt.add(record.address)
        return ""

    # What they share

    def _targeted(
        self, record: Record, cell: Cell, target: Target, given: Mapping[str, Value], delivery: Delivery | None
    ) -> str:
        taken = apply_target(self.version.table, cell, target, given, record.at, self._fresh(record))
        match taken:
            case Stepped(action, applied):
                if action != record.action:
                    return f"the target leads to `{action}`, and the record says `{record.action}`"
                return self._stepped(record, cell, applied, record.consumed)
            case Again():
                return self._asked_again(record, delivery)
            case Ignored() | Unhandled():
                if record.stepped or record.made or record.withdrawn:
                    return "the target changes nothing, and the record does"
                if isinstance(taken, Unhandled) != record.unhandled:
                    return "whether it was handled is not what the record says"
                if cell.control != NEW:
                    self.cells[record.address] = cell
                return self._exchange(record)
            case _:
                assert_never(taken)

    def _asked_again(self, record: Record, delivery: Delivery | None) -> str:
        if record.action != AGAIN or record.stepped or len(record.made) != 1:
            return "it is to be asked again, and the record says something else"
        made, (place, round_) = record.made[0], record.consumed[0]
        match delivery:
            case Effecting():
                expected: Delivery = delivery._replace(round=delivery.round + 1, stamp=record.at)
                is_placed = made.key == (place, round_ + 1)
            case Refusal(of=Message() as sent):
                expected, is_placed = sent._replace(round=sent.round + 1, stamp=record.at), made.place > place
            case _:
                return "only effects and refused messages are asked again"
        return self._exchange(record) if is_placed and made.delivery == expected else "it was asked again wrongly"

    def _stepped(self, record: Record, before: Cell, answer: Applied | Rejected, settled: tuple[Key, ...]) -> str:
        """The step that was taken, against the record; then the state after it."""
        if isinstance(answer, Rejected):
            return f"it is rejected here: {answer.code}: {answer.message}"
        if not record.stepped:
            return "a step was taken, and the record says that there was none"
        kept, withdrawn = self._withdrawn(answer.deliveries, settled)
        if [pending.delivery for pending in record.made] != kept or set(record.withdrawn) != withdrawn:
            return "it hands on something else than the record says, or withdraws something else"
        written = absorb(Instance(before), record).cell
        if written != answer.cell:
            return f"it leads to {answer.cell}, and the record to {written}"
        self.cells[record.address] = answer.cell
        return self._exchange(record)

    def _withdrawn(self, handed: tuple[Delivery, ...], settled: tuple[Key, ...]) -> tuple[list[Delivery], set[Key]]:
        """What is handed on in the end, and what is withdrawn by `replaces` among what was pending before."""
        kept: list[Delivery] = []
        withdrawn: set[Key] = set()
        for delivery in handed:
            if isinstance(delivery, Effecting) and self._replaces(delivery.site):
                lane = _lane(delivery)
                same = {k for k, d in self.pending.items() if isinstance(d, Effecting) and _lane(d) == lane}
                withdrawn |= same - set(settled)
                kept = [other for other in kept if not (isinstance(other, Effecting) and _lane(other) == lane)]
            kept.append(delivery)
        return kept, withdrawn

    def _exchange(self, record: Record) -> str:
        """Remove what was consumed and withdrawn; add what was made, in free places behind all of its lane."""
        for key in (*record.consumed, *record.withdrawn):
            if self.pending.pop(key, None) is None:
                return f"{key} is consumed, and is not pending"
        taken = {place for place, _ in self.pending}
        for pending in record.made:
            if pending.place in taken:
                return f"the place {pending.place} is given twice"
            if record.action != AGAIN and not self._is_last(pending):
                return f"the place {pending.place} is not behind the others of its lane"
            taken.add(pending.place)
            self.pending[pending.key] = pending.delivery
        return ""

    def _is_last(self, pending: Pending) -> bool:
        made = pending.delivery
        if not isinstance(made, Effecting):
            return True
        lane = (key for key, d in self.pending.items() if isinstance(d, Effecting) and _lane(d) == _lane(made))
        return all(place < pending.place for place, _ in lane)

    def _consumed(self, record: Record) -> Delivery | str:
        """The one delivery that the record consumes."""
        if len(record.consumed) != 1:
            return "one delivery is consumed, no more and no less"
        found = self.pending.get(record.consumed[0])
        return f"{record.consumed[0]} is consumed, and is not pending" if found is None else found

    def _cell(self, address: Address) -> Cell:
        return self.cells.get(address) or absent(self.version.table, address)

    def _is_on_its_way(self, address: Address) -> bool:
        return any(isinstance(d, Spawning) and d.child == address for d in self.pending.values())

    def _fresh(self, record: Record) -> tuple[str, ...]:
        """The ids that the step drew, and some that it did not draw, should it want more."""
        drawn = tuple(p.delivery.child.id for p in record.made if isinstance(p.delivery, Spawning))
        return drawn + ("?",) * self.version.spawns_max[record.address.entity]

    def _handed(self, site: Site) -> Send | Spawn:
        template = self.version.sites[site]
        assert isinstance(template, Send | Spawn), "a message or spawn comes from a send or spawn"
        return template

    def _replaces(self, site: Site) -> bool:
        template = self.version.sites[site]
        return isinstance(template, Request) and template.replaces


def _receiver(delivery: Message | Spawning | Refusal) -> Address:
    match delivery:
        case Message(receiver=receiver):
            return receiver
        case Spawning(child=child):
            return child
        case Refusal(of=sent):
            return sent.owner


def _lane(effect: Effecting) -> tuple[Address, str]:
    return effect.owner, effect.effect


def _fit(types: Mapping[str, Type], fields: Args) -> bool:
    return all(contains(types[name], value) for name, value in fields)


def _difference(mine: object, theirs: object) -> str:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        key = next(key for key in (*mine, *theirs) if mine.get(key) != theirs.get(key))
        return f"{key}: {mine.get(key)} by the steps, {theirs.get(key)} in the store"
    return f"{mine} by the steps, {theirs} in the store"
