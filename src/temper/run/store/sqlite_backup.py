"""A copy of a journal that is being written to: one moment of it, complete, checked before it has its name."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from temper.run.archive import broken_record
from temper.run.cut import Cut, cut_of
from temper.run.store.protocol import StoreCorruptError, StoreError
from temper.run.store.sqlite import SqliteStore
from temper.run.store.sqlite_layout import LAYOUT, assert_readable, layout_of


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A copy that was checked: its last record, and where the chain ends."""

    path: Path
    record: int
    chain: str
    bytes: int
    cut: Cut


def back_up(source: Path, target: Path) -> BackedUp:
    """Copy the journal as it is at one moment. Raises `StoreError`; a name that is there already is refused.

    Reading holds nobody up: whoever writes goes on writing, and what comes later is not in the copy.
    """
    half = target.with_name(f".{target.name}.half")
    if target.exists():
        raise StoreError(f"{target} is there already, and a backup overwrites nothing")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            opened.execute("VACUUM INTO ?", (str(half),))
        done = check(half)
        half.chmod(0o600)
        _flush(half)
        half.replace(target)
        _flush(target.parent)
    except sqlite3.Error as error:
        raise StoreError(f"the copy to {target} failed: {error}") from error
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
    return BackedUp(target, done.record, done.chain, target.stat().st_size, done.cut)


def check(path: Path) -> BackedUp:
    """Read a journal from end to end: its pages, its hash chain, and that the chain ends where the head says."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            said = opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreCorruptError(f"{path} is damaged: {error}") from error
    if said != "ok":
        raise StoreCorruptError(f"{path} is damaged: {said}")
    store = SqliteStore(path, identity="", read_only=True)
    try:
        head, cut, last = store.head(), cut_of(store), store.last_record()
        if (broken := broken_record(store)) is not None:
            raise StoreCorruptError(f"{path}: record {broken} is missing or altered")
        end = (cut.number, cut.hash) if last is None else (last.number, last.hash)
        if end != (head.record, head.chain):
            raise StoreCorruptError(f"{path} ends with record {end[0]}, and its head says {head.record}")
        return BackedUp(path, head.record, head.chain, path.stat().st_size, cut)
    finally:
        store.close()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def layout_at(path: Path) -> str:
    """Which layout a file has, in words. Raises `StoreError` if it is none that can be read here."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            assert_readable(opened, str(path))
            found = layout_of(opened)
    except sqlite3.Error as error:
        raise StoreCorruptError(f"{path} is no journal that can be read: {error}") from error
    return f"{found}, as of today" if found == LAYOUT else f"{found}; it becomes {LAYOUT} at the next start"
