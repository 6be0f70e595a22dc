"""The torture run, a few seconds of it; `make torture` has the ten minutes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.postgres import Server
from torture.planted import noticed
from torture.run import Plan, Result, torture

pytestmark = pytest.mark.slow

PLAN = Plan(seconds=4.0, callers=8, every_seconds=0.8, calls_min=400, kills_min=3)


def assert_clean(result: Result) -> None:
    assert result.violations == [], str(result)
    assert result.kills >= 3, str(result)
    assert all(result.checked.counts.values()), f"everything that is looked at happened: {result}"


def test_one_server_is_killed_again_and_again(tmp_path: Path) -> None:
    assert_clean(torture(PLAN, tmp_path))


def test_a_server_whose_disk_fails_now_and_then(tmp_path: Path) -> None:
    result = torture(replace(PLAN, disk=1_000, calls_min=100), tmp_path)
    assert result.violations == [], str(result)


def test_a_planted_bug_is_noticed_here_as_well() -> None:
    """One of those that the simulator notices; `make tortured` has them all."""
    runs, said = noticed("effect-before-record")
    assert said.startswith("asked early: "), (runs, said)


def test_one_of_two_nodes_is_killed_again_and_again(tmp_path: Path, postgres: Server) -> None:
    assert_clean(torture(PLAN, tmp_path, postgres.database()))
