"""Real processes on one database: one sleeps past its lease, or the database dies; the others go on.

That one is killed, and another takes over, is in `tests/torture`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support.durable import all_records, assert_one_run, assert_whole
from support.parcels import PARCELS
from support.postgres import Server, reap, serve
from support.running import Receiver, table_of, trusted
from support.tree import ROOT
from temper.run import PostgresStore, Runtime, SystemChance, SystemClock, World, open_runtime

ARRIVED = {"outcome": "shipped", "fields": {"code": "late"}}
SECONDS_MAX = 240


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Of its own, for it is to die; it writes through to the disk."""
    made = serve(fsync=True)
    yield made
    made.remove()


class Process:
    """A process that says what was acknowledged, line by line."""

    def __init__(self, server: Server, schema: str, folder: Path, seed: str) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT / 'src'}"}
        script = str(ROOT / "tests" / "crashes" / "serving.py")
        command = [sys.executable, script, server.url, seed, schema, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        self.watchdog = threading.Timer(SECONDS_MAX, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()
        self.said: list[str] = []
        assert self.next() == "ready"

    def next(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, f"it ended with {self.process.wait()}"
        return line

    def says(self, lines: int) -> None:
        """Wait for so many lines more."""
        self.said += [self.next() for _ in range(lines)]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        self.watchdog.cancel()
        reap(self.process)


class Torture:
    """Processes over one schema, and the check at the end."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.schema = server, folder, server.schema()
        self.processes: list[Process] = []

    def begin(self) -> Process:
        process = Process(self.server, self.schema, self.folder, f"s{len(self.processes)}")
        self.processes.append(process)
        return process

    def epochs(self) -> list[int]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            return [
                row[0] for row in connection.execute(f"SELECT epoch FROM {self.schema}.nodes ORDER BY slot LIMIT 4")
            ]

    def end(self) -> None:
        for process in self.processes:
            if process.process.poll() is None:
                process.kill()
        self._check([line for process in self.processes for line in process.said])
        asyncio.run(self._finish())
        asked = Counter((self.folder / "asked").read_text(encoding="utf-8").splitlines())
        assert [line for line, times in asked.items() if line.startswith("ring") and times > 1] == []

    def _store(self) -> PostgresStore:
        return PostgresStore(self.server.url, schema_name=self.schema, identity="torture")

    def _check(self, acknowledged: list[str]) -> None:
        """Nothing that was acknowledged is lost, and all that was done is one run."""
        store = self._store()
        assert_whole(store)
        assert_one_run(store)
        records = {record["number"]: record for record in all_records(store)}
        for line in acknowledged:
            key, number, state = line.split()
            assert records[int(number)]["state"] == state
            kept = store.answer(key)
            assert kept is not None
            assert json.loads(kept.body)["applied"]["record"] == int(number)
        store.close()

    async def _finish(self) -> None:
        """Begin once more and let everything that is pending come to its end."""
        store = self._store()
        world = World(SystemClock(), SystemChance(), store, {"ship": Receiver(ARRIVED), "ring": Receiver("rung")})
        runtime = await open_runtime(world, trusted(table_of(PARCELS)))
        assert isinstance(runtime, Runtime)
        assert runtime.membership is not None
        while runtime.pending() != ():
            await runtime.membership.beat()
            await runtime.quiet()
        assert runtime.health()["faults"] == []
        assert_whole(store)
        assert_one_run(store)
        await runtime.close()


@pytest.fixture
def torture(server: Server) -> Iterator[Torture]:
    with tempfile.TemporaryDirectory() as folder:
        torture = Torture(server, Path(folder))
        yield torture
        for process in torture.processes:
            reap(process.process)


def test_whoever_sleeps_past_its_lease_commits_nothing_when_it_wakes(torture: Torture) -> None:
    one, two = torture.begin(), torture.begin()
    one.says(100)
    before = torture.epochs()
    one.signal(signal.SIGSTOP)
    while torture.epochs()[0] == before[0]:
        two.says(20)
    one.signal(signal.SIGCONT)
    while sum(torture.epochs()) <= sum(before) + 1:  # It finds out, and joins anew.
        one.says(20)
    one.says(50)
    two.says(50)
    torture.end()


def test_the_database_dies_and_comes_back(torture: Torture) -> None:
    one, two = torture.begin(), torture.begin()
    one.says(100)
    two.says(50)
    torture.server.restart()
    one.says(200)
    two.says(100)
    torture.end()
