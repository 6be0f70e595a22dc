"""The embedded store: one SQLite file, write-ahead log, `synchronous=FULL`, one writing process.

`commit` returns when the disk has it. Readers have connections of their own and see what is committed, so
nothing that a reader shows can be lost again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from temper.machine import INT_MAX, NEW, Address
from temper.run.store.lock import lock_file, unlock_file
from temper.run.store.protocol import Query, StorageFullError, StoreCorruptError, StoreError
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
from temper.run.store.sqlite_batch import STATEMENTS_MAX, parts, write_batch
from temper.run.store.sqlite_checkpoint import Checkpointer
from temper.run.store.sqlite_layout import assert_readable, has_table, make_ready
from temper.run.store.sqlite_log import take_over

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",  # the `Checkpointer` does it
    "temp_store = MEMORY",
    "cache_size = -16000",  # KiB: a large batch fits, and need not be written before its time
)
KEY_END = "\U0010ffff"
"""Behind every key that a note can have."""
KEYS = "SELECT key, at FROM answers WHERE key > ? ORDER BY key LIMIT ?"
CELLS_OF = "SELECT * FROM cells WHERE entity = ? AND id IN ({})"
EFFECTS_OF = (
    "SELECT * FROM pending WHERE kind = 'effect' AND owner_entity = ? AND owner_id IN ({}) ORDER BY owner_id, place"
)
PROBE_BYTES = 64 * 1024
FULL_CODES = frozenset({sqlite3.SQLITE_FULL})
CORRUPT_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
PAGE = 500

Row = TypeVar("Row", CellRow, BookRow, PendingRow, RecordRow, AnswerRow, VersionRow, CertificateRow, Head)


class SqliteStore:
    """A store in one file. Only one process at a time may open it for writing; reading is free for all.

    `pages_max` bounds the file (in pages of 4 KiB): beyond it the store is full, as a full disk would be.
    """

    blocks = True
    shared = False
    flush_seconds: float | None = None
    """How long the disk took for the last commit."""

    def __init__(
        self, path: Path | str, *, identity: str, pages_max: int | None = None, read_only: bool = False
    ) -> None:
        self._path = Path(path)
        self._pages_max = pages_max
        self._read_only = read_only
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock = None if read_only else lock_file(self._path)
        self._closed = False
        self._checkpointer = Checkpointer(self._connect)
        try:
            self._writer = self._connect()
            self._open(identity)
        except sqlite3.Error as error:
            self.close()
            raise _translated(error) from error
        except StoreError:
            self.close()
            raise

    # Writing

    def commit(self, batch: Batch) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                write_batch(self._writer, batch)
                written = perf_counter()
                self._writer.execute("COMMIT")
                self.flush_seconds = perf_counter() - written
            except BaseException:
                self._roll_back()
                raise
        except sqlite3.Error as error:
            raise _translated(error) from error
        self._checkpointer.written(self._writer, len(batch.records) + len(batch.cells) + len(batch.made))

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            # `recover` opens a new connection in any case; the error that led here is the one to tell.
            return

    def recover(self) -> None:
        try:
            fresh = self._connect()
            try:
                # Before the other is closed: a log that nobody has open is read anew, what was never synced included.
                fresh.execute("SELECT commits FROM head").fetchone()
            except sqlite3.Error:
                fresh.close()
                raise
            self._writer.close()
            self._writer = fresh
        except sqlite3.Error as error:
            raise _translated(error) from error

    def kept(self, batch: Batch) -> bool:
        head = self.head()
        return (head.commit, head.chain) == (batch.head.commit, batch.head.chain)

    def probe(self) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._writer.execute("CREATE TABLE probe (room BLOB)")
                self._writer.execute("INSERT INTO probe VALUES (zeroblob(?))", (PROBE_BYTES,))
                self._writer.execute("DROP TABLE probe")
                self._writer.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        except sqlite3.Error as error:
            raise _translated(error) from error

    def limit_pages(self, pages_max: int) -> None:
        """Bound the file anew; a bound below its present size keeps it from growing."""
        self._pages_max = pages_max
        self._writer.execute(f"PRAGMA max_page_count = {int(pages_max)}")

    # Reading

    def head(self) -> Head:
        row = self._one(Head, "SELECT identity, commits, record, place, chain FROM head", ())
        assert row is not None, "a store always has its head"
        return row

    def cell(self, address: Address) -> CellRow | None:
        return self._one(CellRow, "SELECT * FROM cells WHERE entity = ? AND id = ?", address)

    def instances(self, addresses: Sequence[Address]) -> Mapping[Address, Found]:
        # By entity, because for a list of pairs SQLite would look through the whole table.
        ids: dict[str, list[str]] = {}
        for entity, id_ in addresses:
            ids.setdefault(entity, []).append(id_)
        found: dict[Address, Found] = {}
        for entity, part in ((entity, part) for entity, listed in ids.items() for part in parts(listed)):
            given, marks = (entity, *part), ",".join("?" * len(part))
            if not (rows := self._all(CellRow, CELLS_OF.format(marks), given)):
                continue
            effects: dict[str, list[PendingRow]] = {}
            for effect in self._all(PendingRow, EFFECTS_OF.format(marks), given):
                effects.setdefault(effect.owner_id, []).append(effect)
            found |= {row.address: Found(row, effects.get(row.id, ())) for row in rows}
        return found

    def cells(self, query: Query) -> Sequence[CellRow]:
        sql, given = "SELECT * FROM cells WHERE entity = ? AND control != ?", [query.entity, NEW]
        if query.state is not None:
            sql, given = sql + " AND control = ?", [*given, query.state]
        if query.after is not None:
            sql, given = sql + " AND id > ?", [*given, query.after]
        for name, wanted in query.where:
            sql, given = sql + " AND data -> ? = ?", [*given, f'$."{name}"', json.dumps(wanted, separators=(",", ":"))]
        return self._all(CellRow, sql + " ORDER BY id LIMIT ?", (*given, query.limit))

    def all_cells(self, entity: str) -> Iterator[CellRow]:
        rows = self._all(CellRow, "SELECT * FROM cells WHERE entity = ? ORDER BY id LIMIT ?", (entity, PAGE))
        while rows:
            yield from rows
            sql = "SELECT * FROM cells WHERE entity = ? AND id > ? ORDER BY id LIMIT ?"
            rows = self._all(CellRow, sql, (entity, rows[-1].id, PAGE))

    def due(self, now: int, limit: int) -> Sequence[Address]:
        sql = "SELECT entity, id FROM cells WHERE due <= ? ORDER BY due, entity, id LIMIT ?"
        return [Address(*row) for row in self._rows(sql, (min(now, INT_MAX), limit))]

    def armed(self, limit: int) -> Sequence[CellRow]:
        sql = "SELECT * FROM cells WHERE due IS NOT NULL ORDER BY due, entity, id LIMIT ?"
        return self._all(CellRow, sql, (limit,))

    def next_due(self) -> int | None:
        found: int | None = self._rows("SELECT min(due) FROM cells WHERE due IS NOT NULL", ())[0][0]
        return found

    def effects_of(self, owner: Address) -> Sequence[PendingRow]:
        sql = "SELECT * FROM pending WHERE kind = 'effect' AND owner_entity = ? AND owner_id = ? ORDER BY place"
        return self._all(PendingRow, sql, owner)

    def spawn_of(self, child: Address) -> PendingRow | None:
        sql = "SELECT * FROM pending WHERE kind = 'spawn' AND receiver_entity = ? AND receiver_id = ?"
        return self._one(PendingRow, sql, child)

    def pending(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        return self._all(PendingRow, "SELECT * FROM pending WHERE place > ? ORDER BY place LIMIT ?", (after, limit))

    def answers(self, keys: Sequence[str]) -> Mapping[str, AnswerRow]:
        found: dict[str, AnswerRow] = {}
        for part in parts(keys):
            sql = f"SELECT * FROM answers WHERE key IN ({','.join('?' * len(part))})"  # noqa: S608 (question marks)
            found |= {row.key: row for row in self._all(AnswerRow, sql, part)}
        return found

    def answer(self, key: str) -> AnswerRow | None:
        return self._one(AnswerRow, "SELECT * FROM answers WHERE key = ?", (key,))

    def answered(self, after: str, limit: int) -> Sequence[tuple[str, int]]:
        return [(key, at) for key, at in self._rows(KEYS, (after, limit))]

    def records(self, address: Address | None = None, after: int = 0, limit: int = 1000) -> Sequence[RecordRow]:
        if address is None:
            return self._all(
                RecordRow, "SELECT * FROM records WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
            )
        sql = "SELECT * FROM records WHERE entity = ? AND id = ? AND number > ? ORDER BY number LIMIT ?"
        return self._all(RecordRow, sql, (*address, after, limit))

    def last_record(self) -> RecordRow | None:
        return self._one(RecordRow, "SELECT * FROM records ORDER BY number DESC LIMIT 1", ())

    def versions(self) -> Sequence[VersionRow]:
        return self._all(VersionRow, "SELECT * FROM versions ORDER BY number", ())

    def certificate(self, table_hash: str) -> CertificateRow | None:
        if self._read_only and not has_table(self._reader(), "certificates"):
            return None
        return self._one(CertificateRow, "SELECT hash, at, body FROM certificates WHERE hash = ?", (table_hash,))

    def book(self, kind: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        if self._read_only and not has_table(self._reader(), "book"):
            return []
        sql = "SELECT * FROM book WHERE kind = ? AND key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
        return self._all(BookRow, sql, (kind, after, prefix, prefix + KEY_END, limit))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._checkpointer.stop()
        for connection in [*self._readers, *([self._writer] if hasattr(self, "_writer") else [])]:
            connection.close()
        if self._lock is not None:
            unlock_file(self._lock)

    # Connections

    def _connect(self) -> sqlite3.Connection:
        target = f"{self._path.absolute().as_uri()}?mode={'ro' if self._read_only else 'rwc'}"
        connection = sqlite3.connect(
            target,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=5.0,
            cached_statements=STATEMENTS_MAX,
        )
        if not self._read_only:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        if self._pages_max is not None:
            connection.execute(f"PRAGMA max_page_count = {int(self._pages_max)}")
        return connection

    def _open(self, identity: str) -> None:
        if self._read_only:
            assert_readable(self._writer, str(self._path))
        else:
            take_over(self._writer, self._path)
            make_ready(self._writer, str(self._path), identity)

    def _reader(self) -> sqlite3.Connection:
        """One connection per thread that reads, so that a long list never holds up a short look."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._readers.append(connection)
        return connection

    def _rows(self, sql: str, given: Sequence[Any]) -> list[Any]:
        try:
            return self._reader().execute(sql, given).fetchall()
        except sqlite3.Error as error:
            raise _translated(error) from error

    def _all(self, row: type[Row], sql: str, given: Sequence[Any]) -> list[Row]:
        return [row(*found) for found in self._rows(sql, given)]

    def _one(self, row: type[Row], sql: str, given: Sequence[Any]) -> Row | None:
        found = self._rows(sql, given)
        return row(*found[0]) if found else None


def _translated(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in FULL_CODES:
        return StorageFullError("there is no room left for the journal")
    if code in CORRUPT_CODES:
        return StoreCorruptError(f"the store is damaged, or no store of ours: {error}")
    return StoreError(f"the store failed: {error}")
