"""The tables of a store on PostgreSQL: one schema for each blueprint, the rows of `rows.py`, and the nodes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

import psycopg
from psycopg import sql

from temper.machine import NEW
from temper.run.store.postgres.connecting import Connection, connected, exchanged, translated
from temper.run.store.protocol import StoreCorruptError, StoreInUseError
from temper.run.store.rows import GENESIS

LAYOUT = 2
"""The version of the tables below, kept in `store`; a schema of another one is refused."""
READABLE = (1, LAYOUT)
"""Layouts that can be read as they lie."""
FLOOR = "ALTER TABLE store ADD COLUMN floor bigint NOT NULL DEFAULT 0"
LIVING = "SELECT count(*) FROM nodes WHERE until > clock_timestamp()"
SLOTS = 256
"""How many nodes can live at once. Numbers of records and places are a multiple of this, plus the node's slot."""

TABLES = """
CREATE TABLE store (one int PRIMARY KEY CHECK (one = 1), layout int NOT NULL, identity text NOT NULL,
  in_force text NOT NULL, floor bigint NOT NULL DEFAULT 0);
CREATE TABLE nodes (slot int PRIMARY KEY, epoch bigint NOT NULL, until timestamptz, commits bigint NOT NULL,
  record bigint NOT NULL, place bigint NOT NULL, chain text NOT NULL) WITH (fillfactor = 50);
CREATE TABLE versions (number bigint PRIMARY KEY, hash text NOT NULL, at bigint NOT NULL, body text NOT NULL);
CREATE TABLE certificates (hash text PRIMARY KEY, at bigint NOT NULL, body text NOT NULL);
CREATE TABLE cells (entity text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, control text NOT NULL,
  seq bigint NOT NULL, clock bigint NOT NULL, due bigint, timers text NOT NULL, data text NOT NULL,
  marks text NOT NULL, burnt smallint NOT NULL, record bigint NOT NULL, place bigint NOT NULL, node int NOT NULL,
  PRIMARY KEY (entity, id)) WITH (fillfactor = 80);
CREATE INDEX cells_due ON cells (node, due) WHERE due IS NOT NULL;
CREATE INDEX cells_control ON cells (control, entity, id);
CREATE TABLE pending (place bigint PRIMARY KEY, round bigint NOT NULL, kind text NOT NULL,
  owner_entity text COLLATE "C" NOT NULL, owner_id text COLLATE "C" NOT NULL,
  receiver_entity text COLLATE "C" NOT NULL, receiver_id text COLLATE "C" NOT NULL, claimed smallint NOT NULL,
  attempts bigint NOT NULL, not_before bigint NOT NULL, note text NOT NULL, body text NOT NULL, node int NOT NULL)
  WITH (fillfactor = 80);
CREATE INDEX pending_effects ON pending (owner_entity, owner_id, place) WHERE kind = 'effect';
CREATE INDEX pending_spawns ON pending (receiver_entity, receiver_id) WHERE kind = 'spawn';
CREATE INDEX pending_of_node ON pending (node, place);
CREATE TABLE records (number bigint PRIMARY KEY, entity text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
  at bigint NOT NULL, body text NOT NULL, hash text NOT NULL);
CREATE INDEX records_of ON records (entity, id, number);
CREATE TABLE answers (key text COLLATE "C" PRIMARY KEY, digest text NOT NULL, at bigint NOT NULL,
  body text NOT NULL);
CREATE TABLE book (kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, body text NOT NULL,
  node int NOT NULL, PRIMARY KEY (kind, key));
CREATE INDEX book_of_node ON book (node) WHERE kind IN ('lease', 'letter');
CREATE TABLE probe (room text NOT NULL);
"""

MAKING = 7_231_845_902
"""The advisory lock under which a schema is made, so that two nodes that start at once make one."""


def prepare(connection: Connection, schema: str, identity: str) -> None:
    """Make the tables if there are none, and hold what is there against what this program reads."""
    exchanged(connection, "SELECT pg_advisory_lock(%s)", (MAKING,))
    try:
        if not has_store(connection, schema):
            _make(connection, schema, identity)
        elif layout_of(connection) == 1:
            _migrate(connection, schema)
    finally:
        exchanged(connection, "SELECT pg_advisory_unlock(%s)", (MAKING,))
    check(connection, schema, (LAYOUT,))


def _migrate(connection: Connection, schema: str) -> None:
    """From layout 1, whose nodes know of no floor and would write below it: none of them may go on."""
    with connection.transaction():
        connection.execute("LOCK TABLE nodes IN SHARE ROW EXCLUSIVE MODE")
        if exchanged(connection, LIVING)[0][0]:
            raise StoreInUseError(f"schema {schema} is served by nodes of an earlier program: stop them first")
        connection.execute(FLOOR.encode())
        connection.execute("UPDATE store SET layout = %s", (LAYOUT,))


def layout_of(connection: Connection) -> int:
    """The layout that a store has."""
    layout: int = exchanged(connection, "SELECT layout FROM store")[0][0]
    return layout


def has_store(connection: Connection, schema: str) -> bool:
    """Whether a store was made in the schema."""
    found = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = 'store'"
    return bool(exchanged(connection, found, (schema,)))


def exists(url: str, schema: str) -> bool:
    """Whether a store was made in the schema, asked from outside. Raises `StoreError`."""
    with _asking(url, schema) as connection:
        return has_store(connection, schema)


def count_instances(url: str, schema: str) -> int:
    """How many live in the store, without those whose id alone is still taken. Raises `StoreError`."""
    with _asking(url, schema) as connection:
        found: int = exchanged(connection, "SELECT count(*) FROM cells WHERE control <> %s", (NEW,))[0][0]
        return found


def rename(url: str, schema: str, name: str) -> None:
    """Call a schema otherwise; one that is not there is none that could be. Raises `StoreError`."""
    with _asking(url, schema) as connection:
        if has_store(connection, schema):
            names = sql.Identifier(schema), sql.Identifier(name)
            connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))


@contextlib.contextmanager
def _asking(url: str, schema: str) -> Iterator[Connection]:
    try:
        with contextlib.closing(connected(url, schema)) as connection:
            yield connection
    except psycopg.Error as error:
        raise translated(error) from error


def check(connection: Connection, schema: str, layouts: Collection[int] = READABLE) -> None:
    """Refuse a schema of another layout, and a database that could not hold every text."""
    encoding = exchanged(connection, "SHOW server_encoding")[0][0]
    if encoding != "UTF8":
        raise StoreCorruptError(f"the database is encoded in {encoding}; a journal needs one that is UTF8")
    layout = layout_of(connection)
    if layout not in layouts:
        raise StoreCorruptError(f"schema {schema} has layout {layout}, and this program reads layout {LAYOUT}")


def _make(connection: Connection, schema: str, identity: str) -> None:
    with connection.transaction():
        with contextlib.suppress(psycopg.errors.DuplicateSchema), connection.transaction():
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(TABLES)
        connection.execute("INSERT INTO store VALUES (1, %s, %s, '')", (LAYOUT, identity))
        slots = "INSERT INTO nodes SELECT slot, 0, NULL, 0, 0, 0, %s FROM generate_series(0, %s) AS slot"
        connection.execute(slots, (GENESIS, SLOTS - 1))
