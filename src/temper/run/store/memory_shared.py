"""A database in memory that several nodes write to: what `store/postgres` keeps, for tests and for simulation.

The same checks in the same order, row by row, as the statements of a commit there. A transaction is one call, so no row
is locked while something else goes on; only who loads a version keeps the others waiting.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from temper.machine import Address
from temper.run.position import Position
from temper.run.store.memory import MemoryStore
from temper.run.store.protocol import (
    ConflictError,
    FencedError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    VersionMovedError,
)
from temper.run.store.rows import GENESIS, Batch, BookRow, CellRow, Head, PendingRow, RecordRow
from temper.run.store.shared import Beat, Loaded

SLOTS = 256
"""How many nodes can live at once, and how far apart the numbers lie that one of them gives."""
ADOPTED_MAX = 200
"""How many rows a node adopts at once, so that the others get their share."""
PAUSED = "paused"
ADOPTED_KINDS = frozenset({"lease", "letter"})
"""Notes that somebody has to act on."""
FENCED = "the other nodes took this one for dead, and go on without it"


@dataclass(slots=True)
class Slot:
    """A node's place: the epoch that fences it, its lease, and where its chain stands."""

    epoch: int = 0
    until: int | None = None
    """When its lease is over; None if nobody holds the slot."""
    holds: bool = False
    """Whether the connection is there that holds the node's lock."""
    commits: int = 0
    record: int = 0
    place: int = 0
    chain: str = GENESIS


@dataclass(frozen=True, slots=True)
class Member:
    """A node's slot, and the epoch in which it holds it."""

    slot: int
    epoch: int


@dataclass(slots=True)
class _Owned:
    """Whose each row is: by place, by address, by kind and key."""

    pending: dict[int, int] = field(default_factory=dict)
    cells: dict[Address, int] = field(default_factory=dict)
    notes: dict[tuple[str, str], int] = field(default_factory=dict)


