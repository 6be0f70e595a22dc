"""The native search is the plain one, faster: the same states, steps, verdicts, cuts and lengths of traces."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import sampled_from

from support.engines import differences, differences_from_elsewhere, refused_because
from support.examples import EXAMPLES, Mutant, mutants, names
from support.random_policies import governed
from support.random_promises import promising
from support.random_tables import random_tables
from temper.machine import Exhausted, Proved, TransitionTable, Unknown, universe
from temper.pipeline import Read, build, build_read, read
from temper.report import Diagnostic, Source
from temper.verify.native import search_natively

REFUSED: dict[str, str] = {}
"""What native code does not take on, by example; its mutants are refused as well."""


def table_of(example: str, mutant: Mutant | None = None) -> TransitionTable:
    found = read(EXAMPLES / example)
    assert not isinstance(found, Diagnostic), found
    text = found.source.text if mutant is None else mutant.text(found.source.text)
    built = build_read(Read(Source(found.source.path, text), found.policies))
    assert built.table is not None, built.diagnostics
    return built.table


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("example", names())
def test_both_engines_say_the_same_of_every_example(example: str, jobs: int) -> None:
    levels = (2,) if example == "queue" else (0,)
    found = differences(table_of(example), states_max=10_000, levels=levels, jobs=jobs, slice_max=20)
    assert found == (f"refused: {REFUSED[example]}" if example in REFUSED else "")


@pytest.mark.parametrize("mutant", list(mutants()), ids=lambda mutant: f"{mutant.example}/{mutant.name}")
def test_both_engines_refute_the_same_mutants_by_traces_of_equal_length(mutant: Mutant) -> None:
    table = table_of(mutant.example, mutant)
    found = differences(table, states_max=8_000, jobs=2, slice_max=100)
    if found == "too large":
        report = search_natively(table, universe=universe(table), levels=(0,))
        assert not isinstance(next(f.verdict for f in report.findings if f.name == mutant.caught), Exhausted | Proved)
        return
    assert found == (f"refused: {REFUSED[mutant.example]}" if mutant.example in REFUSED else "")


TABLES = {"plain": random_tables(), "governed": governed(random_tables())}


@pytest.mark.parametrize("kind", TABLES)
def test_both_engines_say_the_same_of_random_tables(kind: str) -> None:
    """What is refused is counted: a law that refuses everything would say nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(TABLES[kind], sampled_from([(1, 1), (2, 1), (2, 50), (5, 2)]))
    def law(table: TransitionTable, crew: tuple[int, int]) -> None:
        found = differences(table, states_max=600, jobs=crew[0], slice_max=crew[1])
        refused = refused_because(found)
        seen[refused or found or "compared"] += 1
        assert refused or found in {"", "too large"}, found

    law()
    assert seen["compared"] >= 0.6 * seen.total(), f"native code refuses too much: {seen}"
    known = {"too large", "compared"}
    assert all(why in known or "that the universe does not know" in why for why in seen), seen


def test_both_engines_say_the_same_of_random_promises() -> None:
    """Lassos too: both their ways in and their loops are as long."""
    seen: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(promising() | governed(promising()), sampled_from([1, 2]))
    def law(table: TransitionTable, jobs: int) -> None:
        found = differences(table, states_max=400, jobs=jobs, slice_max=9)
        refused = refused_because(found)
        seen[refused or found or "compared"] += 1
        assert refused or found in {"", "too large"}, found

    law()
    assert seen["compared"] >= 0.6 * seen.total(), f"native code refuses too much: {seen}"


def test_both_engines_say_the_same_of_runs_that_begin_elsewhere() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(promising() | governed(promising()), sampled_from([1, 2]))
    def law(table: TransitionTable, jobs: int) -> None:
        found = differences_from_elsewhere(table, jobs=jobs)
        refused = refused_because(found)
        seen[refused or found or "compared"] += 1
        assert refused or found in {"", "too large"}, found

    law()
    assert seen["compared"] >= 0.5 * seen.total(), f"native code refuses too much: {seen}"


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("nodes", "states"), [(3, 288), (5, 8_832), (7, 296_448), (8, 1_745_408)])
def test_two_phase_commit_has_exactly_its_states(nodes: int, states: int, jobs: int) -> None:
    built = build(EXAMPLES / "twophase", {"N": str(nodes)})
    assert built.table is not None
    report = search_natively(built.table, universe=universe(built.table), jobs=jobs)
    assert (report.search.states, report.search.complete) == (states, True)
    assert not any(isinstance(finding.verdict, Unknown) for finding in report.findings)
