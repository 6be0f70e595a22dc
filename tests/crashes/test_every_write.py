"""Every durable write fails once: before it is kept, after it is kept, or because the process dies around it.

A workload with calls under keys, effects of each kind, messages, spawns, timers and a reload runs until a write
fails. Then whoever asked asks again, as a caller would, and in the end everything must be as if nothing had been.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.durable import all_records, assert_one_run, assert_whole
from support.pair import Pair
from support.postgres import Server
from support.refining import Refining
from support.running import EVERY_ROLE
from support.workload import FIRST, System, workload
from temper.run import Done, MemoryStore, PostgresStore, SqliteStore, Store, work


def run(real: Store, fault: Callable[[int], str]) -> System:
    """Through the whole workload, each transaction on its way held against the law of refinement."""

    async def whole() -> System:
        refining = Refining(real)
        system = System(refining, fault)
        await workload(system)
        await check_answers(system)
        await system.end()
        assert refining.departed is None, refining.departed
        assert refining.checked == len(real.records(None, 0, 1_000_000)) > 25, "every record was looked at"
        return system

    return asyncio.run(whole())


async def check_answers(system: System) -> None:
    """Nothing that was acknowledged is lost, and its answer is the same for ever."""
    records = {record["number"]: record for record in all_records(system.real)}
    for done in system.acknowledged.values():
        record = records[done.record]
        assert (record["entity"], record["id"], record["action"]) == (done.entity, done.id, done.action)
    runtime = await system.running()
    again = await runtime.call("Parcel", None, "pack", {"label": "last"}, caller="ann", roles=EVERY_ROLE, key="13")
    assert isinstance(again, Done)
    assert again.id == system.acknowledged["13"].id


def picture(store: Store) -> set[tuple[Any, ...]]:
    """How everything ended, apart from ids that were drawn and from what `at_most_once` may leave open."""
    version = FIRST.table
    found = set()
    for entity in version.entities:
        for row in store.all_cells(entity.name):
            if row.control == "new":
                continue
            cell = json.loads(row.data)
            named = row.id if row.entity == "Parcel" and row.id in {"p", "q", "r", "slow"} else "*"
            if named == "r":
                cell, control = {}, "rung or not"
            else:
                control = row.control
            cell.pop("box", None)
            found.add((row.entity, named, control, repr(sorted(cell.items()))))
    return found


def check_outside(system: System) -> None:
    """Nobody was asked again about what was settled, and `at_most_once` was asked at most once."""
    rung = [ask.key for ask in system.outside.asked if ask.effect == "ring"]
    assert len(rung) == len(set(rung))
    assert len(rung) <= 1


@pytest.fixture(scope="module")
def undisturbed() -> tuple[set[tuple[Any, ...]], int]:
    store = MemoryStore()
    system = run(store, lambda _: "")
    assert_whole(store)
    return picture(store), system.store.writes


@pytest.mark.parametrize("kind", ["before", "after", "dead", "dead after", "full"])
def test_every_write(kind: str, undisturbed: tuple[set[tuple[Any, ...]], int]) -> None:
    expected, count = undisturbed
    assert count > 25, "the workload is to have many writes"
    for number in range(1, count + 1):
        store = MemoryStore()
        system = run(store, lambda write, number=number: kind if write == number else "")  # type: ignore[misc]
        assert picture(store) == expected, f"{kind} at write {number}"
        assert list(store.pending()) == []
        assert system.openings > kind.startswith("dead")
        assert_whole(store)
        check_outside(system)


def test_whatever_is_pending_is_taken_up_one_after_the_other(
    undisturbed: tuple[set[tuple[Any, ...]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a store that holds more than is taken up at once: calls and messages come in between."""
    monkeypatch.setattr(work, "TAKEN_UP_AT_ONCE", 1)
    expected, count = undisturbed
    for number in range(1, count + 1):
        store = MemoryStore()
        system = run(store, lambda write, number=number: "dead after" if write == number else "")  # type: ignore[misc]
        assert picture(store) == expected, f"at write {number}"
        assert_whole(store)
        check_outside(system)


@pytest.fixture(params=["sqlite", "postgres"])
def anew(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Store]:
    """An empty store that is more than memory."""
    if request.param == "sqlite":
        return lambda number: SqliteStore(tmp_path / f"{number}.db", identity="memory")
    server: Server = request.getfixturevalue("postgres")
    return lambda _: PostgresStore(server.url, schema_name=server.schema(), identity="memory")


@pytest.mark.parametrize("kind", ["dead", "dead after"])
def test_some_writes_on_a_disk(
    kind: str, undisturbed: tuple[set[tuple[Any, ...]], int], anew: Callable[[int], Store]
) -> None:
    expected, count = undisturbed
    for number in range(1, count + 1, 4):
        store = anew(number)
        system = run(store, lambda write, number=number: kind if write == number else "")  # type: ignore[misc]
        assert picture(store) == expected, f"{kind} at write {number}"
        assert_whole(store)
        check_outside(system)
        store.close()


@pytest.mark.parametrize("forgotten", ["answers", "consumed", "cells", "records"])
def test_the_harness_looks(forgotten: str) -> None:
    """A canary: a store that quietly forgets a part of a transaction is caught. A cell is soon written again, so always."""

    class Forgetful(MemoryStore):
        is_honest = True

        def commit(self, batch: Any) -> None:
            part = getattr(batch, forgotten)
            if self.is_honest and self.head().record > 20 and part:
                self.is_honest = forgotten == "cells"
                part.clear()
                if forgotten == "records":
                    batch.head = batch.head._replace(record=self.head().record)
            super().commit(batch)

    store = Forgetful()
    with pytest.raises(AssertionError):
        undisturbed_run(store)


def undisturbed_run(store: MemoryStore) -> None:
    run(store, lambda _: "")
    assert_whole(store)
    assert all(store.answer(str(number)) is not None for number in range(1, 14)), "an answer is forgotten"


@pytest.mark.parametrize(("kind", "begin"), [("dead", 1), ("dead after", 2)])
def test_one_of_two_nodes_dies_at_a_write(
    kind: str, begin: int, undisturbed: tuple[set[tuple[Any, ...]], int], postgres: Server
) -> None:
    """The other goes on with what it left, and in the end it is as if one had done it all alone."""
    expected, _ = undisturbed
    for number in range(begin, 13, 3):
        system = pair_run(postgres, lambda write, number=number: kind if write == number else "")  # type: ignore[misc]
        # How many writes it has depends on what came together; whoever dies at a later one may not have that many.
        assert system.is_alone or number > 6, "the first node has died"
        assert picture(system.second) == expected, f"{kind} at write {number} of the first node"
        assert list(system.second.pending()) == []
        assert_whole(system.second)
        assert_one_run(system.second)
        check_outside(system)
        system.second.close()


def pair_run(server: Server, fault: Callable[[int], str]) -> Pair:
    schema = server.schema()

    async def whole() -> Pair:
        system = Pair(lambda: PostgresStore(server.url, schema_name=schema, identity="memory"), fault)
        await workload(system)
        await check_answers(system)
        if system.runtime is not None:
            await system.runtime.close()
        system.first.close()  # Also of a node that died: what it was still doing may have connected once more.
        return system

    return asyncio.run(whole())
