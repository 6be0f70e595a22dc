"""Putting away is killed at every durable write of it, in the store and in the archive, and nothing is lost.

A system that has done everything the runtime does gets old. Then it is tidied, and at the first, the second, the third
write something happens: the write fails, is kept and fails all the same, or the process is gone. Whoever tidies again
later must end where an undisturbed run ends, with each record in the archive or in the store, as it was.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.durable import all_rows, assert_whole
from support.faulty import FaultyStore
from support.refining import Refining
from support.running import Receiver
from support.workload import FIRST, SECOND, System, workload
from temper.run import ManualClock, MemoryStore, Runtime, SeededChance, SqliteStore, Store, World, keeping, open_runtime
from temper.run.archive import ArchiveBrokenError, broken_archive, broken_record
from temper.run.cut import Cut, cut_of
from temper.run.keeping import Tidied
from temper.run.retention import DAY, Retention
from temper.run.store.rows import RecordRow

KEPT = Retention(records=5 * DAY, answers=5 * DAY, finished={"Parcel": DAY})
LATER = 30 * DAY
TRIES_MAX = 5


class KilledError(BaseException):
    """The process is gone: nothing that would come after this happens."""


@pytest.fixture(scope="module")
def old() -> MemoryStore:
    """A store after the whole workload."""
    store = MemoryStore()

    async def run() -> None:
        system = System(store, lambda _: "")
        await workload(system)
        await system.end()

    asyncio.run(run())
    return store


@pytest.fixture(autouse=True)
def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are many transactions and many files to be killed in."""
    monkeypatch.setattr(keeping, "AT_ONCE", 5)
    monkeypatch.setattr(keeping, "PART_MAX", 8)


async def tidy(store: Store, folder: Path) -> Tidied | None:
    """Open the store, tidy, close it; None if it ended with a problem."""
    outside = {"ship": Receiver({"outcome": "declined"}), "ring": Receiver("rung"), "light": Receiver("lit")}
    world = World(ManualClock(LATER), SeededChance(3), store, outside)
    certified = SECOND if store.versions()[-1].number > 1 else FIRST
    runtime = await open_runtime(world, certified)
    assert isinstance(runtime, Runtime), runtime
    runtime.keep(KEPT, folder)
    assert runtime.keeping is not None
    try:
        done = await runtime.keeping.tidy()
        return done if isinstance(done, Tidied) else None
    finally:
        await runtime.close()


def until_done(store: MemoryStore, folder: Path, fault: Callable[[int], str]) -> int:
    """Tidy again until it is done; how many writes the first time had."""
    refining = Refining(store)
    faulty = FaultyStore(refining, fault)  # type: ignore[arg-type]
    done = asyncio.run(tidy(faulty, folder))  # type: ignore[arg-type]
    for _ in range(TRIES_MAX):
        assert refining.departed is None, refining.departed
        if done is not None:
            return faulty.writes
        assert_nothing_lost(store, folder)
        done = asyncio.run(tidy(store, folder))
    raise AssertionError("it is never done")


def assert_nothing_lost(store: Store, folder: Path) -> None:
    assert_whole(store, folder)
    assert broken_record(store) is None
    assert broken_archive(folder, cut_of(store)) == ""


def picture(store: Store, folder: Path) -> tuple[object, ...]:
    rows = all_rows(store, folder)
    taken = {row.address for entity in ("Parcel", "Box") for row in store.all_cells(entity) if row.burnt}
    live = {row.address for entity in ("Parcel", "Box") for row in store.all_cells(entity) if row.control != "new"}
    return len(rows), cut_of(store).number, taken, live, len(store.answered("", 1000))


@pytest.fixture
def undisturbed(old: MemoryStore, tmp_path: Path) -> tuple[tuple[object, ...], int, list[RecordRow]]:
    store, folder = copy.deepcopy(old), tmp_path / "undisturbed"
    before = all_rows(store)
    writes = until_done(store, folder, lambda _: "")
    assert_nothing_lost(store, folder)
    assert all_rows(store, folder)[: len(before)] == before
    return picture(store, folder), writes, before


def test_there_is_something_to_put_away(undisturbed: tuple[tuple[object, ...], int, list[RecordRow]]) -> None:
    (records, cut, taken, live, answers), writes, before = undisturbed
    assert cut == len(before), "everything that was old when it began; retiring is young"
    assert isinstance(records, int)
    assert records > len(before)
    assert taken
    assert live
    assert answers == 0
    assert writes > 10


@pytest.mark.parametrize("kind", ["before", "after", "dead", "dead after", "full"])
def test_every_transaction(
    kind: str, old: MemoryStore, undisturbed: tuple[tuple[object, ...], int, list[RecordRow]], tmp_path: Path
) -> None:
    expected, count, before = undisturbed
    for number in range(1, count + 1):
        store, folder = copy.deepcopy(old), tmp_path / f"{kind} {number}"
        until_done(store, folder, lambda write, number=number: kind if write == number else "")  # type: ignore[misc]
        assert_nothing_lost(store, folder)
        assert all_rows(store, folder)[: len(before)] == before, f"{kind} at write {number}"
        assert picture(store, folder) == expected, f"{kind} at write {number}"


@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_every_write_of_a_file(
    place: str,
    old: MemoryStore,
    undisturbed: tuple[tuple[object, ...], int, list[RecordRow]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before each flush and each naming of a file of the archive the process is gone; the file lies there as it does."""
    expected, _, before = undisturbed
    real = {"fsync": os.fsync, "replace": Path.replace}[place]
    number, killed = 0, True
    while killed:
        number += 1
        store, folder, left = copy.deepcopy(old), tmp_path / f"{place} {number}", number
        killed = False

        def dying(*given: object) -> object:
            nonlocal left, killed
            left -= 1
            if left == 0:
                killed = True
                raise KilledError
            return real(*given)  # type: ignore[operator]

        with monkeypatch.context() as patched:
            patched.setattr(os if place == "fsync" else Path, place, dying)
            try:
                asyncio.run(tidy(store, folder))
            except KilledError:
                assert_nothing_lost(store, folder)
        until_done(store, folder, lambda _: "")
        assert_nothing_lost(store, folder)
        assert all_rows(store, folder)[: len(before)] == before, f"{place} {number}"
        assert picture(store, folder) == expected, f"{place} {number}"
    assert number > 3, "there are several files"


def test_on_a_disk(tmp_path: Path) -> None:
    """The same on SQLite, with calls going on meanwhile."""
    path, folder = tmp_path / "journal.sqlite", tmp_path / "archive"
    store = SqliteStore(path, identity="memory")

    async def run() -> None:
        system = System(store, lambda _: "")
        await workload(system)
        await system.end()
        done = await tidy(store, folder)
        assert done is not None
        assert done.records > 20

    asyncio.run(run())
    opened = SqliteStore(path, identity="memory")
    assert_nothing_lost(opened, folder)
    opened.close()


@pytest.mark.parametrize("careless", ["cuts first", "forgets the hash"])
def test_the_harness_looks(careless: str, old: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Canaries: records that leave the store before they lie in a file, and a cut that forgets where the chain was."""
    store, folder = copy.deepcopy(old), tmp_path / "archive"
    if careless == "cuts first":
        monkeypatch.setattr(keeping, "write_part", lambda _folder, rows, *_: list(rows))
    else:
        note = keeping.cut_note
        monkeypatch.setattr(keeping, "cut_note", lambda cut: note(Cut(cut.number)))
    asyncio.run(tidy(store, folder))
    with pytest.raises((AssertionError, ArchiveBrokenError)):
        assert_nothing_lost(store, folder)
