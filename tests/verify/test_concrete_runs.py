"""Runs that only a model without clocks has refute nothing, and are not called exhausted either."""

from __future__ import annotations

import pytest

from support.small import findings_of, table_of
from temper.machine import ARMED, Refuted, System, TransitionTable, Unknown, concrete, relation, universe, word
from temper.verify import search
from temper.verify.explicit import docket, question

RACE = """
temper: 1
blueprint: race
properties:
  tortoise_wins: {always: not (Hare.state == home and Tortoise.state == going)}
roles: [starter]
entities:
  Hare:
    single: true
    states: [ready, going, home]
    final: [home]
    waits: [ready]
    actions:
      run: {from: ready, to: going}
      arrive: {from: going, to: home}
    timers:
      legs: {in: going, after: 10s, do: arrive}
  Tortoise:
    single: true
    states: [ready, going, home]
    final: [home]
    waits: [ready]
    actions:
      start: {by: starter, from: ready, to: going, send: [{to: Hare, action: run, with: {}, refused: ignore}]}
      arrive: {from: going, to: home}
    timers:
      legs: {in: going, after: 5s, do: arrive}
scope:
  principals: {ann: [starter]}
"""


def test_lateness_is_unbounded_so_a_slow_tortoise_is_a_run() -> None:
    """Timers may fire late: that the hare is first is concrete, although its timer is longer."""
    table = table_of(RACE)
    verdict = findings_of(search(table, universe=universe(table)))["tortoise_wins"].verdict
    assert isinstance(verdict, Refuted)
    assert verdict.trace is not None
    assert [step.label.rule for step in verdict.trace.steps] == ["call", "deliver", "fire"]


def test_what_cannot_be_repeated_refutes_nothing_and_exhausts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docket, "concrete", lambda *_: None)
    table = table_of(RACE)
    found = findings_of(search(table, universe=universe(table)))
    verdict = found["tortoise_wins"].verdict
    assert isinstance(verdict, Unknown)
    assert verdict.because.startswith("spurious step: ")
    assert {word(finding.verdict) for finding in found.values()} == {"unknown", "proved"}
    assert {name for name, finding in found.items() if word(finding.verdict) == "proved"} == {
        "final:Hare.home",
        "final:Tortoise.home",
    }


def test_rows_and_goals_that_were_only_seen_in_vain_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is given up after many vain tries; that must not make it look answered."""
    text = RACE.replace(
        "properties:\n",
        "properties:\n  can_win: {possible: Hare.state == home}\n  fine: {always: Hare.state != home or 1 < 2}\n",
    )
    table = table_of(text)
    monkeypatch.setattr(docket, "concrete", lambda *_: None)
    monkeypatch.setattr(question, "TRIES_MAX", 1)
    found = findings_of(search(table, universe=universe(table)))
    assert found["can_win"].verdict != found["fine"].verdict
    assert isinstance(found["fine"].verdict, Unknown)
    assert found["fine"].verdict.because.startswith("not within U: never fired: Hare.run from ready, case 0; ")


def going(table: TransitionTable) -> System:
    """Both on their way: reached by some run that nobody remembers."""
    start = relation(table, universe(table)).start()
    cells = tuple(cell._replace(control="going", timers=(("legs", ARMED),)) for cell in start.cells)
    return start._replace(cells=cells)


def test_a_run_from_what_lives_is_concrete_with_any_times() -> None:
    table = table_of(RACE)
    within = universe(table)
    begin = going(table)
    fire = next(step for step in relation(table, within).steps(begin) if step.label.address.entity == "Hare")
    assert concrete(table, (fire,), begin) == (0,)


def test_a_violation_from_what_lives_is_refuted_and_says_so() -> None:
    text = RACE.replace(
        "{always: not (Hare.state == home and Tortoise.state == going)}", "{always: Hare.state != home}"
    )
    table = table_of(text.replace("run: {from: ready", "run: {from: ready, when: 1 > 2"))
    plain = findings_of(search(table, universe=universe(table)))["tortoise_wins"]
    assert isinstance(plain.verdict, Unknown), "the hare never runs, which is told"
    live = findings_of(search(table, universe=universe(table), starts=[going(table)]))["tortoise_wins"].verdict
    assert isinstance(live, Refuted)
    assert live.because == "going on from what lives now, `Hare.state != home` is false: `home != home`"
