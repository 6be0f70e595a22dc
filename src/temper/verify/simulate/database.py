"""A simulated database that several nodes share, and what one of them sees of it, with every way in which that fails.

The rows and their rules are those of the shared store in memory. Time passes for it as the simulation says: leases run
by it, and no step reads it. Where PostgreSQL would let a node wait for another one, `WaitsError` says so, and the node
asks again when it has its next turn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager

from temper.run import Batch, Member, SharedMemory, SharedMemoryStore, StorageFullError, StoreError
from temper.run.store.shared import Beat, Listener
from temper.verify.simulate.disk import Disk, PowerLostError, Rows, WriteFault
from temper.verify.simulate.rules import BrokenError

BEAT = 2_500
"""Milliseconds after which a node says that it lives; the database's time never passes faster within one step."""
LEASE = 10_000
BAR_MAX = 30_000
"""Milliseconds for which a node may keep all others from committing, before the database gives them way."""


class WaitsError(Exception):
    """Another node keeps this one waiting. Nothing has happened, and it is to ask again."""


class Database(SharedMemory, Rows):
    """The rows, with the nodes that serve them."""

    def __init__(self) -> None:
        super().__init__("simulated", lambda: self.time)
        self.time = 0
        self.commits = 0
        """How many transactions were kept, of all nodes together."""
        self.barred_since = 0
        self.settled_late: set[tuple[int, int]] = set()
        """Deliveries that a node settled which was taken for dead meanwhile: another may still carry them out."""
        self.listeners: list[SimulatedListener] = []
        self.told = self._tell

    def bar(self, member: Member) -> str:
        self.barred_since = self.time
        return super().bar(member)

    def is_current(self, member: Member) -> bool:
        """Whether nobody has taken this node for dead."""
        return self.slots[member.slot].epoch == member.epoch

    def deserted(self) -> bool:
        """Whether something is to be done by a slot that nobody holds."""
        empty = {number for number, slot in self.slots.items() if slot.until is None}
        return any(node in empty for owned in (self._owned.pending, self._owned.cells) for node in owned.values())

    def _tell(self) -> None:
        for listener in self.listeners:
            listener.tell()

    def _wait_for_bar(self, member: Member | None) -> None:
        if self.barring not in {None, member}:
            raise WaitsError("another node keeps everybody from committing")


class SharedDisk(Disk):
    """What is durable, with the faults that concern every node."""

    def __init__(self, database: Database, committed: Callable[[Batch], None]) -> None:
        super().__init__(database, committed)
        self.database = database
        self.writing: Member | None = None
        """The node whose transaction is kept just now."""

    def keep_of(self, batch: Batch, member: Member, *, has_slept: bool) -> None:
        """One transaction of one node. Raises `BrokenError` if it is kept of a node that was taken for dead."""
        if self.is_full:
            raise StorageFullError("there is no room left for the journal")
        self.writing, is_current = member, self.database.is_current(member)
        others = [key for key in batch.consumed if self.database.slot_of(key) not in {None, member.slot}]
        self.database.write(batch, member)
        if has_slept:
            self.database.settled_late.update(others)
        self.database.commits += 1
        if not is_current:
            why = f"a transaction of the node in slot {member.slot} is kept, which the others took for dead before"
            raise BrokenError("fencing", why)
        self._committed(batch)


class SimulatedListener:
    """Hears when the others have something to say."""

    _numbers = itertools.count(1)

    def __init__(self, database: Database, readable: Callable[[int], None]) -> None:
        self._number, self._database, self._readable = next(self._numbers), database, readable
        database.listeners.append(self)

    def fileno(self) -> int:
        return self._number

    def tell(self) -> None:
        """There is something to be read."""
        self._readable(self._number)

    def close(self) -> None:
        if self in self._database.listeners:
            self._database.listeners.remove(self)


