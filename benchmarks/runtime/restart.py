"""How long a start takes over a journal with many instances, and how much memory it needs.

python benchmarks/runtime/restart.py [--instances 1000000]

The journal is made by writing rows, each like one that the runtime wrote: an order with a pending effect, an armed
timer and a record. What is measured is a process of its own: from its first line to the answer of its first call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BEGAN = time.perf_counter()
HERE = Path(__file__).parent
PAGE = 5_000


async def opened(path: Path):
    from temper.machine import Certificate, Certified, table_hash
    from temper.pipeline import build
    from temper.run import Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime

    table = build(HERE / "orders").table
    assert table is not None
    certified = Certified(table, Certificate(table_hash(table), (), None, "a benchmark", (), ()))
    store = SqliteStore(path, identity="bench")
    runtime = await open_runtime(World(SystemClock(), SystemChance(), store, {}), certified)
    assert isinstance(runtime, Runtime)
    return runtime, store


async def call(runtime, id_: str, action: str, args: dict):
    from temper.run import Done

    done = await runtime.call("Order", id_, action, args, caller="ann", roles=frozenset({"clerk"}))
    assert isinstance(done, Done), done


async def make(path: Path, instances: int) -> None:
    """One order by the runtime, and so many like it."""
    from temper.machine import Address
    from temper.run.journal import chained
    from temper.run.store.rows import Batch

    runtime, store = await opened(path)
    await call(runtime, "like", "place", {"customer": "ann", "level": "low", "amount": 5})
    await call(runtime, "like", "amend", {"amount": 6, "note": "once"})
    cell, (pending,) = store.cell(Address("Order", "like")), store.pending()
    record = store.last_record()
    for first in range(0, instances, PAGE):
        head = store.head()
        batch = Batch(head)
        for number in range(first, min(first + PAGE, instances)):
            id_ = f"o{number}"
            body = record.body.replace('"like"', f'"{id_}"').replace(
                f'"number":{record.number},', f'"number":{head.record + 1},'
            )
            head = head._replace(record=head.record + 1, place=head.place + 1, chain=chained(head.chain, body))
            batch.records.append(record._replace(number=head.record, id=id_, body=body, hash=head.chain))
            batch.cells[Address("Order", id_)] = cell._replace(id=id_, due=cell.due + number)
            waiting = pending.body.replace('"like"', f'"{id_}"')
            batch.made[head.place] = pending._replace(place=head.place, owner_id=id_, receiver_id=id_, body=waiting)
        batch.head = head._replace(commit=head.commit + 1)
        store.commit(batch)
    await runtime.close()


async def start(path: Path) -> None:
    runtime, _ = await opened(path)
    ready = time.perf_counter() - BEGAN
    await call(runtime, "o77", "amend", {"amount": 7, "note": "again"})
    answered = time.perf_counter() - BEGAN
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"ready": ready, "answered": answered, "processor": time.process_time(), "resident": resident}),
        flush=True,
    )
    import os

    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", type=int, default=1_000_000)
    parser.add_argument("--start", type=Path)
    given = parser.parse_args()
    if given.start:
        asyncio.run(start(given.start))
        return
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "journal.sqlite"
        asyncio.run(make(path, given.instances))
        size = path.stat().st_size / 1e6
        print(f"{given.instances:,} instances, each with a pending effect, an armed timer and a record: {size:.0f} MB")
        for _ in range(3):
            ran = subprocess.run(
                [sys.executable, __file__, "--start", str(path)], capture_output=True, text=True, check=True
            )
            told = json.loads(ran.stdout)
            print(
                f"ready after {told['ready']:.2f} s, first call answered after {told['answered']:.2f} s, "
                f"{told['processor']:.2f} s of processor time, {told['resident']:.0f} MB"
            )


if __name__ == "__main__":
    main()
