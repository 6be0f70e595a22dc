"""Idle instances cost no memory: beyond a bound they are forgotten and read again, and nobody can tell."""

from __future__ import annotations

import asyncio

import pytest

from support.parcels import PARCELS
from support.running import Running, table_of
from temper.run import MemoryStore, driver
from temper.run.store.rows import Batch

BOUND = 20


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "FORGOTTEN_AT_ONCE", 5)


def held(running: Running) -> set[str]:
    return {address.id for address in running.runtime._driver._held}


def test_memory_stays_bounded_and_what_was_forgotten_goes_on() -> None:
    async def test() -> None:
        async with Running(table_of(PARCELS), instances_max=BOUND) as running:
            for number in range(5 * BOUND):
                await running.done("Parcel", f"p{number}", "pack", {"label": f"l{number}"})
                assert len(held(running)) <= BOUND
            for number in range(5 * BOUND):
                done = await running.done("Parcel", f"p{number}", "raise_level")
                assert (done.seq, done.data["label"], done.data["level"]) == (2, f"l{number}", 1)
                assert len(held(running)) <= BOUND

    asyncio.run(test())


def test_whoever_is_asked_again_and_again_stays() -> None:
    async def test() -> None:
        async with Running(table_of(PARCELS), instances_max=BOUND) as running:
            await running.done("Parcel", "busy", "pack", {"label": "books"})
            for number in range(5 * BOUND):
                await running.done("Parcel", f"p{number}", "pack", {"label": "books"})
                await running.call("Parcel", "busy", "raise_level")
                assert "busy" in held(running)
            assert "p0" not in held(running)

    asyncio.run(test())


def test_what_is_not_durable_is_never_forgotten() -> None:
    """Many more calls at once than memory may hold: each is answered, and every step is there."""

    async def test() -> None:
        most = 0

        class Counting(MemoryStore):
            def commit(self, batch: Batch) -> None:
                nonlocal most
                most = max(most, len(batch.cells))
                super().commit(batch)

        async with Running(table_of(PARCELS), Counting(), instances_max=BOUND) as running:
            ids = [f"p{number}" for number in range(10 * BOUND)]
            await asyncio.gather(
                *(running.done("Parcel", id_, "pack", {"label": "books"}) for id_ in ids),
                *(running.done("Parcel", id_, "raise_level") for id_ in ids),
            )
            assert most > BOUND, "one transaction holds more than memory may"
            await asyncio.gather(*(running.done("Parcel", id_, "raise_level") for id_ in ids))
            assert all(running.seen("Parcel", id_).data["level"] == 2 for id_ in ids)

    asyncio.run(test())
