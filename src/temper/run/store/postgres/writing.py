"""One batch as one transaction: everything is checked against what is there, and kept as a whole or not at all.

The order is the same for every node: the version, the node itself, cells, deliveries, then what is new. Within each
kind rows are named in one order, so two nodes never wait for each other in a ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temper.machine import Address
from temper.run.store.postgres.connecting import Connection, numbers, texts
from temper.run.store.protocol import ConflictError, FencedError, StoreError, VersionMovedError
from temper.run.store.rows import Batch, CellRow, PendingRow, RecordRow

PAUSED = "paused"
"""Notes of this kind are about what every node does, so every node is told of them."""
VERSION_SHARED = "SELECT in_force, floor FROM store WHERE one = 1 FOR SHARE"
VERSION_ALONE = "SELECT in_force, floor FROM store WHERE one = 1 FOR UPDATE"
CLOSED_OFF = "UPDATE store SET floor = greatest(floor, %s::bigint) WHERE one = 1"
CUT_STANDS = """SELECT 1 FROM store WHERE one = 1 AND floor >= %s::bigint AND %s::bigint =
  coalesce((SELECT (body::json ->> 'number')::bigint FROM book WHERE kind = 'cut' AND key = 'cut'), 0)"""
CUT = "WITH gone AS (DELETE FROM records WHERE number <= %s::bigint) SELECT 1"
NODE = """UPDATE nodes SET commits = %s::bigint, record = %s::bigint, place = %s::bigint, chain = %s
  WHERE slot = %s::int AND epoch = %s::bigint AND commits = %s::bigint"""
CELL_ARRAYS = """unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
  %s::text[], %s::text[], %s::smallint[], %s::bigint[], %s::bigint[])
  AS new (entity, id, control, seq, clock, due, timers, data, marks, burnt, record, rests)"""
CELLS_CHANGED = f"""UPDATE cells SET control = new.control, seq = new.seq, clock = new.clock, due = new.due,
  timers = new.timers, data = new.data, marks = new.marks, burnt = new.burnt, record = new.record,
  place = greatest(cells.place, %s::bigint), node = %s::int
  FROM {CELL_ARRAYS} WHERE cells.entity = new.entity AND cells.id = new.id AND cells.record = new.rests"""
CELLS_MADE = f"""INSERT INTO cells SELECT entity, id, control, seq, clock, due, timers, data, marks, burnt, record,
  %s::bigint, %s::int FROM {CELL_ARRAYS} ON CONFLICT DO NOTHING"""
CELLS_LOADED = f"""INSERT INTO cells SELECT entity, id, control, seq, clock, due, timers, data, marks, burnt, record,
  %s::bigint, %s::int FROM {CELL_ARRAYS} ON CONFLICT (entity, id) DO UPDATE SET control = excluded.control,
  seq = excluded.seq, clock = excluded.clock, due = excluded.due, timers = excluded.timers, data = excluded.data,
  marks = excluded.marks, burnt = excluded.burnt, record = excluded.record"""
KEYS = "unnest(%s::bigint[], %s::bigint[]) AS gone (place, round)"
CONSUMED = f"DELETE FROM pending USING {KEYS} WHERE pending.place = gone.place AND pending.round = gone.round"
TAKEN = f"UPDATE pending SET node = %s::int FROM {KEYS} WHERE pending.place = gone.place AND pending.round = gone.round"
NOTED = """UPDATE pending SET claimed = new.claimed, attempts = new.attempts, not_before = new.not_before,
  note = new.note FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::bigint[], %s::bigint[], %s::text[])
  AS new (place, round, claimed, attempts, not_before, note)
  WHERE pending.place = new.place AND pending.round = new.round AND pending.node = %s::int"""
STANDING = """SELECT new.entity, new.id FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS new (entity, id, record)
  LEFT JOIN cells USING (entity, id) WHERE coalesce(cells.record, 0) <> new.record"""
RECORDS = """INSERT INTO records SELECT * FROM
  unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[])"""
MADE = """INSERT INTO pending SELECT *, %s::int FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[],
  %s::text[], %s::text[], %s::text[], %s::smallint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])"""
MAPPED = """UPDATE pending SET body = new.body FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
  AS new (place, round, body) WHERE pending.place = new.place AND pending.round = new.round"""
ANSWERS = """INSERT INTO answers SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[])
  ON CONFLICT DO NOTHING"""
# Every node forgets what is old, and another may have been first.
FORGOTTEN = """WITH gone AS (SELECT key FROM answers WHERE key = ANY (%s::text[]) ORDER BY key FOR UPDATE),
  deleted AS (DELETE FROM answers USING gone WHERE answers.key = gone.key) SELECT 1"""
BOOK = """INSERT INTO book SELECT *, %s::int FROM unnest(%s::text[], %s::text[], %s::text[])
  ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, node = excluded.node"""
STRUCK = """WITH gone AS (DELETE FROM book USING unnest(%s::text[], %s::text[]) AS old (kind, key)
  WHERE book.kind = old.kind AND book.key = old.key) SELECT 1"""
VERSION = "INSERT INTO versions VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
IN_FORCE = "UPDATE store SET in_force = %s WHERE one = 1"
TOLD = "SELECT pg_notify(current_schema(), 'look')"
CERTIFICATE = """INSERT INTO certificates VALUES (%s, %s, %s)
  ON CONFLICT (hash) DO UPDATE SET at = excluded.at, body = excluded.body"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a commit, how many rows it must touch, and what it means if it does not."""

    text: str
    given: Sequence[Any]
    rows: int
    otherwise: StoreError