class Bar(AbstractContextManager[str]):
    """Keeps every other node from committing; entered again as often as it had to wait for another one's."""

    def __init__(self, store: NodeStore) -> None:
        self._store, self._member = store, store.member

    def __enter__(self) -> str:
        return self._store.barred()

    def __exit__(self, *_: object) -> None:
        self._store.database.unbar(self._member)


class NodeStore(SharedMemoryStore):
    """The database as one process sees it: it ends with the process, and what is durable stays."""

    blocks = False

    def __init__(self, disk: SharedDisk, readable: Callable[[int], None]) -> None:
        self.disk, self._readable = disk, readable
        self.is_dead = self.is_late = False
        """Whether the process is gone, and whether its last transaction is still on its way all the same."""
        self.fault = WriteFault.NONE
        self.unread = 0
        self.heard = 0
        """How many transactions were kept when this node last heard of the others."""
        self.has_slept = False
        """Whether it was taken for dead, and lives."""
        self.has_joined_anew = False
        """The same, and it has not come to rest since: what it had begun before may still get out."""
        self.sights: list[SimulatedListener] = []
        super().__init__(disk.database, LEASE)

    def commit(self, batch: Batch) -> None:
        if self.is_late:
            self._sent = self.member
            self.disk.keep_of(batch, self.member, has_slept=self.has_slept)
            self.is_late = False
        if self.is_dead:
            raise PowerLostError("the process is gone")
        self._sent = self.member
        fault, self.fault = self.fault, WriteFault.NONE
        self._ask("writer")
        is_kept = fault in {WriteFault.NONE, WriteFault.AFTER, WriteFault.UNSURE_AFTER, WriteFault.DIES}
        if fault is WriteFault.FULL:
            self.disk.is_full = is_kept = True
        try:
            if is_kept:
                self.disk.keep_of(batch, self.member, has_slept=self.has_slept)
        finally:
            self.database.unbar(self.member)
        if fault in {WriteFault.UNSURE, WriteFault.UNSURE_AFTER}:
            self.disk.silent = 2
        if fault is WriteFault.DIES:
            self.is_dead = True
            raise PowerLostError("the process is gone")
        if fault:
            raise StoreError("the connection to the database is lost")

    def bar(self) -> Bar:  # type: ignore[override]  # it is entered again
        return Bar(self)

    def barred(self) -> str:
        """From now on nobody else commits; gives the hash of the version in force."""
        self._ask("writer")
        return self.disk.database.bar(self.member)

    def recover(self) -> None:
        self._check()
        before = self.member
        super().recover()
        if self.member != before:
            self.has_slept = self.has_joined_anew = True

    def probe(self) -> None:
        self._check()
        super().probe()
        if self.disk.is_full:
            raise StorageFullError("there is no room left for the journal")

    def beat(self) -> Beat:
        if self.is_dead or self.disk.silent:
            raise StoreError("the database does not answer")
        seen = super().beat()
        self.heard = self.disk.database.commits
        return seen

    def listener(self) -> Listener:
        if self.is_dead or self.disk.silent:
            raise StoreError("the database does not answer")
        self.sights = [each for each in self.sights if each in self.disk.database.listeners]
        self.sights.append(SimulatedListener(self.disk.database, self._readable))
        return self.sights[-1]

    def ended(self) -> None:
        """Every connection has ended, with whatever it held."""
        self.lose("writer", "keeper", "reader")
        for sight in self.sights:
            sight.tell()

    def gone(self) -> None:
        """The process is gone, and the database has seen it."""
        self.ended()
        for sight in self.sights:
            sight.close()

    def _check(self) -> None:
        if self.is_dead:
            raise PowerLostError("the process is gone")
        if self.disk.silent:
            self.disk.silent -= 1
            raise StoreError("the database does not answer")

    @property
    def _reader(self) -> SharedMemory:
        if self.unread:
            self.unread -= 1
            raise StoreError("the database cannot be read")
        return super()._reader
