"""How a journal lies in its SQLite file: the tables of today, and the way there from every earlier layout.

A file says in `user_version` which layout it has. One that is older is brought up to date in one transaction when it
is opened for writing; one that is newer is refused, because nobody here knows what it means.
"""

from __future__ import annotations

import sqlite3

from temper.run.store.protocol import StoreCorruptError
from temper.run.store.rows import Head

LAYOUT = 2

SCHEMA = """
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, commits INTEGER NOT NULL,
  record INTEGER NOT NULL, place INTEGER NOT NULL, chain TEXT NOT NULL);
CREATE TABLE versions (number INTEGER PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE cells (entity TEXT NOT NULL, id TEXT NOT NULL, control TEXT NOT NULL, seq INTEGER NOT NULL,
  clock INTEGER NOT NULL, due INTEGER, timers TEXT NOT NULL, data TEXT NOT NULL, marks TEXT NOT NULL,
  burnt INTEGER NOT NULL, PRIMARY KEY (entity, id)) WITHOUT ROWID;
CREATE INDEX cells_due ON cells (due) WHERE due IS NOT NULL;
CREATE INDEX cells_control ON cells (entity, control, id);
CREATE TABLE pending (place INTEGER PRIMARY KEY, round INTEGER NOT NULL, kind TEXT NOT NULL,
  owner_entity TEXT NOT NULL, owner_id TEXT NOT NULL, receiver_entity TEXT NOT NULL, receiver_id TEXT NOT NULL,
  claimed INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before INTEGER NOT NULL, note TEXT NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX pending_effects ON pending (owner_entity, owner_id, place) WHERE kind = 'effect';
CREATE INDEX pending_spawns ON pending (receiver_entity, receiver_id) WHERE kind = 'spawn';
CREATE TABLE records (number INTEGER PRIMARY KEY, entity TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
  body TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX records_of ON records (entity, id, number);
CREATE TABLE answers (key TEXT PRIMARY KEY, digest TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE certificates (hash TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE book (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
"""

MIGRATIONS = {
    1: """
CREATE TABLE IF NOT EXISTS certificates (hash TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS book (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key))
  WITHOUT ROWID;
CREATE INDEX pending_spawns ON pending (receiver_entity, receiver_id) WHERE kind = 'spawn';
""",
}
"""By the layout that a file has: what makes it one of the next. Layout 1 may lack the tables that came late."""

READABLE = frozenset({1, LAYOUT})
"""Layouts that can be read as they lie: tables may be missing, and reading is slower."""


def make_ready(connection: sqlite3.Connection, path: str, identity: str) -> None:
    """Lay a new file out, or bring an old one up to date, all or nothing. Raises `StoreCorruptError`."""
    layout = layout_of(connection)
    if layout == 0:
        _create(connection, path, identity)
    elif layout not in {*MIGRATIONS, LAYOUT}:
        raise StoreCorruptError(f"{path} has layout {layout}, and this program knows those up to {LAYOUT}")
    elif layout < LAYOUT:
        steps = "".join(MIGRATIONS[each] for each in range(layout, LAYOUT))
        _all_or_nothing(connection, f"{steps} PRAGMA user_version = {LAYOUT};")


def assert_readable(connection: sqlite3.Connection, path: str) -> None:
    """Raise `StoreCorruptError` unless the file can be read as it lies."""
    layout = layout_of(connection)
    if layout not in READABLE:
        raise StoreCorruptError(f"{path} has layout {layout}, and this program knows those up to {LAYOUT}")


def layout_of(connection: sqlite3.Connection) -> int:
    """The layout that the file has; 0 if it is new, or no journal."""
    layout: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return layout


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether an old file that is only read has a table that came later."""
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (name,)).fetchone() is not None


def _create(connection: sqlite3.Connection, path: str, identity: str) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreCorruptError(f"{path} is a database of something else")
    given = identity.replace("'", "''")
    head = f"INSERT INTO head VALUES (1, '{given}', 0, 0, 0, '{Head().chain}');"  # noqa: S608 (quoted above)
    _all_or_nothing(connection, f"{SCHEMA} {head} PRAGMA user_version = {LAYOUT};")


def _all_or_nothing(connection: sqlite3.Connection, script: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
