"""A workload that uses everything the runtime writes, and a system that goes on with it after each crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.durable import assert_whole
from support.faulty import FaultyStore
from support.parcels import PARCELS
from support.running import EVERY_ROLE, table_of, trusted, turn
from temper.machine import Certified
from temper.run import (
    Admitted,
    Ask,
    AttemptFailedError,
    Done,
    ManualClock,
    Retryable,
    Runtime,
    SeededChance,
    Store,
    World,
    open_runtime,
)

FIRST = trusted(table_of(PARCELS))
SECOND = trusted(
    table_of(
        PARCELS.replace("      raise_level:", "      drop: {by: person, from: packed, to: lost}\n      raise_level:")
    )
)
TRIES_MAX = 20


class Outside:
    """The receivers. They outlive every crash, count what they are asked, and deduplicate by nothing."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.store: Store

    async def __call__(self, ask: Ask) -> object:
        place, round_ = (int(part) for part in ask.key.split("-")[-2:])
        assert any((row.place, row.round) == (place, round_) for row in self.store.pending()), "asked without a row"
        self.asked.append(ask)
        times = sum(other.key == ask.key for other in self.asked)
        match ask.effect:
            case "ship" if times == 1 and ask.args["label"] == "slow":
                raise AttemptFailedError("not yet")
            case "ship":
                return {"outcome": "shipped", "fields": {"code": "c7"}}
            case "ring":
                return "rung"
            case _:
                return "lit"


class System:
    """A runtime that is begun again after each crash, over a store that fails once."""

    def __init__(self, real: Store, fault: Callable[[int], str]) -> None:
        self.real = real
        self.outside = Outside()
        self.outside.store = real
        self.clock = ManualClock(1_000)
        self.fault = fault
        self.store = FaultyStore(real, fault)
        self.certified: Certified = FIRST
        self.runtime: Runtime | None = None
        self.acknowledged: dict[str, Done] = {}
        self.openings = 0

    async def running(self) -> Runtime:
        """The runtime; begun again if its process died."""
        for _ in range(TRIES_MAX):
            if self.runtime is not None and not self.store.is_dead:
                return self.runtime
            await self.end()
            if self.store.is_dead:
                self.store = FaultyStore(self.real, lambda _: "")
            self.openings += 1
            handlers = dict.fromkeys(("ship", "ring", "light"), self.outside)
            world = World(self.clock, SeededChance(self.openings), self.store, handlers)
            opened = await open_runtime(world, self.certified)
            self.runtime = opened if isinstance(opened, Runtime) else None
        raise AssertionError("it does not begin again")

    async def end(self) -> None:
        if self.runtime is not None:
            await self.runtime.close()
        self.runtime = None

    async def call(self, key: str, entity: str, id_: str | None, action: str, **args: Any) -> Done:
        """As a caller does it: the same request under the same key until there is an answer."""
        for _ in range(TRIES_MAX):
            runtime = await self.running()
            answer = await runtime.call(entity, id_, action, args, caller="ann", roles=EVERY_ROLE, key=key)
            if isinstance(answer, Done):
                self.acknowledged[key] = answer
                return answer
            assert isinstance(answer, Retryable), answer
            self.clock.advance(1_000)
            await turn()
        raise AssertionError(f"{key} is never answered")

    async def settle(self, milliseconds: int = 5_000) -> None:
        """Let time pass until nothing is left to do, beginning again whenever the process dies."""
        end = self.clock.now() + milliseconds
        while self.clock.now() < end:
            runtime = await self.running()
            await runtime.quiet()
            if not self.store.is_dead:
                due = self.clock.next_due()
                self.clock.set(min(end, max(due, self.clock.now() + 1)) if due is not None else end)
            await turn()
        await (await self.running()).quiet()
        assert_whole(self.real)

    async def apply(self, certified: Certified) -> None:
        for _ in range(TRIES_MAX):
            runtime = await self.running()
            ended = await runtime.apply(certified)
            if isinstance(ended, Admitted):
                self.certified = certified
                return
            assert isinstance(ended, Retryable), ended
            self.clock.advance(1_000)
            await turn()
        raise AssertionError("the version is never loaded")


async def workload(system: System) -> None:
    await system.call("1", "Parcel", "p", "pack", label="books")
    await system.call("2", "Parcel", "slow", "pack", label="slow")
    await system.call("3", "Parcel", "slow", "send")
    await system.settle()
    await system.call("4", "Parcel", "p", "box_up", size=1)
    await system.call("5", "Parcel", "p", "tell", box="nowhere")
    await system.settle()
    await system.call("6", "Parcel", "r", "pack", label="bell")
    await system.call("7", "Parcel", "r", "ring")
    await system.settle()
    await system.call("8", "Parcel", "q", "pack", label="lamp")
    await system.call("9", "Parcel", "q", "flash")
    await system.call("10", "Parcel", "q", "dim", level=3)
    await system.settle()
    await system.apply(SECOND)
    await system.call("11", "Parcel", "q", "box_up", size=0)
    await system.settle(9 * 3_600_000)
    await system.call("12", "Parcel", "q", "drop")
    await system.call("13", "Parcel", None, "pack", label="last")
    await system.settle()
