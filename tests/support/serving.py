"""A real server on loopback for tests: its own thread, its own loop, a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.threads import in_a_thread
from temper.machine import Certificate, Certified, TransitionTable, table_hash
from temper.pipeline import Read, build_read
from temper.report import Source
from temper.run import Handler, ManualClock, MemoryStore, Runtime, SeededChance, World, open_runtime
from temper.serve.client import Client
from temper.serve.http import Server, application, open_socket, url_of
from temper.serve.instruments import Instruments
from temper.serve.operations import operation
from temper.serve.problem import ProblemError
from temper.serve.reload import Reloader
from temper.serve.service import Service
from temper.serve.tokens import TokenFile, add_token, create_tokens

START = 1_767_225_600_000
"""When tests begin: 2026-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and what a test needs to ask it something."""

    url: str
    tokens: Mapping[str, str]
    tokens_path: Path
    runtime: Runtime
    clock: ManualClock
    store: Any
    loop: asyncio.AbstractEventLoop
    told: list[Any]

    def client(self, name: str, acting_as: str = "") -> Client:
        return Client(self.url, self.tokens.get(name, name), acting_as)

    def ask(self, who: str, name: str, body: Any = None, **given: str) -> Any:
        """What the operation answers to somebody; `given` holds its parameters, `-` in names written as `_`."""
        asked = operation(name)
        names = {each.name.replace("-", "_"): each.name for each in asked.parameters}
        placed = {names.get(key, key): value for key, value in given.items()}
        if "blueprint" in names:
            placed.setdefault("blueprint", self.runtime.table.blueprint)
        return self.client(who).ask(asked, placed, body)

    def problem(self, who: str, name: str, body: Any = None, **given: str) -> ProblemError:
        """The problem that the operation answers; it is a failure of the test if it answers something else."""
        try:
            answer = self.ask(who, name, body, **given)
        except ProblemError as problem:
            return problem
        raise AssertionError(f"{name} was answered: {answer}")

    def run(self, waiting: Any) -> Any:
        """Let the server's own loop do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(waiting, self.loop).result(30)

    async def _advance(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        await self.runtime.quiet()

    def advance(self, milliseconds: int) -> None:
        """Let time pass, and everything happen that follows from it."""
        self.run(self._advance(milliseconds))

    def quiet(self) -> None:
        self.run(self.runtime.quiet())


def table_of(text: str, *policies: Source) -> TransitionTable:
    """The table of a blueprint's text, which must be right."""
    built = build_read(Read(Source("blueprint.yaml", text), policies))
    assert built.table is not None, built.diagnostics
    return built.table


def uncertified(table: TransitionTable) -> Certified:
    """The table as if it were certified: what the runtime does must not rely on what verifiers say."""
    return Certified(table, Certificate(table_hash(table), (), None, "nothing was looked at", (), ()))


@contextmanager
def serving(
    certified: Certified,
    folder: Path,
    *,
    principals: tuple[tuple[str, tuple[str, ...]], ...] = (),
    handlers: Mapping[str, Handler] | None = None,
    store: Any = None,
    instruments: Instruments | None = None,
) -> Iterator[Running]:
    """Serve while the body runs."""
    path = folder / "tokens.toml"
    tokens = create_tokens(path, principals or certified.table.scope.principals)
    tokens["wim"] = add_token(path, "wim", (), works_on=None)
    clock, kept, watched = ManualClock(START), store or MemoryStore(), instruments or Instruments()
    world = World(clock, SeededChance(7), kept, dict(handlers or {}), observer=watched.observer, tracer=watched.tracer)
    loop = asyncio.new_event_loop()
    told: list[Any] = []
    held: dict[str, Any] = {}

    async def main(ready: threading.Event, stop: asyncio.Event) -> None:
        runtime = await open_runtime(world, certified)
        assert isinstance(runtime, Runtime), runtime
        service = Service(runtime, TokenFile(path), Reloader(runtime, tell=told.append), watched)
        opened = open_socket("127.0.0.1", 0)
        server = Server(application(service))
        held.update(runtime=runtime, url=url_of(opened))
        task = asyncio.create_task(server.serve(opened))
        ready.set()
        await stop.wait()
        server.stop()
        await task
        opened.close()
        await runtime.close()

    with in_a_thread(loop, main):
        yield Running(held["url"], tokens, path, held["runtime"], clock, kept, loop, told)
