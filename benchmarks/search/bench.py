"""Distinct states a second: native search, SPIN and the plain Python search, on the same models in the same run.

    .venv/bin/python benchmarks/search/bench.py [--large] [--rounds 3]

SPIN and gcc are taken from the machine (Debian's `spin`, `gcc`); without them their column is empty. Native code runs
with properties, implicit checks and traces on; SPIN without any, and without reduction (`-DNOREDUCE`).
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import promela

from temper.machine import TransitionTable, universe
from temper.pipeline import build
from temper.verify import Budget, search
from temper.verify.native import NativeExploration, judged, search_natively

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PLAIN_MAX = 60_000
"""How many states the plain search is asked to search."""


@dataclass(frozen=True)
class Model:
    name: str
    path: Path
    promela: Callable[[int], str]
    sizes: tuple[int, ...]
    large: tuple[int, ...]


MODELS = (
    Model("twophase", ROOT / "examples" / "twophase", promela.twophase, (5, 7, 8), (9, 10)),
    Model("philosophers", HERE / "models" / "philosophers.yaml", promela.philosophers, (8, 12, 14), (16,)),
    Model("ring", HERE / "models" / "ring.yaml", promela.ring, (8, 12, 14), (16,)),
)


@dataclass(frozen=True)
class Measured:
    states: int
    seconds: float
    bytes_each: float

    def __str__(self) -> str:
        return f"{self.states / self.seconds / 1e6:8.3f} M/s {self.bytes_each:5.0f} B {self.seconds:8.3f} s"


def table_of(model: Model, size: int) -> TransitionTable:
    built = build(model.path, {"N": str(size)})
    assert built.table is not None, built.diagnostics
    return built.table


def native(table: TransitionTable) -> Measured:
    """The search alone, compiled as hard as for a large one; the verdicts are drawn and checked, but not timed."""
    exploration = NativeExploration(table, universe(table), levels=(2,))
    exploration.search(Budget(seconds_max=3_600))
    states = len(exploration.states)
    report = judged(exploration)
    assert report.search.complete, report.notes
    return Measured(states, exploration.seconds, exploration.memory.bytes_taken / states)


def whole(table: TransitionTable) -> float:
    """The seconds of everything that a user waits for: compiling, searching, verdicts and traces."""
    began = perf_counter()
    search_natively(table, universe=universe(table), budget=Budget(seconds_max=3_600))
    return perf_counter() - began


def plain(table: TransitionTable) -> Measured:
    report = search(table, universe=universe(table), budget=Budget(PLAIN_MAX, 600))
    return Measured(report.search.states, report.search.seconds, 0)


def compiled(text: str, folder: Path, slots: int) -> list[str]:
    """The command that runs SPIN's verifier of a model; its table has 2 ** `slots` slots."""
    (folder / "model.pml").write_text(text)
    subprocess.run(["spin", "-a", "model.pml"], cwd=folder, check=True, capture_output=True)
    options = ["-O2", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=16000", "-o", "pan", "pan.c"]
    subprocess.run(["gcc", *options], cwd=folder, check=True, capture_output=True)
    return [str(folder / "pan"), "-m10000000", "-E", f"-w{slots}"]


def spin(command: list[str]) -> Measured:
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "errors: 0" in told, told
    states = int(float(_found(r"([\d.e+]+) states, stored", told)))
    seconds = max(0.01, float(_found(r"elapsed time ([\d.]+) seconds", told)))
    stored = float(_found(r"([\d.]+)\s+equivalent memory usage", told)) * 2**20
    return Measured(states, seconds, stored / states)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, f"SPIN did not say {pattern}: {text}"
    return found[1]


def middle(found: list[Measured]) -> Measured:
    """The run of median length."""
    return sorted(found, key=lambda each: each.seconds)[len(found) // 2]


def compare(model: Model, size: int, rounds: int) -> None:
    table = table_of(model, size)
    ours: list[Measured] = []
    wholes: list[float] = []
    theirs: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        has_spin = shutil.which("spin") is not None and shutil.which("gcc") is not None
        command: list[str] = []
        for _ in range(rounds):
            ours.append(native(table))
            if has_spin and not command:
                command = compiled(model.promela(size), Path(folder), ours[0].states.bit_length() + 1)
            wholes.append(whole(table))
            if command:
                theirs.append(spin(command))
    best = middle(ours)
    print(f"{model.name} N={size}: {best.states:,} states")
    print(f"  native  {best}   with compiling, verdicts and traces {median(wholes):.3f} s")
    if theirs:
        other = middle(theirs)
        assert other.states == best.states, f"SPIN counts {other.states:,}"
        print(f"  SPIN    {other}   native is {other.seconds / best.seconds:.1f} times as fast")
    if best.states <= PLAIN_MAX:
        python = plain(table)
        assert python.states == best.states, f"the plain search counts {python.states:,}"
        print(f"  Python  {python}   native is {python.seconds / best.seconds:.0f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="models of tens of millions of states, too")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}")
    for model in MODELS:
        for size in (*model.sizes, *(model.large if arguments.large else ())):
            compare(model, size, 1 if size in model.large else arguments.rounds)


if __name__ == "__main__":
    main()
