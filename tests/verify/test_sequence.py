"""A run as a sequence diagram: everything that can cause a step has its arrow, and no text breaks the picture."""

from __future__ import annotations

import re

import pytest

from support.examples import mutants
from support.small import asking, table_of
from temper.machine import Address, Label, Refuted, Trace, TraceStep, TransitionTable
from temper.verify import Budget, certify, instances_in, sequence_diagram

SHAPE = re.compile(
    r"  (autonumber|(actor|participant) p\d+ as .+|p\d+-?->>p\d+: .+|Note over p\d+: .+|loop for ever|end)"
)


def drawn(table: TransitionTable, *labels: Label) -> list[str]:
    return sequence_diagram(table, Trace(tuple(TraceStep(label, ()) for label in labels), ())).splitlines()


def test_every_cause_has_its_arrow() -> None:
    table, job = table_of(asking(worked="finish", failed="stop", patience="stop")), Address("Job", "j1")
    lines = drawn(
        table,
        Label("call", job, "start", cause="ann", caller="ann", case=0),
        Label("settle", job, "stop", cause="work.failed", outcome="failed", case=0),
        Label("fire", job, "stop", cause="patience", case=0),
        Label("deliver", job, "finish", cause="Job j2", case=0),
        Label("deliver", job, "stop", cause="Job j2 refused finish", case=0),
        Label("deliver", job, "refused", cause="Job j2", outcome="wrong-state"),
        Label("settle", job, "unhandled", cause="work.unknown", outcome="unknown"),
    )
    assert lines[2:6] == [
        "  actor p1 as ann",
        "  participant p2 as Job j1",
        "  participant p3 as effect work",
        "  participant p4 as Job j2",
    ]
    assert lines[6:] == [
        "  p1->>p2: start()",
        "  p3-->>p2: failed: stop()",
        "  p2->>p2: timer patience: stop()",
        "  p4->>p2: finish()",
        "  p4->>p2: refused finish: stop()",
        "  p4->>p2: refuses it (wrong-state)",
        "  p3-->>p2: unknown: has no answer to it",
    ]


def test_odd_text_breaks_nothing() -> None:
    table, job = table_of(asking(worked="finish", failed="stop", patience="stop")), Address("Job", "j1")
    odd = Label("call", job, "start", (("text", "a; b # c\nd"),), caller="ann; end", case=0)
    lines = drawn(table, odd)
    assert all(SHAPE.fullmatch(line) for line in lines[1:]), lines
    assert not any(";" in line.replace("#35;", "") for line in lines)


def test_what_repeats_stands_in_a_loop() -> None:
    table, job = table_of(asking(worked="finish", failed="stop", patience="stop")), Address("Job", "j1")
    steps = (
        TraceStep(Label("call", job, "start", caller="ann", case=0), ()),
        TraceStep(Label("settle", job, "again", cause="work.unknown", outcome="unknown"), ()),
    )
    lines = sequence_diagram(table, Trace(steps, (), loop=1)).splitlines()
    assert lines[-3:] == ["  loop for ever", "  p3-->>p2: unknown: asks again", "  end"]


@pytest.mark.parametrize("mutant", [each for each in mutants() if each.example == "access"], ids=lambda each: each.name)
def test_the_runs_of_wrong_examples_are_drawn_whole(mutant) -> None:
    from support.examples import EXAMPLES
    from temper.pipeline import Read, build_read, read
    from temper.report import Source

    found = read(EXAMPLES / mutant.example)
    assert isinstance(found, Read)
    built = build_read(Read(Source(found.source.path, mutant.text(found.source.text)), found.policies))
    assert built.table is not None
    for finding in certify(built.table, budget=Budget(states_max=3_000, seconds_max=5)).findings:
        verdict = finding.verdict
        if isinstance(verdict, Refuted) and verdict.trace is not None:
            lines = sequence_diagram(built.table, verdict.trace).splitlines()
            assert all(SHAPE.fullmatch(line) for line in lines[1:]), lines
            assert instances_in(verdict.trace) <= sum(" as " in line for line in lines)
