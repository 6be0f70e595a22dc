"""A node that sleeps in the middle of a transaction holds locks; the others end its connection, and go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg.pq import ExecStatus

from support.nodes import Nodes
from support.parcels import PARCELS
from support.postgres import Server
from support.running import table_of
from temper.run.store.postgres.connecting import Connection

LEASE_MILLISECONDS = 400
SECONDS_MAX = 30
LOCKING = b"UPDATE store SET one = one"
"""It locks what every commit reads."""


def begun(connection: Connection) -> None:
    connection.execute(b"BEGIN")
    connection.execute(LOCKING)


def pipelined(connection: Connection) -> None:
    """The database holds the locks, and waits for the rest of what was begun: it takes this for work."""
    connection.execute(b"BEGIN")
    raw = connection.pgconn
    raw.enter_pipeline_mode()
    raw.send_query_params(LOCKING, None)
    raw.send_flush_request()
    raw.flush()
    answer = raw.get_result()  # it waits until the locks are held
    assert answer is not None
    assert answer.status == ExecStatus.COMMAND_OK, raw.get_error_message()


@pytest.mark.parametrize("asleep", [begun, pipelined])
@pytest.mark.parametrize("which", ["_writer", "_keeper"])
def test_locks_of_a_sleeper_hold_nobody_up_for_long(
    postgres: Server, which: str, asleep: Callable[[Connection], None]
) -> None:
    async def test() -> None:
        async with Nodes(table_of(PARCELS), postgres) as nodes:
            one = await nodes.begin(lease_milliseconds=LEASE_MILLISECONDS)
            two = await nodes.begin(lease_milliseconds=LEASE_MILLISECONDS)
            await two.done("Parcel", "p", "pack", {"label": "a"})
            assert one.runtime.membership is not None
            await one.runtime.membership.close()
            sleeper: Connection = getattr(one.store, which)
            backend = sleeper.info.backend_pid
            await asyncio.to_thread(asleep, sleeper)
            end = time.monotonic() + SECONDS_MAX
            call = asyncio.ensure_future(two.done("Parcel", "p", "raise_level"))
            while not call.done():
                assert time.monotonic() < end, "the sleeper holds its lock still"
                await two.beat()
                await asyncio.sleep(LEASE_MILLISECONDS / 4000)
            assert call.result().data["level"] == 1
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                # It lets its locks go a moment before it is gone.
                while connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchall():
                    assert time.monotonic() < end, "its connection lives on"
                    await asyncio.sleep(0.01)

    asyncio.run(test())
