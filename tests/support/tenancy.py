"""A server of several tenants on loopback for tests: its own thread, its own loop, a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.serving import START, uncertified
from support.threads import in_a_thread
from temper.machine import TransitionTable
from temper.pipeline import Read
from temper.report import Source
from temper.run import Handler, ManualClock, SeededChance
from temper.serve.client import Client
from temper.serve.http import Server, open_socket, url_of
from temper.serve.http.tenants import TenantsApplication
from temper.serve.instruments import Instruments
from temper.serve.operations import OPERATIONS
from temper.serve.problem import ProblemError
from temper.serve.tenants.host import HostService
from temper.serve.tenants.journals import Journals
from temper.serve.tenants.limits import AllLimits
from temper.serve.tenants.opening import Making, Offer
from temper.serve.tenants.operations import TENANT_OPERATIONS
from temper.serve.tenants.tenants import Tenants
from temper.serve.tokens import TokenFile, create_tokens


@dataclass(frozen=True, slots=True)
class Tenancy:
    """A server that runs, and what a test needs to ask it something."""

    url: str
    host_tokens: Mapping[str, str]
    tokens: dict[str, dict[str, str]]
    tenants: Tenants
    clock: ManualClock
    loop: asyncio.AbstractEventLoop
    blueprint: str

    def create(self, name: str) -> None:
        self.tokens[name] = self.host("create_tenant", {"tenant": name})["tokens"]

    def host(self, name: str, body: Any = None, who: str = "operator", **given: str) -> Any:
        asked = next(each for each in (*TENANT_OPERATIONS, *OPERATIONS) if each.name == name)
        return Client(self.url, self.host_tokens[who]).ask(asked, given, body)

    def ask(self, tenant: str, who: str, name: str, body: Any = None, *, token: str = "", **given: str) -> Any:
        """What the operation answers to somebody of a tenant; `-` in names of parameters is written as `_`."""
        asked = next(each for each in OPERATIONS if each.name == name)
        names = {each.name.replace("-", "_"): each.name for each in asked.parameters}
        placed = {names.get(key, key): value for key, value in given.items()}
        if "blueprint" in names:
            placed.setdefault("blueprint", self.blueprint)
        shown = token or self.tokens[tenant][who]
        return Client(f"{self.url}/v1/{tenant}", shown).ask(asked, placed, body)

    def problem(self, *words: Any, **given: Any) -> ProblemError:
        try:
            answer = self.ask(*words, **given)
        except ProblemError as problem:
            return problem
        raise AssertionError(f"it was answered: {answer}")

    def run(self, waiting: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(waiting, self.loop).result(30)

    def quiet(self) -> None:
        async def all_of_them() -> None:
            for tenant in self.tenants:
                if tenant.opened is not None:
                    await tenant.opened.runtime.quiet()

        self.run(all_of_them())

    def advance(self, milliseconds: int) -> None:
        """Let time pass, and everything happen that follows from it."""

        async def pass_() -> None:
            self.clock.advance(milliseconds)
            for _ in range(50):
                await asyncio.sleep(0.002)

        self.run(pass_())
        self.quiet()


@contextmanager
def tenancy(
    table: TransitionTable,
    folder: Path,
    *,
    limits: AllLimits | None = None,
    handlers: Callable[[], Mapping[str, Handler]] = dict,
    text: str = "",
    database: str = "",
) -> Iterator[Tenancy]:
    """Serve tenants while the body runs. `text` is the blueprint's, where versions are loaded.

    Journals lie in files, or in the `database` if one is named.
    """
    path = folder / "tokens.toml"
    tokens = create_tokens(path, (("eve", ()),)) if not path.exists() else {}
    clock, loop = ManualClock(START), asyncio.new_event_loop()
    held: dict[str, Any] = {}

    async def main(ready: threading.Event, stop: asyncio.Event) -> None:
        making = Making(clock, lambda: SeededChance(7), lambda _: (handlers(), {}), journals=Journals(database))
        instruments = Instruments()
        offer = Offer(uncertified(table), Read(Source("blueprint.yaml", text), ()))
        tenants = Tenants(folder / "tenants", offer, making, limits or AllLimits(), instruments.draining)
        instruments.draining.hear(tenants.drain)
        host = HostService(tenants, making, TokenFile(path), instruments)
        opened = open_socket("127.0.0.1", 0)
        server = Server(TenantsApplication(tenants, host))
        held.update(url=url_of(opened), tenants=tenants)
        await tenants.begin()
        task = asyncio.create_task(server.serve(opened))
        ready.set()
        await stop.wait()
        server.stop()
        await task
        opened.close()
        await tenants.close()

    with in_a_thread(loop, main):
        yield Tenancy(held["url"], tokens, {}, held["tenants"], clock, loop, table.blueprint)
