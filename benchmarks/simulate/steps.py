"""How many steps a second the simulator takes with each example, calm and in chaos, and where the time goes.

A step is a record that was applied and looked at by every checker; attempts, rejected calls, faults and waiting cost
time and are no steps. Times are the process's own, so that neighbours on the machine count for little.
Run it as `python benchmarks/simulate/steps.py [--seeds 100] [--profile] [EXAMPLE ...]`.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from temper.machine import TransitionTable
from temper.pipeline import build
from temper.verify.simulate import rates
from temper.verify.simulate.ground import ground
from temper.verify.simulate.run import Ran, run_seed

EXAMPLES = Path(__file__).parents[2] / "examples"
WARM = 10**9
"""A seed that is run before the clock, so that what is prepared once is not counted."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "drawing moves": ("verify/simulate/draw.py",),
    "checkers": tuple(f"verify/simulate/{name}.py" for name in ("shadow", "rules", "callers", "watch", "outside")),
    "world and moves": ("verify/simulate/",),
    "engine": ("temper/run/",),
    "meaning (steps, values, JSON of them)": ("temper/machine/", "<temper "),
    "Python's own (tasks, JSON, chance)": ("",),
}
"""By what the time is counted: the first part whose text is in the file's name."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What some seeds of one example came to."""

    seeds: int
    steps: int
    moves: int
    faults: int
    seconds: float


def measured(table: TransitionTable, faults: str, seeds: int) -> Measured:
    """Run these seeds by themselves, with nothing but processor time counted."""
    shared, chosen = ground(table), rates(faults)
    run_seed(shared, WARM, chosen)
    gc.collect()
    begun = time.process_time()
    ran = [_survived(run_seed(shared, seed, chosen)) for seed in range(seeds)]
    seconds = time.process_time() - begun
    steps = sum(each.counts.steps for each in ran)
    moves = sum(len(each.moves) for each in ran)
    return Measured(seeds, steps, moves, sum(sum(each.counts.faults.values()) for each in ran), seconds)


def _survived(ran: Ran) -> Ran:
    assert ran.failure is None, f"seed {ran.seed}: {ran.failure}"
    return ran


def shares(table: TransitionTable, faults: str, seeds: int) -> dict[str, float]:
    """Where the time goes, by part, of a profiled run: what is called often looks dearer than it is."""
    shared, chosen = ground(table), rates(faults)
    run_seed(shared, WARM, chosen)
    profile = cProfile.Profile()
    profile.enable()
    for seed in range(seeds):
        run_seed(shared, seed, chosen)
    profile.disable()
    spent = dict.fromkeys(PARTS, 0.0)
    for (file, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[next(part for part, texts in PARTS.items() if any(text in file for text in texts))] += own
    total = sum(spent.values())
    return {part: own / total for part, own in spent.items()}


def main() -> None:
    """A line for each example and world."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("examples", nargs="*")
    asked.add_argument("--seeds", type=int, default=100)
    asked.add_argument("--profile", action="store_true", help="say where the time goes instead")
    arguments = asked.parse_args()
    names: Iterable[str] = arguments.examples or sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
    for name in names:
        table = build(EXAMPLES / name).table
        assert table is not None, f"{name} is well formed"
        for faults in ("calm", "chaos"):
            if arguments.profile:
                told = ", ".join(
                    f"{part} {share:.0%}" for part, share in shares(table, faults, arguments.seeds).items()
                )
                print(f"{name}, {faults}: {told}", flush=True)
                continue
            found = measured(table, faults, arguments.seeds)
            print(
                f"| {name} | {faults} | {found.steps / found.seeds:.1f} | {found.moves / found.steps:.1f} "
                f"| {found.faults / found.seeds:.1f} | {1000 * found.seconds / found.seeds:.1f} "
                f"| {found.steps / found.seconds:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
