"""The power fails, syncs fail, the disk is full, slow or broken, below the real SQLite store.

A power failure is tried at every write, sync and truncation of a run in which the log is brought in again and again:
unsynced sectors are lost, kept or mixed. Whatever is left, the store opens with everything that was acknowledged, whole.
"""

from __future__ import annotations

import asyncio
import copy
import random
import re
import shutil
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.disk import Disk
from support.durable import assert_whole
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of, turn
from support.vfs import FULL, IOERR_FSYNC, IOERR_READ, IOERR_WRITE, OK, Between
from temper.run import Done, Retryable, SqliteStore
from temper.run.archive import broken_record
from temper.run.store import sqlite_checkpoint
from temper.run.store.protocol import StoreCorruptError, StoreError
from temper.run.store.rows import Batch, Head, RecordRow
from temper.run.store.sqlite_backup import check

NAME = "j.db"
TABLE = table_of(PARCELS)
TRIES_MAX, TURNS_MAX = 20, 90


def small_steps(patched: pytest.MonkeyPatch) -> None:
    """So that the log is brought in, and begins anew, many times."""
    for name, value in (("ROWS", 6), ("PAGES_MAX", 25), ("PAGES_LEFT", 12)):
        patched.setattr(sqlite_checkpoint, name, value)


async def work(running: Running, disk: Disk, first: int, turns: int) -> None:
    """Calls, effects, messages and keys, some at once; what is acknowledged is said in the disk's own log."""
    for number in range(first, first + turns):
        id_ = f"p{number}"
        await acknowledged(running, disk, id_, "pack", {"label": "x" * 40 * number})
        await asyncio.gather(*(acknowledged(running, disk, id_, "raise_level", {}, n) for n in range(2)))
        is_sent = number % 3 == 0
        await acknowledged(running, disk, id_, "send" if is_sent else "box_up", {} if is_sent else {"size": 2})
        await running.runtime.quiet()


async def acknowledged(running: Running, disk: Disk, id_: str, action: str, args: dict[str, Any], n: int = 0) -> None:
    """As a caller does it: the same request under the same key until it is applied."""
    for _ in range(TRIES_MAX):
        answer = await running.call("Parcel", id_, action, args, key=f"{id_} {action} {n}")
        if isinstance(answer, Done):
            disk.say(answer.record)
            return
        assert isinstance(answer, Retryable), answer
        await running.pass_time(1_000)
    raise AssertionError(f"{action} is never answered")


def over(folder: Path, disk: Disk, what: Callable[[Running], Awaitable[None]]) -> None:
    """Let a runtime do something over this disk, to its orderly end."""
    folder.mkdir(exist_ok=True)
    outside = {"ship": Receiver({"outcome": "shipped", "fields": {"code": "c7"}}), "light": Receiver("lit")}

    async def whole() -> None:
        async with Running(TABLE, SqliteStore(folder / NAME, identity="disk"), outside) as running:
            await what(running)

    with Between(disk).everything():
        asyncio.run(whole())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Disk, list[RecordRow]]:
    """One undisturbed run: every write of it, and its records."""
    disk, folder = Disk(), tmp_path_factory.mktemp("run")

    async def until_the_log_began_anew(running: Running) -> None:
        for first in range(0, TURNS_MAX, 3):
            await work(running, disk, first, 3)
            if sum((what, name, given[:1]) == ("write", f"{NAME}-wal", (0,)) for what, name, given in disk.log) >= 4:
                return
        raise AssertionError("the log never begins anew")

    with pytest.MonkeyPatch.context() as patched:
        small_steps(patched)
        over(folder, disk, until_the_log_began_anew)
    return disk, opened(folder)


def opened(folder: Path, *, is_whole: bool = False) -> list[RecordRow]:
    """Open what is left there; every record there is."""
    store = SqliteStore(folder / NAME, identity="disk")
    try:
        assert broken_record(store) is None
        if is_whole and store.versions():
            assert_whole(store)
        return list(store.records(None, 0, 10_000))
    finally:
        store.close()


