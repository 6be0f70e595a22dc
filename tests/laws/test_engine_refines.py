"""The law of refinement: whatever the engine does to its instances is a step of the relation that was searched.

A small driver of nothing but dictionaries walks along a random run of the relation. For each step the engine gets
the input that stands for it, and must come to a system that the relation reaches in one step as well; replaying the
records through their JSON must give the same instances.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from support.random_policies import governed
from support.random_tables import random_tables
from temper.machine import (
    NEW,
    Address,
    Cell,
    Effecting,
    Message,
    Refusal,
    Spawning,
    Step,
    System,
    TransitionTable,
    absent,
    delivery_to_json,
    initial_cells,
    next_steps,
    start,
    universe,
)
from temper.run import Version, stage
from temper.run.codec import delivery_text, record_from_json, record_text, record_to_json
from temper.run.engine import Append, Called, Delivered, Fired, Input, Instance, Moment, Settled, absorb, advance
from temper.run.record import Pending, Record, receiver_of
from temper.run.wording import text

STEPS = 25
Picture = tuple[Any, ...]


class Driven:
    """Instances and deliveries as a runtime has them, without a store, a loop or a clock of its own."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.instances = {cell.address: Instance(cell) for cell in initial_cells(version.table)}
        self.pending: dict[int, Pending] = {}
        self.place = 0
        self.number = 0

    def copy(self) -> Driven:
        other = Driven(self.version)
        other.instances, other.pending = dict(self.instances), dict(self.pending)
        other.place, other.number = self.place, self.number
        return other

    def instance(self, address: Address) -> Instance:
        return self.instances.get(address) or Instance(absent(self.version.table, address))

    def enter(self, address: Address, given: Input, fresh: tuple[str, ...], now: int = 0) -> bool:
        """Let it advance; whether there was a record. The record goes through JSON and replays to the same."""
        before = self.instance(address)
        after, commands = advance(self.version, before, given, Moment(now, self.number + 1, self.place + 1, fresh))
        if not commands or not isinstance(commands[0], Append):
            assert after == before
            return False
        record = commands[0].record
        data = json.loads(text(record_to_json(self.version, record)))
        read = record_from_json({self.version.hash: self.version}, data)
        assert read == record
        assert absorb(before, read) == after
        self.hold_the_text(record)
        self.keep(record, after)
        return True

    def hold_the_text(self, record: Record) -> None:
        """What is written piece by piece is what the data would be encoded to."""
        deliveries = [pending.delivery for pending in record.made]
        made = [delivery_text(self.version, each) for each in deliveries]
        assert made == [text(delivery_to_json(self.version.table, each)) for each in deliveries]
        assert record_text(self.version, record, made) == text(record_to_json(self.version, record))

    def keep(self, record: Record, after: Instance) -> None:
        self.number += 1
        if after.cell.control != NEW or after.burnt:
            self.instances[record.address] = after
        for place, _ in (*record.consumed, *record.withdrawn):
            del self.pending[place]
        for pending in record.made:
            self.pending[pending.place] = pending
            self.place = max(self.place, pending.place)

    def picture(self) -> Picture:
        """What is there without times and counters, as `System` has it."""
        cells = (instance.cell for instance in self.instances.values() if instance.cell.control != NEW)
        burnt = (address for address, instance in self.instances.items() if instance.burnt)
        deliveries = [self.pending[place].delivery for place in sorted(self.pending)]
        return pictured(self.version.table, cells, deliveries, burnt)


def pictured(table: TransitionTable, cells: Any, deliveries: Any, burnt: Any) -> Picture:
    worlds = {entity.name for entity in table.entities if entity.world}
    lanes: dict[Any, list[Any]] = {}
    mail = []
    for delivery in deliveries:
        if isinstance(delivery, Effecting):
            lanes.setdefault((delivery.owner, delivery.effect), []).append((delivery.site, delivery.args))
        else:
            mail.append(repr(plain(delivery)))
    shown = {repr(timeless(cell)) for cell in cells if cell.entity not in worlds}
    return frozenset(shown), repr(sorted(lanes.items())), tuple(sorted(mail)), frozenset(burnt)


