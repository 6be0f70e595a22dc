"""The store on PostgreSQL: a connection that writes, one that keeps the node alive, one for each thread that reads."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from temper.machine import INT_MAX, NEW, Address
from temper.run.position import Position
from temper.run.store.postgres import nodes, schema, writing
from temper.run.store.postgres.connecting import WRITING, Connection, connected, exchanged, numbers, texts, translated
from temper.run.store.protocol import ConflictError, FencedError, Query, StoreError, StoreUnsureError
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
from temper.run.store.shared import Beat, Listener, Loaded

LEASE_MILLISECONDS = 10_000
"""How long a node may be silent before the others may go on without it."""
BARRED_MILLISECONDS = 300_000
"""How long a version may take to load while everybody waits, before the database gives the others way."""
PROBE_CHARACTERS = 64 * 1024
PAGE = 500

CELLS = f"SELECT {', '.join(CellRow._fields)} FROM cells"
PENDING = f"SELECT {', '.join(PendingRow._fields)} FROM pending"
EFFECTS = f"{PENDING} WHERE kind = 'effect' AND owner_entity = %s AND owner_id = %s ORDER BY place"
NAMED = "unnest(%s::text[], %s::text[]) AS named (entity, id)"
LOADED = f"""SELECT {", ".join(f"cells.{name}" for name in CellRow._fields)}, record, place, named.entity, named.id,
  (SELECT in_force FROM store WHERE one = 1)
  FROM {NAMED} LEFT JOIN cells ON cells.entity = named.entity AND cells.id = named.id"""
LOADED_EFFECTS = f"""SELECT {", ".join(PendingRow._fields)}, (SELECT in_force FROM store WHERE one = 1)
  FROM {NAMED} JOIN pending ON owner_entity = named.entity AND owner_id = named.id
  WHERE kind = 'effect' ORDER BY place"""
SPAWN = f"{PENDING} WHERE kind = 'spawn' AND receiver_entity = %s AND receiver_id = %s"
NOTES = "SELECT kind, key, body FROM book WHERE kind = %s AND key > %s"
STANDS = "SELECT coalesce((SELECT record FROM cells WHERE entity = %s AND id = %s), 0)"
NEWS = f"""SELECT news.* FROM nodes LEFT JOIN unnest(%s::int[], %s::bigint[]) AS told (slot, number) USING (slot),
  LATERAL (SELECT number, entity, id, at, body, hash FROM records WHERE number > coalesce(told.number, 0)
    AND number <= nodes.record AND mod(number, {schema.SLOTS}) = nodes.slot ORDER BY number LIMIT %s) AS news
  WHERE nodes.record > coalesce(told.number, 0) ORDER BY news.number LIMIT %s"""
KEPT = "SELECT commits FROM nodes WHERE slot = %s AND epoch = %s"

Row = TypeVar("Row", BookRow, CellRow, PendingRow, RecordRow, AnswerRow, VersionRow, CertificateRow)


class PostgresStore:
    """A store in a schema of a database. As many processes as there are slots may write to it at once.

    Opened `read_only` it takes no slot and changes nothing; whose work is whose does not matter to it then.
    """

    blocks = True
    shared = True

    def __init__(
        self,
        url: str,
        *,
        schema_name: str,
        identity: str,
        read_only: bool = False,
        lease_milliseconds: int = LEASE_MILLISECONDS,
    ) -> None:
        self._url, self._schema, self._read_only = url, schema_name, read_only
        self.lease_milliseconds = lease_milliseconds
        self._local = threading.local()
        self._beating = threading.Lock()
        self._opened: list[Connection] = []
        self._noting = threading.Lock()
        self._barred = False
        self._closed = False
        self._membership: nodes.Membership | None = None
        try:
            with self._translating():
                self._open(identity)
        except StoreError:
            self.close()
            raise

    def _open(self, identity: str) -> None:
        self._writer = self._connect_writer()
        if self._read_only:
            schema.check(self._writer, self._schema)
            return
        schema.prepare(self._writer, self._schema, identity)
        self._keeper = self._connect_keeper()
        self._membership = nodes.join(self._keeper, self.lease_milliseconds)

    # Writing

    def commit(self, batch: Batch) -> None:
        assert self._membership is not None, "a store that is read only is not written"
        self._sent = self._membership
        with self._translating():
            if not self._barred:
                self._writer.execute(b"BEGIN")
            try:
                writing.write(self._writer, batch, self._membership.slot, self._membership.epoch)
            except BaseException as error:
                self._roll_back()
                if type(error) is ConflictError:
                    raise ConflictError(str(error), writing.stale(self._writer, batch)) from error
                raise
            self._barred = False
            self._writer.execute(b"COMMIT")

    def _roll_back(self) -> None:
        with contextlib.suppress(psycopg.Error):  # the error that led here is the one to tell
            self._writer.execute(b"ROLLBACK")
        self._barred = False

    @contextlib.contextmanager
    def bar(self) -> Iterator[str]:
        """Keep every other node from committing until the end; gives the hash of the version in force."""
        with self._translating():
            self._writer.execute(b"BEGIN")
            self._barred = True
            self._writer.execute(f"SET LOCAL idle_in_transaction_session_timeout = {BARRED_MILLISECONDS}".encode())
            self._writer.execute(b"SET LOCAL application_name = 'temper, barring'")
            in_force: str = exchanged(self._writer, writing.VERSION_ALONE)[0][0]
        try:
            yield in_force
        finally:
            if self._barred:
                self._roll_back()

    def recover(self) -> None:
        """Connect anew; a node that was taken for dead meanwhile joins under another epoch."""
        if self._read_only:
            return
        with self._beating, self._translating():
            for connection in (self._writer, self._keeper):
                connection.close()
            self._writer, self._keeper = self._connect_writer(), self._connect_keeper()
            assert self._membership is not None, "a store that is written has a slot"
            try:
                nodes.head_of(self._keeper, self._membership)
                nodes.lock(self._keeper, self._membership)
            except FencedError:
                self._membership = nodes.join(self._keeper, self.lease_milliseconds)

    def kept(self, batch: Batch) -> bool:
        """Whether a batch was kept whose commit said that it failed. Raises `StoreUnsureError` if nobody can tell."""
        with self._translating():
            if batch.records:
                last = batch.records[-1]
                same = "SELECT 1 FROM records WHERE number = %s AND hash = %s"
                return bool(exchanged(self._writer, same, (last.number, last.hash)))
            rows = exchanged(self._writer, KEPT, (self._sent.slot, self._sent.epoch))
            if not rows:
                raise StoreUnsureError("this node was taken for dead before it could see what was kept")
            return bool(rows[0][0] == batch.head.commit)

    def probe(self) -> None:
        with self._translating(), self._writer.transaction(force_rollback=True):
            self._writer.execute("INSERT INTO probe VALUES (%s)", ("." * PROBE_CHARACTERS,))

    def close_off(self, number: int) -> None:
        # Every commit holds the row it begins with until its end: whoever was given a lower number is waited for.
        with self._translating():
            self._reader().execute(writing.CLOSED_OFF.encode(), (number,))

    # Membership

    def beat(self) -> Beat:
        assert self._membership is not None, "a store that is read only has no node"
        with self._beating, self._translating():
            return nodes.beat(self._keeper, self._membership, self.lease_milliseconds)

    def furthest(self) -> tuple[int, int]:
        rows = self._rows("SELECT greatest(max(record), max(floor)), max(place) FROM nodes, store", ())
        return rows[0][0], rows[0][1]

    def listener(self) -> Listener:
        with self._translating():
            connection = connected(self._url, self._schema)
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._schema)))
        return self._noted(connection)

    # Reading

    def head(self) -> Head:
        with self._translating():
            if self._membership is not None:
                return nodes.head_of(self._reader(), self._membership)
            identity = self._rows("SELECT identity FROM store", ())[0][0]
            return Head(identity, stride=schema.SLOTS)

    def heads(self) -> Sequence[Head]:
        """Where the chain of each slot stands."""
        text = "SELECT identity, commits, record, place, chain, %s::int, slot FROM nodes, store ORDER BY slot"
        return [Head(*row) for row in self._rows(text, (schema.SLOTS,))]

    def load(self, address: Address) -> Loaded:
        return self.load_all([address])[address]

    def load_all(self, addresses: Sequence[Address]) -> Mapping[Address, Loaded]:
        given = (texts(address.entity for address in addresses), texts(address.id for address in addresses))
        rows = self._rows(LOADED, given)
        # Read after the cells: whatever changes the effects changes the cell as well, and would be noticed.
        effects: dict[Address, list[PendingRow]] = {}
        in_force = {rows[0][-1]}
        for *row, version in self._rows(LOADED_EFFECTS, given):
            effect = PendingRow(*row)
            effects.setdefault(Address(effect.owner_entity, effect.owner_id), []).append(effect)
            in_force.add(version)
        version = in_force.pop() if len(in_force) == 1 else ""
        found: dict[Address, Loaded] = {}
        for *cell, record, place, entity, id_, _ in rows:
            address = Address(entity, id_)
            row = CellRow(*cell) if record is not None else None
            found[address] = Loaded(row, effects.get(address, ()), record or 0, place or 0, version)
        return found

    def stands(self, address: Address, record: int) -> bool:
        return bool(self._rows(STANDS, address)[0][0] == record)

    def is_ours(self, key: tuple[int, int]) -> bool:
        slot = self._membership.slot if self._membership else None
        return bool(self._rows("SELECT 1 FROM pending WHERE place = %s AND round = %s AND node = %s", (*key, slot)))

    def cell(self, address: Address) -> CellRow | None:
        return self._one(CellRow, f"{CELLS} WHERE entity = %s AND id = %s", address)

    def instances(self, addresses: Sequence[Address]) -> Mapping[Address, Found]:
        loaded = self.load_all(addresses) if addresses else {}
        return {address: Found(each.row, each.effects) for address, each in loaded.items() if each.row is not None}

    def cells(self, query: Query) -> Sequence[CellRow]:
        text, given = f"{CELLS} WHERE entity = %s AND control <> %s", [query.entity, NEW]
        if query.state is not None:
            text, given = text + " AND control = %s", [*given, query.state]
        for name, wanted in query.where:
            # A first sieve in the database; what a nested value lets through is held against the data below.
            text, given = text + " AND strpos(data, %s) > 0", [*given, f'"{name}":{_text(wanted)}']
        found: list[CellRow] = []
        after = query.after
        while len(found) < query.limit:
            more = "" if after is None else " AND id > %s"
            where = given if after is None else [*given, after]
            page = self._all(CellRow, f"{text}{more} ORDER BY id LIMIT %s", (*where, query.limit))
            found += (row for row in page if not query.where or _fits(row, query))
            if len(page) < query.limit:
                break
            after = page[-1].id
        return found[: query.limit]

    def all_cells(self, entity: str) -> Iterator[CellRow]:
        rows = self._all(CellRow, f"{CELLS} WHERE entity = %s ORDER BY id LIMIT %s", (entity, PAGE))
        while rows:
            yield from rows
            text = f"{CELLS} WHERE entity = %s AND id > %s ORDER BY id LIMIT %s"
            rows = self._all(CellRow, text, (entity, rows[-1].id, PAGE))

    def due(self, now: int, limit: int) -> Sequence[Address]:
        text = "SELECT entity, id FROM cells WHERE due <= %s AND node = %s ORDER BY due, entity, id LIMIT %s"
        return [Address(*row) for row in self._rows(text, (min(now, INT_MAX), self._slot, limit))]

    def armed(self, limit: int) -> Sequence[CellRow]:
        return self._all(CellRow, f"{CELLS} WHERE due IS NOT NULL ORDER BY due, entity, id LIMIT %s", (limit,))

    def next_due(self) -> int | None:
        text = "SELECT min(due) FROM cells WHERE due IS NOT NULL AND node = %s"
        found: int | None = self._rows(text, (self._slot,))[0][0]
        return found

    def effects_of(self, owner: Address) -> Sequence[PendingRow]:
        return self._all(PendingRow, EFFECTS, owner)

    def spawn_of(self, child: Address) -> PendingRow | None:
        return self._one(PendingRow, SPAWN, child)

    def pending(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        return self._all(PendingRow, f"{PENDING} WHERE place > %s ORDER BY place LIMIT %s", (after, limit))

    def ours(self, after: int = 0, limit: int = 1000) -> Sequence[PendingRow]:
        text = f"{PENDING} WHERE node = %s AND place > %s ORDER BY place LIMIT %s"
        return self._all(PendingRow, text, (self._slot, after, limit))

    def answers(self, keys: Sequence[str]) -> Mapping[str, AnswerRow]:
        rows = self._all(AnswerRow, "SELECT key, digest, at, body FROM answers WHERE key = ANY(%s)", (list(keys),))
        return {row.key: row for row in rows}

    def answer(self, key: str) -> AnswerRow | None:
        return self._one(AnswerRow, "SELECT key, digest, at, body FROM answers WHERE key = %s", (key,))

    def answered(self, after: str, limit: int) -> Sequence[tuple[str, int]]:
        sql = "SELECT key, at FROM answers WHERE key > %s ORDER BY key LIMIT %s"
        return [(str(key), int(at)) for key, at in self._rows(sql, (after, limit))]

    def records(self, address: Address | None = None, after: int = 0, limit: int = 1000) -> Sequence[RecordRow]:
        of, given = ("", ()) if address is None else (" AND entity = %s AND id = %s", tuple(address))
        text = f"SELECT number, entity, id, at, body, hash FROM records WHERE number > %s{of} ORDER BY number LIMIT %s"
        return self._all(RecordRow, text, (after, *given, limit))

    def news(self, after: Position, limit: int) -> Sequence[RecordRow]:
        # One statement, and so one sight of all chains: what a record rests on is seen with it, and has a lower number.
        told = after.of(schema.SLOTS)
        return self._all(RecordRow, NEWS, (numbers(told), numbers(told.values()), limit, limit))

    def last_record(self) -> RecordRow | None:
        text = "SELECT number, entity, id, at, body, hash FROM records ORDER BY number DESC LIMIT 1"
        return self._one(RecordRow, text, ())

    def versions(self) -> Sequence[VersionRow]:
        return self._all(VersionRow, "SELECT number, hash, at, body FROM versions ORDER BY number", ())

    def certificate(self, table_hash: str) -> CertificateRow | None:
        return self._one(CertificateRow, "SELECT hash, at, body FROM certificates WHERE hash = %s", (table_hash,))

    def book(self, kind: str, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        text = f"{NOTES} AND starts_with(key, %s) ORDER BY key LIMIT %s"
        return self._all(BookRow, text, (kind, after, prefix, limit))

    def our_notes(self, kind: str, after: str = "", limit: int = 1000) -> Sequence[BookRow]:
        return self._all(BookRow, f"{NOTES} AND node = %s ORDER BY key LIMIT %s", (kind, after, self._slot, limit))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._membership is not None:
            with self._beating, contextlib.suppress(psycopg.Error):
                nodes.leave(self._keeper, self._membership)
        for connection in self._opened:
            connection.close()

    # Connections

    @property
    def _slot(self) -> int:
        assert self._membership is not None, "whose work it is matters to a node alone"
        return self._membership.slot

    def _connect(self) -> Connection:
        return self._noted(connected(self._url, self._schema))

    def _connect_writer(self) -> Connection:
        lease = self.lease_milliseconds
        return self._noted(connected(self._url, self._schema, settings=WRITING, idle_milliseconds=lease))

    def _connect_keeper(self) -> Connection:
        """Whoever keeps the lease never waits long for a lock, so that it looks for sleepers again."""
        lease = self.lease_milliseconds
        return self._noted(connected(self._url, self._schema, idle_milliseconds=lease, lock_milliseconds=lease // 4))

    def _noted(self, connection: Connection) -> Connection:
        """Remember a connection so that `close` ends it, even one that was opened while it closed."""
        with self._noting:  # Threads of readers open theirs at the same time, and none may be forgotten.
            self._opened = [other for other in self._opened if not other.closed] + [connection]
        if self._closed:
            connection.close()
        return connection

    def _reader(self) -> Connection:
        """One connection per thread that reads, so that a long list never holds up a short look."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._local.connection = self._connect()
        return connection

    def _rows(self, text: str, given: Sequence[Any]) -> list[Any]:
        with self._translating():
            return exchanged(self._reader(), text, given)

    def _all(self, row: type[Row], text: str, given: Sequence[Any]) -> list[Row]:
        return [row(*found) for found in self._rows(text, given)]

    def _one(self, row: type[Row], text: str, given: Sequence[Any]) -> Row | None:
        found = self._rows(text, given)
        return row(*found[0]) if found else None

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translated(error) from error


def _fits(row: CellRow, query: Query) -> bool:
    data = json.loads(row.data)
    return all(_text(data.get(name)) == _text(wanted) for name, wanted in query.where)


def _text(value: Any) -> str:
    """Compared as JSON texts, where `true` is not `1`."""
    return json.dumps(value, separators=(",", ":"))
