"""The wall clock is set while the runtime serves: nothing is early, nothing is lost, nothing waits for ever."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.durable import all_records, assert_one_run, assert_whole
from support.parcels import PARCELS
from support.running import EVERY_ROLE, Receiver, failing, table_of, trusted
from temper.machine import TransitionTable
from temper.run import (
    Answered,
    Ask,
    Completed,
    Done,
    Handler,
    Limits,
    MemoryStore,
    Runtime,
    SeededChance,
    Seen,
    SystemClock,
    World,
    open_runtime,
)
from temper.run.leases import LEASE_MILLISECONDS
from temper.run.limits import Fuse
from temper.run.world import SLEEP_MAX_SECONDS
from temper.verify.simulate.loop import SimulatedLoop

TABLE = table_of(PARCELS)
PATIENT = table_of(PARCELS.replace("after: 60s", "after: 1000h").replace("    timeout: 5s", "    timeout: 90s", 1))
"""The same, where no timer gets in the way of what is looked at."""
HOUR = 3_600_000
SHIPPED = {"outcome": "shipped", "fields": {"code": "c7"}}
START = 1_700_000_000_000


class Machine:
    """The real runtime on the real clock, over a wall clock that is set; time passes only when it is let pass."""

    def __init__(
        self,
        handlers: dict[str, Handler] | None = None,
        limits: dict[str, Limits] | None = None,
        table: TransitionTable = TABLE,
    ) -> None:
        self.loop = SimulatedLoop()
        self.ahead = 0
        self.store = MemoryStore()
        clock = SystemClock(self._wall, lambda: int(self.loop.time() * 1e9))
        world = World(clock, SeededChance(1), self.store, handlers or {}, limits or {})
        opened = self.done(open_runtime(world, trusted(table)))
        assert isinstance(opened, Runtime)
        self.runtime = opened

    def _wall(self) -> int:
        return (START + self.ahead) * 1_000_000 + int(self.loop.time() * 1e9)

    def done(self, waiting: Awaitable[Any]) -> Any:
        """Let this come to its end, which takes no time."""
        task = self.loop.create_task(waiting)  # type: ignore[arg-type]
        self.loop.run()
        return task.result()

    def pass_time(self, milliseconds: int) -> None:
        """Real time, as no clock can be set to."""
        end = self.loop.time() + milliseconds / 1000
        while (due := self.loop.next_due()) is not None and due <= end:
            self.loop.pass_to(due)
            self.loop.run()
        self.loop.pass_to(end)
        self.loop.run()

    def call(self, id_: str, action: str, args: dict[str, Any] | None = None) -> Done:
        answer = self.done(self.runtime.call("Parcel", id_, action, args or {}, caller="ann", roles=EVERY_ROLE))
        assert isinstance(answer, Done), answer
        return answer

    def state(self, id_: str) -> str:
        seen = self.runtime.read("Parcel", id_)
        assert isinstance(seen, Seen)
        return seen.state

    def end(self) -> None:
        """Everything that was kept is a run of the relation, and no record is older than the one before it."""
        assert self.runtime.health()["faults"] == []
        assert self.loop.mistakes == []
        self.done(self.runtime.close())
        self.loop.forget()
        times = [record["at"] for record in all_records(self.store)]
        assert times == sorted(times)
        assert_whole(self.store)
        assert_one_run(self.store)


def hanging() -> Handler:
    async def hang(ask: Ask) -> object:
        return await asyncio.get_running_loop().create_future()

    return hang


jumps = pytest.mark.parametrize("jump", [-HOUR, -24 * HOUR, HOUR, 24 * HOUR, 0])


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(-50_000, 50_000) | st.just(0)), max_size=30))
def test_a_clock_never_goes_back_and_never_stands(steps: list[tuple[int, int]]) -> None:
    """Never behind the wall, never back, half the pace at least; and on the wall's time once that has caught up."""
    wall, steady = itertools.accumulate((by + jump for by, jump in steps), initial=10**9), iter(passed(steps))
    at, walls = 0, [10**9]

    def next_wall() -> int:
        walls.append(next(wall))
        return walls[-1] * 1_000_000

    clock = SystemClock(next_wall, lambda: next(steady) * 1_000_000)
    told = 10**9
    for by, _ in steps:
        before, told, at = told, clock.now(), at + by
        assert told >= before + by // 2
        assert told >= walls[-1]
        assert told <= max(walls[-1], before + (by + 1) // 2)


def passed(steps: list[tuple[int, int]]) -> Iterator[int]:
    return itertools.accumulate((by for by, _ in steps), initial=0)


@jumps
def test_a_timer_fires_once_not_early_and_not_an_hour_late(jump: int) -> None:
    machine = Machine()
    machine.call("p", "pack", {"label": "a"})
    armed = machine.call("p", "send").at
    machine.pass_time(10_000)
    machine.ahead += jump
    machine.pass_time(20_000 if jump > 0 else 49_000)
    if jump <= 0:
        assert machine.state("p") == "waiting", "so much time has not passed"
    machine.pass_time(110_000 if jump <= 0 else int(SLEEP_MAX_SECONDS * 1000))
    assert machine.state("p") == "lost"
    fired = [record for record in all_records(machine.store) if record["rule"] == "fire"]
    assert [record["id"] for record in fired if record["entity"] == "Parcel"] == ["p"]
    assert all(int(str(record["at"])) >= armed + 60_000 for record in fired if record["entity"] == "Parcel")
    machine.end()


@jumps
def test_a_handler_that_hangs_is_ended(jump: int) -> None:
    machine = Machine({"ring": hanging()})
    machine.call("p", "pack", {"label": "a"})
    machine.call("p", "ring")
    machine.pass_time(1_000)
    machine.ahead += jump
    machine.pass_time(max(10_000, int(SLEEP_MAX_SECONDS * 1000) if jump > 0 else 0))
    seen = machine.runtime.read("Parcel", "p")
    assert isinstance(seen, Seen)
    assert seen.data["code"] == "silence"
    machine.end()


@jumps
def test_a_retry_comes_and_a_breaker_lets_through_again(jump: int) -> None:
    ship = Receiver(SHIPPED, [failing(), failing()])
    machine = Machine({"ship": ship}, {"ship": Limits(fuse=Fuse(1, 5_000))}, PATIENT)
    machine.call("p", "pack", {"label": "a"})
    machine.call("p", "send")
    machine.pass_time(100)
    assert len(ship.asked) == 1
    machine.ahead += jump
    machine.pass_time(58_000)
    assert machine.state("p") == "sent"
    assert len(ship.asked) == 3
    machine.end()


@jumps
def test_a_lease_runs_out_and_comes_to_somebody_else(jump: int) -> None:
    machine = Machine(table=PATIENT)
    machine.call("p", "pack", {"label": "a"})
    machine.call("p", "send")
    (first,) = machine.done(machine.runtime.lease("wim", ["ship"]))
    machine.pass_time(1_000)
    machine.ahead += jump
    if jump <= 0:
        machine.pass_time(LEASE_MILLISECONDS - 2_000)
        assert machine.done(machine.runtime.lease("wot", ["ship"])) == (), "it is still wim's"
    machine.pass_time(2 * LEASE_MILLISECONDS + 5_000)
    (second,) = machine.done(machine.runtime.lease("wot", ["ship"]))
    assert second.ask.attempt == 2
    for leased, who, counts in ((first, "wim", False), (second, "wot", True)):
        answer = machine.done(machine.runtime.complete(leased.lease, who, Answered(SHIPPED)))
        assert isinstance(answer, Completed)
        assert answer.counts == counts
    assert machine.state("p") == "sent"
    machine.end()


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_store_that_fails_is_tried_again_every_second(jump: int) -> None:
    from support.faulty import FaultyStore
    from temper.run.driver import PROBE_MILLISECONDS

    machine = Machine()
    faulty = FaultyStore(machine.store, lambda write: "")
    machine.runtime._driver.committer._store = faulty  # type: ignore[assignment]
    faulty.is_full = True
    machine.done(machine.runtime.call("Parcel", "p", "pack", {"label": "a"}, caller="ann", roles=EVERY_ROLE))
    assert machine.runtime.status == "storage-full"
    faulty.is_full = False
    machine.ahead += jump
    machine.pass_time(3 * PROBE_MILLISECONDS)
    assert machine.runtime.status == "good"
    machine.call("p", "pack", {"label": "a"})
    machine.end()
