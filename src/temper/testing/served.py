"""A server without a socket: the operations of the catalogue on a real runtime, with a loop and a clock of its own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from temper.machine import Certificate, Certified, TransitionTable, table_hash
from temper.run import Ask, Handler, ManualClock, Runtime, SeededChance, Store, World, open_runtime
from temper.serve.asking import Answer, Asked, JsonText
from temper.serve.problem import ProblemError
from temper.serve.reload import Reloader
from temper.serve.service import Service
from temper.serve.tokens import Principal, TokenFile, create_tokens

START = 1_767_225_600_000
Told = TypeVar("Told")


class Served:
    """One blueprint, served from a store; begun again over the same store as often as a test likes."""

    def __init__(self, table: TransitionTable, store: Store, handlers: Mapping[str, Handler]) -> None:
        self.table, self.store = table, store
        self.clock = ManualClock(START)
        self.loop = asyncio.new_event_loop()
        self.asked: list[tuple[Ask, asyncio.Future[object]]] = []
        """Attempts that wait for an answer."""
        self._folder = tempfile.TemporaryDirectory()
        create_tokens(Path(self._folder.name) / "tokens.toml", (("nobody", ()),))
        effects = {effect.name: self._wait for effect in table.effects}
        self._handlers: Mapping[str, Handler] = {**effects, **handlers}
        self.service = self.wait(self._open())

    async def _wait(self, ask: Ask) -> object:
        answer: asyncio.Future[object] = self.loop.create_future()
        self.asked.append((ask, answer))
        return await answer

    async def _open(self) -> Service:
        # What is tested is whether the runtime does what the table says, whatever verifiers say of the table.
        blank = Certificate(table_hash(self.table), (), None, "nothing was looked at", (), ())
        world = World(self.clock, SeededChance(7), self.store, self._handlers)
        runtime = await open_runtime(world, Certified(self.table, blank))
        assert isinstance(runtime, Runtime), f"the store is not served: {runtime}"
        tokens = TokenFile(Path(self._folder.name) / "tokens.toml")
        return Service(runtime, tokens, Reloader(runtime, tell=lambda _: None))

    def wait(self, doing: Coroutine[Any, Any, Told]) -> Told:
        """Let the loop do it."""
        return self.loop.run_until_complete(doing)

    def settle(self) -> None:
        """Let everything happen that waits for nobody; what waits for an answer goes on waiting."""

        async def turns() -> None:
            for _ in range(200):
                await asyncio.sleep(0)

        self.wait(turns())

    async def ask(self, name: str, principal: Principal, given: Mapping[str, str], body: Any = None) -> Answer | str:
        """What the operation answers, or the code of the problem that it answers."""
        whole = {"blueprint": self.table.blueprint, **given}
        try:
            answer: Answer = await getattr(self.service, name)(Asked(principal, whole, body=body))
        except ProblemError as problem:
            return problem.code
        return Answer(json.loads(answer.data)) if isinstance(answer.data, JsonText) else answer

    def records(self, after: int) -> list[dict[str, Any]]:
        """The journal records after a number."""
        rows = self.service.runtime.records(after=after, limit=1000)
        assert isinstance(rows, tuple), f"the journal is not read: {rows}"
        return [json.loads(row.body) for row in rows]

    def begin_again(self) -> None:
        """End the process's part of it, and begin anew from what the store has."""
        self._end()
        self.service = self.wait(self._open())

    def _end(self) -> None:
        self.wait(self.service.runtime.close())
        self.asked.clear()

    def close(self) -> None:
        """End it for good."""
        self._end()
        self.loop.close()
        self._folder.cleanup()
