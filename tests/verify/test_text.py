"""What people read: quiet about what holds, complete about what does not."""

from __future__ import annotations

from dataclasses import replace

from support.small import asking, gate, table_of
from temper.report import Source
from temper.verify import certificate_text, certify


def text_of(blueprint: str, *, with_source: bool = False) -> str:
    table = table_of(blueprint)
    certificate = certify(table)
    assert certificate.search is not None
    timeless = replace(certificate, search=replace(certificate.search, seconds=0.0))
    return certificate_text(table, timeless, [Source("small.yaml", blueprint)] if with_source else ())


def test_what_holds_is_quiet() -> None:
    assert text_of(gate("high: {always: Gate.count <= 3}", "can: {possible: Gate.state == broken}")) == (
        "exhausted  high  all 8 states\n"
        "proved     can   a run of 4 steps\n"
        "8 obligations hold, too\n"
        "scope: 1 Gate (Gate); principals ann [guard]; int within [-2, 5], 1 in flight, 4 late; without the world\n"
        "assumed: principals keep their roles\n"
        "search: 8 states, 7 transitions, 0.0 s, complete"
    )


def test_a_refutation_is_shown_with_its_run_and_its_row() -> None:
    shown = text_of(gate("low: {always: Gate.count <= 1}", smash=1), with_source=True)
    assert "refuted    low  by a run of 3 steps, below" in shown
    assert "error[invariant-refuted]: `low` does not hold after 3 steps: `Gate.count <= 1` is false: `2 <= 1`" in shown
    assert "- step 3 did it: Gate: lift() by ann (guard)" in shown
    assert (
        "             1  ann (guard)  Gate: lift()  state: shut -> open\n"
        "                                           count: 0 -> 1\n"
        "             2  ann (guard)  Gate: drop()  state: open -> shut\n"
        "             3  ann (guard)  Gate: lift()  state: shut -> open\n"
        "                                           count: 1 -> 2\n"
    ) in shown


def test_what_is_unknown_for_one_reason_is_one_finding() -> None:
    shown = text_of(asking())
    assert shown.count("error[undecided]") == 1
    assert "`range:Job.patience` and 3 more are not decided: cut at in-flight in Job.start/0.0 (once)" in shown
    assert "note: cut at in-flight in Job.start/0.0: once" in shown
    assert "unknown    4 obligations  cut at in-flight in Job.start/0.0 (once)\n" in shown


def test_what_is_accepted_is_said_with_its_reason_and_shown_no_further() -> None:
    accepted = gate(
        "flies: {possible: Gate.count == 3 and Gate.state == broken}", more="accept: {flies: it has no wings}"
    )
    shown = text_of(accepted)
    assert "(accepted: it has no wings)" in shown
    assert "error[" not in shown


def test_an_excuse_without_need_is_noted() -> None:
    shown = text_of(gate("high: {always: Gate.count <= 3}", more="accept: {high: who knows}"))
    assert "note: `accept:` names high, which is exhausted and needs no excuse" in shown
