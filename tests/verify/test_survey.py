"""What a blueprint uses of itself: counted by a walk of its own, and held against the search and against literal counting."""

from __future__ import annotations

from collections import Counter

import pytest

from support.examples import EXAMPLES, names
from support.small import asking, gate, table_of
from temper.machine import Proved, Scope, text, universe
from temper.pipeline import build
from temper.verify import Budget, brief_coverage, certify, coverage_json, coverage_lines, search, survey

LAMP = """
temper: 1
blueprint: lamp
roles: [guest]
types: {{Turn: "int[0, 3]"}}
entities:
  Lamp:
    single: true
    data: {{turns: Turn}}
    states: [off, on]
    waits: [off, on]
    actions:
      press: {{by: guest, from: off, when: {guard}, set: {{turns: turns + 1}}, to: on}}
      calm:
        by: guest
        from: on
        cases:
          - {{when: {case}, to: off}}
          - {{set: {{turns: 0}}, to: off}}
scope: {{principals: {{ann: [guest]}}}}
"""


def looked_at(written: str):
    table = table_of(written)
    return survey(table, universe=universe(table))


def lamp(guard: str = "turns < 3", case: str = "turns < 3"):
    return looked_at(LAMP.format(guard=guard, case=case)).coverage


def test_a_guard_that_is_false_somewhere_is_not_blamed() -> None:
    coverage = looked_at(LAMP.replace("set: {{turns: 0}}, ", "").format(guard="turns < 3", case="turns < 2")).coverage
    assert coverage.guards_never_false == ()
    assert coverage.guards == 2


def test_a_guard_that_always_holds_decides_nothing() -> None:
    (held,) = lamp(guard="turns >= 0", case="turns < 2").guards_never_false
    assert (held.entity, held.action, held.case, text(held.condition)) == ("Lamp", "press", None, "turns >= 0")
    assert held.span is not None
    assert str(held) == "Lamp.press"


def test_a_case_that_always_matches_decides_nothing() -> None:
    coverage = lamp(case="turns > 0")
    assert [str(guard) for guard in coverage.guards_never_false] == ["Lamp.calm, case 0"]
    assert [str(row) for row in coverage.rows_never_taken] == ["Lamp.calm from on, case 1"]


def test_a_guard_that_is_never_asked_is_not_called_never_false() -> None:
    coverage = lamp(guard="turns > 3")
    assert coverage.states_never_entered == (("Lamp", "on"),)
    assert coverage.guards_never_false == ()


def test_a_call_that_leaves_its_range_blames_no_case() -> None:
    """Which case it took is not told, so that one may have been asked and false."""
    assert lamp(guard="turns >= 0", case="turns < 3").guards_never_false != ()
    leaving = LAMP.replace("set: {{turns: 0}}", "set: {{turns: turns + 1}}")
    coverage = looked_at(leaving.format(guard="turns >= 0", case="turns < 3")).coverage
    assert [str(guard) for guard in coverage.guards_never_false] == ["Lamp.press"]


def test_outcomes_and_the_machines_own_calls_are_listened_to() -> None:
    coverage = looked_at(asking(worked="finish", failed="stop", patience="stop")).coverage
    assert coverage.outcomes == 3
    assert coverage.outcomes_never_seen == ()
    built = build(EXAMPLES / "deploy")
    assert built.table is not None
    deploy = survey(built.table, universe=universe(built.table)).coverage
    assert [str(guard) for guard in deploy.guards_never_false] == ["Deploy.seen_good"]


@pytest.mark.parametrize("name", names())
def test_it_counts_what_the_search_counts(name: str) -> None:
    table = build(EXAMPLES / name).table
    assert table is not None
    within = universe(table)
    found, report = survey(table, universe=within), search(table, universe=within)
    statistics = found.statistics
    assert (statistics.states, statistics.transitions) == (report.search.states, report.search.transitions)
    assert sum(statistics.layers) == statistics.states
    assert statistics.depth == len(statistics.layers) - 1
    seen = {f.name for f in report.findings if isinstance(f.verdict, Proved)}
    never = {f"reachable:{entity}.{state}" for entity, state in found.coverage.states_never_entered}
    assert not never & seen


def test_a_walk_that_ends_early_says_so() -> None:
    table = table_of(gate())
    found = survey(table, universe=universe(table), budget=Budget(states_max=2))
    assert not found.statistics.complete
    assert coverage_lines(found.coverage)[-1].startswith("not everything was looked at")
    assert brief_coverage(table, certify(table), found.coverage).endswith("so far")


def test_what_the_verdicts_know_is_told_without_a_walk() -> None:
    table = build(EXAMPLES / "orders").table
    assert table is not None
    certificate = certify(table, scope=Scope(instances=(("Order", 1), ("Payment", 1), ("Shipment", 1))))
    within = universe(table, Scope(instances=(("Order", 1), ("Payment", 1), ("Shipment", 1))))
    walked = survey(table, universe=within).coverage
    known, looked = coverage_json(table, certificate), coverage_json(table, certificate, walked)
    for name in ("rows", "rows_never_taken", "states", "states_never_entered"):
        assert known[name] == looked[name]
    assert known["guards_never_false"] is None
    assert looked["outcomes"] == walked.outcomes
    assert brief_coverage(table, certificate).endswith("guards and outcomes: --coverage")


def test_layers_are_shortest_distances() -> None:
    """Counted by hand on a gate that opens, shuts and breaks."""
    table = table_of(gate(limit=1, smash=1))
    assert Counter(survey(table, universe=universe(table)).statistics.layers) == Counter((1, 1, 2))
