"""Durable calls of one, two … processes on one PostgreSQL, with the processor time of each part.

python benchmarks/runtime/nodes.py [--nodes 1 2] [--seconds 5] [--callers 64] [--shared] [--url postgresql://…]

Every node is a process that calls instances of its own, or with --shared those of all, in process and without HTTP:
the lamps of benchmarks/run. Without a URL a server is started for the time, its data in a temporary folder, fsync on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / "run"), str(ROOT / "tests")]

INSTANCES = 1000
TICKS = os.sysconf("SC_CLK_TCK")


async def node(url: str, schema: str, number: int, seconds: float, callers: int, *, shared: bool) -> dict[str, float]:
    """One node's work: lamps switched on and round, as many calls under way as there are callers."""
    from throughput import LOOP, lamp_table

    from temper.machine import Certificate, Certified, table_hash
    from temper.run import Done, PostgresStore, Runtime, SystemChance, SystemClock, World, open_runtime

    table = lamp_table()
    certified = Certified(table, Certificate(table_hash(table), (), None, "benchmark", (), ()))
    store = PostgresStore(url, schema_name=schema, identity="bench")
    runtime = await open_runtime(World(SystemClock(), SystemChance(), store), certified)
    assert isinstance(runtime, Runtime), runtime
    roles, prefix = frozenset({"operator"}), "all" if shared else f"n{number}"

    async def call(id_: str, action: str) -> Any:
        return await runtime.call("Lamp", id_, action, {}, caller="ann", roles=roles)

    await asyncio.gather(*(call(f"{prefix}-{i}", "light") for i in range(INSTANCES)))
    print("ready", flush=True)
    sys.stdin.readline()
    done, rejected, latencies = 0, 0, []
    chance, end, used = random.Random(number), time.perf_counter() + seconds, time.process_time()

    async def caller(first: int) -> None:
        nonlocal done, rejected
        turn, instance = 0, first
        while time.perf_counter() < end:
            id_ = f"{prefix}-{chance.randrange(INSTANCES) if shared else instance}"
            began = time.perf_counter()
            answer = await call(id_, f"to_{LOOP[(turn + 1) % 3]}")
            latencies.append(time.perf_counter() - began)
            if isinstance(answer, Done):
                done += 1
            else:
                rejected += 1  # Others have switched it on meanwhile; that is an answer, too.
            instance += callers
            if instance >= INSTANCES:
                instance, turn = first, turn + 1

    await asyncio.gather(*(caller(first) for first in range(callers)))
    used = time.process_time() - used
    await runtime.close()
    latencies.sort()
    p99 = latencies[int(len(latencies) * 0.99)] * 1000
    return {"done": done, "rejected": rejected, "cpu": used, "p50": latencies[len(latencies) // 2] * 1000, "p99": p99}


def server_seconds(pid: int) -> float:
    """Processor time of a server and everything it started, living or reaped."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) == pid:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == pid:
                total += sum(map(int, fields[11:13]))
    return total / TICKS


def measure(url: str, schema: str, count: int, given: argparse.Namespace, pid: int | None) -> dict[str, Any]:
    """All nodes side by side."""
    words = [sys.executable, __file__, "--url", url, "--seconds", str(given.seconds), "--callers", str(given.callers)]
    words += ["--shared"] if given.shared else []
    each = [
        subprocess.Popen([*words, "--node", schema, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(count)
    ]
    for process in each:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
    before = server_seconds(pid) if pid else 0.0
    for process in each:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in each]
    after = server_seconds(pid) if pid else 0.0
    calls = sum(one["done"] + one["rejected"] for one in told)
    return {
        "nodes": count,
        "calls/s": round(calls / given.seconds),
        "applied": round(sum(one["done"] for one in told) / calls, 3),
        "p50 ms": round(max(one["p50"] for one in told), 2),
        "p99 ms": round(max(one["p99"] for one in told), 2),
        "node µs/call": round(sum(one["cpu"] for one in told) / calls * 1e6, 1),
        "server µs/call": round((after - before) / calls * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--node", nargs=2)
    given = parser.parse_args()
    if given.node:
        schema, number = given.node
        told = asyncio.run(node(given.url, schema, int(number), given.seconds, given.callers, shared=given.shared))
        print(json.dumps(told))
        return
    from support.postgres import serve

    server = None if given.url else serve(fsync=True)
    try:
        for count in given.nodes:
            schema = f"bench_{os.getpid()}_{count}"
            url, pid = (given.url, None) if server is None else (server.url, server.pid)
            print(json.dumps(measure(url, schema, count, given, pid), ensure_ascii=False), flush=True)
    finally:
        if server is not None:
            server.remove()


if __name__ == "__main__":
    main()
