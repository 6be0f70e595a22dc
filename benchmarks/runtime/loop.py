"""What one call costs the thread that computes, on a machine that need not be quiet: the least of many short rounds.

python benchmarks/runtime/loop.py [--without-http] [--rounds 60] [--profile] [--orders 2000] [--held 100000]

Whole calls on a journal on the disk, 64 at a time, without a network: requests are fed to real connections whose
transports are pretended, or with `--without-http` to the runtime itself. With more orders than are held in memory, the
others are read when they are asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import itertools
import pstats
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server import HERE, place  # the server beside this file

from temper.machine import Certificate, Certified, table_hash
from temper.pipeline import build
from temper.run import Done, Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime
from temper.serve.http import Server, application, run_server
from temper.serve.http.connection import Connection
from temper.serve.reload import Reloader
from temper.serve.service import Service
from temper.serve.tokens import TokenFile, create_tokens

AT_ONCE = 64
EACH = 8
NUMBERS = itertools.count()
Round = Callable[[], Awaitable[None]]


class Client:
    """A pretended transport: whatever is answered, it asks the next thing until it has asked enough."""

    def __init__(self, token: str, orders: int, ended: Callable[[], None]) -> None:
        self._token, self._left, self._orders, self._ended = token, EACH, orders, ended
        self._loop = asyncio.get_running_loop()

    def begin(self, connection: Connection) -> None:
        self._connection = connection
        connection.connection_made(self)  # type: ignore[arg-type]
        self._ask()

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        assert data.startswith(b"HTTP/1.1 200"), data
        self._left -= 1
        if self._left:
            self._ask()
        else:
            self._loop.call_soon(self._connection.connection_lost, None)
            self._ended()

    def _ask(self) -> None:
        number = next(NUMBERS)
        body = f'{{"amount":{random.randrange(400_000)},"note":"change {number}"}}'
        head = (
            f"POST /v1/orders/Order/o{random.randrange(self._orders)}/amend HTTP/1.1\r\nHost: 127.0.0.1:40000\r\n"
            f"Idempotency-Key: key-{number}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._loop.call_soon(self._connection.data_received, f"{head}{body}".encode())


def over_http(runtime: Runtime, orders: int, folder: Path) -> Round:
    path = folder / "tokens.toml"
    token = create_tokens(path, (("ann", ("clerk",)),))["ann"]
    app = application(Service(runtime, TokenFile(path), Reloader(runtime, tell=print)))
    server = Server(app)

    async def round_() -> None:
        left, ended = AT_ONCE, asyncio.Event()

        def end() -> None:
            nonlocal left
            left -= 1
            if not left:
                ended.set()

        for _ in range(AT_ONCE):
            Client(token, orders, end).begin(Connection(server, app))
        await ended.wait()

    return round_


def without_http(runtime: Runtime, orders: int, _: Path) -> Round:
    roles = frozenset({"clerk"})

    async def client() -> None:
        for _ in range(EACH):
            number, order = next(NUMBERS), f"o{random.randrange(orders)}"
            args = {"amount": random.randrange(400_000), "note": f"change {number}"}
            done = await runtime.call("Order", order, "amend", args, caller="ann", roles=roles, key=f"key-{number}")
            assert isinstance(done, Done), done

    async def round_() -> None:
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))

    return round_


async def main(given: argparse.Namespace) -> None:
    table = build(HERE / "orders").table
    assert table is not None
    certified = Certified(table, Certificate(table_hash(table), (), None, "a benchmark", (), ()))
    with tempfile.TemporaryDirectory(dir=".") as made:
        store: Any = SqliteStore(Path(made) / "journal.sqlite", identity="bench")
        world = World(SystemClock(), SystemChance(), store, {}, instances_max=given.held)
        runtime = await open_runtime(world, certified)
        assert isinstance(runtime, Runtime), runtime
        await place(runtime, given.orders)
        round_ = (without_http if given.without_http else over_http)(runtime, given.orders, Path(made))
        await round_()
        began = time.perf_counter()
        profile, found = cProfile.Profile() if given.profile else None, []
        for _ in range(given.rounds):
            if profile is not None:
                profile.enable()
            loop, whole = time.thread_time(), time.process_time()
            await round_()
            loop, whole = time.thread_time() - loop, time.process_time() - whole
            if profile is not None:
                profile.disable()
            found.append((loop / AT_ONCE / EACH * 1e6, whole / AT_ONCE / EACH * 1e6))
        least, half = min(found), sorted(found)[len(found) // 2]
        print(f"the loop's thread: {least[0]:.0f} µs a call at least, {half[0]:.0f} µs in half of the rounds")
        took = (time.perf_counter() - began) / given.rounds / AT_ONCE / EACH * 1e6
        print(f"by the clock: {took:.0f} µs a call, which says something on a quiet machine only")
        print(f"all threads: {min(all_ for _, all_ in found):.0f} µs a call at least")
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        await runtime.close()


def run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without-http", action="store_true")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--held", type=int, default=100_000, help="how many instances stay in memory")
    run_server(main(parser.parse_args()))


if __name__ == "__main__":
    run()
