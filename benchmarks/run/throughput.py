"""Acknowledged durable calls per second, in process: SQLite with `synchronous=FULL`, many callers at once.

python benchmarks/run/throughput.py [seconds] [callers]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from temper.machine import (
    INT,
    NEW,
    STR,
    Action,
    Case,
    Certificate,
    Certified,
    Entity,
    EnumType,
    Expression,
    Field,
    Gate,
    IntType,
    Op,
    TransitionTable,
    Update,
    table_hash,
)
from temper.run import Done, Runtime, SystemChance, SystemClock, World, open_runtime
from temper.run.store.sqlite import SqliteStore

LOOP = ("red", "green", "amber")
INSTANCES = 1000
COUNT_MAX = 1_000_000_000


def lamp_table() -> TransitionTable:
    """A loop of three states with a guard and one typed variable: the work that peers were measured with."""
    state = EnumType("Lamp.state", LOOP)
    count_type = IntType(0, COUNT_MAX)
    count = Expression(Op.FIELD, count_type, name="count")
    limit = Expression(Op.LITERAL, INT, value=COUNT_MAX)
    one = Expression(Op.LITERAL, INT, value=1)
    more = (Update("count", None, Expression(Op.ADD, INT, (count, one))),)
    below = Expression(Op.LT, state, (count, limit))
    fields = (Field("name", STR, ""), Field("count", count_type, 0))
    roles = ("operator",)
    born = Action("light", Gate.ROLES, roles, (), (NEW,), None, (), (Case(None, (), "red"),))
    moves = tuple(
        Action(f"to_{after}", Gate.ROLES, roles, (), (before,), below, more, (Case(None, (), after),))
        for before, after in zip(LOOP, (*LOOP[1:], LOOP[0]), strict=True)
    )
    lamp = Entity("Lamp", False, False, fields, LOOP, (), LOOP, (born, *moves), ())
    return TransitionTable("lamps", roles, (), (), (), (lamp,), ())


async def run(seconds: float, callers: int, folder: Path) -> tuple[float, list[float]]:
    """Calls per second and the latency of each in milliseconds."""
    table = lamp_table()
    certified = Certified(table, Certificate(table_hash(table), (), None, "benchmark", (), ()))
    world = World(SystemClock(), SystemChance(), SqliteStore(folder / "journal.db", identity="bench"))
    runtime = await open_runtime(world, certified)
    assert isinstance(runtime, Runtime), runtime
    roles = frozenset({"operator"})
    await asyncio.gather(
        *(runtime.call("Lamp", f"l{i}", "light", {}, caller="ann", roles=roles) for i in range(INSTANCES))
    )
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def caller(first: int) -> None:
        turns, instance = 0, first
        while time.perf_counter() < end:
            began = time.perf_counter()
            action = f"to_{LOOP[(turns + 1) % 3]}"
            answer = await runtime.call("Lamp", f"l{instance}", action, {}, caller="ann", roles=roles)
            latencies.append((time.perf_counter() - began) * 1000)
            assert isinstance(answer, Done), answer
            instance += callers
            if instance >= INSTANCES:
                instance, turns = first, turns + 1

    began = time.perf_counter()
    await asyncio.gather(*(caller(first) for first in range(callers)))
    took = time.perf_counter() - began
    assert runtime.first_broken_record() is None
    await runtime.close()
    return len(latencies) / took, sorted(latencies)


def main() -> None:
    """Print one line per number of callers."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    counts = [int(sys.argv[2])] if len(sys.argv) > 2 else [1, 16, 64]
    for callers in counts:
        with tempfile.TemporaryDirectory() as folder:
            rate, latencies = asyncio.run(run(seconds, callers, Path(folder)))
        p99 = latencies[int(len(latencies) * 0.99)]
        sys.stdout.write(
            f"{callers:4} callers: {rate:8,.0f} calls/s, p50 {statistics.median(latencies):.2f} ms, p99 {p99:.2f} ms\n"
        )


if __name__ == "__main__":
    main()
