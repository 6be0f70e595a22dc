"""Distinct states a second: native search, SPIN, TLC and the plain Python search, on the same models in the same run.

    .venv/bin/python benchmarks/search/bench.py [--large] [--rounds 3] [--tlc tla2tools.jar]

SPIN and gcc are taken from the machine (Debian's `spin`, `gcc`), TLC from the jar that is given; what is missing leaves
its column empty. Native code runs with properties, implicit checks and traces on; the others without any property.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import promela
import rivals
import tla
from rivals import Measured

from temper.machine import TransitionTable, universe
from temper.pipeline import build
from temper.verify import Budget, search
from temper.verify.native import NativeExploration, judged, search_natively

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PLAIN_MAX = 60_000
"""How many states the plain search is asked to search."""
COLUMNS = ("model", "N", "distinct states", "native", "whole", "2 jobs", "SPIN", "SPIN, reduced", "TLC", "Python")


@dataclass(frozen=True)
class Model:
    name: str
    path: Path
    promela: Callable[[int], str]
    tla: Callable[[], str]
    sizes: tuple[int, ...]
    large: tuple[int, ...]


OTHERS = HERE / "models"
MODELS = (
    Model("twophase", ROOT / "examples" / "twophase", promela.twophase, tla.twophase, (5, 7, 8), (9, 10)),
    Model("leases", OTHERS / "leases.yaml", promela.leases, tla.leases, (4, 5, 6), (7,)),
    Model("philosophers", OTHERS / "philosophers.yaml", promela.philosophers, tla.philosophers, (12, 14), (16,)),
    Model("ring", OTHERS / "ring.yaml", promela.ring, tla.ring, (12, 14), (16,)),
)


def table_of(model: Model, size: int) -> TransitionTable:
    built = build(model.path, {"N": str(size)})
    assert built.table is not None, built.diagnostics
    return built.table


def native(table: TransitionTable, jobs: int = 1) -> Measured:
    """The search alone, compiled as hard as for a large one; the verdicts are drawn and checked, but not timed."""
    exploration = NativeExploration(table, universe(table), levels=(2,), jobs=jobs)
    exploration.search(Budget(seconds_max=3_600))
    states = len(exploration.states)
    report = judged(exploration)
    assert report.search.complete, report.notes
    return Measured(states, exploration.seconds, exploration.memory.bytes_taken / states)


def whole(table: TransitionTable) -> Measured:
    """Everything that a user waits for: compiling, searching, verdicts and traces."""
    began = perf_counter()
    report = search_natively(table, universe=universe(table), budget=Budget(seconds_max=3_600))
    return Measured(report.search.states, perf_counter() - began)


def plain(table: TransitionTable) -> Measured:
    report = search(table, universe=universe(table), budget=Budget(PLAIN_MAX, 600))
    return Measured(report.search.states, report.search.seconds)


class Runs:
    """Every searcher of one model at one size, by the column it goes to."""

    def __init__(self, model: Model, size: int, folder: Path, jar: Path | None) -> None:
        self.table = table_of(model, size)
        ours = native(self.table)
        self.found: dict[str, list[Measured]] = {}
        self.turns: dict[str, Callable[[], Measured]] = {
            "native": lambda: native(self.table),
            "2 jobs": lambda: native(self.table, 2),
            "whole": lambda: whole(self.table),
        }
        if rivals.has_spin():
            slots, text = ours.states.bit_length() + 1, model.promela(size)
            for column, reduced in (("SPIN", False), ("SPIN, reduced", True)):
                command = rivals.compiled(text, folder / column, slots, reduced=reduced)
                self.turns[column] = lambda command=command: rivals.spin(command)
        if jar is not None:
            self.turns["TLC"] = lambda: rivals.tlc(jar, model.tla(), size, folder / "TLC")
        if ours.states <= PLAIN_MAX:
            self.turns["Python"] = lambda: plain(self.table)

    def go(self, rounds: int) -> None:
        """Each in its turn, so that what disturbs the machine disturbs them all."""
        self.found = {column: [] for column in self.turns}
        for _ in range(rounds):
            for column, turn in self.turns.items():
                self.found[column].append(turn())

    def best(self, column: str) -> Measured | None:
        """The run of median length; every one must have counted the same states."""
        runs = sorted(self.found.get(column, ()), key=lambda run: run.seconds)
        counted = {run.states for run in runs}
        assert counted <= {self.found["native"][0].states}, f"{column} counts {counted}"
        return runs[len(runs) // 2] if runs else None


def cells(runs: Runs) -> list[str]:
    """One row of the table, from the states on. Ratios are of wall time, and say how much faster native code is."""
    ours = runs.best("native")
    assert ours is not None
    told = [f"{ours.states:,}", f"{ours.rate:.2f} M/s, {ours.bytes_each:.0f} B", ""]
    if (everything := runs.best("whole")) is not None:
        told[-1] = f"{everything.seconds:.2f} s"
    for column in COLUMNS[5:]:
        run = runs.best(column)
        told.append("" if run is None else _beside(run, ours))
    return told


def _beside(run: Measured, ours: Measured) -> str:
    each = f", {run.bytes_each:.0f} B" if run.bytes_each else ""
    rate = f"{run.rate:.2f}" if run.rate >= 0.1 else f"{run.rate:.3f}"
    ratio = run.seconds / ours.seconds
    return f"{rate} M/s{each}: {ratio:.1f}x" if ratio < 100 else f"{rate} M/s{each}: {ratio:.0f}x"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="models of tens of millions of states, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tlc", type=Path, metavar="JAR", help="where tla2tools.jar is")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"| --- |{' ---: |' * (len(COLUMNS) - 1)}")
    for model in MODELS:
        for size in (*model.sizes, *(model.large if arguments.large else ())):
            with tempfile.TemporaryDirectory() as folder:
                runs = Runs(model, size, Path(folder), arguments.tlc)
                runs.go(1 if size in model.large else arguments.rounds)
                print(f"| {' | '.join([model.name, str(size), *cells(runs)])} |", flush=True)


if __name__ == "__main__":
    main()
