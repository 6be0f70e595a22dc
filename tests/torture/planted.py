"""The bugs of `tests/mutants/engine` in real servers: whether the torture run notices what the simulator notices.

PYTHONPATH=tests python -m torture.planted [BUG ...] prints a table of those bugs, or of all.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from support.planted import bugs
from torture.run import Plan, torture

PLAN = Plan(seconds=10.0, callers=8, every_seconds=2.0, calls_min=200, kills_min=3, end_seconds=60.0, disk=1_000)
RUNS_MAX = 4
"""A bug that so many runs do not notice is one that the torture run does not see."""


def noticed(bug: str, plan: Plan = PLAN, runs_max: int = RUNS_MAX) -> tuple[int, str]:
    """How many runs it took, and what was said; nothing if none noticed."""
    for number in range(1, runs_max + 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                violations = torture(replace(plan, seed=number, bug=bug), Path(folder)).violations
            except AssertionError as stuck:  # it never gets ready, ends by itself, or leaves something pending
                violations = [f"stuck: {' '.join(str(stuck).split())}"]
        if violations:
            return number, violations[0]
    return runs_max, ""


def main(words: list[str]) -> int:
    missed = 0
    print("| planted bug | the simulator | the torture run | runs |\n| --- | --- | --- | ---: |")
    for bug in bugs():
        if bug.nodes == 1 and (not words or bug.name in words):
            runs, said = noticed(bug.name)
            missed += not said
            print(f"| {bug.about} | `{bug.noticed[0]}` | {said[:100] or 'nothing'} | {runs} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
