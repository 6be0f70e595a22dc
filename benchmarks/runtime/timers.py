"""How late timers fire: many armed, a thousand due each second, on a journal on the disk.

python benchmarks/runtime/timers.py [--armed 100000] [--each-second 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from temper.machine import Certificate, Certified, table_hash
from temper.pipeline import Read, build_read
from temper.report import Source
from temper.run import Done, Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime
from temper.run.observer import Observers
from temper.serve.http import run_server

JOBS = """
temper: 1
blueprint: jobs
roles: [clerk]
entities:
  Job:
    data: {wait: duration | None}
    states: [armed, gone]
    final: [gone]
    waits: [armed]
    actions:
      arm: {by: clerk, params: {wait: duration}, from: new, set: {wait: args.wait}, to: armed}
      go: {from: armed, to: gone}
    timers:
      due: {in: armed, after: wait if wait != None else 1h, do: go}
"""
AT_ONCE = 500


class Lateness(Observers):
    """Remembers how late each timer was."""

    def __init__(self) -> None:
        super().__init__()
        self.milliseconds: list[int] = []

    def fired(self, late: int) -> None:
        self.milliseconds.append(late)


async def main(folder: Path, armed: int, each_second: int) -> None:
    built = build_read(Read(Source("jobs.yaml", JOBS), ()))
    assert built.table is not None, built.diagnostics
    certified = Certified(built.table, Certificate(table_hash(built.table), (), None, "a benchmark", (), ()))
    lateness = Lateness()
    store = SqliteStore(folder / "journal.sqlite", identity="bench")
    world = World(SystemClock(), SystemChance(), store, {}, observer=lateness)
    runtime = await open_runtime(world, certified)
    assert isinstance(runtime, Runtime)
    clock = world.clock
    first = clock.now() + 2_000 + armed // 5  # when everything is armed

    async def arm(number: int) -> None:
        wait = max(0, first + number * 1000 // each_second - clock.now())
        done = await runtime.call("Job", f"j{number}", "arm", {"wait": wait}, caller="ann", roles=frozenset({"clerk"}))
        assert isinstance(done, Done), done

    began = time.perf_counter()
    for at in range(0, armed, AT_ONCE):
        await asyncio.gather(*(arm(number) for number in range(at, min(at + AT_ONCE, armed))))
    early = len(lateness.milliseconds)
    print(
        f"{armed:,} armed in {time.perf_counter() - began:.1f} s; {early} of them fired before the last was", flush=True
    )
    used = time.process_time()
    last = first + armed * 1000 // each_second + 1_000
    await clock.wait_until(last)
    late = sorted(lateness.milliseconds[early:])
    used = (time.process_time() - used) / max(1, len(late))
    middle, most = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(
        f"{len(lateness.milliseconds):,} fired, {each_second:,} due each second: late by {middle} ms (half), ", end=""
    )
    print(f"{most} ms (99 of 100), {late[-1]} ms (the latest); {used * 1e6:.0f} µs of processor time each")
    assert len(lateness.milliseconds) == armed, "each fires once"
    await runtime.close()


def run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--armed", type=int, default=100_000)
    parser.add_argument("--each-second", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        run_server(main(Path(folder), given.armed, given.each_second))


if __name__ == "__main__":
    run()
