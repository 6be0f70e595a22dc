"""Acknowledged calls a second over HTTP, with `wrk` in a process of its own on the same machine.

python benchmarks/runtime/calls.py [--seconds 8] [--orders 100000] [--connections 1 16 64]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def processor_seconds(pid: int) -> float:
    """What a process has used, its kernel time included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def measure(ready: dict[str, object], connections: int, seconds: float, orders: int) -> str:
    pid = int(str(ready["pid"]))
    environment = {
        **os.environ,
        "TEMPER_BENCH_TOKEN": str(ready["token"]),
        "TEMPER_BENCH_ORDERS": str(orders),
        "TEMPER_BENCH_RUN": f"{connections}-{time.time_ns()}",
    }
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(HERE / "calls.lua"), str(ready["url"])]
    before, children = processor_seconds(pid), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    used = processor_seconds(pid) - before
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = (after.ru_utime + after.ru_stime) - (children.ru_utime + children.ru_stime)
    found = re.search(r"^RESULT (.*)$", ran.stdout, re.MULTILINE)
    assert found, ran.stdout + ran.stderr
    calls, micros, refused, broken, p50, p99, most = map(int, found[1].split())
    return (
        f"| {connections:3} | {calls / micros * 1e6:8,.0f} | {p50 / 1000:6.2f} ms | {p99 / 1000:6.2f} ms "
        f"| {most / 1000:6.1f} ms | {used / max(calls, 1) * 1e6:5.0f} µs | {load / max(calls, 1) * 1e6:4.0f} µs "
        f"| {resident_megabytes(pid):4.0f} MB | {refused} refused, {broken} broken |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--profile")
    parser.add_argument("--switch", help="the server's switch interval in seconds, to find the best one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as made:
        folder = given.folder or Path(made)
        folder.mkdir(exist_ok=True)
        command = [sys.executable, str(HERE / "server.py"), str(folder), str(given.orders)]
        command += ["--profile", given.profile] if given.profile else []
        command += ["--switch", given.switch] if given.switch else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            began, first = time.perf_counter(), processor_seconds(server.pid)
            ready = json.loads(server.stdout.readline())
            took, used = time.perf_counter() - began, processor_seconds(server.pid) - first
            print(f"ready after {took:.1f} s ({used:.1f} s of processor time)", flush=True)
            print("| at once | calls/s | p50 | p99 | max | server | load | resident | |", flush=True)
            print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |", flush=True)
            for connections in given.connections:
                print(measure(ready, connections, given.seconds, given.orders), flush=True)
            server.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
