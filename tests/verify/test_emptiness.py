"""What is proved is looked at for vacuity also where the search could not see everything."""

from __future__ import annotations

import sys

import pytest

from support.small import table_of
from temper.machine import Certificate, Finding, Proved, TransitionTable
from temper.verify import Budget, certified, certify, prover

TEXT = """
temper: 1
blueprint: counter
properties:
  grows: {always: Counter.count >= 0}
  loose: {always: Counter.count >= 0 or Counter.even}
  late: {whenever: Counter.count >= 100, always: Counter.far}
roles: [clerk]
entities:
  Counter:
    single: true
    data: {count: int, even: bool, far: bool}
    states: [running]
    waits: [running]
    actions:
      up: {by: clerk, from: running, when: count < 1000, set: {count: count + 1, even: not even, far: count >= 99}}
accept: {"range:Counter.count": it ends far below}
"""
BUDGET = Budget(states_max=50, seconds_max=30)
"""The search gets to 50, and the numbers go on to 1000."""


def findings(certificate: Certificate) -> dict[str, Finding]:
    return {finding.name: finding for finding in certificate.findings}


@pytest.fixture
def table() -> TransitionTable:
    return table_of(TEXT)


def test_a_part_that_could_be_anything_for_ever_makes_a_proof_vacuous(table: TransitionTable) -> None:
    certificate = certify(table, prove=True, budget=BUDGET)
    assert certificate.search is not None
    assert not certificate.search.complete
    found = findings(certificate)
    assert {type(found[name].verdict) for name in ("grows", "loose", "late")} == {Proved}
    assert found["grows"].vacuous == ""
    assert found["loose"].vacuous == "Counter.even"
    reasons = certified(table, certificate)
    assert isinstance(reasons, tuple)
    assert "loose is vacuous: it holds whatever `Counter.even` is" in reasons


def test_a_part_of_which_nobody_knows_is_said(table: TransitionTable) -> None:
    """`late` says something at 100, where the search never was: it is not called vacuous, and the doubt is told."""
    certificate = certify(table, prove=True, budget=BUDGET)
    assert isinstance(findings(certificate)["late"].verdict, Proved)
    assert findings(certificate)["late"].vacuous == ""
    assert any(note.startswith("`late` is proved; in all states seen it holds whatever") for note in certificate.notes)


def test_a_solver_that_does_not_answer_leaves_the_doubt(
    table: TransitionTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prover.Prover() as child:
        monkeypatch.setattr(prover, "COMMAND", (sys.executable, "-c", ""))
        certificate = certify(table, prove=True, prover=child, budget=BUDGET)
    assert findings(certificate)["loose"].vacuous == ""
    assert any(note.startswith("`loose` is proved; in all states seen") for note in certificate.notes)


def test_what_is_not_proved_is_no_matter_of_the_solver(table: TransitionTable) -> None:
    certificate = certify(table, budget=BUDGET)
    assert not any("is proved" in note for note in certificate.notes)
