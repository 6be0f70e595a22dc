"""Proofs by induction: what is said of them, what they lean on, and that nothing refuted is ever proved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import z3

from support.examples import EXAMPLES, Mutant, mutants
from support.small import table_of
from temper.machine import PropertyKind, Proved, Refuted, TransitionTable, Unknown, universe
from temper.pipeline import Read, build, build_read, read
from temper.report import Diagnostic, Source
from temper.verify import certify
from temper.verify.symbolic import induction, prove, system, taking
from temper.verify.symbolic.proofs import NOT_SHOWN

PROVED = {
    ("twophase", "votes_are_real"): "by induction",
    ("twophase", "commit_needs_every_vote"): "by induction, with `votes_are_real`",
    ("deploy", "four_eyes"): "by induction",
    ("queue", "a_lease_is_held"): "by induction",
    ("queue", "nobody_holds_what_is_not_leased"): "by induction",
}

COUNTER = """
temper: 1
blueprint: counter
properties:
  low: {always: Counter.count <= 3}
  high: {always: Counter.count <= 2}
  begun: {always: Counter.count >= 1}
  even: {for: t in Ticket, whenever: t.state == open, always: t.owner != None}
roles: [clerk]
entities:
  Counter:
    single: true
    data: {count: "int[0, 9]"}
    states: [running]
    waits: [running]
    actions:
      up: {by: clerk, from: running, when: count < 3, set: {count: count + 1}}
  Ticket:
    data: {owner: principal | None, other: "bool"}
    states: [made, open]
    waits: [made, open]
    actions:
      make: {by: clerk, from: new, set: {owner: caller}, to: made}
      start: {by: clerk, from: made, to: open}
"""


def verdicts(table: TransitionTable) -> dict[str, object]:
    return {finding.name: finding.verdict for finding in prove(table, universe=universe(table), seconds_max=30)}


def test_what_every_step_keeps_is_proved_and_what_some_step_breaks_is_unknown() -> None:
    found = verdicts(table_of(COUNTER))
    assert found["low"] == Proved("by induction")
    assert found["high"] == Unknown(NOT_SHOWN)


def test_the_lemma_that_made_it_work_is_told() -> None:
    found = verdicts(table_of(COUNTER))["even"]
    assert isinstance(found, Proved)
    assert found.because.startswith("by induction, by the lemma `for x in Ticket: ")
    assert "x.owner != None`" in found.because


@pytest.mark.parametrize("example", sorted({example for example, _ in PROVED}))
def test_examples_are_proved_as_far_as_the_page_says(example: str) -> None:
    built = build(EXAMPLES / example)
    assert built.table is not None
    found = verdicts(built.table)
    expected = {name: Proved(because) for (of, name), because in PROVED.items() if of == example}
    always = {each.name for each in built.table.properties if each.kind is PropertyKind.ALWAYS}
    assert {name: found[name] for name in always if isinstance(found[name], Proved)} == expected


def test_a_certificate_keeps_the_strongest_verdict_and_what_is_vacuous() -> None:
    text = COUNTER.replace(
        "low: {always: Counter.count <= 3}", "low: {always: Counter.count <= 3 or Counter.count == 9}"
    )
    certificate = certify(table_of(text), prove=True)
    findings = {finding.name: finding for finding in certificate.findings}
    assert findings["low"].verdict == Proved("by induction")
    assert findings["low"].vacuous == "Counter.count == 9"
    assert isinstance(findings["high"].verdict, Refuted)
    assert "z3-solver" in dict(certificate.made_with)
    assert not any("z3" in name for name, _ in certify(table_of(COUNTER)).made_with)


BROKEN: dict[str, tuple[object, str, Callable[..., object], str]] = {
    "rows write nothing": (induction, "_writes", lambda *_: frozenset(), "high"),
    "nobody looks at the start": (induction.Induction, "_holds_at_first", lambda *_: True, "begun"),
    "no guard ever holds": (
        taking._Taking,
        "_holds",
        lambda self, *_, **__: self.conditions.append(z3.BoolVal(False)),
        "high",
    ),
    "what is written does not show": (
        system.SteppedSystem,
        "read",
        lambda self, *place: self.before.read(*place),
        "high",
    ),
}
"""Wrong inductions, and a property that each would prove and that does not hold."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_wrong_induction_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, instead, wrongly = BROKEN[broken]
    assert isinstance(verdicts(table_of(COUNTER))[wrongly], Unknown)
    monkeypatch.setattr(owner, name, instead)
    assert isinstance(verdicts(table_of(COUNTER))[wrongly], Proved)


def test_a_solver_without_time_proves_nothing() -> None:
    table = table_of(COUNTER)
    for finding in prove(table, universe=universe(table), seconds_max=0):
        assert isinstance(finding.verdict, Unknown)


def refutable(mutant: Mutant) -> bool:
    return not mutant.caught.partition(":")[1]


@pytest.mark.parametrize(
    "mutant", [*filter(refutable, mutants())], ids=lambda mutant: f"{mutant.example}/{mutant.name}"
)
def test_nothing_that_is_refuted_is_proved(mutant: Mutant) -> None:
    found = read(EXAMPLES / mutant.example)
    assert not isinstance(found, Diagnostic), found
    built = build_read(Read(Source(found.source.path, mutant.text(found.source.text)), found.policies))
    assert built.table is not None, built.diagnostics
    if {property_.name: property_.kind for property_ in built.table.properties}[mutant.caught] is PropertyKind.ALWAYS:
        assert not isinstance(verdicts(built.table)[mutant.caught], Proved)
