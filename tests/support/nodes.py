"""Several nodes on one database in one test: a clock for all, a store, an outside and chance for each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import psycopg

from support.durable import assert_one_run, assert_whole
from support.postgres import Server
from support.running import EVERY_ROLE, trusted, turn
from temper.machine import TransitionTable
from temper.run import (
    Done,
    Handler,
    ManualClock,
    PostgresStore,
    Response,
    Runtime,
    SeededChance,
    Seen,
    SharedMemory,
    SharedMemoryStore,
    World,
    open_runtime,
)

Database: TypeAlias = Server | SharedMemory
"""What nodes share: a server, with a schema for each test, or rows in memory that answer alike."""


class Node:
    """One runtime over its own connections."""

    def __init__(self, runtime: Runtime, store: PostgresStore | SharedMemoryStore) -> None:
        self.runtime, self.store = runtime, store

    async def call(
        self, entity: str, id_: str | None, action: str, args: Mapping[str, Any] | None = None, **more: Any
    ) -> Response:
        given = {"caller": "ann", "roles": EVERY_ROLE, **more}
        return await self.runtime.call(entity, id_, action, args or {}, **given)

    async def done(
        self, entity: str, id_: str | None, action: str, args: Mapping[str, Any] | None = None, **more: Any
    ) -> Done:
        answer = await self.call(entity, id_, action, args, **more)
        assert isinstance(answer, Done), answer
        return answer

    def seen(self, entity: str, id_: str) -> Seen:
        seen = self.runtime.read(entity, id_)
        assert isinstance(seen, Seen), seen
        return seen

    async def beat(self) -> None:
        assert self.runtime.membership is not None
        await self.runtime.membership.beat()


class Nodes:
    """As many nodes as a test likes; those that died are left out of whatever comes."""

    def __init__(self, table: TransitionTable, server: Database) -> None:
        self.table, self.server = table, server
        self.schema = "" if isinstance(server, SharedMemory) else server.schema()
        self.clock = ManualClock(1_000)
        self.living: list[Node] = []
        self._begun = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.living:
            await node.runtime.close()

    def store(self, **more: Any) -> PostgresStore | SharedMemoryStore:
        if isinstance(self.server, SharedMemory):
            return SharedMemoryStore(self.server, **more)
        return PostgresStore(self.server.url, schema_name=self.schema, identity="shared", **more)

    async def begin(self, handlers: Mapping[str, Handler] | None = None, **more: Any) -> Node:
        self._begun += 1
        store = self.store(**more)
        world = World(self.clock, SeededChance(self._begun), store, handlers or {})
        opened = await open_runtime(world, trusted(self.table))
        assert isinstance(opened, Runtime), opened
        node = Node(opened, store)
        self.living.append(node)
        return node

    async def kill(self, node: Node) -> None:
        """As `kill -9` does it: the database sees its connections end, and nobody says goodbye."""
        self.living.remove(node)
        if isinstance(node.store, SharedMemoryStore):
            node.store.lose("writer", "keeper", "reader")
        else:
            await cut_off(node.store)
        await node.runtime.close()

    def declare_dead(self, slot: int) -> None:
        """As other nodes do it that have not heard of this one for a while."""
        if isinstance(self.server, SharedMemory):
            held = self.server.slots[slot]
            held.epoch, held.until, held.holds = held.epoch + 1, None, False
            return
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(f"UPDATE {self.schema}.nodes SET epoch = epoch + 1, until = NULL WHERE slot = {slot}")

    async def pass_time(self, milliseconds: int) -> None:
        """Let time pass in the steps in which somebody waits for it, each until nothing goes on any more."""
        await self.quiet()
        end = self.clock.now() + milliseconds
        while (due := self.clock.next_due()) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            await self.quiet()
        self.clock.set(end)
        await self.quiet()

    async def quiet(self) -> None:
        for _ in range(3):
            await turn()
            for node in self.living:
                await node.runtime.quiet()

    def check(self) -> None:
        """The laws of every store, told from one node's sight: what all nodes did is one run, by the numbers."""
        store = self.living[0].store
        assert_whole(store)
        assert_one_run(store)


async def cut_off(store: PostgresStore) -> None:
    """As when a process is killed: the database sees its connections end, and nobody says goodbye."""
    opened = [connection for connection in store._opened if not connection.closed]
    backends = [connection.info.backend_pid for connection in opened]
    for connection in opened:
        connection.close()
    with psycopg.connect(store._url, autocommit=True) as connection:
        living = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY (%s)"
        while connection.execute(living, (backends,)).fetchall():  # noqa: ASYNC110 (the server says nothing)
            await asyncio.sleep(0.002)