def write(connection: Connection, batch: Batch, slot: int, epoch: int) -> None:
    """Send the batch within the transaction that is open. Raises without having kept anything if it does not fit."""
    statements = statements_of(batch, slot, epoch)
    with connection.pipeline() as pipeline:
        cursors = [connection.execute(statement.text.encode(), statement.given) for statement in statements]
        pipeline.sync()
    in_force, floor = cursors[0].fetchall()[0]
    if batch.under is not None and in_force != batch.under:
        raise VersionMovedError("another node has put another version in force")
    if any(row.number <= floor for row in batch.records):
        raise ConflictError("records of such numbers are closed off: they have left for the archive, or are about to")
    for statement, cursor in zip(statements, cursors, strict=True):
        if cursor.rowcount != statement.rows:
            raise statement.otherwise


def statements_of(batch: Batch, slot: int, epoch: int) -> list[Statement]:
    """Everything that the batch asks of the database, in the order that every node keeps."""
    head, is_alone = batch.head, batch.version is not None or batch.cut > 0
    node = (head.commit, head.record, head.place, head.chain, slot, epoch, head.commit - 1)
    found = [
        Statement(VERSION_ALONE if is_alone else VERSION_SHARED, (), 1, StoreError("no store is there")),
        Statement(NODE, node, 1, FencedError("the other nodes took this one for dead, and go on without it")),
        *_cells(batch, slot),
        *_deliveries(batch, slot),
    ]
    if read_only := {address: record for address, record in batch.rests.items() if address not in batch.cells}:
        found.append(Statement(STANDING, _standing(read_only), 0, _faster("an instance was changed")))
    if batch.records:
        found.append(Statement(RECORDS, _columns(batch.records, "nttntt"), len(batch.records), _faster("a record")))
    if batch.answers:
        rows = sorted(batch.answers.values())
        found.append(Statement(ANSWERS, _columns(rows, "ttnt"), len(rows), _faster("a key was answered")))
    if batch.forgotten:
        found.append(Statement(FORGOTTEN, (texts(sorted(batch.forgotten)),), 1, _faster("an answer")))
    if batch.cut:
        # Alone from the first statement on, so nobody else cuts at the same time.
        found.append(Statement(CUT_STANDS, (batch.cut, batch.cut_behind), 1, _faster("where the store was cut")))
        found.append(Statement(CUT, (batch.cut,), 1, _faster("a record")))
    found += _book(batch, slot)
    if batch.version is not None:
        found.append(Statement(VERSION, batch.version, 1, _faster("a version was loaded")))
        found.append(Statement(IN_FORCE, (batch.version.hash,), 1, StoreError("no store is there")))
        found.append(Statement(TOLD, (), 1, StoreError("nobody was told")))
    if batch.certificate is not None:
        found.append(Statement(CERTIFICATE, batch.certificate, 1, _faster("a certificate")))
    return found


