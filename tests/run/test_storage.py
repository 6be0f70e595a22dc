"""When the store fails: calls hear it, memory never runs ahead of it, and things go on by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from support.faulty import FaultyStore
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of, turn
from temper.run import Done, MemoryStore, Retryable, SqliteStore

TABLE = table_of(PARCELS)
ARRIVED = {"outcome": "shipped", "fields": {"code": "c7"}}


def never(_: int) -> str:
    return ""


def test_a_failed_commit_is_told_and_forgotten() -> None:
    async def whole() -> None:
        store = FaultyStore(MemoryStore(), lambda write: "before" if write == 3 else "")
        async with Running(TABLE, store) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            answers = await asyncio.gather(*(running.call("Parcel", "p", "raise_level") for _ in range(3)))
            assert [getattr(answer, "code", "") for answer in answers] == ["store-failed"] * 3
            assert running.seen("Parcel", "p").data["level"] == 0
            refused = await running.call("Parcel", "p", "raise_level")
            assert isinstance(refused, Retryable)
            assert running.runtime.health()["status"] == "store-failed"
            await running.pass_time(1_000)
            assert running.runtime.health()["status"] == "good"
            assert (await running.done("Parcel", "p", "raise_level")).data["level"] == 1
            assert running.runtime.first_broken_record() is None

    asyncio.run(whole())


def test_what_was_computed_behind_a_failed_commit_fails_too(tmp_path: Path) -> None:
    async def whole() -> None:
        real = SqliteStore(tmp_path / "j.db", identity="x")
        store = FaultyStore(real, lambda write: "before" if write == 3 else "")
        async with Running(TABLE, store) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            first = asyncio.create_task(running.call("Parcel", "p", "raise_level"))
            await turn(3)  # On its way to the disk …
            second = asyncio.create_task(running.call("Parcel", "p", "raise_level"))
            third = asyncio.create_task(running.call("Parcel", "p", "send", {}, roles=frozenset()))
            answers = [await first, await second, await third]
            assert [getattr(answer, "code", "") for answer in answers] == ["store-failed"] * 3
            assert running.seen("Parcel", "p").data["level"] == 0
        real.close()

    asyncio.run(whole())


def test_a_commit_that_only_seemed_to_fail_is_no_failure() -> None:
    async def whole() -> None:
        store = FaultyStore(MemoryStore(), lambda write: "after" if write == 3 else "")
        async with Running(TABLE, store) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            assert (await running.done("Parcel", "p", "raise_level")).data["level"] == 1
            assert running.seen("Parcel", "p").data["level"] == 1

    asyncio.run(whole())


def test_a_store_that_cannot_be_asked_leaves_it_open() -> None:
    """It was kept, in truth; so nobody may say that nothing changed, and the key tells when the store is back."""

    async def whole() -> None:
        store = FaultyStore(MemoryStore(), lambda write: "dead after" if write == 3 else "")
        async with Running(TABLE, store) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            unsure = await running.call("Parcel", "p", "raise_level", key="k")
            assert isinstance(unsure, Retryable)
            assert unsure.code == "store-unsure"
            refused = await running.call("Parcel", "p", "raise_level")
            assert getattr(refused, "code", "") == "store-failed", "this one was not even tried"
            store.is_dead = False
            await running.pass_time(1_000)
            assert (await running.done("Parcel", "p", "raise_level", key="k")).data["level"] == 1
            assert running.seen("Parcel", "p").data["level"] == 1

    asyncio.run(whole())


def test_no_effect_leaves_before_its_record_is_durable() -> None:
    ship = Receiver(ARRIVED)

    async def whole() -> None:
        store = FaultyStore(MemoryStore(), lambda write: "before" if write == 3 else "")
        async with Running(TABLE, store, {"ship": ship}) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            assert not isinstance(await running.call("Parcel", "p", "send"), Done)
            await running.pass_time(5_000)
            assert ship.asked == []
            assert running.state("Parcel", "p") == "packed"

    asyncio.run(whole())


def test_an_answer_that_cannot_be_stored_is_kept_and_not_asked_for_again() -> None:
    ship = Receiver(ARRIVED)

    async def whole() -> None:
        store = FaultyStore(MemoryStore(), never)
        async with Running(TABLE, store, {"ship": ship}) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            ship.gate = asyncio.Event()
            await running.done("Parcel", "p", "send")
            await turn()
            store.is_full = True
            ship.gate.set()
            await turn(30)
            assert running.state("Parcel", "p") == "waiting"
            await running.pass_time(3_000)
            assert running.runtime.health()["status"] == "storage-full"
            store.is_full = False
            await running.pass_time(1_000)
            assert running.state("Parcel", "p") == "sent"
            assert len(ship.asked) == 1

    asyncio.run(whole())


def test_timers_and_messages_go_on_after_a_failure() -> None:
    async def whole() -> None:
        store = FaultyStore(MemoryStore(), never)
        async with Running(TABLE, store) as running:
            await running.done("Parcel", "p", "pack", {"label": "a"})
            store.is_full = True
            await running.pass_time(9 * 3_600_000)
            assert running.state("Office", "Office") == "shut"
            store.is_full = False
            await running.pass_time(1_000)
            assert running.state("Office", "Office") == "open"

    asyncio.run(whole())


def test_a_full_file_stops_calls_and_recovers(tmp_path: Path) -> None:
    async def whole() -> None:
        store = SqliteStore(tmp_path / "j.db", identity="x", pages_max=64)
        async with Running(TABLE, store) as running:
            kept: list[str] = []
            problem = await fill(running, kept)
            assert (problem.code, problem.__class__) == ("storage-full", Retryable)
            assert "no room" in problem.message
            assert running.runtime.health()["status"] == "storage-full"
            again = await running.call("Parcel", kept[0], "raise_level")
            assert isinstance(again, Retryable)
            assert again.code == "storage-full"
            assert running.state("Parcel", kept[0]) == "packed"  # Reads go on.
            await running.pass_time(3_000)
            assert running.runtime.health()["status"] == "storage-full"
            store.limit_pages(1_000)
            await running.pass_time(1_000)
            assert running.runtime.health()["status"] == "good"
            await running.done("Parcel", kept[0], "raise_level")
            assert all(running.state("Parcel", id_) == "packed" for id_ in kept)
            assert running.runtime.first_broken_record() is None

    asyncio.run(whole())


async def fill(running: Running, kept: list[str]) -> Any:
    for number in range(1_000):
        answer = await running.call("Parcel", f"p{number}", "pack", {"label": "x" * 500})
        if not isinstance(answer, Done):
            return answer
        kept.append(answer.id)
    raise AssertionError("64 pages hold no thousand parcels")


def test_what_no_record_explains_is_found(tmp_path: Path) -> None:
    """A hand in the rows: data that no call wrote, an instance that nobody made, one that is gone."""

    async def test() -> None:
        store = SqliteStore(tmp_path / "j.db", identity="x")
        async with Running(TABLE, store) as running:
            for id_ in ("p", "q", "r"):
                await running.done("Parcel", id_, "pack", {"label": "books"})
            await running.runtime.quiet()
            assert running.runtime.unexplained() == ()
            change = store._writer.execute
            change("UPDATE cells SET data = replace(data, 'books', 'bonds') WHERE id = 'p'")
            change("INSERT INTO cells SELECT entity, 's', control, seq, clock, due, timers, data, marks, burnt FROM cells"
                   " WHERE id = 'q'")  # fmt: skip
            change("DELETE FROM cells WHERE id = 'r'")
            assert [address.id for address in running.runtime.unexplained()] == ["p", "r", "s"]

    asyncio.run(test())
