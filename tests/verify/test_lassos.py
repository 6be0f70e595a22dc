"""Infinite runs as people and programs get them: rendered, as JSON, replayed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.small import findings_of, gate, report_of, table_of
from temper.machine import Refuted, Trace, TransitionTable, Unknown, universe
from temper.verify import (
    Budget,
    Diverged,
    Replayed,
    certify,
    replay,
    search,
    trace_from_json,
    trace_text,
    trace_to_json,
)
from temper.verify.explicit import liveness

BLINKING = """
temper: 1
blueprint: blinking
properties:
  shuts: {whenever: Gate.state == open, eventually: Gate.state == shut}
roles: [chief]
entities:
  Gate:
    single: true
    data: {lit: bool}
    states: [shut, open]
    waits: [shut]
    actions:
      lift: {by: chief, from: shut, to: open}
      drop: {by: chief, from: open, to: shut}
      blink: {from: open, set: {lit: not lit}, restart: [lamp]}
    timers:
      lamp: {in: open, after: 1s, do: blink}
scope: {principals: {ann: [chief]}}
"""


def lasso(text: str, name: str = "shuts") -> tuple[TransitionTable, Trace]:
    verdict = findings_of(report_of(text))[name].verdict
    assert isinstance(verdict, Refuted)
    assert verdict.trace is not None
    return table_of(text), verdict.trace


def test_a_loop_is_shown_where_it_begins() -> None:
    assert trace_text(*lasso(BLINKING)).splitlines() == [
        "  1  ann (chief)  Gate: lift()   state: shut -> open",
        "  from here it repeats for ever:",
        "  2  lamp         Gate: blink()  lit: False -> True",
        "  3  lamp         Gate: blink()  lit: True -> False",
    ]


def test_a_run_that_stutters_says_so() -> None:
    shown = trace_text(*lasso(gate("shuts: {whenever: Gate.state == open, eventually: Gate.state == shut}")))
    assert shown.splitlines()[-1] == "  from here it stays for ever: nothing more has to happen"
    at_once = gate("opens: {whenever: Gate.state == shut, eventually: Gate.state == open}")
    assert trace_text(*lasso(at_once, "opens")) == "  from here it stays for ever: nothing more has to happen"


def test_json_both_ways_and_only_infinite_runs_have_a_loop() -> None:
    _, trace = lasso(BLINKING)
    assert trace_to_json(trace)["loop"] == 1
    assert trace_from_json(trace_to_json(trace)) == trace
    finite = replace(trace, loop=None)
    assert "loop" not in trace_to_json(finite)
    assert trace_from_json(trace_to_json(finite)) == finite


def test_it_replays_to_the_promise_it_breaks() -> None:
    table, trace = lasso(BLINKING)
    replayed = replay(table, trace, universe=universe(table))
    assert isinstance(replayed, Replayed)
    assert replayed.shows == {"shuts"}


def test_a_loop_that_does_not_close_diverges() -> None:
    table, trace = lasso(BLINKING)
    assert replay(table, replace(trace, loop=0), universe=universe(table)) == Diverged(3)


def test_a_loop_that_is_not_fair_shows_nothing() -> None:
    """To stay there with a timer armed is no run that a runtime would make."""
    table, trace = lasso(BLINKING)
    stays = Trace(trace.steps, trace.final, 3)
    replayed = replay(table, stays, universe=universe(table))
    assert isinstance(replayed, Replayed)
    assert replayed.shows == frozenset()


def test_a_promise_that_is_met_in_the_loop_is_not_broken() -> None:
    table, trace = lasso(BLINKING)
    kept = table_of(BLINKING.replace("eventually: Gate.state == shut", "eventually: Gate.lit"))
    replayed = replay(kept, trace, universe=universe(kept))
    assert isinstance(replayed, Replayed)
    assert replayed.shows == frozenset()


def test_a_loop_without_times_refutes_nothing_and_exhausts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "rhythm", lambda *_: None)
    verdict = findings_of(report_of(BLINKING))["shuts"].verdict
    assert isinstance(verdict, Unknown)
    assert verdict.because.startswith("spurious step: ")


def test_no_time_left_is_no_verdict() -> None:
    table = table_of(BLINKING)
    report = search(table, universe=universe(table), budget=Budget(seconds_max=0))
    verdict = findings_of(report)["shuts"].verdict
    assert isinstance(verdict, Unknown)
    assert verdict.because.startswith("budget: ")


def test_what_a_promise_takes_for_granted_is_said() -> None:
    text = BLINKING.replace("Gate.state == shut}", "Gate.state == shut, assuming: [Gate.drop]}")
    said = certify(table_of(text)).assumptions
    assert any("no lane is paused for ever" in phrase for phrase in said)
    assert "shuts: Gate.drop at last" in said
    assert not any("paused" in phrase for phrase in certify(table_of(gate())).assumptions)