def _cells(batch: Batch, slot: int) -> list[Statement]:
    last = {Address(row.entity, row.id): row.number for row in batch.records}
    made: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for address in sorted(batch.cells):
        rests = batch.rests.get(address, 0)
        if batch.version is not None:
            made.append((*batch.cells[address], last[address], 0))
            continue
        (changed if rests else made).append((*batch.cells[address], last.get(address, rests or 1), rests))
    return [
        Statement(text, (batch.head.place, slot, *_columns(rows, CELL_KINDS)), len(rows), _faster("an instance"))
        for text, rows in ((CELLS_CHANGED, changed), (CELLS_LOADED if batch.version else CELLS_MADE, made))
        if rows
    ]


CELL_KINDS = "tttnnntttn" + "nn"
assert len(CELL_KINDS) == len(CellRow._fields) + 2, "a column of each field, and the records before and after"
assert len(RecordRow._fields) == 6, "as many columns as the table of records has"


def _deliveries(batch: Batch, slot: int) -> list[Statement]:
    found = []
    gone = _faster("a delivery was carried out")
    mapped, made = _mapped(batch)
    if mapped:
        rows = [(row.place, row.round, row.body) for row in mapped]
        found.append(Statement(MAPPED, _columns(rows, "nnt"), len(rows), gone))
    if consumed := sorted(batch.consumed - {(row.place, row.round) for row in mapped}):
        found.append(Statement(CONSUMED, _columns(consumed, "nn"), len(consumed), gone))
    if batch.noted:
        notes = [batch.noted[place] for place in sorted(batch.noted)]
        found.append(Statement(NOTED, (*_columns(notes, "nnnnnt"), slot), len(notes), gone))
    if taken := sorted(batch.taken - batch.consumed):
        found.append(Statement(TAKEN, (slot, *_columns(taken, "nn")), len(taken), gone))
    if made:
        found.append(Statement(MADE, (slot, *_columns(made, "nntttttnnntt")), len(made), _faster("a place was given")))
    return found


def _book(batch: Batch, slot: int) -> list[Statement]:
    kept = sorted((kind, key, body) for (kind, key), body in batch.book.items() if body is not None)
    struck = sorted(named for named, body in batch.book.items() if body is None)
    found = []
    if kept:
        found.append(Statement(BOOK, (slot, *_columns(kept, "ttt")), len(kept), _faster("a note")))
    if struck:
        found.append(Statement(STRUCK, _columns(struck, "tt"), 1, _faster("a note")))
    if any(kind == PAUSED for kind, _ in batch.book):
        found.append(Statement(TOLD, (), 1, StoreError("nobody was told")))
    return found


def _mapped(batch: Batch) -> tuple[list[PendingRow], list[PendingRow]]:
    """Deliveries that stay whose they are and are only written anew, as a load does; and those that are made."""
    made = [batch.made[place] for place in sorted(batch.made)]
    if batch.version is None:
        return [], made
    stays = [(row.place, row.round) in batch.consumed for row in made]
    return (
        [row for row, stay in zip(made, stays, strict=True) if stay],
        [row for row, stay in zip(made, stays, strict=True) if not stay],
    )


def _standing(read: dict[Address, int]) -> tuple[str, ...]:
    addresses = sorted(read)
    return (
        texts(address.entity for address in addresses),
        texts(address.id for address in addresses),
        numbers(read[address] for address in addresses),
    )


def stale(connection: Connection, batch: Batch) -> frozenset[Address] | None:
    """The instances that are not what the batch rests on; None if it was something else that did not fit."""
    if not batch.rests:
        return None
    rows = connection.execute(STANDING.encode(), _standing(batch.rests)).fetchall()
    return frozenset(Address(*row) for row in rows) or None


def _columns(rows: Sequence[Sequence[Any]], kinds: str) -> tuple[str, ...]:
    """Rows turned into one argument for each column: `t` a list of texts, `n` of numbers."""
    columns = zip(*rows, strict=True)
    return tuple(texts(column) if kind == "t" else numbers(column) for kind, column in zip(kinds, columns, strict=True))


def _faster(what: str) -> ConflictError:
    return ConflictError(f"another node was faster: {what} is not as this batch expects it")