class SharedMemory(MemoryStore):
    """The rows that several nodes share, with who they are. `now` tells the database's own time, in milliseconds.

    >>> shared = SharedMemory("here")
    >>> shared.join(10_000), shared.join(10_000)
    (Member(slot=0, epoch=1), Member(slot=1, epoch=1))
    """

    def __init__(self, identity: str = "memory", now: Callable[[], int] = lambda: 0) -> None:
        super().__init__(identity)
        self.identity, self.now = identity, now
        self.slots: dict[int, Slot] = {}
        self.in_force = ""
        self.adopted_max = ADOPTED_MAX
        self.told: Callable[[], None] = lambda: None
        """Called when nodes are to look: one has left, put a version in force, or paused an effect."""
        self.lock = threading.Condition(threading.RLock())
        self.barring: Member | None = None
        """The node that keeps every other one from committing."""
        self.floor = 0
        """No record is kept any more whose number is not above this."""
        self._cut = 0
        self._owned = _Owned()
        self._last: dict[Address, tuple[int, int]] = {}
        """By instance: its last record, and the last place that was given when it was written."""

    def commit(self, batch: Batch) -> None:
        raise AssertionError(
            f"transaction {batch.head.commit} is of no node: whoever writes says which one, by `write`"
        )

    # One transaction

    def write(self, batch: Batch, member: Member) -> None:
        """Keep the whole batch or, raising, nothing of it."""
        with self.lock:
            self._wait_for_bar(member)
            self._assert_fits_for(batch, member)
            self._keep(batch, member.slot)
        if batch.version is not None or any(kind == PAUSED for kind, _ in batch.book):
            self.told()

    def _wait_for_bar(self, member: Member | None) -> None:
        """Wait while another node keeps everybody from committing."""
        self.lock.wait_for(lambda: self.barring in {None, member})

    def _assert_fits_for(self, batch: Batch, member: Member) -> None:
        """Every check comes before the first change, so that a refused batch leaves nothing behind."""
        if batch.under is not None and batch.under != self.in_force:
            raise VersionMovedError("another node has put another version in force")
        if any(row.number <= self.floor for row in batch.records):
            raise ConflictError("records of such numbers are closed off")
        slot = self.slots[member.slot]
        if (slot.epoch, slot.commits) != (member.epoch, batch.head.commit - 1):
            raise FencedError(FENCED)
        if why := self._outrun(batch, member.slot):
            raise ConflictError(f"another node was faster: {why} is not as this batch expects it", self._stale(batch))
        if twice := [place for place in self._new_places(batch) if place in self._pending]:
            raise StoreCorruptError(f"places are taken that a batch gives out: {twice}")

    def _outrun(self, batch: Batch, slot: int) -> str:
        """What is not as the batch expects it; empty if all is."""
        if batch.version is None and not all(self._rests(batch, address) for address in batch.cells):
            return "an instance"
        consumed = batch.consumed
        if not all(map(self._lies, consumed | batch.taken)):
            return "a delivery"
        noted = [((row.place, row.round), row.place) for row in batch.noted.values()]
        if not all(self._lies(key) and key not in consumed and self._owned.pending[at] == slot for key, at in noted):
            return "a delivery"
        if not all(self._rests(batch, address) for address in batch.rests if address not in batch.cells):
            return "an instance"
        if any(key in self._answers for key in batch.answers):
            return "a key"
        if batch.cut and (batch.cut > self.floor or batch.cut_behind != self._cut):
            return "where the store was cut"
        if batch.version is not None and any(row.number == batch.version.number for row in self._versions):
            return "a version"
        return ""

    def _rests(self, batch: Batch, address: Address) -> bool:
        return self._last.get(address, (0, 0))[0] == batch.rests.get(address, 0)

    def _lies(self, key: tuple[int, int]) -> bool:
        row = self._pending.get(key[0])
        return row is not None and row.round == key[1]

    def _new_places(self, batch: Batch) -> list[int]:
        freed = {place for place, _ in batch.consumed}
        return [place for place in batch.made if place not in freed]

    def _stale(self, batch: Batch) -> frozenset[Address] | None:
        return frozenset(address for address in batch.rests if not self._rests(batch, address)) or None

    def _keep(self, batch: Batch, slot: int) -> None:
        head, owned = batch.head, self._owned
        node = self.slots[slot]
        node.commits, node.record, node.place, node.chain = head.commit, head.record, head.place, head.chain
        self._keep_cells(batch, slot)
        mapped = {place for place, _ in batch.consumed if batch.version is not None and place in batch.made}
        for place, _ in batch.consumed:
            if place not in mapped:
                del self._pending[place], owned.pending[place]
        for noted in batch.noted.values():
            self._pending[noted.place] = self._pending[noted.place]._replace(**noted._asdict())
        for place, _ in batch.taken - batch.consumed:
            owned.pending[place] = slot
        for place, row in batch.made.items():
            if place in mapped:  # It stays whose it is, and is only written anew.
                self._pending[place] = self._pending[place]._replace(body=row.body)
            else:
                self._pending[place], owned.pending[place] = row, slot
        for record in batch.records:
            bisect.insort(self._records, record)
        if batch.cut:
            self._cut = batch.cut
            self._records = [row for row in self._records if row.number > batch.cut]
        self._answers.update(batch.answers)
        for key in batch.forgotten:
            self._answers.pop(key, None)
        self._keep_notes(batch, slot)
        if batch.version is not None:
            self._versions.append(batch.version)
            self.in_force = batch.version.hash
        if batch.certificate is not None:
            self._certificates[batch.certificate.hash] = batch.certificate

    def _keep_cells(self, batch: Batch, slot: int) -> None:
        last = {Address(row.entity, row.id): row.number for row in batch.records}
        for address, row in batch.cells.items():
            record, place = self._last.get(address, (0, 0))
            # A load takes an instance as it is, and leaves it with the node whose it was.
            if batch.version is None or address not in self._owned.cells:
                self._owned.cells[address] = slot
                place = max(place, batch.head.place)
            self._last[address] = last.get(address, record or 1), place
            self._cells[address] = row

    def _keep_notes(self, batch: Batch, slot: int) -> None:
        for named, body in batch.book.items():
            if body is None:
                self._book.pop(named, None)
                self._owned.notes.pop(named, None)
            else:
                self._book[named], self._owned.notes[named] = body, slot

    def close_off(self, number: int) -> None:
        """No record is kept from now on whose number is not above this."""
        with self.lock:
            self._wait_for_bar(None)
            self.floor = max(self.floor, number)

    # Who they are

    def join(self, lease_milliseconds: int) -> Member:
        """Take the first slot that nobody holds, with all that its last holder left to do."""
        with self.lock:
            free = next((slot for slot in range(SLOTS) if self._is_silent(slot)), None)
            if free is None:
                raise StoreInUseError(f"{SLOTS} nodes serve this store already, and there is room for no more")
            slot = self.slots.setdefault(free, Slot())
            slot.epoch, slot.until, slot.holds = slot.epoch + 1, self.now() + lease_milliseconds, True
            return Member(free, slot.epoch)

    def leave(self, member: Member) -> None:
        """Give the slot back; what it was to do is adopted at once."""
        with self.lock:
            slot = self.slots[member.slot]
            if slot.epoch == member.epoch:
                slot.epoch, slot.until, slot.holds = slot.epoch + 1, None, False
        self.told()

    def cut_off(self, member: Member) -> None:
        """A node's connections have ended, with whatever they held."""
        with self.lock:
            slot = self.slots[member.slot]
            if slot.epoch == member.epoch:
                slot.holds = False
        self.unbar(member)

    def hold(self, member: Member) -> bool:
        """Hold the node's lock in a new connection; whether the slot still is this node's."""
        with self.lock:
            slot = self.slots[member.slot]
            slot.holds = slot.holds or slot.epoch == member.epoch
            return slot.epoch == member.epoch

    def beat(self, member: Member, lease_milliseconds: int) -> Beat:
        """Renew the lease, fence whoever is silent, and adopt a portion of what they left: one transaction."""
        with self.lock:
            mine = self.slots[member.slot]
            if mine.epoch != member.epoch:
                raise FencedError(FENCED)
            mine.until = self.now() + lease_milliseconds
            for number, slot in self.slots.items():
                if number != member.slot and slot.until is not None and self._is_silent(number):
                    slot.until, slot.holds, slot.epoch = None, False, slot.epoch + 1
            deserted = {number for number, slot in self.slots.items() if slot.until is None}
            adopted, timers, notes = self._adopt(member.slot, deserted) if deserted else ([], 0, 0)
            return Beat(self.in_force, adopted, timers, notes, *self.furthest())

    def _is_silent(self, number: int) -> bool:
        slot = self.slots.get(number)
        return slot is None or slot.until is None or slot.until < self.now() or not slot.holds

    def _adopt(self, slot: int, deserted: set[int]) -> tuple[list[PendingRow], int, int]:
        owned, most = self._owned, self.adopted_max
        places = [place for place in sorted(self._pending) if owned.pending[place] in deserted][:most]
        owned.pending.update(dict.fromkeys(places, slot))
        armed = [row for row in self._cells.values() if row.due is not None and owned.cells[row.address] in deserted]
        timers = sorted(armed, key=lambda row: row.due or 0)[:most]
        owned.cells.update({row.address: slot for row in timers})
        named = [key for key, node in owned.notes.items() if node in deserted and key[0] in ADOPTED_KINDS][:most]
        owned.notes.update(dict.fromkeys(named, slot))
        return [self._pending[place] for place in places], len(timers), len(named)

    def furthest(self) -> tuple[int, int]:
        slots = self.slots.values()
        return max([self.floor, *(slot.record for slot in slots)]), max((slot.place for slot in slots), default=0)

    def bar(self, member: Member) -> str:
        """Keep every other node from committing until this one has committed or is cut off."""
        with self.lock:
            self._wait_for_bar(member)
            self.barring = member
            return self.in_force

    def unbar(self, member: Member) -> None:
        """Let the others commit again."""
        with self.lock:
            if self.barring == member:
                self.barring = None
                self.lock.notify_all()

    # What one node sees

    def head_of(self, member: Member) -> Head:
        """Where this node's chain stands. Raises `FencedError` if it is not this node's any more."""
        slot = self.slots[member.slot]
        if slot.epoch != member.epoch:
            raise FencedError(FENCED)
        return Head(self.identity, slot.commits, slot.record, slot.place, slot.chain, SLOTS, member.slot)

    def heads(self) -> Sequence[Head]:
        """Where the chain of each slot stands."""
        return [
            Head(self.identity, slot.commits, slot.record, slot.place, slot.chain, SLOTS, number)
            for number, slot in sorted(self.slots.items())
        ]

    def has_record(self, number: int, hash_: str) -> bool:
        """Whether this very record is there."""
        at = bisect.bisect_left(self._records, number, key=lambda row: row.number)
        return at < len(self._records) and (self._records[at].number, self._records[at].hash) == (number, hash_)

    def load_all(self, addresses: Sequence[Address]) -> Mapping[Address, Loaded]:
        with self.lock:
            return {address: self._load(address) for address in addresses}

    def _load(self, address: Address) -> Loaded:
        record, place = self._last.get(address, (0, 0))
        return Loaded(self._cells.get(address), self.effects_of(address), record, place, self.in_force)

    def stands(self, address: Address, record: int) -> bool:
        return self._last.get(address, (0, 0))[0] == record

    def slot_of(self, key: tuple[int, int]) -> int | None:
        """Whose delivery this is; None if it is not pending any more."""
        return self._owned.pending[key[0]] if self._lies(key) else None

    def due_of(self, slot: int, now: int, limit: int) -> Sequence[Address]:
        """Instances with a timer due that is for this node to fire, the most overdue first."""
        rows = (row for row in self._armed_of(slot) if row.due is not None and row.due <= now)
        return [row.address for row in sorted(rows, key=lambda row: (row.due, row.address))[:limit]]

    def next_due_of(self, slot: int) -> int | None:
        return min((row.due for row in self._armed_of(slot) if row.due is not None), default=None)

    def _armed_of(self, slot: int) -> Sequence[CellRow]:
        cells = self._owned.cells
        return [row for row in self._cells.values() if row.due is not None and cells[row.address] == slot]

    def pending_of(self, slot: int, after: int, limit: int) -> Sequence[PendingRow]:
        """Deliveries that are for this node to carry out, by place."""
        owned = self._owned.pending
        places = [place for place in sorted(self._pending) if place > after and owned[place] == slot]
        return [self._pending[place] for place in places[:limit]]

    def notes_of(self, slot: int, kind: str, after: str, limit: int) -> Sequence[BookRow]:
        """Notes of a kind that are for this node to act on, by key."""
        owned = self._owned.notes
        keys = sorted(key for of, key in self._book if of == kind and key > after and owned[of, key] == slot)
        return [BookRow(kind, key, self._book[kind, key]) for key in keys[:limit]]

    def news(self, after: Position, limit: int) -> Sequence[RecordRow]:
        told = after.of(SLOTS)
        with self.lock:
            return [row for row in self._records if row.number > told.get(row.number % SLOTS, 0)][:limit]


def broken(what: str) -> StoreError:
    """A connection that has ended."""
    return StoreError(f"the store failed: {what} to the database is lost")
