"""Law: every refutation's trace replays to the violation, and so does every run that shows what is possible."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.examples import EXAMPLES, Mutant, mutants
from support.small import asking, gate, table_of
from temper.machine import Proved, Refuted, Trace, TransitionTable, universe
from temper.verify import Diverged, Replayed, replay, search

WRONG = [
    gate("low: {always: Gate.count <= 1}", "can: {possible: Gate.state == broken}"),
    gate("at_once: {always: Gate.count >= 1}"),
    gate("wrong: {for: g in Gate, on: Gate.drop, step: before.count != 2}"),
    gate(limit=9),
    asking(failed="stop"),
    asking(failed="ignore", patience="ignore"),
    asking(worked="finish", patience="stop"),
]


def shown(table: TransitionTable) -> list[tuple[str, Trace]]:
    report = search(table, universe=universe(table))
    verdicts = [(finding.name, finding.verdict) for finding in report.findings]
    return [(n, v.trace) for n, v in verdicts if isinstance(v, Refuted | Proved) and v.trace is not None]


@pytest.mark.parametrize("text", WRONG)
def test_every_trace_replays_to_what_it_shows(text: str) -> None:
    table = table_of(text)
    traces = shown(table)
    assert traces
    for name, trace in traces:
        replayed = replay(table, trace, universe=universe(table))
        assert isinstance(replayed, Replayed), f"{name} diverged at step {replayed.at}"
        assert name in replayed.shows


@pytest.mark.parametrize("text", WRONG)
def test_no_shorter_part_of_a_trace_shows_it(text: str) -> None:
    table = table_of(text)
    for name, trace in shown(table):
        for length in range(len(trace.steps)):
            final = _final(table, trace, length)
            part = replay(table, Trace(trace.steps[:length], final), universe=universe(table))
            assert isinstance(part, Replayed)
            assert name not in part.shows


def _final(table: TransitionTable, trace: Trace, length: int):
    """The cells after so many steps, from what the steps say they changed."""
    from temper.machine import absent, initial_cells

    cells = {cell.address: cell for cell in initial_cells(table)}
    for step in trace.steps[:length]:
        for change in step.changes:
            cell = cells.get(change.address) or absent(table, change.address)
            fields = [field.name for field in table.entity(cell.entity).fields]
            for name, before, after in change.changes:
                if name == "state":
                    assert cell.control == before
                    cell = cell._replace(control=after)
                else:
                    data = list(cell.data)
                    assert data[fields.index(name)] == before
                    data[fields.index(name)] = after
                    cell = cell._replace(data=tuple(data))
            cells[change.address] = cell
    timers = {
        (entity.name, state): tuple((timer.name, -1) for timer in entity.timers if state in timer.states)
        for entity in table.entities
        for state in entity.states
    }
    return tuple(cell._replace(timers=timers[cell.entity, cell.control]) for cell in cells.values())


def test_a_trace_of_another_table_diverges_where_they_part() -> None:
    table = table_of(gate("low: {always: Gate.count <= 1}", smash=1))
    ((_, trace),) = [entry for entry in shown(table) if entry[0] == "low"]
    stricter = table_of(gate("low: {always: Gate.count <= 1}", limit=1, smash=1))
    assert replay(stricter, trace, universe=universe(stricter)) == Diverged(3)


def test_a_forged_end_diverges() -> None:
    table = table_of(gate("low: {always: Gate.count <= 1}"))
    trace = shown(table)[0][1]
    forged = replace(trace, final=tuple(cell._replace(data=(3,)) for cell in trace.final))
    assert replay(table, forged, universe=universe(table)) == Diverged(3)


WITH_A_WORLD = [mutant for mutant in mutants() if mutant.example == "deploy"]


@pytest.mark.parametrize("mutant", WITH_A_WORLD, ids=lambda mutant: mutant.name)
def test_the_traces_of_wrong_deployments_replay(mutant: Mutant) -> None:
    """Late requests, performs, timers and answers: everything the relation has."""
    table = table_of(mutant.text((EXAMPLES / "deploy" / "deploy.yaml").read_text(encoding="utf-8")))
    for name, trace in shown(table):
        replayed = replay(table, trace, universe=universe(table))
        assert isinstance(replayed, Replayed), f"{name} diverged at step {replayed.at}"
        assert name in replayed.shows
