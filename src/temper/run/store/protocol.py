"""What the engine asks of a store, and how a store fails. One conformance suite runs against every store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from temper.machine import Address
from temper.run.store.rows import (
    AnswerRow,
    Batch,
    BookRow,
    CellRow,
    CertificateRow,
    Found,
    Head,
    PendingRow,
    RecordRow,
    VersionRow,
)


class StoreError(Exception):
    """The store could not do it; nothing of the batch was kept."""


class StorageFullError(StoreError):
    """There is no room. When there is again, `probe` says so by not raising."""


class StoreUnsureError(StoreError):
    """It failed, and cannot be opened again just now to see what it kept: nobody knows."""


class StoreInUseError(StoreError):
    """Another process writes to this store."""


class StoreCorruptError(StoreError):
    """What lies there is not what was written, or not written by this program."""


class ConflictError(StoreError):
    """Another node was faster: nothing was kept, and what was computed is to be computed again from what is there.

    `stale` names the instances that are not what the batch was computed from; None if that is not all.
    """

    def __init__(self, message: str, stale: frozenset[Address] | None = None) -> None:
        super().__init__(message)
        self.stale = stale


class VersionMovedError(ConflictError):
    """Another node has put another version in force."""


class FencedError(StoreError):
    """The other nodes took this one for dead: nothing that it computed is kept, and it must join anew."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which instances to list: of an entity, in a state if one is given, with these JSON values in these fields."""

    entity: str
    state: str | None = None
    where: tuple[tuple[str, Any], ...] = ()
    after: str | None = None
    limit: int = 100


class Store(Protocol):
    """Durable rows. `commit` is called by one writer at a time; everything else reads what is durable."""

    @property
    def blocks(self) -> bool:
        """Whether a commit waits for a disk, so that it belongs into a thread of its own."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other nodes write to it as well; then it is a `SharedStore`."""
        ...

    def commit(self, batch: Batch) -> None:
        """Keep the whole batch or, raising `StoreError`, nothing of it. On return it is durable."""

    def recover(self) -> None:
        """After a failed commit: make sure that what is read next is what is durable."""

    def kept(self, batch: Batch) -> bool:
        """After `recover`: whether a batch was kept whose commit said that it failed, with nothing behind it."""
        ...

    def probe(self) -> None:
        """Raise `StorageFullError` unless there is room to write."""

    def head(self) -> Head: ...

    def cell(self, address: Address) -> CellRow | None: ...

    def instances(self, addresses: Sequence[Address]) -> Mapping[Address, Found]:
        """Those of them that are there. One that is changed meanwhile may be seen half before and half after."""
        ...

    def cells(self, query: Query) -> Sequence[CellRow]:
        """At most `limit` of them, by id, after the id `after`; never those in `new`."""

    def all_cells(self, entity: str) -> Iterator[CellRow]:
        """Every instance of an entity, also ids that are burnt, by id."""

    def due(self, now: int, limit: int) -> Sequence[Address]:
        """Instances with a timer due at `now` that is for us to fire, the most overdue first."""

    def armed(self, limit: int) -> Sequence[CellRow]:
        """Instances with an armed timer, the one that is due first first."""

    def next_due(self) -> int | None:
        """When the next timer is due that is for us to fire."""
        ...

    def effects_of(self, owner: Address) -> Sequence[PendingRow]:
        """The pending effects of one owner, by place."""

    def spawn_of(self, child: Address) -> PendingRow | None:
        """The pending spawn that will make this instance; None if there is none."""
        ...

    def pending(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        """Pending deliveries of every kind, by place, after the place `after`."""

    def answers(self, keys: Sequence[str]) -> Mapping[str, AnswerRow]:
        """What was answered under each of these keys, without those under which nothing was."""
        ...

    def answer(self, key: str) -> AnswerRow | None: ...

    def answered(self, after: str, limit: int) -> Sequence[tuple[str, int]]:
        """Idempotency keys by key, behind the key `after`, each with when it was answered."""
        ...

    def records(self, address: Address | None = None, after: int = 0, limit: int = 1000) -> Sequence[RecordRow]:
        """Journal records by number, after the number `after`; of one instance if one is named."""

    def last_record(self) -> RecordRow | None: ...

    def versions(self) -> Sequence[VersionRow]:
        """Every version that was loaded, in order; the last is in force."""

    def certificate(self, table_hash: str) -> CertificateRow | None:
        """What was kept about the version of this hash; None if nothing was."""
        ...

    def book(self, kind: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        """Notes of a kind by key: those whose key begins with `prefix` and comes after `after`."""
        ...

    def close(self) -> None: ...
