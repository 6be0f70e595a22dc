"""Walking a trace shows what the trace says, and where a changed blueprint parts from it, and why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from support.examples import EXAMPLES, Mutant, mutants
from support.small import asking, gate, table_of
from temper.machine import Finding, Refuted, Trace, TransitionTable, universe
from temper.pipeline import Read, build, build_read, read
from temper.report import Source
from temper.verify import (
    Budget,
    KeptTrace,
    certify,
    kept_trace_from_json,
    kept_trace_to_json,
    kept_traces,
    sequence_diagram,
    walk,
    walk_lines,
)

WRONG = gate("low: {always: Gate.count <= 1}", smash=1)


def refuted(text: str, name: str) -> tuple[TransitionTable, Trace]:
    table = table_of(text)
    (verdict,) = [f.verdict for f in certify(table).findings if f.name == name]
    assert isinstance(verdict, Refuted)
    assert verdict.trace is not None
    return table, verdict.trace


def parted(trace: Trace, text: str) -> tuple[int, str, str]:
    table = table_of(text)
    found = walk(table, trace, universe=universe(table)).parted
    assert found is not None
    marked = "" if found.span is None else text[found.span.start : found.span.end]
    return found.at, found.because, marked


def traces(mutant: Mutant) -> list[tuple[Finding, Trace]]:
    read_ = read(EXAMPLES / mutant.example)
    assert isinstance(read_, Read)
    built = build_read(Read(Source(read_.source.path, mutant.text(read_.source.text)), read_.policies))
    assert built.table is not None
    found = [(f, f.verdict) for f in certify(built.table, budget=Budget(states_max=3_000, seconds_max=5)).findings]
    return [(f, v.trace) for f, v in found if isinstance(v, Refuted) and v.trace is not None]


def test_a_walk_goes_through_every_step() -> None:
    table, trace = refuted(WRONG, "low")
    found = walk(table, trace, universe=universe(table))
    assert found.parted is None
    assert [system.cells[0].control for system in found.systems] == ["shut", "open", "shut", "open"]
    assert [system.cells[0].data for system in found.systems] == [(0,), (1,), (1,), (2,)]
    assert found.systems[-1].cells == trace.final
    assert walk_lines(table, table, trace, found, 3) == [
        "  3  ann (guard)  Gate: lift()  state: shut -> open",
        "                                count: 1 -> 2",
        "     | Gate: open, count 2",
    ]


@pytest.mark.parametrize(
    ("change", "at", "because", "marked"),
    [
        (("when: count < 3", "when: count < 1"), 3, "it is rejected: the guard of `lift` does not hold: count < 1 (count = 1)", "lift"),
        (("count + 1", "count + 2"), 1, "`count` of Gate becomes 2, where the trace has 1", "lift"),
        (("from: open, to: shut", "from: open, to: broken"), 2, "`state` of Gate becomes broken, where the trace has shut", "drop"),
        (("drop: {by: guard, from: open", "drop: {by: guard, from: shut"), 2, "it is rejected: Gate `Gate` is in state open, and `drop` starts in shut", "drop"),
        (("drop:", "fall:"), 2, "Gate has no action `drop`", "Gate"),
        (("count", "lifted"), 1, "Gate has no field `count`", "Gate"),
        (("Gate", "Barrier"), 1, "there is no entity `Gate`", ""),
    ],
)  # fmt: skip
def test_where_and_why_it_parts(change, at, because, marked) -> None:
    _, trace = refuted(WRONG, "low")
    assert change[0] in WRONG
    found = parted(trace, WRONG.replace(*change))
    assert found[:2] == (at, because)
    assert found[2].startswith(marked)


def test_a_state_that_is_gone_is_named() -> None:
    _, trace = refuted(WRONG, "low")
    assert parted(trace, WRONG.replace("shut", "closed"))[1] == "Gate has no state `shut`"


def test_another_answer_another_target_another_timer() -> None:
    stuck = asking(failed="ignore", patience="ignore")
    _, trace = refuted(stuck, "moves:Job.asking")
    other = parted(trace, asking(failed="stop", patience="stop"))
    assert "it comes to `stop`, where the trace has `ignore`" in other[1]
    gone = parted(trace, stuck.replace("patience: {in: asking", "worry: {in: asking"))
    assert gone[1] == "the timer `patience` cannot fire here; armed is worry"


def test_another_end_is_told() -> None:
    table, trace = refuted(WRONG, "low")
    forged = replace(trace, final=tuple(cell._replace(data=(3,)) for cell in trace.final))
    found = walk(table, forged, universe=universe(table)).parted
    assert found is not None
    assert (found.at, len(trace.steps)) == (3, 3)
    assert "end" in found.because


MUTANTS = [mutant for mutant in mutants() if mutant.example in {"orders", "deploy", "queue", "failover"}]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.example}-{mutant.name}")
def test_traces_of_wrong_examples_part_from_the_right_ones_with_a_reason(mutant: Mutant) -> None:
    """Messages, spawns, effects, timers, late requests: whatever the relation has, the reason is one sentence."""
    right = build(EXAMPLES / mutant.example).table
    assert right is not None
    for finding, trace in traces(mutant):
        found = walk(right, trace, universe=universe(right))
        assert len(found.systems) <= len(trace.steps) + 1
        if found.parted is not None:
            assert found.parted.at in {len(found.systems), len(trace.steps)}, finding.name
            assert found.parted.because
            assert not found.parted.because.endswith(".")
        diagram = sequence_diagram(right, trace)
        assert diagram.count(">>") >= len(trace.steps)
        assert ";" not in diagram


def test_a_kept_trace_comes_back_the_same() -> None:
    table = table_of(WRONG)
    (kept,) = (each for each in kept_traces(table, certify(table), blueprint="gate.yaml", constants=(("N", "3"),)))
    assert kept.file_name == "trace-low.json"
    back = kept_trace_from_json(json.loads(json.dumps(kept_trace_to_json(kept))))
    assert back == kept
    assert back.table.scope == table.scope, "a replay looks at what the search looked at"


def test_an_obligations_name_makes_a_file_name() -> None:
    _, trace = refuted(WRONG, "low")
    kept = KeptTrace("handled:Job.start.0.0", "refuted", "", trace, table_of(WRONG))
    assert kept.file_name == "trace-handled-Job.start.0.0.json"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.update(temper_trace=2),
        lambda data: data.update(finding=3),
        lambda data: data.update(table={}),
        lambda data: data.pop("trace"),
        lambda data: data["trace"]["steps"][0].update(entity="Nothing"),
        lambda data: data["trace"]["steps"][0].update(cause=None),
        lambda data: data["trace"]["steps"][0].update(roles=[[]]),
        lambda data: data["trace"]["steps"][0].update(caller=["ann"]),
        lambda data: data["trace"]["steps"][0]["changes"][0]["changes"].append(["height", 1, 2]),
        lambda data: data["trace"]["steps"][0]["changes"][0]["changes"].append(["count", "one", 2]),
    ],
)
def test_what_is_no_trace_is_not_read(spoil) -> None:
    table = table_of(WRONG)
    (kept,) = kept_traces(table, certify(table))
    data = json.loads(json.dumps(kept_trace_to_json(kept)))
    spoil(data)
    with pytest.raises((KeyError, TypeError, ValueError)):
        kept_trace_from_json(data)
