"""Certificates: what they hold, how they travel, and what may be loaded with them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.small import asking, gate, table_of
from temper.machine import Certified, Finding, FrozenMap, Proved, Refuted, Scope, Survived, Unknown, word
from temper.verify import (
    Budget,
    certificate_from_json,
    certificate_to_json,
    certified,
    certify,
    report_json,
)
from temper.verify.cascade import objections, strongest
from temper.verify.certificate_json import value_from_json, value_to_json

GOOD = gate("high: {always: Gate.count <= 3}", "can: {possible: Gate.state == broken}")
BAD = gate("low: {always: Gate.count <= 1}", "can: {possible: Gate.state == broken}")


def test_a_good_table_is_certified() -> None:
    table = table_of(GOOD)
    outcome = certified(table, certify(table))
    assert isinstance(outcome, Certified)
    assert outcome.table is table


def test_a_refuted_table_is_not_whatever_is_accepted() -> None:
    table = table_of(BAD + "accept: {low: we like it}\n")
    reasons = certified(table, certify(table))
    assert reasons == ("low is refuted: `Gate.count <= 1` is false: `2 <= 1`",)


def test_what_is_unknown_must_be_accepted_by_name() -> None:
    text = gate("flies: {possible: Gate.count == 3 and Gate.state == broken}")
    table = table_of(text)
    reasons = certified(table, certify(table))
    assert isinstance(reasons, tuple)
    assert reasons[0] == "flies is unknown: not within U: no run gets there"
    accepting = table_of(text + "accept: {flies: it has no wings}\n")
    assert isinstance(certified(accepting, certify(accepting)), Certified)


def test_what_is_vacuous_must_be_accepted_by_name() -> None:
    text = gate("loose: {whenever: Gate.count < 9, always: Gate.count <= 3}")
    table = table_of(text)
    assert certified(table, certify(table)) == ("loose is vacuous: it holds whatever `Gate.count < 9` is",)
    accepting = table_of(text + "accept: {loose: for the reader}\n")
    assert isinstance(certified(accepting, certify(accepting)), Certified)


def test_an_open_obligation_keeps_a_table_from_being_loaded() -> None:
    table = table_of(asking())
    reasons = certified(table, certify(table))
    assert isinstance(reasons, tuple)
    assert "moves:Job.asking is unknown: cut at in-flight in Job.start/0.0 (once)" in reasons


def test_a_certificate_of_another_table_does_not_count() -> None:
    certificate = certify(table_of(GOOD))
    reasons = certified(table_of(gate("high: {always: Gate.count <= 3}", limit=2)), certificate)
    assert reasons == (f"the certificate is about another table, {certificate.table[:12]}",)


def test_a_certificate_with_a_finding_cut_out_does_not_count() -> None:
    table = table_of(GOOD)
    whole = certify(table)
    for missing in whole.findings:
        holed = replace(whole, findings=tuple(finding for finding in whole.findings if finding != missing))
        assert certified(table, holed) == (f"{missing.name} was not looked at",)


def test_a_budget_that_is_spent_certifies_nothing() -> None:
    table = table_of(GOOD)
    reasons = certified(table, certify(table, budget=Budget(states_max=2)))
    assert isinstance(reasons, tuple)
    assert any("high is unknown: budget: " in reason for reason in reasons)


@pytest.mark.parametrize("text", [GOOD, BAD, asking(), asking(failed="stop")])
def test_a_certificate_is_the_same_after_a_journey_as_json(text: str) -> None:
    certificate = certify(table_of(text))
    data = json.loads(json.dumps(certificate_to_json(certificate)))
    assert certificate_from_json(data) == certificate


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)
values = st.recursive(
    plain,
    lambda inner: st.frozensets(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3).map(FrozenMap),
    max_leaves=6,
)


@given(values)
def test_values_say_what_they_are(value: object) -> None:
    data = json.loads(json.dumps(value_to_json(value)))  # type: ignore[arg-type]
    again = value_from_json(data)
    assert again == value
    assert repr(type(again)) == repr(type(value))


def test_the_report_has_the_promised_shape() -> None:
    report = report_json(certify(table_of(BAD)))
    assert list(report)[:4] == ["certified", "table", "properties", "search"]
    assert report["certified"] is False
    assert set(report["search"]) == {
        *("states", "transitions", "seconds", "complete"),
        *("stand_for", "reduced", "not_reduced"),
    }
    low = report["properties"][0]
    assert {"name", "verdict", "because", "states", "trace"} <= set(low)
    assert (low["name"], low["verdict"], len(low["trace"]["steps"])) == ("low", "refuted", 3)
    can = report["properties"][1]
    assert (can["verdict"], can["because"]) == ("proved", "a run of 4 steps")
    assert report_json(certify(table_of(GOOD)))["certified"] is True
    assert json.dumps(report)


def test_the_strongest_verdict_wins() -> None:
    weak, strong = Finding("p", Unknown("budget")), Finding("p", Proved("by induction"))
    assert strongest([[weak], [strong]]) == strongest([[strong], [weak]]) == (strong,)
    assert strongest([[Finding("p", Survived(1, "1", ""))], [weak]])[0].verdict == Survived(1, "1", "")


def test_a_refutation_is_always_an_objection() -> None:
    refuted = Finding("p", Refuted("no", None))
    assert list(objections([refuted], {"p": "please"})) == ["p is refuted: no"]


def test_the_scope_of_a_run_takes_the_place_of_the_tables_own() -> None:
    table = table_of(GOOD)
    nobody = certify(table, scope=Scope(principals=(("ann", ()),)))
    assert "ann []" in nobody.scope
    assert word(nobody.findings[0].verdict) == "unknown"


def test_an_engine_that_is_not_there_is_no_silent_success() -> None:
    with pytest.raises(KeyError):
        certify(table_of(GOOD), only=("oracle",))


def test_what_had_a_say_is_named() -> None:
    assert [name for name, _ in certify(table_of(GOOD)).made_with] == ["temper", "verifiers", "python"]
