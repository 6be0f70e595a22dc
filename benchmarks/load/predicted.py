"""What a forecast says against what the real runtime does: one plan in virtual time, and on the clock and the disk.

python benchmarks/load/predicted.py [--seconds 60] [--seeds 5]

The measured run is the runtime on a journal on the disk with the system's clock; receivers wait as long as the plan
says. The forecast is told how long a commit takes on this disk, as measured just before. Its spread over seeds says
what chance alone makes of the same plan: an error within it is none.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from temper.load.callers import Callers
from temper.load.figures import Figures, Meter
from temper.load.forecasting import forecast
from temper.load.plan import LoadPlan, read_plan
from temper.load.receivers import Receiver
from temper.machine import Certificate, Certified, TransitionTable, table_hash
from temper.pipeline import build
from temper.run import Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime
from temper.run.observer import Observers

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"


async def perform(table: TransitionTable, plan: LoadPlan, seed: int) -> Figures:
    """The plan on the system's clock, on a journal on the disk."""
    clock = SystemClock()
    begin = clock.now()
    meter = Meter(table, plan, clock, begin)
    callers = Callers(table, plan, clock, meter, seed)
    receivers = {
        effect.name: Receiver(
            effect, plan.receivers[effect.name], clock, begin, random.Random(f"real {effect.name} {seed}")
        )
        for effect in table.effects
    }
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = SqliteStore(Path(folder) / "journal.sqlite", identity="bench")
        observer = Observers((meter, callers))
        world = World(clock, SystemChance(), store, receivers, observer=observer)
        certified = Certified(table, Certificate(table_hash(table), (), None, "a benchmark", (), ()))
        runtime = await open_runtime(world, certified)
        assert isinstance(runtime, Runtime), runtime
        callers.begin(runtime)
        every, sample = meter.figures.sample_milliseconds, begin
        while clock.now() < begin + plan.milliseconds:
            meter.sample()
            sample += every
            await clock.wait_until(sample)
        figures = meter.conclude({name: receiver.busy_milliseconds for name, receiver in receivers.items()})
        await runtime.close()
    return figures


def commit_milliseconds() -> float:
    """How long a transaction of one row takes on this disk."""
    import sqlite3

    with tempfile.TemporaryDirectory(dir=".") as folder:
        connection = sqlite3.connect(Path(folder) / "probe.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE probe (number INTEGER PRIMARY KEY, body TEXT)")
        took = []
        for number in range(300):
            began = time.perf_counter()
            connection.execute("INSERT INTO probe VALUES (?, ?)", (number, "x" * 600))
            took.append(time.perf_counter() - began)
        connection.close()
    return statistics.median(took) * 1000


def numbers(figures: Figures) -> Iterator[tuple[str, float]]:
    """What is compared."""
    seconds = figures.milliseconds / 1000
    for effect in figures.effects.values():
        if effect.asked:
            yield f"{effect.name}: settled a second", effect.settled / seconds
            yield f"{effect.name}: attempts for each", effect.attempts / effect.asked
            for name, value in effect.takes.percentiles.items():
                yield f"{effect.name}: takes, {name} (ms)", float(value or 0)
            yield f"{effect.name}: pending at most", effect.pending_max
    for entity in figures.entities.values():
        if entity.ended:
            yield f"{entity.name}: life, p50 (ms)", float(entity.lives.percentile(0.5) or 0)


def compare(name: str, measured: Figures, again: Callable[[int], Figures], seeds: int) -> None:
    """The table of one example."""
    foretold = [dict(numbers(again(seed))) for seed in range(seeds)]
    print(f"\n{name}\n\n| | measured | foretold (median of {seeds} seeds) | least to most of the seeds | error |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for what, value in numbers(measured):
        found = [each.get(what, 0.0) for each in foretold]
        middle = statistics.median(found)
        error = f"{(middle - value) / value:+.0%}" if value else "-"
        print(
            f"| {what} | {value:,.2f} | {middle:,.2f} | {min(found):,.2f} to {max(found):,.2f} | {error} |", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    commit = commit_milliseconds()
    print(f"a commit takes {commit:.2f} ms here")
    for name in ("orders", "deploy"):
        table = build(EXAMPLES / name).table
        assert table is not None
        plan = replace(read_plan(HERE / f"{name}.toml", table), milliseconds=given.seconds * 1000, commit=commit)
        measured = asyncio.run(perform(table, plan, 0))
        compare(name, measured, lambda seed, table=table, plan=plan: forecast(table, plan, seed=seed + 1), given.seeds)


if __name__ == "__main__":
    main()
