"""States taken together: what is told is told of real runs, whichever state stands for theirs."""

from __future__ import annotations

from support.small import table_of
from temper.machine import Address, Refuted, System, TransitionTable, universe
from temper.machine.system import canonical as sorted_system
from temper.verify import Budget, Replayed, replay
from temper.verify.explicit import PlainSearch

TWO = """
temper: 1
blueprint: two
roles: [chief]
properties:
  never: {for: w in Worker, always: w.state != broken}
  calm: {for: w in Worker, step: after.state != broken}
  together: {possible: count(w for w in Worker if w.state == busy) == 2}
entities:
  Worker:
    states: [idle, busy, broken]
    waits: [idle, busy, broken]
    actions:
      hire: {by: chief, from: new, to: idle}
      work: {by: chief, from: idle, to: busy}
      smash: {by: chief, from: busy, to: broken}
scope: {instances: {Worker: 2}, principals: {ann: [chief]}}
"""


def swapped(system: System) -> System:
    """The system with the two workers in each other's place."""
    names = {"w1": "w2", "w2": "w1"}
    return sorted_system(system._replace(cells=tuple(cell._replace(id=names[cell.id]) for cell in system.cells)))


def greater(system: System) -> System:
    return max(system, swapped(system))


def least(system: System) -> System:
    return min(system, swapped(system))


def together(table: TransitionTable, stand: object) -> PlainSearch:
    search = PlainSearch(table, universe(table))
    search.exploration.canonical = stand  # type: ignore[assignment]
    search.go(Budget())
    return search


def test_what_is_told_is_told_of_real_runs() -> None:
    table = table_of(TWO)
    within = universe(table)
    plain = PlainSearch(table, within)
    plain.go(Budget())
    expected = {finding.name: finding.verdict for finding in plain.report().findings}
    for stand in (greater, least):
        search = together(table, stand)
        assert len(search.exploration.states) < len(plain.exploration.states)
        for finding in search.report().findings:
            assert type(finding.verdict) is type(expected[finding.name])
            if isinstance(finding.verdict, Refuted):
                assert finding.verdict.trace is not None
                assert finding.verdict.trace.steps[0].label.address == Address("Worker", "w1")
                assert "w is Worker w1" in finding.verdict.because
                assert isinstance(replay(table, finding.verdict.trace, universe=within), Replayed)
                assert len(finding.verdict.trace.steps) == len(expected[finding.name].trace.steps)


def test_every_run_to_a_state_is_real_and_ends_in_one_that_it_stands_for() -> None:
    table = table_of(TWO)
    exploration = together(table, greater).exploration
    for number, state in enumerate(exploration.states):
        path = exploration.path(number)
        assert path[0] == exploration.model.initial()[0]
        assert greater(path[-1]) == state
        for before, step in zip(path, exploration.run(number), strict=False):
            assert step in list(exploration.successors(before))
