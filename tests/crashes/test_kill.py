"""A real process is killed with `kill -9` in the middle of its work, again and again over one journal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from support.durable import all_records, assert_whole, died
from support.parcels import PARCELS
from support.running import Receiver, table_of, trusted
from support.tree import ROOT
from temper.run import Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime
from temper.run.book import letters

ROUNDS = 4
LINES = (30, 111, 250, 400)
ARRIVED = {"outcome": "shipped", "fields": {"code": "late"}}


def killed(path: Path, seed: int) -> list[str]:
    """What a process acknowledged before it was killed, in the middle of the line after so many."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT / 'src'}"}
    command = [sys.executable, str(ROOT / "tests" / "crashes" / "serving.py"), str(path), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(LINES[seed])]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
    assert process.returncode == -signal.SIGKILL
    assert said[0] == "ready"
    return said[1:]


def test_nothing_acknowledged_is_lost_and_nothing_settled_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for seed in range(ROUNDS):
        acknowledged = killed(path, seed)
        check(path, acknowledged)
    asyncio.run(finish(path))
    check_asked(path)


def check(path: Path, acknowledged: list[str]) -> None:
    store = SqliteStore(path, identity="torture")
    assert_whole(store)
    assert {key for key, _ in letters(store)} == died(store)
    records = {record["number"]: record for record in all_records(store)}
    for line in acknowledged:
        key, number, state = line.split()
        id_, _, action = key.rpartition("-")
        record = records[int(number)]
        assert (record["id"], record["action"], record["state"]) == (id_, action, state)
        kept = store.answer(key)
        assert kept is not None
        assert json.loads(kept.body)["applied"]["record"] == int(number)
    store.close()


async def finish(path: Path) -> None:
    """Begin once more and let everything that is pending come to its end."""
    store = SqliteStore(path, identity="torture")
    world = World(SystemClock(), SystemChance(), store, {"ship": Receiver(ARRIVED), "ring": Receiver("rung")})
    runtime = await open_runtime(world, trusted(table_of(PARCELS)))
    assert isinstance(runtime, Runtime)
    await runtime.quiet()
    assert runtime.pending() == ()
    assert runtime.health()["faults"] == []
    await runtime.close()
    store = SqliteStore(path, identity="torture")
    assert_whole(store)
    store.close()


def check_asked(path: Path) -> None:
    """`at_most_once` was asked at most once, however often the process died."""
    asked = Counter(Path(f"{path}.asked").read_text(encoding="utf-8").splitlines())
    assert [line for line, times in asked.items() if line.startswith("ring") and times > 1] == []
