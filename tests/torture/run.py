"""Torture: the real server under full load, killed without a word again and again; then everything is compared.

PYTHONPATH=tests python -m torture.run [--store sqlite|postgres] [--seconds 600] [--callers 24] [--every 1] [--disk 500] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.postgres import Server as Database
from support.postgres import reap, serve
from support.tree import ROOT
from temper.run import Store
from temper.run.store.opening import Place, open_store
from torture.checker import Checked, check
from torture.history import read_history
from torture.laws import broken_laws, every_record
from torture.servers import HERE, Server, Worker, wait, worker_token

WORKERS_LIVE = 4
"""So many servers are killed for each worker."""
IN_VAIN = 8
"""One in so many kills comes while the server is still starting."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how hard, how often."""

    seconds: float = 600.0
    callers: int = 24
    every_seconds: float = 1.0
    seed: int = 1
    calls_min: int = 1
    """The load goes on until so many were acknowledged, though nobody is killed any more."""
    kills_min: int = 1
    end_seconds: float = 180.0
    """What is pending comes to its end within so long, or never."""
    disk: int = 0
    """One in so many writes to the log of a file fails; none does if 0."""
    bug: str = ""
    """The planted bug that the servers have."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was done, and what was wrong with it."""

    kills: int
    checked: Checked
    laws: list[str]

    @property
    def violations(self) -> list[str]:
        return [*map(str, self.checked.violations), *self.laws]

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {what}" for what, number in self.checked.counts.items())
        wrong = "".join(f"\n  {each}" for each in self.violations[:50])
        return f"{self.kills:,} kills; {counts}; {len(self.violations)} violations{wrong}"


class Load:
    """The process that calls, looks and receives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self, plan: Plan) -> int:
        """The port at which its receivers listen."""
        words = [str(self._folder), str(plan.seconds), str(plan.callers), str(plan.seed), str(plan.calls_min)]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT / 'src'}"}
        command = [sys.executable, str(HERE / "load.py"), *words]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, env=environment, **pipes)  # type: ignore[call-overload]
        return int(self._line())

    def begin(self, token: str, servers: list[Server]) -> None:
        self._say(" ".join([token, *(server.url for server in servers)]))

    def wait_until_done(self) -> None:
        assert self._line() == "done"

    def end(self) -> None:
        assert self._process is not None
        self._say("")
        assert self._process.wait(180) == 0

    def remove(self) -> None:
        if self._process is not None:
            reap(self._process)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, f"the load ended with {self._process.wait()}"
        return line

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def torture(plan: Plan, folder: Path, database: str = "") -> Result:
    """One server on a file or, given a database, two nodes on that; the whole run, and what came of it."""
    load, servers = Load(folder), []
    with contextlib.ExitStack() as ending:
        ending.callback(load.remove)
        port = load.start(plan)
        for name in ("one", "two") if database else ("one",):
            words = ["--store", database, "--tokens", servers[0].tokens] if servers else ["--store", database]
            servers.append(Server(folder / name, port, *(words if database else ()), bug=plan.bug, disk=plan.disk))
            ending.callback(servers[-1].remove)
            servers[-1].start()
            servers[-1].wait_until_ready()
        token = worker_token(servers[0].tokens)
        workers = [Worker(server, token) for server in (servers if database else servers * 2)]
        for worker in workers:
            ending.callback(worker.kill)
            worker.start()
        load.begin(servers[0].token, servers)
        with dozing(plan, workers):
            kill(plan, servers, workers)
            load.wait_until_done()
        finish(plan, servers, workers)
        load.end()
    place = Place(database or str(folder / "one" / ".temper" / "torture" / "journal.sqlite"), "torture")
    with contextlib.closing(open_store(place, read_only=True)) as store:
        return judged(store, folder, sum(server.kills for server in servers))


def kill(plan: Plan, servers: list[Server], workers: list[Worker]) -> None:
    """Every second a server is killed and started again, now and then while it starts; and now and then a worker."""
    chance, until = random.Random(plan.seed), time.monotonic() + plan.seconds
    while (begun := time.monotonic()) < until or sum(server.kills for server in servers) < plan.kills_min:
        victim = chance.choice(servers)
        wait(plan.every_seconds * (0.5 + chance.random()))
        if chance.randrange(IN_VAIN):
            victim.wait_until_ready()
            wait(max(0.0, begun + plan.every_seconds - time.monotonic()) + 0.3 * chance.random())
        victim.kill()
        victim.start()
        if not chance.randrange(WORKERS_LIVE):
            chance.choice(workers).kill()
        for worker in workers:
            worker.start()
    for server in servers:
        server.wait_until_ready()


@contextlib.contextmanager
def dozing(plan: Plan, workers: list[Worker]) -> Iterator[None]:
    """All the while some worker stands still, often for longer than its leases last."""
    chance, over = random.Random(f"{plan.seed} dozing"), threading.Event()

    def doze() -> None:
        while not over.is_set():
            worker = chance.choice(workers)
            worker.sleep()
            over.wait(0.5 + 1.2 * chance.random())
            worker.wake()
            over.wait(0.4 * chance.random())

    thread = threading.Thread(target=doze)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def finish(plan: Plan, servers: list[Server], workers: list[Worker]) -> None:
    """Let everything that is pending come to its end, and every timer that is due."""
    for worker in workers:
        worker.start()
    until = time.monotonic() + plan.end_seconds
    wait(2.5)  # as long as an order may wait
    while not all(server.is_at_rest(servers[0].token) for server in servers):
        assert time.monotonic() < until, f"something stays pending: {servers[0].said()}"
        wait(0.05)
    for server in servers:
        server.end()


def judged(store: Store, folder: Path, kills: int) -> Result:
    files = [folder / "history", *folder.glob("*/labelled"), *folder.glob("*/weighed")]
    with (folder / "journal").open("w", encoding="utf-8") as journal:
        journal.writelines(f"{row.body}\n" for row in every_record(store))
    stride = store.heads()[0].stride if store.shared else 1  # type: ignore[attr-defined]
    return Result(kills, check(read_history(*files), every_record(store), stride), broken_laws(store))


def main() -> int:
    usual = Plan()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument("--callers", type=int, default=usual.callers)
    parser.add_argument("--every", type=float, default=usual.every_seconds)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--disk", type=int, default=0, help="let one in so many writes of a file's log fail")
    parser.add_argument("--keep", type=Path, help="a folder for everything, which is there afterwards as well")
    given = parser.parse_args()
    plan = Plan(given.seconds, given.callers, given.every, given.seed, disk=given.disk)
    with folder_for(given.keep) as folder, database_for(given.store) as database:
        result = torture(plan, folder, database)
    print(f"{given.store}, {plan.seconds:g} s, {plan.callers} callers: {result}")
    return 1 if result.violations else 0


@contextlib.contextmanager
def folder_for(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)
    else:
        kept.mkdir(parents=True)
        yield kept.resolve()


@contextlib.contextmanager
def database_for(store: str) -> Iterator[str]:
    if store == "sqlite":
        yield ""
        return
    made: Database = serve(fsync=True)
    try:
        yield made.database()
    finally:
        made.remove()


if __name__ == "__main__":
    sys.exit(main())