def places(disk: Disk, every: int) -> Iterator[tuple[int, Disk, int]]:
    """Moments at which the power may fail: the disk then, and the last record that was acknowledged by then."""
    for number, (then, said) in enumerate(disk.goes_through()):
        if said and number % every == 0:
            yield number, then, said[-1]


@pytest.mark.parametrize("left", ["what must be", "what may be", "everything"])
def test_the_power_fails_at_any_moment(left: str, run: tuple[Disk, list[RecordRow]], tmp_path: Path) -> None:
    disk, records = run
    for number, then, acknowledged_ in places(disk, 3):
        if left == "everything":
            then.seen(tmp_path / "left")
        else:
            then.left(tmp_path / "left", random.Random(number) if left == "what may be" else None)
        found = opened(tmp_path / "left", is_whole=number % 8 == 0)
        assert len(found) >= acknowledged_, f"{left}, after {number} of what happened"
        assert found == records[: len(found)]


def test_what_is_shown_after_a_kill_outlives_a_power_failure(run: tuple[Disk, list[RecordRow]], tmp_path: Path) -> None:
    """What a killed process wrote and did not sync is visible to the next one, which may show nothing that can be lost."""
    disk, _ = run
    for number, then, _ in places(disk, 5):
        then.seen(tmp_path / "killed")
        after = Disk()
        after.files = copy.deepcopy(then.files)
        with Between(after).everything():
            store = SqliteStore(tmp_path / "killed" / NAME, identity="disk")
            shown = len(store.records(None, 0, 10_000))
            after.left(tmp_path / "left")
            store.close()
        assert len(opened(tmp_path / "left")) >= shown, f"after {number} of what happened"


class Fails:
    """A fault at one moment: the so-manyth thing of a kind that happens to the log, once or from then on."""

    def __init__(self, what: str, number: int, code: int, *, for_ever: bool = False) -> None:
        self._what, self._left, self._code, self._for_ever = what, number, code, for_ever
        self.is_armed = self.has_struck = False

    def __call__(self, what: str, name: str) -> int:
        if not self.is_armed or what != self._what or not name.endswith("-wal"):
            return OK
        self._left -= 1
        strikes = self._left == 0 or (self._for_ever and self._left < 0)
        self.has_struck |= strikes
        return self._code if strikes else OK


