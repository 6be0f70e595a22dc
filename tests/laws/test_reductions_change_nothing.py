"""Reductions change counts and nothing else: verdicts, vacuity and lengths of runs are those of the whole search."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.alike_tables import alike_tables
from support.engines import without_promises
from support.examples import EXAMPLES, names
from support.random_policies import governed
from support.random_promises import promising
from support.reduced import EVERY_WAY, differences
from temper.machine import Relation, Step, System, TransitionTable, universe
from temper.pipeline import build
from temper.verify import Reductions
from temper.verify.explicit.permuting import Renamer, renamings
from temper.verify.native import search_natively
from temper.verify.slicing import unread
from temper.verify.symmetry import alike

NATIVELY = tuple(reductions for reductions in EVERY_WAY if not reductions.partial_order)
ONLY_SYMMETRY = Reductions(slicing=False, partial_order=False)


def law(count: int) -> settings:
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


def test_no_reduction_changes_what_is_said_of_random_tables() -> None:
    """What was reduced is counted: a law about tables that nothing can be left out of would say nothing."""
    seen: Counter[str] = Counter()

    @law(150)
    @given(alike_tables() | governed(alike_tables()), st.sampled_from(EVERY_WAY))
    def holds(table: TransitionTable, reductions: Reductions) -> None:
        found = differences(table, reductions)
        seen[found or "compared"] += 1
        seen["alike"] += bool(found == "" and alike(table, universe(table)))
        seen["unread"] += bool(found == "" and unread(table, universe(table)))
        assert found in {"", "too large"}, found

    holds()
    assert min(seen["alike"], seen["unread"]) >= 0.3 * (seen["compared"] + seen["too large"]), seen


def test_no_native_reduction_changes_what_is_said_of_random_tables() -> None:
    seen: Counter[str] = Counter()

    @law(90)
    @given(alike_tables() | governed(alike_tables()), st.sampled_from(NATIVELY))
    def holds(table: TransitionTable, reductions: Reductions) -> None:
        found = differences(table, reductions, natively=True)
        refused = found.startswith("refused: ")
        assert "mistake" not in found, found
        seen["refused" if refused else found or "compared"] += 1
        seen["alike"] += bool(found == "" and alike(table, universe(table)))
        seen["unread"] += bool(found == "" and unread(table, universe(table)))
        assert refused or found in {"", "too large"}, found

    holds()
    every = seen["compared"] + seen["too large"] + seen["refused"]
    assert min(seen["alike"], seen["unread"]) >= 0.25 * every, seen


def test_slicing_changes_no_promise() -> None:
    """A promise that is broken is looked for once more with all data there, so that its loop is one of real states."""
    seen: Counter[str] = Counter()

    @law(150)
    @given(promising())
    def holds(table: TransitionTable) -> None:
        found = differences(table, Reductions())
        seen[found or "compared"] += 1
        seen["unread"] += bool(found == "" and unread(table, universe(table)))
        assert found in {"", "too large"}, found

    holds()
    assert seen["unread"] >= 0.3 * (seen["compared"] + seen["too large"]), seen


@pytest.mark.parametrize("example", sorted({*names()} - {"access"}))
def test_no_native_reduction_changes_what_is_said_of_an_example(example: str) -> None:
    table = build(EXAMPLES / example).table
    assert table is not None
    assert differences(without_promises(table), Reductions(), states_max=5_000, natively=True) == ""
    assert differences(table, Reductions(), states_max=5_000, natively=True) == ""


@pytest.mark.parametrize(
    ("nodes", "states", "meant"), [(5, 314, 8_832), (8, 1_461, 1_745_408), (10, 3_300, 61_515_776)]
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_two_phase_commit_is_counted_up_to_renaming(nodes: int, states: int, meant: int, jobs: int) -> None:
    table = build(EXAMPLES / "twophase", {"N": str(nodes)}).table
    assert table is not None
    within = universe(table)
    summary = search_natively(table, universe=within, levels=(0,), reductions=ONLY_SYMMETRY, jobs=jobs).search
    assert (summary.states, summary.stand_for, summary.complete) == (states, meant, True)


@pytest.mark.parametrize("example", names())
def test_no_reduction_changes_what_is_said_of_an_example(example: str) -> None:
    table = build(EXAMPLES / example).table
    assert table is not None
    assert differences(without_promises(table), Reductions(), states_max=5_000) == ""
    assert differences(table, Reductions(), states_max=5_000) == ""


@law(60)
@given(alike_tables(), st.data())
def test_the_relation_takes_every_renaming_along(table: TransitionTable, data: st.DataObject) -> None:
    within = universe(table)
    classes = alike(table, within)
    relation = Relation(table, within)
    system = relation.start()
    renaming = data.draw(st.sampled_from(list(renamings(classes))))
    renamer = Renamer(table, renaming)
    for _ in range(8):
        assert _image(renamer, relation, system) == _seen(relation, renamer.system(system))
        steps = [step.system for step in relation.steps(system) if isinstance(step, Step)]
        if not steps:
            break
        system = data.draw(st.sampled_from(steps))


def _seen(relation: Relation, system: System) -> Counter[object]:
    """Where steps lead and what they show. Who called is left out where nothing tells callers apart."""
    return Counter(_outcome(step, step.system if isinstance(step, Step) else None) for step in relation.steps(system))


def _image(renamer: Renamer, relation: Relation, system: System) -> Counter[object]:
    return Counter(
        _outcome(step, renamer.system(step.system) if isinstance(step, Step) else None)
        for step in relation.steps(system)
    )


def _outcome(step: object, after: System | None) -> object:
    violations = tuple((each.kind, each.where, each.place) for each in step.violations)  # type: ignore[attr-defined]
    label = step.label  # type: ignore[attr-defined]
    return label.rule, label.address.entity, label.action, label.outcome, label.case, violations, after
