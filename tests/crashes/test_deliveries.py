"""Every durable write about deliveries fails once: claims of workers, heartbeats, answers, pauses, letters, redrives.

Whoever asked asks again, a worker that was not heard takes the next lease, and in the end everything must be as if
nothing had been: nothing is asked twice that may be asked once, nothing is settled twice, no lease is left over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support.durable import all_records, assert_whole
from support.faulty import FaultyStore
from support.running import turn
from support.workload import System
from temper.run import (
    Answered,
    Done,
    Failed,
    MemoryStore,
    Retryable,
    Runtime,
    SqliteStore,
    Store,
    Terminal,
    World,
    book,
    open_runtime,
)
from temper.run.leases import Leased
from temper.run.world import SeededChance

TRIES_MAX = 30


class Workers(System):
    """A system whose effects are all performed by a worker elsewhere."""

    def __init__(self, real: Store, fault: Callable[[int], str]) -> None:
        super().__init__(real, fault)
        self.granted: Counter[tuple[str, str]] = Counter()

    async def running(self) -> Runtime:
        for _ in range(TRIES_MAX):
            if self.runtime is not None and not self.store.is_dead:
                return self.runtime
            await self.end()
            if self.store.is_dead:
                self.store = FaultyStore(self.real, lambda _: "")
            self.openings += 1
            opened = await open_runtime(World(self.clock, SeededChance(self.openings), self.store), self.certified)
            self.runtime = opened if isinstance(opened, Runtime) else None
        raise AssertionError("it does not begin again")

    async def until_heard(self, ask: Callable[[Runtime], Awaitable[Any]]) -> Any:
        """Ask until the answer is not that nothing was kept."""
        for _ in range(TRIES_MAX):
            answer = await ask(await self.running())
            if not isinstance(answer, Retryable):
                return answer
            self.clock.advance(1_000)
            await turn()
        raise AssertionError("it is never answered")

    async def work(self, effect: str, end: Answered | Failed, times: int) -> None:
        """A worker takes what there is of an effect until it has brought so many answers that counted."""
        for _ in range(TRIES_MAX):
            if times == 0 or not await self._is_open(effect):
                return
            leases = await self.until_heard(lambda runtime: runtime.lease("wim", [effect]))
            for leased in leases:
                times -= await self._brought(leased, end)
            self.clock.advance(5_000)
            await turn(20)
        raise AssertionError(f"{effect} is never done")

    async def _brought(self, leased: Leased, end: Answered | Failed) -> bool:
        self.granted[leased.ask.effect, leased.ask.key] += 1
        left = await self.until_heard(lambda runtime: runtime.heartbeat(leased.lease, "wim"))
        assert isinstance(left, int) or left.code == "lease-lost"
        done = await self.until_heard(lambda runtime: runtime.complete(leased.lease, "wim", end))
        return not isinstance(done, Terminal) and done.counts

    async def _is_open(self, effect: str) -> bool:
        await (await self.running()).quiet()
        redriven = [note for _, note in book.letters(self.real) if note.effect == effect and note.redriven_by]
        return bool(redriven) or any(f'"effect":"{effect}"' in row.body for row in self.real.pending())


async def workload(system: Workers) -> None:
    await system.call("1", "Parcel", "p", "pack", label="books")
    await system.until_heard(lambda runtime: runtime.pause("ship", by="ann", because="the depot burns"))
    await system.call("2", "Parcel", "p", "send")
    assert await system.until_heard(lambda runtime: runtime.lease("wim", ["ship"])) == ()
    await system.until_heard(lambda runtime: runtime.resume("ship"))
    await system.work("ship", Failed("no"), 3)
    await system.until_heard(lambda runtime: runtime.redrive("1-0", by="ann"))
    await system.work("ship", Answered({"outcome": "shipped", "fields": {"code": "c7"}}), 1)
    await system.call("3", "Parcel", "r", "pack", label="bell")
    await system.call("4", "Parcel", "r", "ring")
    await system.work("ring", Answered("rung"), 1)
    await system.until_heard(lambda runtime: runtime.dismiss("2-0"))
    await system.until_heard(lambda runtime: runtime.pause("light", by="bob"))
    await system.settle()


def run(real: Store, fault: Callable[[int], str]) -> Workers:
    async def whole() -> Workers:
        system = Workers(real, fault)
        await workload(system)
        await system.end()
        return system

    return asyncio.run(whole())


def picture(store: Store) -> dict[str, object]:
    """How everything ended, apart from what `at_most_once` may leave open."""
    states = {row.id: row.control for row in store.all_cells("Parcel") if row.id != "r"}
    late = [
        record["outcome"] for record in all_records(store) if record["rule"] == "late" and record["effect"] == "ship"
    ]
    return {
        "states": states,
        "pending": list(store.pending()),
        "leases": list(store.book("lease")),
        "letters": [note.effect for _, note in book.letters(store)],
        "paused": {effect: note.by for effect, note in book.paused(store).items()},
        "answered by the redrive": late.count("shipped") >= 1,
    }


@pytest.fixture(scope="module")
def undisturbed() -> tuple[dict[str, object], int]:
    store = MemoryStore()
    system = run(store, lambda _: "")
    return picture(store), system.store.writes


def check(system: Workers, store: Store, expected: dict[str, object], where: str) -> None:
    assert picture(store) == expected, where
    assert_whole(store)
    assert all(times == 1 for (effect, _), times in system.granted.items() if effect == "ring"), where
    assert all(isinstance(done, Done) for done in system.acknowledged.values())


@pytest.mark.parametrize("kind", ["before", "after", "dead", "dead after", "full"])
def test_every_write(kind: str, undisturbed: tuple[dict[str, object], int]) -> None:
    expected, count = undisturbed
    assert count > 20, "the workload is to have many writes"
    assert expected["states"] == {"p": "lost"}
    assert expected["paused"] == {"light": "bob"}
    for number in range(1, count + 1):
        store = MemoryStore()
        system = run(store, lambda write, number=number: kind if write == number else "")  # type: ignore[misc]
        check(system, store, expected, f"{kind} at write {number}")


@pytest.mark.parametrize("kind", ["dead", "dead after"])
def test_some_writes_on_a_disk(kind: str, undisturbed: tuple[dict[str, object], int], tmp_path: Path) -> None:
    expected, count = undisturbed
    for number in range(2, count + 1, 5):
        store = SqliteStore(tmp_path / f"{number}.db", identity="memory")
        system = run(store, lambda write, number=number: kind if write == number else "")  # type: ignore[misc]
        check(system, store, expected, f"{kind} at write {number}")
        store.close()


def test_the_harness_looks() -> None:
    """A canary: a store that quietly forgets notes is caught."""

    class Forgetful(MemoryStore):
        def commit(self, batch: Any) -> None:
            batch.book = {place: body for place, body in batch.book.items() if body is not None}
            super().commit(batch)

    store = Forgetful()
    with pytest.raises(AssertionError):
        check(run(store, lambda _: ""), store, picture(MemoryStore()), "forgetful")