@pytest.mark.parametrize("fault", [("sync", IOERR_FSYNC), ("write", IOERR_WRITE), ("write", FULL)])
def test_the_log_fails_once(fault: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told, asks again, and what is acknowledged in the end outlives a power failure."""
    small_steps(monkeypatch)
    for number in range(1, 20, 3):
        fails = Fails(fault[0], number, fault[1])
        disk = Disk()
        faulty(fails, tmp_path / str(number), disk, 5)
        assert fails.has_struck
        survives(disk, tmp_path / "left")


def faulty(fails: Fails, folder: Path, disk: Disk, turns: int) -> None:
    """Work over a disk that fails some time after the store was opened."""
    disk.fault = fails

    async def what(running: Running) -> None:
        fails.is_armed = True
        await work(running, disk, 0, turns)

    over(folder, disk, what)


def survives(disk: Disk, folder: Path) -> None:
    """The power fails at last; everything that was acknowledged is there."""
    disk.left(folder)
    found = opened(folder, is_whole=True)
    assert len(found) >= max((what for _, _, (what, *_) in said(disk)), default=0), "what was acknowledged is lost"


def said(disk: Disk) -> list[tuple[str, str, tuple[Any, ...]]]:
    return [each for each in disk.log if each[0] == "say"]


def test_syncs_fail_and_the_process_is_started_again(tmp_path: Path) -> None:
    """What a failed sync dropped looks as if it were there; nothing may be built on it that is acknowledged later."""
    for number in range(1, 16, 4):
        fails, folder = Fails("sync", number, IOERR_FSYNC, for_ever=True), tmp_path / str(number)
        disk = Disk()
        with pytest.raises(AssertionError, match="never answered"):
            faulty(fails, folder, disk, 12)
        survives(disk, tmp_path / "left")
        disk.fault, before = lambda what, name: OK, len(disk.log)
        over(folder, disk, lambda running: work(running, disk, 0, 6))  # noqa: B023 (called at once)
        for at, then, acknowledged_ in places(disk, 11):
            if at > before:
                then.left(tmp_path / "left")
                assert len(opened(tmp_path / "left")) >= acknowledged_, f"{at - before} after it was started again"


def test_a_commit_whose_sync_failed_is_not_kept_whoever_looks(tmp_path: Path) -> None:
    """Where the writer's is the only connection, the log would be read anew, and what was dropped with it."""
    SqliteStore(tmp_path / NAME, identity="disk").close()
    disk = Disk(lambda what, name: IOERR_FSYNC if what == "sync" else OK)
    with Between(disk).everything():
        store = SqliteStore(tmp_path / NAME, identity="disk")
        batch = Batch(Head("disk", 1), book={("note", "one"): "kept?"})
        with pytest.raises(StoreError):
            store.commit(batch)
        store.recover()
        assert not store.kept(batch)
        assert list(store.book("note")) == []
        store.close()


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RecordRow]]:
    """What a killed process leaves: a database, and a log with many transactions that is not brought in."""
    folder, disk = tmp_path_factory.mktemp("whole"), Disk()
    over(folder, disk, lambda running: work(running, disk, 0, 6))
    told = len(said(disk))
    next(then for then, sayings in disk.goes_through() if len(sayings) == told).seen(folder / "left")
    shutil.copytree(folder / "left", folder / "copy")
    return folder / "left", opened(folder / "copy")


def test_a_log_that_is_damaged_is_refused_aloud(left_behind: tuple[Path, list[RecordRow]], tmp_path: Path) -> None:
    """A bit flips in any frame of the log: nobody goes on without what was acknowledged behind it."""
    left, records = left_behind
    log = (left / f"{NAME}-wal").read_bytes()
    ends = [at for at in range(32, len(log), 4120) if log[at + 4 : at + 8] != bytes(4)]
    refused = 0
    for at in range(32, len(log), 4120 * 3):
        damaged = bytearray(log)
        damaged[at + random.Random(at).randrange(4120)] ^= 1 << at % 8
        shutil.copytree(left, tmp_path / str(at))
        (tmp_path / str(at) / f"{NAME}-wal").write_bytes(damaged)
        where = refusal(tmp_path / str(at))
        if where is None:  # The last transaction may be in pieces after any power failure, so nobody can tell.
            assert at > ends[-3], "nothing is said"
            found = opened(tmp_path / str(at))
            assert found == records[: len(found)]
        else:
            assert where <= (at - 32) // 4120 + 1
            refused += 1
    assert refused > 20


def refusal(folder: Path) -> int | None:
    """The frame at which the log is said to be damaged, if it is."""
    shutil.copytree(folder, folder.with_suffix(".again"))
    try:
        opened(folder.with_suffix(".again"))
    except StoreCorruptError as told:
        where = re.search(rf"{NAME}-wal is damaged at frame (\d+), and what was acknowledged behind it", str(told))
        return int(where[1]) if where is not None else 0
    return None


def test_a_page_that_is_damaged_is_told_by_name(left_behind: tuple[Path, list[RecordRow]], tmp_path: Path) -> None:
    """A bit flips in any record of the database, or in what holds it together: reading it from end to end says which."""
    left, records = left_behind
    shutil.copytree(left, tmp_path / "whole")
    opened(tmp_path / "whole")
    whole, said_by = (tmp_path / "whole" / NAME).read_bytes(), Counter[str]()
    for at in range(100, len(whole), 509):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        (tmp_path / "damaged.db").write_bytes(damaged)
        try:
            check(tmp_path / "damaged.db")
        except StoreError as told:
            said_by["record" if " record " in str(told) else "page"] += 1
        else:
            assert opened_to_read(tmp_path / "damaged.db") == records, f"byte {at}"
    assert min(said_by["record"], said_by["page"]) > 5, said_by


