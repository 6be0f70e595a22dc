"""A new version is searched from what lives: what is fine from the start may still be wrong from where they are."""

from __future__ import annotations

import pytest

from support.serving import serving, table_of, uncertified
from temper.machine import Address, Cell, Exhausted, Proved, Refuted, Unknown, absent
from temper.pipeline import Live, certify
from temper.run import Image
from temper.verify import Budget, qualified, upgrade

FIRST = """\
temper: 1
blueprint: papers
properties:
  PROPERTY
roles: [clerk]
entities:
  Paper:
    data: {signed: bool, pages: "int[0, 9]"}
    states: [draft, sent, filed]
    final: [filed]
    waits: [draft, sent]
    actions:
      write: {by: clerk, from: new, to: draft}
      sign: {by: clerk, from: draft, set: {signed: True}}
      send: {by: clerk, from: draft, to: sent}
      file: {by: clerk, from: sent, to: filed}
"""
FIRST, PROPERTY = (
    FIRST.replace("  PROPERTY\n", "").replace("properties:\n", ""),
    "properties:\n  filed_is_signed: {for: p in Paper, whenever: p.state == filed, always: p.signed}\n",
)
SECOND = FIRST.replace("roles:", PROPERTY + "roles:").replace(
    "send: {by: clerk, from: draft, to: sent}", "send: {by: clerk, from: draft, when: signed, to: sent}"
)
"""Nobody files what is not signed, since nobody sends it: true from the start, and not for what was sent before."""
THIRD = SECOND.replace("file: {by: clerk, from: sent,", "file: {by: clerk, from: sent, when: signed,")


def paper(table, control: str, *, signed: bool = False, pages: int = 0) -> Image:
    cell: Cell = absent(table, Address("Paper", "p1"))
    return Image((), cell._replace(control=control, data=(signed, pages)), (), 1)


def verdict(judged, name: str = "filed_is_signed"):
    return next(finding.verdict for finding in judged.certificate.findings if finding.name == name)


def test_a_violation_that_is_only_inevitable_is_found() -> None:
    first, second = table_of(FIRST), table_of(SECOND)
    assert isinstance(verdict(certify(second)), Proved)
    live = Live((first,), (paper(first, "sent"),))
    found = verdict(certify(second, live=live))
    assert isinstance(found, Refuted)
    assert found.trace is not None
    assert [step.label.action for step in found.trace.steps] == ["file"]


def test_what_lives_elsewhere_is_no_obstacle() -> None:
    first, second = table_of(FIRST), table_of(SECOND)
    judged = certify(second, live=Live((first,), (paper(first, "draft"),)))
    assert isinstance(verdict(judged), Exhausted)
    assert judged.certified is not None
    assert certify(table_of(THIRD), live=Live((first,), (paper(first, "sent"),))).certified is not None


def test_the_past_is_searched_version_by_version() -> None:
    first, second = table_of(FIRST), table_of(SECOND.replace(PROPERTY, ""))
    third = table_of(SECOND)
    sent = paper(first, "sent")
    assert verdict(certify(third, live=Live((second,), (sent,)))) != verdict(
        certify(third, live=Live((first, second), (sent,)))
    )
    assert isinstance(verdict(certify(third, live=Live((first, second), (sent,)))), Refuted)
    again = Live((second, first, second), (sent,))
    assert isinstance(verdict(certify(third, live=again)), Refuted), "a version may come back"


def test_what_the_search_never_saw_makes_verdicts_unknown() -> None:
    first, second = table_of(FIRST), table_of(SECOND)
    judged = certify(second, live=Live((first,), (paper(first, "draft", pages=7),)))
    found = verdict(judged)
    assert isinstance(found, Unknown)
    assert found.because.startswith("live instances: Paper p1 in draft")
    assert judged.certified is None
    accepted = table_of(SECOND + "accept: {filed_is_signed: looked at by hand}\n")
    reasons = certify(accepted, live=Live((first,), (paper(first, "draft", pages=7),))).reasons
    assert not any("filed_is_signed" in reason for reason in reasons)


def test_a_proof_says_nothing_of_what_the_search_never_saw() -> None:
    second = table_of(SECOND)
    alone = certify(second).certificate
    assert isinstance(verdict(certify(second)), Proved)
    qualified_ = {each.name: each.verdict for each in qualified(alone, "Paper p1 in draft").findings}
    assert qualified_["filed_is_signed"] == Unknown("live instances: Paper p1 in draft")


def test_a_past_that_cannot_be_searched_whole_says_so() -> None:
    endless = FIRST.replace('"int[0, 9]"', "int").replace(
        "set: {signed: True}", "set: {signed: True, pages: pages + 1}"
    )
    first = table_of(endless)
    found = upgrade((first,), table_of(SECOND.replace('"int[0, 9]"', "int")), (paper(first, "draft"),))
    assert found.starts == ()
    assert "was cut" in found.uncovered


def test_the_whole_past_has_one_budget() -> None:
    first = table_of(FIRST)
    found = upgrade((first,) * 5, table_of(SECOND), (paper(first, "draft"),), Budget(seconds_max=0.0))
    assert found.starts == ()
    assert "ended early" in found.uncovered


def test_nothing_lives_and_nothing_is_asked() -> None:
    first = table_of(FIRST)
    assert upgrade((first,), table_of(SECOND), ()).starts == ()
    assert upgrade((first,), table_of(SECOND), ()).uncovered == ""


@pytest.mark.parametrize(("control", "code"), [("sent", "not-certified"), ("draft", None)])
def test_a_running_system_is_asked(tmp_path, control, code) -> None:
    with serving(uncertified(table_of(FIRST)), tmp_path, principals=(("ann", ("clerk",)),)) as running:
        running.ask("ann", "call", entity="Paper", id="p1", action="write")
        if control == "sent":
            running.ask("ann", "call", entity="Paper", id="p1", action="send")
        body = {"blueprint": {"path": "papers.yaml", "text": SECOND}}
        if code is None:
            assert running.ask("operator", "apply", body)["applied"]
        else:
            problem = running.problem("operator", "apply", body)
            assert problem.code == code
            assert "filed_is_signed is refuted" in problem.facts["report"]
