"""The journal: what the next transaction will hold, the hash chain over records, and replay.

Sans-IO: it numbers, encodes and chains; a store keeps what it makes. Everything that arrives while one
transaction is on its way to the disk gathers here for the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from temper.machine import Address, absent
from temper.run.codec import Versions, cell_row, pending_row, pending_text, record_from_json, record_text
from temper.run.engine import Instance, absorb
from temper.run.record import Pending, Record
from temper.run.store.rows import GENESIS, AnswerRow, Batch, CertificateRow, Head, Noted, RecordRow, VersionRow
from temper.run.version import Version


class Journal:
    """Gathers writes until `take` makes a batch of them."""

    def __init__(self, head: Head, under: str | None = None) -> None:
        self._begun = head
        self._under = under
        self._commit, self._record, self._place, self._chain = head.commit, head.record, head.place, head.chain
        self._last_record, self._last_place = head.record, head.place
        self.stride = head.stride
        """How far apart the numbers lie that this node gives."""
        self._count_on()
        self._changed: dict[Address, tuple[Version, Instance]] = {}
        self._batch = Batch(head)
        self._is_empty = True

    @property
    def head(self) -> Head:
        """Where the chain stands with everything that was gathered so far."""
        return self._begun._replace(commit=self._commit, record=self._record, place=self._place, chain=self._chain)

    @property
    def records(self) -> int:
        """How many have been gathered."""
        return len(self._batch.records)

    def _count_on(self) -> None:
        """The next numbers. Where several nodes give them, a place lies beyond the record: so who witnesses it does."""
        begun, record, place = self._begun, self._last_record, self._last_place
        if begun.stride == 1:
            self.next_record, self.next_place = record + 1, place + 1
        else:
            self.next_record = begun.number_after(record)
            self.next_place = begun.number_after(max(place, self.next_record))

    def witness(self, record: int, place: int) -> None:
        """Numbers that other nodes gave to what the next step rests on: those that come now are higher."""
        self._last_record, self._last_place = max(self._last_record, record), max(self._last_place, place)
        self._count_on()

    @property
    def identity(self) -> str:
        """Drawn once for each store; idempotency keys of effects begin with it."""
        return self._begun.identity

    @property
    def is_empty(self) -> bool:
        return self._is_empty

    def append(self, version: Version, record: Record, after: Instance | None) -> None:
        """Write a record, the instance after it (None if there is none to keep) and what it did to deliveries."""
        number, address = record.number, record.address
        assert number == self.next_record, f"record {number} where {self.next_record} is due"
        made = [pending_text(version, pending) for pending in record.made] if record.made else []
        body = record_text(version, record, made)
        self._record = self._last_record = number
        self._chain = chain = chained(self._chain, body)
        batch = self._batch
        batch.records.append(tuple.__new__(RecordRow, (number, *address, record.at, body, chain)))
        if after is not None:
            self._changed[address] = (version, after)
        if gone := record.consumed + record.withdrawn:
            self._remove(gone)
        if made:
            for pending, written in zip(record.made, made, strict=True):
                batch.made[pending.place] = pending_row(version, pending, written)
            last = max([pending.place for pending in record.made])
            self._place, self._last_place = max(self._place, last), max(self._last_place, last)
        self._count_on()
        self._is_empty = False

    def _remove(self, keys: Iterable[tuple[int, int]]) -> None:
        """A delivery that this very batch made is never written; any other must be there to be deleted."""
        batch = self._batch
        for key in keys:
            place, round_ = key
            row = batch.made.get(place)
            if row is not None and row.round == round_:
                del batch.made[place]
            else:
                assert key not in batch.consumed, f"{place}-{round_} is consumed twice"
                batch.consumed.add(key)
                batch.noted.pop(place, None)

    def consumes(self, key: tuple[int, int]) -> bool:
        """Whether what is gathered consumes this delivery, which the store still has."""
        return key in self._batch.consumed

    def noted(self, place: int) -> Noted | None:
        """The book-keeping about a delivery that is gathered, if there is any."""
        return self._batch.noted.get(place)

    def rest(self, address: Address, record: int) -> None:
        """What is gathered was computed from this record of the instance, and falls with it."""
        self._batch.rests.setdefault(address, record)

    def take_over(self, keys: Iterable[tuple[int, int]]) -> None:
        """Deliveries that may be carried out now are for this node to carry out."""
        self._batch.taken.update(key for key in keys if key[0] not in self._batch.made)

    def note(self, pending: Pending) -> None:
        """Book-keeping about a delivery that stays pending."""
        row = self._batch.made.get(pending.place)
        noted = Noted(*pending.key, int(pending.claimed), pending.attempts, pending.not_before, pending.note)
        if row is None:
            self._batch.noted[pending.place] = noted
        else:
            self._batch.made[pending.place] = row._replace(**noted._asdict())
        self._is_empty = False

    def remember(self, answer: AnswerRow) -> None:
        """Keep the answer that was given under an idempotency key."""
        self._batch.answers[answer.key] = answer
        self._is_empty = False

    def keep(self, kind: str, key: str, body: str | None) -> None:
        """Note something down beside the run, or strike it out."""
        self._batch.book[kind, key] = body
        self._is_empty = False

    def cut(self, number: int, behind: int) -> None:
        """Let the records up to there leave the store, which was cut `behind` before; they lie in the archive."""
        if not self._batch.cut:
            self._batch.cut_behind = behind
        self._batch.cut = max(self._batch.cut, number)
        self._is_empty = False

    def forget(self, keys: Iterable[str]) -> None:
        """Let go of what was answered under these idempotency keys."""
        self._batch.forgotten.update(keys)
        self._is_empty = False

    def load(self, version: VersionRow) -> None:
        """Put a version in force."""
        self._batch.version = version
        self._is_empty = False

    def certify(self, certificate: CertificateRow) -> None:
        """Keep what was decided about a version."""
        self._batch.certificate = certificate
        self._is_empty = False

    def take(self) -> Batch:
        """Everything gathered, as one transaction; gathering starts anew behind it."""
        batch = self._batch
        self._commit += 1
        batch.head, batch.under = self.head, self._under
        batch.cells = {address: cell_row(version, after) for address, (version, after) in self._changed.items()}
        self._batch, self._changed, self._is_empty = Batch(batch.head), {}, True
        return batch


def chained(before: str, body: str) -> str:
    """The hash of a record: SHA-256 over the hash before it and its own text.

    >>> chained(GENESIS, "{}")[:8]
    '5508d2b7'
    """
    return hashlib.sha256(f"{before}{body}".encode()).hexdigest()


def first_broken(rows: Iterable[RecordRow], before: str = GENESIS, number: int = 0, *, stride: int = 1) -> int | None:
    """The number of the first record that is missing or altered; None if the chain is whole.

    Of several nodes each has its chain, told from the others by its slot in the numbers. What a step rests on has a
    lower number, so the order of the numbers is the order in which it all happened, chains or not.
    """
    if stride > 1:
        return _first_broken_of_several(rows, stride)
    for row in rows:
        number += 1
        before = chained(before, row.body)
        if row.number != number or row.hash != before:
            return number
    return None


def _first_broken_of_several(rows: Iterable[RecordRow], stride: int) -> int | None:
    chains: dict[int, str] = {}
    for row in rows:
        slot = row.number % stride
        chain = chains[slot] = chained(chains.get(slot, GENESIS), row.body)
        # The numbers of a chain have gaps, so it is the text that says which number a record has.
        if row.hash != chain or not row.body.startswith(f'{{"number":{row.number},'):
            return row.number
    return None


@dataclass(slots=True)
class Replayed:
    """What the records alone say: every instance and everything pending."""

    instances: dict[Address, Instance] = field(default_factory=dict)
    pending: dict[int, Pending] = field(default_factory=dict)


def replay(versions: Versions, rows: Iterable[RecordRow]) -> Replayed:
    """Fold the records with `absorb`, exactly as the live engine does."""
    replayed = Replayed()
    for row in rows:
        _replay(versions, replayed, record_from_json(versions, json.loads(row.body)))
    return replayed


def _replay(versions: Versions, replayed: Replayed, record: Record) -> None:
    if record.address.entity:
        version = versions[record.table]
        before = replayed.instances.get(record.address) or Instance(absent(version.table, record.address))
        replayed.instances[record.address] = absorb(before, record)
    for place, _ in (*record.consumed, *record.withdrawn):
        del replayed.pending[place]
    for pending in record.made:
        replayed.pending[pending.place] = pending
