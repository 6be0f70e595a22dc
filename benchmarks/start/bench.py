"""How long the commands take that people and agents run all day, as whole processes."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 7
CHECKED = ("deploy", "access")
COMMANDS = [
    ("an empty Python", ["-c", "pass"]),
    *(
        (f"temper check examples/{name}", ["-m", "temper", "check", f"examples/{name}"])
        for name in ("deploy", "access")
    ),
    *(
        (f"temper verify examples/{name}", ["-m", "temper", "verify", f"examples/{name}"])
        for name in ("deploy", "access", "queue", "orders", "failover", "twophase")
    ),
]


def measured(words: list[str]) -> tuple[float, float]:
    """Milliseconds on the clock and on the processor, of one run."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=True, capture_output=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (ended - began) * 1000, spent * 1000


def main() -> None:
    """A row a command: the medians of several rounds, after one that is not counted."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {ROUNDS} runs\n")
    print(f"| {'command':<32} | {'wall ms':>8} | {'CPU ms':>8} |\n| {'-' * 32} | {'-' * 7}: | {'-' * 7}: |")
    for name, words in COMMANDS:
        measured(words)
        walls, spent = zip(*(measured(words) for _ in range(ROUNDS)), strict=True)
        print(f"| {name:<32} | {statistics.median(walls):8.0f} | {statistics.median(spent):8.0f} |")


if __name__ == "__main__":
    main()
