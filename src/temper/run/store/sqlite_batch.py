"""Writing one batch into SQLite, with as few statements as there are kinds of rows.

A statement is one call into SQLite, and around each Python's driver lets go of the interpreter's lock and waits for it
again, in line behind the thread that computes. Written row by row, a batch of 64 calls would wait some 300 times; with
one statement for each table it waits eight times.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeVar

from temper.run.store.protocol import StoreCorruptError
from temper.run.store.rows import Batch

Each = TypeVar("Each")
ROWS_MAX = 64
"""How many rows a statement may take."""
STATEMENTS_MAX = 512
"""How many statements a connection keeps compiled: one for each table and each number of rows that came up."""

CELL = (
    " ON CONFLICT (entity, id) DO UPDATE SET control=excluded.control, seq=excluded.seq, clock=excluded.clock,"
    " due=excluded.due, timers=excluded.timers, data=excluded.data, marks=excluded.marks, burnt=excluded.burnt"
)
BOOK = " ON CONFLICT (kind, key) DO UPDATE SET body=excluded.body"
NOTED = "UPDATE pending SET claimed=?, attempts=?, not_before=?, note=? WHERE place=? AND round=?"
VERSION = "INSERT INTO versions VALUES (?,?,?,?)"
CERTIFICATE = "INSERT OR REPLACE INTO certificates VALUES (?,?,?)"
HEAD = "UPDATE head SET commits=?, record=?, place=?, chain=? WHERE commits=? AND record=?"


def write_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write it within the transaction that is open. Raises `StoreCorruptError` if rows that it relies on are gone."""
    _insert(connection, "records", batch.records)
    _insert(connection, "cells", batch.cells.values(), CELL)
    _delete(connection, "pending", ("place", "round"), sorted(batch.consumed), expected=True)
    _insert(connection, "pending", batch.made.values())
    if batch.cut:
        connection.execute("DELETE FROM records WHERE number <= ?", (batch.cut,))
    if batch.forgotten:
        connection.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in batch.forgotten])
    _insert(connection, "answers", batch.answers.values())
    if batch.noted:
        notes = [(n.claimed, n.attempts, n.not_before, n.note, n.place, n.round) for n in batch.noted.values()]
        _expect(connection.executemany(NOTED, notes).rowcount, len(notes))
    if batch.book:
        _insert(connection, "book", [(*at, body) for at, body in batch.book.items() if body is not None], BOOK)
        _delete(connection, "book", ("kind", "key"), [at for at, body in batch.book.items() if body is None])
    if batch.version is not None:
        connection.execute(VERSION, batch.version)
    if batch.certificate is not None:
        connection.execute(CERTIFICATE, batch.certificate)
    head = batch.head
    before = (head.commit - 1, head.record - len(batch.records))
    given = (head.commit, head.record, head.place, head.chain, *before)
    _expect(connection.execute(HEAD, given).rowcount, 1)


def _insert(connection: sqlite3.Connection, table: str, rows: Collection[Sequence[Any]], on_conflict: str = "") -> None:
    for part in parts(rows):
        connection.execute(_insertion(table, len(part[0]), len(part), on_conflict), tuple(chain.from_iterable(part)))


def _delete(
    connection: sqlite3.Connection,
    table: str,
    names: tuple[str, str],
    keys: Sequence[tuple[Any, Any]],
    *,
    expected: bool = False,
) -> None:
    for part in parts(keys):
        found = connection.execute(_deletion(table, names, len(part)), tuple(chain.from_iterable(part))).rowcount
        if expected:
            _expect(found, len(part))


def parts(rows: Collection[Each]) -> Iterable[Sequence[Each]]:
    """The rows in pieces, each for one statement."""
    listed = list(rows)
    for start in range(0, len(listed), ROWS_MAX):
        yield listed[start : start + ROWS_MAX]


@cache
def _insertion(table: str, columns: int, rows: int, on_conflict: str) -> str:
    """OR FAIL, because what a failing statement has done goes with the whole transaction: SQLite need not note it."""
    row = f"({','.join('?' * columns)})"
    return f"INSERT OR FAIL INTO {table} VALUES {','.join([row] * rows)}{on_conflict}"  # noqa: S608 (our own names)


@cache
def _deletion(table: str, names: tuple[str, str], rows: int) -> str:
    """Spelled out with OR: for a list of pairs SQLite would look through the whole table."""
    key = f"({names[0]}=? AND {names[1]}=?)"
    return f"DELETE FROM {table} WHERE {' OR '.join([key] * rows)}"  # noqa: S608 (our own names)


def _expect(found: int, rows: int) -> None:
    """Deletes and updates count: a row that is not there means that somebody else was faster."""
    if found != rows:
        raise StoreCorruptError(f"a batch relies on {rows} rows, and {found} are there: another writer?")
