"""Times for loops: every round keeps what the step before it asks, and time passes in each."""

from __future__ import annotations

import pytest

from support.small import table_of
from temper.machine import Step, System, TransitionTable, concrete, relation, rhythm, universe

TICKING = """
temper: 1
blueprint: ticking
roles: [chief]
entities:
  Watch:
    single: true
    states: [stopped, ticking]
    waits: [stopped]
    actions:
      start: {by: chief, from: stopped, to: ticking}
      tick: {from: ticking, restart: [quick]}
      chime: {from: ticking, restart: [slow]}
    timers:
      quick: {in: ticking, after: 2s, do: tick}
      slow: {in: ticking, after: 5s, do: chime}
scope: {principals: {ann: [chief]}}
"""


def taken(table: TransitionTable, system: System, *actions: str) -> list[Step]:
    steps = []
    found = relation(table, universe(table))
    for action in actions:
        step = next(s for s in found.steps(system) if isinstance(s, Step) and s.label.action == action)
        steps.append(step)
        system = step.system
    return steps


def test_a_loop_has_times_with_a_period_that_its_timers_allow() -> None:
    table = table_of(TICKING)
    begin = relation(table, universe(table)).start()
    stem = taken(table, begin, "start")
    loop = taken(table, stem[-1].system, "tick", "tick", "chime")
    found = rhythm(table, stem, loop)
    assert found is not None
    assert found.times == (0, 2_000, 4_000, 5_000)
    assert found.period == 5_000
    rounds = [found.times[0]] + [time + number * found.period for number in range(3) for time in found.times[1:]]
    assert concrete(table, [*stem, *loop * 3]) is not None
    assert rounds == sorted(rounds)


def test_what_no_times_fit_once_has_no_rhythm() -> None:
    """Three quick ticks take six seconds at least, and the slow timer would have been due before the third."""
    table = table_of(TICKING)
    begin = relation(table, universe(table)).start()
    stem = taken(table, begin, "start", "tick", "tick")
    third = taken(table, taken(table, begin, "start")[-1].system, "tick")
    assert concrete(table, [*stem, *third, *third]) is None
    assert rhythm(table, [*stem, *third, *third], third) is None


def test_a_timer_that_waits_for_ever_while_others_tick_has_no_rhythm() -> None:
    """Every round moves on by two seconds at least, and the slow timer stays due after five."""
    table = table_of(TICKING)
    stem = taken(table, relation(table, universe(table)).start(), "start")
    tick = taken(table, stem[-1].system, "tick")
    assert rhythm(table, stem, tick) is None


def test_a_run_that_stutters_needs_none() -> None:
    table = table_of(TICKING)
    with pytest.raises(AssertionError, match="stutters"):
        rhythm(table, (), ())
