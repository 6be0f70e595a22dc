"""Every example gets the verdicts it is expected to get, from the program itself, as a whole process."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any

import pytest

from support.examples import BLESS, EXAMPLES, Expected, expected, names, written

SECONDS_MAX = 10.0
HELD = {"proved", "exhausted"}


def verify(name: str, *options: str) -> tuple[dict, float]:
    """The JSON of `temper verify`, and the seconds of processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "temper", "verify", "--json", str(EXAMPLES / name), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("name", names())
def test_verdicts_and_counts_are_as_pinned(name: str) -> None:
    report, seconds = verify(name)
    verdicts = {each["name"]: each["verdict"] for each in report["properties"]}
    owed = [verdict for named, verdict in verdicts.items() if ":" in named]
    found = Expected(
        states_meant(report),
        sum(verdict in HELD for verdict in owed),
        {named: verdict for named, verdict in verdicts.items() if ":" not in named},
    )
    if BLESS:
        written(EXAMPLES / name / "expected.toml", found.to_toml())
    assert found == expected(name), f"`make bless` if this is right: {json.dumps(report)[:2000]}"
    assert found.obligations == len(owed), f"{name} owes what it does not keep"
    assert report["certified"], f"{name} must be loadable as it stands"
    assert report["search"]["complete"], f"{name} must be searched to the end"
    assert seconds < SECONDS_MAX, f"{name} took {seconds:.1f} s of processor time to verify"


def states_meant(report: dict[str, Any]) -> int:
    """The states that verdicts speak of, whichever of them stand for others."""
    search = report["search"]
    return int(search["states"] if search["stand_for"] is None else search["stand_for"])


@pytest.mark.parametrize("name", names())
def test_nothing_stays_unknown(name: str) -> None:
    pinned = expected(name)
    assert pinned is not None
    assert set(pinned.verdicts.values()) <= HELD
    assert "\naccept:" not in (EXAMPLES / name / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("nodes", "states"), [(3, 288), (5, 8_832), pytest.param(7, 296_448, marks=pytest.mark.slow)])
def test_two_phase_commit_has_exactly_its_states(nodes: int, states: int) -> None:
    report, _ = verify("twophase", "--set", f"N={nodes}", "--budget", "10m")
    assert (states_meant(report), report["search"]["complete"]) == (states, True)
