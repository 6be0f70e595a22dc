"""A store that forgets when the process ends: for tests, simulation and trying things out."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from temper.machine import NEW, Address
from temper.run.store.protocol import Query, StoreCorruptError
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


class MemoryStore:
    """Rows in dictionaries, with the same checks as on a disk.

    >>> MemoryStore("here").head().identity
    'here'
    """

    blocks = False
    shared = False

    def __init__(self, identity: str = "memory") -> None:
        self._head = Head(identity)
        self._cells: dict[Address, CellRow] = {}
        self._pending: dict[int, PendingRow] = {}
        self._answers: dict[str, AnswerRow] = {}
        self._records: list[RecordRow] = []
        self._versions: list[VersionRow] = []
        self._certificates: dict[str, CertificateRow] = {}
        self._book: dict[tuple[str, str], str] = {}

    def commit(self, batch: Batch) -> None:
        self._assert_fits(batch)
        self._records.extend(batch.records)
        self._cells.update(batch.cells)
        for place, _ in batch.consumed:
            del self._pending[place]
        self._pending.update(batch.made)
        for noted in batch.noted.values():
            self._pending[noted.place] = self._pending[noted.place]._replace(**noted._asdict())
        if batch.cut:
            self._records = [row for row in self._records if row.number > batch.cut]
        for key in batch.forgotten:
            self._answers.pop(key, None)
        self._answers.update(batch.answers)
        for (kind, key), body in batch.book.items():
            if body is None:
                self._book.pop((kind, key), None)
            else:
                self._book[kind, key] = body
        if batch.version is not None:
            self._versions.append(batch.version)
        if batch.certificate is not None:
            self._certificates[batch.certificate.hash] = batch.certificate
        self._head = batch.head

    def _assert_fits(self, batch: Batch) -> None:
        """Every check comes before the first change, so that a refused batch leaves nothing behind."""
        if batch.head.commit != self._head.commit + 1 or batch.head.record != self._head.record + len(batch.records):
            raise StoreCorruptError("another writer has been here: the journal is not where this batch expects it")
        there = {(row.place, row.round) for row in self._pending.values()}
        touched = batch.consumed | {(noted.place, noted.round) for noted in batch.noted.values()}
        if missing := touched - there:
            raise StoreCorruptError(f"deliveries are gone that a batch relies on: {sorted(missing)}")
        freed = {place for place, _ in batch.consumed}
        if twice := [place for place in batch.made if place in self._pending and place not in freed]:
            raise StoreCorruptError(f"places are taken that a batch gives out: {twice}")
        if known := [key for key in batch.answers if key in self._answers]:
            raise StoreCorruptError(f"idempotency keys are answered already: {known}")

    def recover(self) -> None:
        return

    def kept(self, batch: Batch) -> bool:
        head = self.head()
        return (head.commit, head.chain) == (batch.head.commit, batch.head.chain)

    def probe(self) -> None:
        return

    def head(self) -> Head:
        return self._head

    def cell(self, address: Address) -> CellRow | None:
        return self._cells.get(address)

    def instances(self, addresses: Sequence[Address]) -> Mapping[Address, Found]:
        rows = ((address, self._cells.get(address)) for address in addresses)
        return {address: Found(row, self.effects_of(address)) for address, row in rows if row is not None}

    def cells(self, query: Query) -> Sequence[CellRow]:
        rows = (row for row in self.all_cells(query.entity) if _fits(row, query))
        return [row for row, _ in zip(rows, range(query.limit), strict=False)]

    def all_cells(self, entity: str) -> Iterator[CellRow]:
        rows = (row for row in list(self._cells.values()) if row.entity == entity)
        return iter(sorted(rows, key=lambda row: row.id))

    def due(self, now: int, limit: int) -> Sequence[Address]:
        rows = sorted((row.due, row.address) for row in self._cells.values() if row.due is not None and row.due <= now)
        return [address for _, address in rows[:limit]]

    def armed(self, limit: int) -> Sequence[CellRow]:
        rows = [row for row in self._cells.values() if row.due is not None]
        return sorted(rows, key=lambda row: (row.due, row.address))[:limit]

    def next_due(self) -> int | None:
        return min((row.due for row in self._cells.values() if row.due is not None), default=None)

    def effects_of(self, owner: Address) -> Sequence[PendingRow]:
        rows = [self._pending[place] for place in sorted(self._pending)]
        return [r for r in rows if r.kind == "effect" and (r.owner_entity, r.owner_id) == tuple(owner)]

    def spawn_of(self, child: Address) -> PendingRow | None:
        spawns = (row for row in self._pending.values() if row.kind == "spawn")
        return next((row for row in spawns if (row.receiver_entity, row.receiver_id) == tuple(child)), None)

    def pending(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        places = [place for place in sorted(self._pending) if place > after]
        return [self._pending[place] for place in places[:limit]]

    def answers(self, keys: Sequence[str]) -> Mapping[str, AnswerRow]:
        return {key: self._answers[key] for key in keys if key in self._answers}

    def answer(self, key: str) -> AnswerRow | None:
        return self._answers.get(key)

    def answered(self, after: str, limit: int) -> Sequence[tuple[str, int]]:
        keys = sorted(key for key in self._answers if key > after)
        return [(key, self._answers[key].at) for key in keys[:limit]]

    def records(self, address: Address | None = None, after: int = 0, limit: int = 1000) -> Sequence[RecordRow]:
        later = self._records[bisect.bisect_right(self._records, after, key=lambda row: row.number) :]
        return [row for row in later if address is None or (row.entity, row.id) == tuple(address)][:limit]

    def last_record(self) -> RecordRow | None:
        return self._records[-1] if self._records else None

    def versions(self) -> Sequence[VersionRow]:
        return list(self._versions)

    def certificate(self, table_hash: str) -> CertificateRow | None:
        return self._certificates.get(table_hash)

    def book(self, kind: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        keys = sorted(key for of, key in self._book if of == kind and key.startswith(prefix) and key > after)
        return [BookRow(kind, key, self._book[kind, key]) for key in keys[:limit]]

    def close(self) -> None:
        return


def _fits(row: CellRow, query: Query) -> bool:
    if row.control == NEW or (query.after is not None and row.id <= query.after):
        return False
    if query.state is not None and row.control != query.state:
        return False
    if not query.where:
        return True
    data = json.loads(row.data)
    return all(_text(data.get(name)) == _text(wanted) for name, wanted in query.where)


def _text(value: Any) -> str:
    """Compared as JSON texts, where `true` is not `1`."""
    return json.dumps(value, separators=(",", ":"))
