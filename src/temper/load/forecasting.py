"""The real runtime under a load in virtual time: callers come and go, receivers take as long as they take."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from temper.load.callers import Callers
from temper.load.figures import Figures, Meter
from temper.load.plan import LoadPlan
from temper.load.receivers import Receiver, whole
from temper.machine import Certificate, Certified, TransitionTable, table_hash
from temper.run import Limits, ManualClock, MemoryStore, Runtime, SeededChance, Store, World, open_runtime
from temper.run.observer import Observers
from temper.verify import SimulatedLoop

START = 1_767_225_600_000
"""When a run begins: 2026-01-01T00:00:00Z."""


def forecast(
    table: TransitionTable,
    plan: LoadPlan,
    *,
    seed: int = 0,
    limits: Mapping[str, Limits] | None = None,
    hear: Callable[[float], None] = lambda _: None,
    store: Store | None = None,
) -> Figures:
    """Run the plan; `hear` is told now and then which share of it is done. The same seed gives the same figures.

    `store` is where the journal goes, in memory if not said.
    """
    loop, clock = SimulatedLoop(), ManualClock(START)  # type: ignore[abstract]  # what asyncio does not ask for is not there
    chance = random.Random(f"load {seed}")  # noqa: S311 (a simulation is to be repeated, not to be secret)

    def later(write: Callable[[], None]) -> None:
        async def written() -> None:
            await clock.wait_until(clock.now() + whole(plan.commit, chance))
            write()

        loop.create_task(written())

    meter = Meter(table, plan, clock, START)
    receivers = {
        effect.name: Receiver(effect, plan.receivers[effect.name], clock, START, random.Random(f"{effect.name} {seed}"))  # noqa: S311
        for effect in table.effects
    }
    callers = Callers(table, plan, clock, meter, seed)
    world = World(
        clock,
        SeededChance(seed),
        store or MemoryStore(),
        receivers,
        limits or {},
        observer=Observers((meter, callers)),
        later=later,
    )
    # What is asked is how long things take; whether they are right is asked by others.
    blank = Certificate(table_hash(table), (), None, "nothing was looked at", (), ())
    opened = _until_done(loop, clock, open_runtime(world, Certified(table, blank)))
    assert isinstance(opened, Runtime), f"an empty store is served: {opened}"
    loop.run_now(lambda: callers.begin(opened))
    _run(loop, clock, plan, meter, hear)
    loop.is_dead = True
    loop.run_now(lambda: _end_tasks(loop))
    return meter.conclude({name: receiver.busy_milliseconds for name, receiver in receivers.items()})


def _until_done(loop: SimulatedLoop, clock: ManualClock, doing: Coroutine[Any, Any, Any]) -> Any:
    task = loop.create_task(doing)
    loop.run()
    while not task.done():
        due = clock.next_due()
        assert due is not None, "whatever opens waits for time alone"
        clock.set(due)
        loop.run()
    return task.result()


def _run(loop: SimulatedLoop, clock: ManualClock, plan: LoadPlan, meter: Meter, hear: Callable[[float], None]) -> None:
    """From one event to the next, with a sample at its time."""
    every, end = meter.figures.sample_milliseconds, START + plan.milliseconds
    sample = START
    loop.run()
    while True:
        due = min(clock.next_due() or end, sample, end)
        clock.set(max(due, clock.now()))
        loop.pass_to(clock.now() / 1000)
        loop.run()
        if clock.now() >= sample:
            meter.sample()
            hear((sample - START) / plan.milliseconds)
            sample += every
        if clock.now() >= end:
            return


def _end_tasks(loop: SimulatedLoop) -> None:
    """The run is over in the middle of everything: nobody hears of what was still to come."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 (it is no mistake here)
        task.get_coro().close()
    loop.forget()
