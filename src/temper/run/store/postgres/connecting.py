"""Connections to PostgreSQL: how they are set up, how they fail, and lists of values as one argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from temper.run.store.protocol import ConflictError, StorageFullError, StoreCorruptError, StoreError

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

CONNECT_SECONDS = 5
SETTINGS = (
    # A commit must not be seen, or answered, before it is on the disk; whatever the database's default is.
    "SET synchronous_commit = on",
    "SET client_min_messages = warning",
    "SET jit = off",  # compiling a plan takes longer than any of ours
    "SET default_transaction_isolation = 'read committed'",
)
WRITING = (
    # Rows are then locked in the order in which they are named, by every node, so no two wait for each other.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_seqscan = off",
    # Rows are found by their keys, whatever is thought of a table that nobody has analysed yet.
    "SET random_page_cost = 0.01",
    "SET seq_page_cost = 0.01",
)


def connected(
    url: str, schema: str, *, settings: Sequence[str] = (), idle_milliseconds: int = 0, lock_milliseconds: int = 0
) -> Connection:
    """A connection that sees the schema. In a transaction it may be idle so long; then the database ends it.

    A node that stops in the middle of a commit would otherwise keep its locks for as long as it sleeps. Of one that
    stops between the statements of a pipeline the database sees no idleness: by its name the other nodes find it.
    For a lock it waits so long, or for ever.
    """
    connection = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS, client_encoding="utf-8")
    connection.prepare_threshold = 2
    for setting in (*SETTINGS, *settings):
        connection.execute(setting.encode())
    connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
    if lock_milliseconds:
        connection.execute(f"SET lock_timeout = {int(lock_milliseconds)}".encode())
    if idle_milliseconds:
        connection.execute(b"SELECT set_config('application_name', %s, false)", (f"temper {schema}",))
        connection.execute(f"SET idle_in_transaction_session_timeout = {int(idle_milliseconds)}".encode())
    return connection


def exchanged(connection: Connection, statement: str, given: Sequence[Any] = ()) -> list[Any]:
    """The rows of one statement."""
    return connection.execute(statement.encode(), given).fetchall()


def texts(values: Iterable[str]) -> str:
    r"""A list of texts as one argument, an array literal: an order of magnitude cheaper than the driver's own lists.

    >>> texts(['plain', 'a "quote" and a back\\slash'])
    '{"plain","a \\"quote\\" and a back\\\\slash"}'
    """
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return '{"' + '","'.join(escaped) + '"}'


def numbers(values: Iterable[int | None]) -> str:
    """A list of numbers as one argument.

    >>> numbers([1, None])
    '{1,NULL}'
    """
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def translated(error: psycopg.Error) -> StoreError:
    """What a failure of the database means to the runtime."""
    match error:
        case psycopg.errors.DiskFull():
            return StorageFullError("there is no room left for the journal")
        case (
            psycopg.errors.SerializationFailure()
            | psycopg.errors.DeadlockDetected()
            | psycopg.errors.LockNotAvailable()
        ):
            return ConflictError(f"another node was faster: {error}")
        case psycopg.errors.DataCorrupted() | psycopg.errors.IndexCorrupted() | psycopg.errors.UniqueViolation():
            return StoreCorruptError(f"the store is damaged, or no store of ours: {error}")
        case psycopg.errors.UndefinedTable() | psycopg.errors.UndefinedColumn():
            return StoreCorruptError(f"the schema holds no store of ours: {error}")
        case _:
            return StoreError(f"the store failed: {str(error).strip() or type(error).__name__}")
