"""The law of refinement looks: bugs planted in the engine, the courier, a load and the store are each noticed by it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from support.parcels import PARCELS
from support.refining import Refining
from support.running import Receiver, Running, table_of
from support.workload import System, workload
from temper.machine import Refusal
from temper.run import MemoryStore, departure, engine, reload
from temper.run.abstraction import Abstracted, abstracted
from temper.run.courier import Courier
from temper.run.engine import Instance
from temper.run.record import Pending, Record
from temper.run.store.rows import Batch

Plant = Callable[[pytest.MonkeyPatch], None]
SECONDS_MAX = 5


async def until_noticed(store: MemoryStore) -> Refining:
    """The workload, until it ends, breaks down or is found to depart."""
    refining = Refining(store)
    system = System(refining, lambda _: "")  # type: ignore[arg-type]
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _told: None)  # a planted bug may hurt its host

    async def noticed() -> None:
        while refining.departed is None:  # noqa: ASYNC110 (whoever finds it is called from many places)
            await asyncio.sleep(0)

    work, watch = asyncio.create_task(workload(system)), asyncio.create_task(noticed())
    await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED, timeout=SECONDS_MAX)
    for task in (work, watch):
        task.cancel()
    await asyncio.gather(work, watch, return_exceptions=True)
    with contextlib.suppress(AssertionError, TimeoutError):
        await asyncio.wait_for(system.end(), 5)
    return refining


def changed(name: str, change: Callable[[Record], Record], when: Callable[[Record], bool]) -> Plant:
    """A bug of the engine: where it makes such a record for the first time, it makes another."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        append, firsts = engine._append, [True]

        def wrongly(instance: Instance, record: Record) -> Any:
            if firsts and when(record):
                firsts.clear()
                record = change(record)
            return append(instance, record)

        patch.setattr(engine, "_append", wrongly)

    plant.__name__ = name
    return plant


def replaced(target: object, name: str, value: Any) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(target, name, value)

    return plant


ENGINE: dict[str, Plant] = {
    "a timer fires and stays armed": changed("armed", lambda r: r._replace(timers=None), lambda r: r.rule == "fire"),
    "a timer that fires leaves another due": changed(
        "due", lambda r: r._replace(timers=tuple((n, d + 1) for n, d in r.timers or ())), lambda r: bool(r.timers)
    ),
    "a delivery is applied and stays": changed(
        "stays", lambda r: r._replace(consumed=()), lambda r: r.rule == "deliver" and r.stepped
    ),
    "a refusal is not sent": changed(
        "silent",
        lambda r: r._replace(made=()),
        lambda r: any(isinstance(pending.delivery, Refusal) for pending in r.made),
    ),
    "a refusal names another reason": changed(
        "reason",
        lambda r: r._replace(made=tuple(p._replace(delivery=p.delivery._replace(reason="denied")) for p in r.made)),  # type: ignore[call-arg,union-attr]
        lambda r: any(isinstance(pending.delivery, Refusal) for pending in r.made),
    ),
    "a step hands on nothing": changed("nothing", lambda r: r._replace(made=()), lambda r: r.stepped and bool(r.made)),
    "an update is forgotten": changed("update", lambda r: r._replace(changes=()), lambda r: bool(r.changes)),
    "a state is forgotten": changed("state", lambda r: r._replace(control=r.before), lambda r: r.before == "waiting"),
    "a count is skipped": changed("count", lambda r: r._replace(seq=r.seq + 1), lambda r: r.stepped and r.seq == 2),
    "roles are not kept": changed("roles", lambda r: r._replace(roles=()), lambda r: bool(r.roles)),
    "arguments are not kept": changed(
        "args", lambda r: r._replace(args=()), lambda r: r.rule == "call" and bool(r.args)
    ),
    "an outcome is taken for another": changed(
        "outcome", lambda r: r._replace(outcome="unknown", fields=()), lambda r: r.outcome == "shipped"
    ),
    "an id is not burnt": changed("burnt", lambda r: r._replace(burnt=False), lambda r: r.burnt),
    "time goes backwards": changed("time", lambda r: r._replace(at=0), lambda r: r.rule == "call" and r.seq > 1),
    "replaced requests stay": replaced(engine, "_withdraw", lambda _version, _waiting, made: (made, ())),
    "messages overtake their receivers": replaced(Courier, "is_expected", lambda *_: False),
    "a load forgets its first cells": replaced(reload, "initial_cells", lambda *_, **__: ()),
}


