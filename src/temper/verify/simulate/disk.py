"""A simulated disk: what is durable, what a process sees of it, and every way in which a write can go wrong.

Rows are kept by the logic of the store in memory. A transaction is there whole or not at all, as SQLite and PostgreSQL
promise it on a disk that keeps what it says it kept; a disk that lies about that is no fault that any store survives.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView
from enum import StrEnum
from typing import Any

from temper.run import Batch, MemoryStore, PendingRow, StorageFullError, StoreError


class WriteFault(StrEnum):
    """What becomes of one write."""

    NONE = ""
    BEFORE = "before"
    """It fails, and nothing was kept."""
    AFTER = "after"
    """It fails, and all was kept: the disk was done, and could not say so."""
    UNSURE = "unsure"
    """It fails, nothing was kept, and the store cannot be opened for a while to see that."""
    UNSURE_AFTER = "unsure-after"
    """The same, and all was kept."""
    FULL = "full"
    """There is no room, until there is."""
    DIES = "dies"
    """It is kept, and the process dies before it hears of that."""


class PowerLostError(StoreError):
    """The process is gone; only what it leaves behind in its own memory ever sees this."""


Committed = Callable[[Batch], None]


class Rows(MemoryStore):
    """The rows, which whoever checks them may look at in ways that no runtime needs."""

    def pending_places(self) -> KeysView[int]:
        return self._pending.keys()

    def note(self, kind: str, key: str) -> str | None:
        """A note of the book."""
        return self._book.get((kind, key))

    def pending_at(self, place: int) -> PendingRow | None:
        return self._pending.get(place)


class Disk:
    """What is durable. `committed` hears of every transaction that was kept, at once."""

    def __init__(self, rows: Rows, committed: Committed) -> None:
        self.rows, self._committed = rows, committed
        self.is_full = False
        self.silent = 0
        """How often it cannot be opened from now on."""
        self.torn = 0
        """How many transactions were cut off in the middle by a crash, and discarded when the store was opened."""
        self.failed: Callable[[], None] = lambda: None
        """Hears of every time that it could not be read, or opened."""

    def keep(self, batch: Batch) -> None:
        """One transaction, durable when this returns."""
        if self.is_full:
            raise StorageFullError("there is no room left for the journal")
        self.rows.commit(batch)
        self._committed(batch)


class ProcessStore:
    """The store as one process sees it: it ends with the process, and what is durable stays.

    `blocks` is False: how long a write takes is the simulation's business, which the committer learns from its world.
    """

    blocks = False
    shared = False

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.is_dead = False
        self.fault = WriteFault.NONE
        """What becomes of the next write."""
        self.recoveries = 0
        self.unread = 0
        """So many reads fail from now on."""

    def commit(self, batch: Batch) -> None:
        if self.is_dead:
            raise PowerLostError("the process is gone")
        fault, self.fault = self.fault, WriteFault.NONE
        match fault:
            case WriteFault.BEFORE:
                raise StoreError("the disk failed")
            case WriteFault.AFTER:
                self.disk.keep(batch)
                raise StoreError("the disk failed")
            case WriteFault.UNSURE | WriteFault.UNSURE_AFTER:
                if fault is WriteFault.UNSURE_AFTER:
                    self.disk.keep(batch)
                self.disk.silent = 2
                raise StoreError("the disk failed")
            case WriteFault.FULL:
                self.disk.is_full = True
            case WriteFault.DIES:
                self.disk.keep(batch)
                self.is_dead = True
                raise PowerLostError("the process is gone")
        self.disk.keep(batch)

    def recover(self) -> None:
        self._check()
        self.recoveries += 1

    def probe(self) -> None:
        self._check()
        if self.disk.is_full:
            raise StorageFullError("there is no room left for the journal")

    def close(self) -> None:
        """What is durable stays."""

    def _check(self) -> None:
        if self.is_dead:
            raise PowerLostError("the process is gone")
        if self.disk.silent:
            self.disk.silent -= 1
            self.disk.failed()
            raise StoreError("the disk does not answer")

    def __getattr__(self, name: str) -> Any:
        """Every way to read what is durable."""
        if self.unread:
            self.unread -= 1
            self.disk.failed()
            raise StoreError("the disk cannot be read")
        return getattr(self.disk.rows, name)
