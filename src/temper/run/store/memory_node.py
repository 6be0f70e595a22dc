"""One node's sight of a database in memory: its membership, its connections, and what is its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from temper.machine import Address
from temper.run.position import Position
from temper.run.store.memory_shared import SharedMemory, broken
from temper.run.store.protocol import ConflictError, FencedError, StoreUnsureError
from temper.run.store.rows import Batch, BookRow, Head, PendingRow, RecordRow
from temper.run.store.shared import Beat, Listener, Loaded

LEASE_MILLISECONDS = 10_000
Answer = TypeVar("Answer")


class PipeListener:
    """Becomes readable when the other nodes are to look, or when the connection has ended."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def fileno(self) -> int:
        return self._reading

    def tell(self) -> None:
        """Say so."""
        os.write(self._writing, b"!")

    def close(self) -> None:
        os.close(self._reading)
        os.close(self._writing)


class SharedMemoryStore:
    """A node's store. Several on one `SharedMemory` are several nodes on one database.

    >>> shared = SharedMemory("here")
    >>> one, two = SharedMemoryStore(shared), SharedMemoryStore(shared)
    >>> one.head().slot, two.head().slot
    (0, 1)
    """

    blocks = True
    shared = True

    def __init__(self, database: SharedMemory, lease_milliseconds: int = LEASE_MILLISECONDS) -> None:
        self.database, self.lease_milliseconds = database, lease_milliseconds
        self.lost: set[str] = set()
        """Connections that have ended and were not opened again: `writer`, `keeper` and `reader`."""
        self._closed = False
        self.member = self._sent = database.join(lease_milliseconds)

    # Writing

    def commit(self, batch: Batch) -> None:
        self._sent = self.member
        self._ask("writer")
        try:
            self.database.write(batch, self.member)
        except (ConflictError, FencedError):
            self.database.unbar(self.member)
            raise
        self.database.unbar(self.member)

    @contextlib.contextmanager
    def bar(self) -> Iterator[str]:
        """Keep every other node from committing until the end; gives the hash of the version in force."""
        self._ask("writer")
        member = self.member
        in_force = self.database.bar(member)
        try:
            yield in_force
        finally:
            self.database.unbar(member)

    def recover(self) -> None:
        """Connect anew; a node that was taken for dead meanwhile joins under another epoch."""
        self.database.cut_off(self.member)
        self.lost -= {"writer", "keeper"}
        if not self.database.hold(self.member):
            self.member = self.database.join(self.lease_milliseconds)

    def kept(self, batch: Batch) -> bool:
        """Whether a batch was kept whose commit said that it failed. Raises `StoreUnsureError` if nobody can tell."""
        if batch.records:
            last = batch.records[-1]
            return self.database.has_record(last.number, last.hash)
        try:
            return self.database.head_of(self._sent).commit == batch.head.commit
        except FencedError:
            raise StoreUnsureError("this node was taken for dead before it could see what was kept") from None

    def probe(self) -> None:
        self._ask("writer")

    def close_off(self, number: int) -> None:
        self._ask("reader")
        self.database.close_off(number)

    # Being a node

    def beat(self) -> Beat:
        self._ask("keeper")
        return self.database.beat(self.member, self.lease_milliseconds)

    def listener(self) -> Listener:
        return PipeListener()

    def lose(self, *connections: str) -> None:
        """These connections end: whoever uses one next hears of it."""
        self.lost.update(connections)
        if "keeper" in connections:
            self.database.cut_off(self.member)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if "keeper" not in self.lost:  # Else nobody hears it say goodbye.
                self.database.leave(self.member)

    # Reading

    def head(self) -> Head:
        return self._read(self._reader.head_of, self.member)

    def load(self, address: Address) -> Loaded:
        return self.load_all([address])[address]

    def load_all(self, addresses: Sequence[Address]) -> Mapping[Address, Loaded]:
        return self._read(self._reader.load_all, addresses)

    def is_ours(self, key: tuple[int, int]) -> bool:
        return self._read(self._reader.slot_of, key) == self.member.slot

    def due(self, now: int, limit: int) -> Sequence[Address]:
        return self._read(self._reader.due_of, self.member.slot, now, limit)

    def next_due(self) -> int | None:
        return self._read(self._reader.next_due_of, self.member.slot)

    def ours(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        return self._read(self._reader.pending_of, self.member.slot, after, limit)

    def our_notes(self, kind: str, after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        return self._read(self._reader.notes_of, self.member.slot, kind, after, limit)

    def news(self, after: Position, limit: int) -> Sequence[RecordRow]:
        return self._reader.news(after, limit)

    def __getattr__(self, name: str) -> Any:
        """Everything else is read as it lies there, whoever asks."""
        if name in {"database", "lost"}:
            raise AttributeError(name)
        return partial(self._read, getattr(self._reader, name))

    def _read(self, question: Callable[..., Answer], *given: Any, **named: Any) -> Answer:
        """The answer at one moment, whatever other threads write."""
        with self.database.lock:
            return question(*given, **named)

    @property
    def _reader(self) -> SharedMemory:
        """The rows, by a connection that is opened again behind the question that found it ended."""
        if "reader" in self.lost:
            self.lost.discard("reader")
            raise broken("the connection that reads")
        return self.database

    def _ask(self, connection: str) -> None:
        if connection in self.lost:
            raise broken(f"the connection of the {connection}")
