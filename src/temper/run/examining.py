"""Looking at a journal in a file and at the machine below it, before something is wrong: each look says what it saw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter

from temper.run.archive import broken_archive
from temper.run.store.protocol import StoreError
from temper.run.world import Clock

FLUSHES = 20
FLUSH_BYTES = 4096
SLOW_SECONDS = 0.02
"""A flush that takes longer bounds every call that is made alone to fewer than 50 a second."""
AHEAD_MILLISECONDS = 1_000
FILES_MIN = 4_096
FREE_BYTES_MIN = 1_000_000_000


class Health(StrEnum):
    """What a look says."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at, and what to do where it is not good."""

    what: str
    health: Health
    said: str
    cure: str = ""


def look_at_machine(folder: Path) -> Iterator[Look]:
    """How fast the disk flushes, how much room it has, and how many files may be open."""
    yield _flush(folder)
    yield _room(folder)
    yield _files()


def look_at_journal(path: Path, archive: Path, clock: Clock) -> Iterator[Look]:
    """The file and its layout, the hash chain through archive and journal, and the clock against the newest record."""
    from temper.run.store.sqlite import SqliteStore
    from temper.run.store.sqlite_backup import check, layout_at

    try:
        yield Look("layout", Health.GOOD, layout_at(path))
        found = check(path)
        store = SqliteStore(path, identity="", read_only=True)
        try:
            last = store.last_record()
        finally:
            store.close()
    except StoreError as error:
        yield Look("journal", Health.BAD, str(error), "put a backup in its place; `temper backup` makes them")
        return
    yield Look(
        "journal", Health.GOOD, f"{found.record - found.cut.number:,} records, {found.bytes:,} bytes, chain whole"
    )
    broken = broken_archive(archive, found.cut)
    if broken:
        yield Look("archive", Health.BAD, broken, "put the file back from a backup of the folder")
    elif found.cut.number:
        yield Look("archive", Health.GOOD, f"{found.cut.number:,} records, and the journal goes on from them")
    if last is not None:
        yield _clock(last.at - clock.now())


def _flush(folder: Path) -> Look:
    """Real flushes, one after the other, of a file beside the journal."""
    path, times = folder / f".flush-{os.getpid()}", []
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for number in range(FLUSHES):
            os.pwrite(descriptor, bytes(FLUSH_BYTES), number * FLUSH_BYTES)
            began = perf_counter()
            os.fsync(descriptor)
            times.append(perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    times.sort()
    middle, worst = times[len(times) // 2], times[-1]
    said = f"{middle * 1000:.2f} ms in the middle, {worst * 1000:.2f} ms at worst, of {FLUSHES} flushes"
    if middle > SLOW_SECONDS:
        return Look("flush", Health.WARNING, said, "calls wait for a flush each: a faster disk answers sooner")
    return Look("flush", Health.GOOD, said)


def _room(folder: Path) -> Look:
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:,.1f} GB free"
    if free < FREE_BYTES_MIN:
        return Look("room", Health.WARNING, said, "make room: without any, no call is taken")
    return Look("room", Health.GOOD, said)


def _files() -> Look:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = f"{soft:,} files may be open" if soft != resource.RLIM_INFINITY else "as many files as wanted may be open"
    if soft != resource.RLIM_INFINITY and soft < FILES_MIN:
        return Look(
            "files", Health.WARNING, said, f"allow {FILES_MIN:,}, as in `ulimit -n {FILES_MIN}`: each client takes one"
        )
    return Look("files", Health.GOOD, said)


def _clock(ahead: int) -> Look:
    if ahead > AHEAD_MILLISECONDS:
        said = f"the newest record is {ahead / 1000:,.0f} s ahead of this machine's clock"
        return Look("clock", Health.WARNING, said, "set the clock: timers would wait until it has caught up")
    return Look("clock", Health.GOOD, "not behind the newest record")