def timeless(cell: Cell) -> tuple[Any, ...]:
    data = tuple(tuple(sorted(value, key=repr)) if isinstance(value, frozenset) else value for value in cell.data)
    return cell.entity, cell.id, cell.control, data, tuple(name for name, _ in cell.timers)


def plain(delivery: Message | Spawning | Refusal) -> tuple[Any, ...]:
    if isinstance(delivery, Refusal):
        return "refusal", plain(delivery.of)  # The search leaves out reasons that nobody reads.
    return (
        type(delivery).__name__,
        delivery.owner,
        delivery.site,
        receiver_of(delivery),
        delivery.action,
        ordered(delivery.args),
    )


def ordered(args: Any) -> Any:
    return tuple((name, sorted(value, key=repr) if isinstance(value, frozenset) else value) for name, value in args)


def of_system(table: TransitionTable, system: System) -> Picture:
    return pictured(table, system.cells, system.pending, system.burnt)


def reads_time(table: TransitionTable) -> bool:
    """Stored times differ between a search at time 0 and a run; such tables are looked at elsewhere."""
    return "<Op.NOW" in repr(table)


def inputs(driven: Driven, step: Step) -> Iterator[tuple[Address, Input, int]]:
    """Every input that could stand for this step of the relation."""
    label = step.label
    match label.rule:
        case "call":
            assert label.caller is not None
            called = Called(label.action, dict(label.args), label.caller, frozenset(label.roles))
            yield label.address, called, 0
        case "deliver":
            for pending in driven.pending.values():
                if not isinstance(pending.delivery, Effecting) and receiver_of(pending.delivery) == label.address:
                    yield label.address, Delivered(pending), 0
        case "settle":
            for pending in driven.instance(label.address).effects:
                delivery = pending.delivery
                assert isinstance(delivery, Effecting)
                yield label.address, Settled(delivery.effect, pending.key, label.outcome, label.fields), 0
        case "fire":
            timers = driven.instance(label.address).cell.timers
            yield label.address, Fired(), max((due for _, due in timers), default=0)


@given(random_tables() | governed(random_tables()), st.integers(0, 2**32))
def test_the_engine_takes_steps_of_the_relation(table: TransitionTable, seed: int) -> None:
    assume(not reads_time(table))
    chance = random.Random(seed)
    within = universe(table)
    driven, system = Driven(stage(table)), start(table, within)
    for _ in range(STEPS):
        steps = [step for step in next_steps(table, system, within) if isinstance(step, Step)]
        reached = {of_system(table, step.system) for step in steps}
        asked = [step for step in steps if step.label.rule in {"call", "deliver", "settle", "fire"}]
        if not asked:
            event("nothing to do")
            return
        rule = chance.choice(sorted({step.label.rule for step in asked}))
        step = chance.choice([step for step in asked if step.label.rule == rule])
        fresh = fresh_ids(system, step.system)
        matching = None
        for address, given_input, now in inputs(driven, step):
            tried = driven.copy()
            recorded = tried.enter(address, given_input, fresh, now)
            if tried.picture() == of_system(table, step.system):
                matching = tried
            elif rule == "fire" or not recorded:
                assert not recorded or tried.picture() in reached, "a timer fired as the relation does not know"
        event(f"{rule}: {'taken' if matching else 'another came first'}")
        assert matching is not None or rule in {"fire", "settle"}, f"the engine cannot do {step.label}"
        if matching is None:
            continue
        driven, system = matching, step.system


def fresh_ids(before: System, after: System) -> tuple[str, ...]:
    """The ids that this step gave to its spawns, in the order of their positions."""
    born = [d for d in after.mail if isinstance(d, Spawning) and d not in before.mail]
    return tuple(d.child.id for d in sorted(born, key=lambda d: d.site.position)) + ("?",) * 9
