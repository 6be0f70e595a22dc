"""The server that is measured: the real one, on a journal on the disk, with as many orders as it was asked for.

python benchmarks/runtime/server.py FOLDER ORDERS [--profile FILE] [--store URL] [--switch SECONDS]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import sys
import time
from pathlib import Path

from temper.machine import Certificate, Certified, table_hash
from temper.pipeline import build
from temper.run import Done, PostgresStore, Runtime, SqliteStore, Store, SystemChance, SystemClock, World, open_runtime
from temper.serve.http import application, open_socket, run_server, serve_until_stopped, url_of
from temper.serve.reload import Reloader
from temper.serve.service import Service
from temper.serve.tokens import TokenFile, create_tokens

HERE = Path(__file__).parent
AT_ONCE = 500


async def place(runtime: Runtime, orders: int) -> None:
    """Make the orders, many in one transaction."""

    async def one(number: int) -> None:
        args = {"customer": f"customer {number}", "level": "low", "amount": number % 1000}
        done = await runtime.call("Order", f"o{number}", "place", args, caller="ann", roles=frozenset({"clerk"}))
        assert isinstance(done, Done), done

    for first in range(0, orders, AT_ONCE):
        await asyncio.gather(*(one(number) for number in range(first, min(first + AT_ONCE, orders))))


async def main(given: argparse.Namespace) -> None:
    if given.switch:
        sys.setswitchinterval(given.switch)
    table = build(HERE / "orders").table
    assert table is not None
    certified = Certified(table, Certificate(table_hash(table), (), None, "a benchmark", (), ()))
    path = given.folder / "tokens.toml"
    kept = given.folder / "drawn.json"
    if not path.exists():
        kept.write_text(json.dumps(create_tokens(path, (("ann", ("clerk",)), ("eve", ("auditor",))))))
    store: Store = SqliteStore(given.folder / "journal.sqlite", identity="bench")
    if given.store:
        store = PostgresStore(given.store, schema_name="bench", identity="bench")
    runtime = await open_runtime(World(SystemClock(), SystemChance(), store, {}), certified)
    assert isinstance(runtime, Runtime), runtime
    if runtime.read("Order", "o0").__class__.__name__ != "Seen":
        await place(runtime, given.orders)
    service = Service(runtime, TokenFile(path), Reloader(runtime, tell=print))
    opened = open_socket("127.0.0.1", 0)
    ready = {"url": url_of(opened), "token": json.loads(kept.read_text())["ann"], "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    profile = cProfile.Profile() if given.profile else None
    if profile is not None:
        profile.enable()
    used, first = time.thread_time(), time.process_time()
    await serve_until_stopped(application(service), opened)
    used, whole = time.thread_time() - used, time.process_time() - first
    sys.stderr.write(f"the loop's thread used {used:.2f} s of the {whole:.2f} s of processor time while it served\n")
    if profile is not None:
        profile.disable()
        profile.dump_stats(given.profile)
    await runtime.close()


def run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("orders", type=int)
    parser.add_argument("--profile")
    parser.add_argument("--switch", type=float, help="another switch interval than the server's own, in seconds")
    parser.add_argument("--store", metavar="URL", help="a PostgreSQL in place of the journal in the folder")
    given = parser.parse_args()
    run_server(main(given))


if __name__ == "__main__":
    run()
