"""Those who call: new instances as they come, and what people do with an instance after a while."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

from temper.load.figures import Meter
from temper.load.plan import Arrival, Caller, Habit, LoadPlan
from temper.load.receivers import whole
from temper.load.values import drawn
from temper.machine import Address, Entity, TransitionTable
from temper.run import Batch, Done, Runtime, StoreError
from temper.run.observer import Tried
from temper.run.world import Clock

REMEMBERED = 10_000
"""So many of an entity's instances, the youngest, are what an argument may refer to."""


class Callers:
    """Calls a runtime as the plan says. It observes what becomes durable, to see what can be done with it."""

    def __init__(self, table: TransitionTable, plan: LoadPlan, clock: Clock, meter: Meter, seed: int) -> None:
        self._plan, self._clock, self._meter = plan, clock, meter
        self._entities = {entity.name: entity for entity in table.entities}
        self._seed, self._chance = seed, random.Random(f"callers {seed}")  # noqa: S311
        self._habits = _by_state(plan.habits, self._entities)
        self._does: dict[tuple[Address, Habit], bool] = {}
        self._waiting: set[tuple[Address, Habit]] = set()
        self._living: dict[str, list[str]] = {}
        self._known: set[Address] = set()
        self._early: list[tuple[Address, str]] = []
        self._runtime: Runtime | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: dict[tuple[Address, str], int] = {}

    def begin(self, runtime: Runtime) -> None:
        """Call from now on, in the loop that runs."""
        self._runtime, self._loop = runtime, asyncio.get_running_loop()
        self._seen(self._early)
        for arrival in self._plan.arrivals:
            self._start(self._arrive(arrival))

    def _start(self, doing: Any) -> None:
        task = self._loop.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrive(self, arrival: Arrival) -> None:
        due, clock = float(self._clock.now()), self._clock
        # Of its own, so that they come at the same times whatever else happens.
        chance = random.Random(f"{arrival.entity}.{arrival.action} {self._seed}")  # noqa: S311
        while True:
            due += chance.expovariate(arrival.per_millisecond)
            await clock.wait_until(int(due))
            id_ = arrival.entity if self._entities[arrival.entity].single else None
            caller = self._chance.choice(arrival.callers)
            self._start(self._call(arrival.entity, id_, arrival.action, arrival.args, caller))

    async def _act(self, address: Address, habit: Habit) -> None:
        await self._clock.wait_until(self._clock.now() + whole(habit.after.draw(self._chance), self._chance))
        self._waiting.discard((address, habit))
        # In turn, for what one of them did may be what another is asked to confirm.
        turn = self._turns.get((address, habit.action), self._chance.randrange(len(habit.callers)))
        self._turns[address, habit.action] = turn + 1
        caller = habit.callers[turn % len(habit.callers)]
        await self._call(*address, habit.action, habit.args, caller)

    async def _call(self, entity: str, id_: str | None, action: str, args: Mapping[str, Any], caller: Caller) -> None:
        params = self._entities[entity].action(action).params
        given = {each.name: args.get(each.name, self._drawn(each.type)) for each in params}
        assert self._runtime is not None, "it has begun"
        answer = await self._runtime.call(entity, id_, action, given, caller=caller.name, roles=caller.roles)
        self._meter.answered(f"{entity}.{action}", None if isinstance(answer, Done) else answer.code)

    def _drawn(self, type_: Any) -> Any:
        return drawn(type_, self._chance, self._some)

    def _some(self, entity: str) -> str | None:
        living = self._living.get(entity)
        return self._chance.choice(living) if living else None

    # What the runtime tells

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        del seconds, flush_seconds
        changed = [(address, cell.control) for address, cell in batch.cells.items()]
        if self._runtime is None:
            self._early += changed
        else:
            self._loop.call_soon_threadsafe(self._seen, changed)

    def _seen(self, changed: Sequence[tuple[Address, str]]) -> None:
        for address, control in changed:
            if address not in self._known:
                self._known.add(address)
                living = self._living.setdefault(address.entity, [])
                living.append(address.id)
                del living[:-REMEMBERED]
            for habit in self._habits.get((address.entity, control), ()):
                self._incline(address, habit)

    def _incline(self, address: Address, habit: Habit) -> None:
        named = address, habit
        if named not in self._does:
            self._does[named] = self._chance.random() < habit.share
        if self._does[named] and named not in self._waiting:
            self._waiting.add(named)
            self._start(self._act(address, habit))

    def commit_failed(self, error: StoreError) -> None:
        """Disks do not fail here."""

    def fired(self, late: int) -> None:
        """What fired is in a transaction."""

    def tried(self, tried: Tried) -> None:
        """What it settled is in a transaction."""


def _by_state(habits: Sequence[Habit], entities: Mapping[str, Entity]) -> dict[tuple[str, str], tuple[Habit, ...]]:
    """What callers may do with an instance in each state."""
    found: dict[tuple[str, str], tuple[Habit, ...]] = {}
    for habit in habits:
        for state in entities[habit.entity].action(habit.action).sources:
            found[habit.entity, state] = (*found.get((habit.entity, state), ()), habit)
    return found
