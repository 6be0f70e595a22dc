"""A store whose commits fail on command: before anything is kept, after everything is, or because it is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temper.run import Store
from temper.run.store.protocol import StorageFullError, StoreError
from temper.run.store.rows import Batch

Fault = Callable[[int], str]
"""What happens at the write of that number, counted from 1: `""`, `before`, `after`, `full` or `dead`."""


class FaultyStore:
    """Passes everything on to a real store, except what the fault says.

    `before` fails and keeps nothing, `after` keeps everything and fails all the same, as a disk may; `dead` keeps
    nothing and fails for ever, as for a process that was killed: what it would still do never reaches the disk.
    """

    def __init__(self, store: Store, fault: Fault) -> None:
        self._store, self._fault = store, fault
        self.writes = 0
        self.is_dead = False
        self.is_full = False

    @property
    def blocks(self) -> bool:
        return self._store.blocks

    def commit(self, batch: Batch) -> None:
        self.writes += 1
        self._check()
        match self._fault(self.writes):
            case "before":
                raise StoreError("the disk failed")
            case "full":
                raise StorageFullError("there is no room left for the journal")
            case "after":
                self._store.commit(batch)
                raise StoreError("the disk failed")
            case "dead":
                self.is_dead = True
                raise StoreError("killed before")
            case "dead after":
                self._store.commit(batch)
                self.is_dead = True
                raise StoreError("killed after")
            case fault:
                assert fault == "", fault
        self._store.commit(batch)

    def _check(self) -> None:
        if self.is_dead:
            raise StoreError("the disk failed")
        if self.is_full:
            raise StorageFullError("there is no room left for the journal")

    def probe(self) -> None:
        self._check()
        self._store.probe()

    def recover(self) -> None:
        if self.is_dead:
            raise StoreError("dead")
        self._store.recover()

    def close(self) -> None:
        """The real store stays open, so that a test can go on with it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