@pytest.mark.parametrize("bug", ENGINE)
def test_a_planted_bug_is_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ENGINE[bug](monkeypatch)
    refining = asyncio.run(until_noticed(MemoryStore()))
    assert refining.departed is not None, f"{bug}, and nothing is noticed"


def test_what_is_asked_again_and_goes_behind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_again = engine._asked_again

    def behind(version: Any, pending: Pending, now: int, place: int) -> Pending:
        """Then a younger request of its lane is performed before it."""
        return asked_again(version, pending, now, place)._replace(place=place)

    async def asked() -> Refining:
        refining = Refining(MemoryStore())
        light = Receiver("lit", ["declined"])
        async with Running(table_of(PARCELS), refining, {"light": light}) as running:  # type: ignore[arg-type]
            await running.done("Parcel", "p", "pack", {"label": "a"})
            await running.done("Parcel", "p", "flash")
            await running.pass_time(5_000)
        return refining

    assert asyncio.run(asked()).departed is None
    monkeypatch.setattr(engine, "_asked_again", behind)
    assert asyncio.run(asked()).departed is not None


@pytest.mark.parametrize("part", ["cells", "consumed", "made", "records"])
def test_a_store_that_forgets_is_noticed(part: str) -> None:
    class Forgetful(MemoryStore):
        def commit(self, batch: Batch) -> None:
            if self.head().record > 3 and getattr(batch, part):
                getattr(batch, part).clear()
                if part == "records":
                    batch.head = batch.head._replace(record=self.head().record)
            super().commit(batch)

    assert asyncio.run(until_noticed(Forgetful())).departed is not None


@pytest.fixture(scope="module")
def good() -> Refining:
    store = MemoryStore()
    refining = asyncio.run(until_noticed(store))
    assert refining.departed is None, refining.departed
    return refining


def test_the_whole_journal_is_one_run(good: Refining) -> None:
    versions = good.staged()
    rows = good.records(None, 0, 1_000)
    assert departure(Abstracted(), rows, abstracted(good, versions), versions) is None  # type: ignore[arg-type]


def test_no_record_can_be_left_out(good: Refining) -> None:
    versions, rows = good.staged(), list(good.records(None, 0, 1_000))
    after = abstracted(good, versions)  # type: ignore[arg-type]
    unneeded = [
        row.number
        for i, row in enumerate(rows)
        if departure(Abstracted(), rows[:i] + rows[i + 1 :], after, versions) is None
    ]
    # What a load writes about cells repeats what the load itself says, and a late answer changes nothing.
    assert {json.loads(rows[number - 1].body)["rule"] for number in unneeded} <= {"start", "reload", "late"}


def test_steps_of_one_instance_cannot_change_places(good: Refining) -> None:
    versions, rows = good.staged(), list(good.records(None, 0, 1_000))
    after = abstracted(good, versions)  # type: ignore[arg-type]
    pairs = [i for i in range(len(rows) - 1) if (rows[i].entity, rows[i].id) == (rows[i + 1].entity, rows[i + 1].id)]
    pairs = [i for i in pairs if '"rule":"late"' not in rows[i].body + rows[i + 1].body]
    assert len(pairs) > 3
    for i in pairs:
        swapped = [*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :]]
        assert departure(Abstracted(), swapped, after, versions) is not None, f"{rows[i].body} after {rows[i + 1].body}"
