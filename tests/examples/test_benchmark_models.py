"""The models of `benchmarks/search` are the same in every language they are written in, and have the states they claim.

SPIN searches its own text of each model and knows nothing of ours, so it is one more witness that nothing is missed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.engines import differences
from support.tree import ROOT
from temper.machine import TransitionTable
from temper.pipeline import build, certify

SEARCHED = ROOT / "benchmarks" / "search"
COUNTS = {
    ("twophase", 4): 1_568,
    ("twophase", 6): 50_816,
    ("leases", 4): 18_225,
    ("philosophers", 8): 1_154,
    ("ring", 8): 3_072,
}
"""Distinct states of a model at a size."""


@pytest.fixture(autouse=True)
def _benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's files are no package: they import each other from their own folder."""
    monkeypatch.syspath_prepend(SEARCHED)


def table_of(model: str, size: int | None = None) -> TransitionTable:
    path = ROOT / "examples" / model if model == "twophase" else SEARCHED / "models" / f"{model}.yaml"
    built = build(path, {} if size is None else {"N": str(size)})
    assert built.table is not None, built.diagnostics
    return built.table


@pytest.mark.parametrize(("model", "size"), COUNTS)
def test_a_model_is_certified_in_exactly_its_states(model: str, size: int) -> None:
    judged = certify(table_of(model, size))
    assert judged.certified is not None, judged.reasons
    assert judged.certificate.search is not None
    assert judged.certificate.search.states_meant == COUNTS[model, size]


@pytest.mark.parametrize("model", ["leases", "philosophers", "ring", "depot"])
def test_both_engines_say_the_same_of_a_model(model: str) -> None:
    assert differences(table_of(model, None if model == "depot" else 4), states_max=30_000) == ""


@pytest.mark.parametrize(("model", "size"), COUNTS)
@pytest.mark.parametrize("reduced", [False, True], ids=["unreduced", "reduced"])
def test_spin_counts_the_same(model: str, size: int, reduced: bool, tmp_path: Path) -> None:
    import promela
    import rivals

    if not rivals.has_spin() and not os.environ.get("CI"):
        pytest.skip("needs SPIN and gcc (Debian's `spin` and `gcc`); CI installs them")
    command = rivals.compiled(getattr(promela, model)(size), tmp_path, slots=20, reduced=reduced)
    assert rivals.spin(command).states == COUNTS[model, size]


def test_there_is_a_text_for_tlc_of_every_model() -> None:
    import tla

    for model, _ in COUNTS:
        text = getattr(tla, model)()
        assert text.startswith(f"---- MODULE {model} ----")
        assert text.count("(") == text.count(")")
