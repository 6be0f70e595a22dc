"""Whole systems: entities that talk, with timers. One `temper verify` each, as users run it, with its memory.

.venv/bin/python benchmarks/search/systems.py
.venv/bin/python benchmarks/search/systems.py --without symmetry
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
DEPOT = HERE / "models" / "depot.yaml"
WORKERS = HERE / "models" / "workers.yaml"
SYSTEMS: tuple[tuple[Path, tuple[str, ...]], ...] = (
    (DEPOT, ("--set", "GOODS=2", "--scope", "Order=3", "--scope", "Picker=2")),
    (DEPOT, ("--set", "GOODS=3", "--scope", "Order=3", "--scope", "Picker=2", "--scope", "Van=2")),
    (DEPOT, ("--set", "GOODS=2", "--scope", "Order=3", "--scope", "Picker=4")),
    (DEPOT, ("--set", "GOODS=2", "--scope", "Order=3", "--scope", "Picker=2", "--scope", "Van=3")),
    (EXAMPLES / "queue", ("--scope", "Job=2", "--scope", "Worker=3")),
    (WORKERS, ("--set", "N=4")),
    (WORKERS, ("--set", "N=6")),
    (EXAMPLES / "orders", ("--scope", "Order=3", "--scope", "Payment=3", "--scope", "Shipment=3")),
)


def measure(path: Path, options: tuple[str, ...], more: list[str]) -> str:
    """One row: states, seconds of the whole process, states a second, and the most memory the process had."""
    command = [sys.executable, "-m", "temper", "verify", str(path), *options, "--budget", "10m", "--json", *more]
    began = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    answer = json.loads(process.stdout.read())
    _, _, used = os.wait4(process.pid, 0)
    seconds = perf_counter() - began
    search = answer["search"]
    whole = "" if search["complete"] else " (not complete)"
    rate, memory = search["states"] / seconds / 1e6, used.ru_maxrss / 2**20
    asked = " ".join(option for option in options if not option.startswith("--"))
    meant = f"{search['states'] if search['stand_for'] is None else search['stand_for']:,}"
    if "partial-order" in search["reduced"]:
        meant = "not counted"
    told = (
        f"{path.stem} {asked}",
        f"{meant}{whole}",
        f"{search['states']:,}",
        f"{seconds:.1f} s",
        f"{rate:.2f} M/s",
    )
    return f"| {' | '.join(told)} | {memory:.2f} GiB |"


def main() -> None:
    print("| system | distinct states | looked at | whole process | looked at a second | most memory |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for path, options in SYSTEMS:
        print(measure(path, options, sys.argv[1:]), flush=True)


if __name__ == "__main__":
    main()