def opened_to_read(path: Path) -> list[RecordRow]:
    store = SqliteStore(path, identity="disk", read_only=True)
    try:
        return list(store.records(None, 0, 10_000))
    finally:
        store.close()


def test_what_cannot_be_read_is_told_and_read_again_when_it_can(tmp_path: Path) -> None:
    disk = Disk()

    async def what(running: Running) -> None:
        await acknowledged(running, disk, "p", "pack", {"label": "a"})
        await running.runtime.close()
        running.store = SqliteStore(tmp_path / NAME, identity="disk")
        await running.open()
        disk.fault = lambda what, name: IOERR_READ if what == "read" else OK
        answer = await running.call("Parcel", "q", "pack", {"label": "b"})
        assert isinstance(answer, Retryable), answer
        assert answer.code == "store-failed"
        disk.fault = lambda what, name: OK
        await running.pass_time(2_000)
        await acknowledged(running, disk, "q", "pack", {"label": "b"})

    over(tmp_path, disk, what)


def test_a_full_disk_is_told_and_recovers_when_there_is_room(tmp_path: Path) -> None:
    """No room in the log itself: nothing is lost, readiness says so, and it goes on by itself."""
    disk = Disk()

    async def what(running: Running) -> None:
        await work(running, disk, 0, 2)
        disk.fault = lambda what, name: FULL if what == "write" else OK
        answer = await running.call("Parcel", "late", "pack", {"label": "b"})
        assert getattr(answer, "code", "") == "storage-full"
        assert not running.runtime.is_ready
        assert running.runtime.status == "storage-full"
        await running.pass_time(3_000)
        assert running.runtime.status == "storage-full"
        assert running.seen("Parcel", "p0").seq > 0, "reads go on"
        disk.fault = lambda what, name: OK
        await running.pass_time(2_000)
        assert running.runtime.is_ready
        await work(running, disk, 2, 2)

    over(tmp_path, disk, what)


def test_a_process_starts_on_a_full_disk(tmp_path: Path, left_behind: tuple[Path, list[RecordRow]]) -> None:
    """It shows what it has, and takes calls when there is room."""
    left, records = left_behind
    shutil.copytree(left, tmp_path / "left")
    disk = Disk(lambda what, name: FULL if what == "write" else OK)
    with Between(disk).everything():
        assert opened(tmp_path / "left", is_whole=True) == records


def test_on_a_slow_disk_nobody_is_answered_before_it_is_kept(tmp_path: Path) -> None:
    """Whoever comes meanwhile waits for the next sync, all together; looks show what is kept."""
    disk, gate, is_waiting = Disk(), threading.Event(), threading.Event()

    def slow(what: str, name: str) -> int:
        if what == "sync":
            is_waiting.set()
            gate.wait(30)
        return OK

    async def what(running: Running) -> None:
        await acknowledged(running, disk, "p", "pack", {"label": "a"})
        disk.fault = slow
        calls = [asyncio.create_task(running.call("Parcel", "p", "raise_level"))]
        assert await asyncio.to_thread(is_waiting.wait, 30)
        calls += [asyncio.create_task(running.call("Parcel", f"q{n}", "pack", {"label": "b"})) for n in range(200)]
        await turn(50)
        assert not any(call.done() for call in calls)
        commits = running.store.head().commit
        gate.set()
        answers = await asyncio.gather(*calls)
        assert all(isinstance(answer, Done) for answer in answers)
        assert running.store.head().commit == commits + 2, "those who waited share a transaction"

    over(tmp_path, disk, what)
