"""A simulator is worth what it notices: every bug that is planted in the engine breaks a law within so many seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.planted import SEEDS_MAX, Noticed, Planted, bugs, noticed
from support.tree import ROOT
from temper.verify.simulate import LAWS

BUGS = list(bugs())
USUAL = [bug for bug in BUGS if not bug.rare]


@pytest.fixture(scope="module")
def found() -> dict[str, Noticed]:
    """What the simulator says of each; all in one process that forks, which saves the time to begin."""
    return noticed(USUAL)


@pytest.mark.parametrize("bug", USUAL, ids=lambda bug: bug.name)
def test_a_planted_bug_is_noticed(bug: Planted, found: dict[str, Noticed]) -> None:
    what = found[bug.name]
    assert what.law, f"{bug.name} survived {what.seeds} seeds: {what.message}"
    assert what.law in bug.noticed, f"{bug.name} is noticed by {what.law}: {what.message}"


def test_every_law_notices_something(found: dict[str, Noticed]) -> None:
    """A law that no bug breaks may be one that never looks."""
    assert set(LAWS) - {what.law for what in found.values()} == set()


def test_the_engine_as_it_is_survives_the_same_seeds() -> None:
    """The canary: an edit that means nothing must not look like a catch."""
    harmless = Planted(
        "harmless", "nothing", (("run/engine.py", "MARKS_MAX = 20\n", "MARKS_MAX = 20 + 0\n"),), ("nothing",)
    )
    assert noticed([harmless])["harmless"] == Noticed("harmless", SEEDS_MAX, "", "nothing was noticed")


def test_a_bug_that_fits_no_more_is_an_error() -> None:
    gone = replace(BUGS[0], edits=(("run/engine.py", "this text is nowhere\n", ""),))
    with pytest.raises(ValueError, match="occurs 0 times"):
        gone.sources()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_fits_the_engine(bug: Planted) -> None:
    """Also those that only a hunt looks for: each is an edit of the engine as it is, and still is Python."""
    for module, source in bug.sources().items():
        compile(source, module, "exec")


def test_there_are_enough_and_each_is_told_once() -> None:
    assert len(USUAL) >= 12
    assert len({bug.name for bug in BUGS}) == len({bug.about for bug in BUGS}) == len(BUGS)


def test_the_page_tells_of_each() -> None:
    page = (ROOT / "docs" / "reference" / "simulation.md").read_text(encoding="utf-8")
    assert [bug.name for bug in BUGS if f"| {bug.about} |" not in page] == []
