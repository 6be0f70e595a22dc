"""Partial order where people meet it: used where it helps, said aloud, switched off by name, and never in the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.small import table_of
from support.tree import ROOT
from temper.machine import Exhausted, Proved, Refuted, System, TransitionTable, Unknown, universe, word
from temper.machine.relation import start
from temper.pipeline import certify
from temper.verify import NO_REDUCTIONS, Budget, Reductions, Report, exhaustive, one_order
from temper.verify.exhaustive import exhaust
from temper.verify.explicit import PlainSearch
from temper.verify.explicit.ordered import OrderedSearch
from temper.verify.native import Unsupported
from temper.verify.text import verdict_text

WORKERS = ROOT / "benchmarks" / "search" / "models" / "workers.yaml"
ONLY_ORDER = Reductions(slicing=False, symmetry=False)


def workers(*changes: tuple[str, str], path: Path = WORKERS) -> TransitionTable:
    """The model of three workers, with some of its text changed."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return table_of(text)


def exhausted(table: TransitionTable, reductions: Reductions = ONLY_ORDER, starts: tuple[System, ...] = ()) -> Report:
    return exhaust(table, universe=universe(table), reductions=reductions, starts=starts)


def told(report: Report) -> dict[str, tuple[str, str, int | None]]:
    return {each.name: (word(each.verdict), each.vacuous, steps(each.verdict)) for each in report.findings}


def steps(verdict: object) -> int | None:
    match verdict:
        case Proved(_, trace) | Refuted(_, trace) if trace is not None:
            return len(trace.steps)
    return None


def used(report: Report) -> list[str]:
    return [name for name, _ in report.search.reduced]


def test_the_same_is_said_of_far_fewer_states() -> None:
    table = workers()
    ordered, whole = exhausted(table), exhausted(table, NO_REDUCTIONS)
    assert told(ordered) == told(whole)
    assert ordered.search.complete
    assert (ordered.search.states, whole.search.states) == (301, 23_138)
    assert (used(ordered), ordered.search.stand_for) == (["partial-order"], None)
    assert used(whole) == []
    said = {verdict_text(each.verdict) for each in ordered.findings if isinstance(each.verdict, Exhausted)}
    assert said == {"301 states that stand for all"}


def test_it_is_switched_off_by_name() -> None:
    judged = certify(workers(), without=["partial-order", "symmetry"])
    assert judged.certificate.search is not None
    assert judged.certificate.search.states == 23_138


@pytest.mark.parametrize(
    "wrong",
    [
        "for: w in Worker\n    always: w.state != failed",
        "for: j in Job\n    always: j.state != done or j.worker == None or j.worker.tries < 2",
        "for: w in Worker\n    on: Worker.finish\n    step: before.tries == 0",
        "always: count(j for j in Job if j.state == done) < 2",
    ],
)
def test_a_refuting_run_is_a_shortest_one(wrong: str) -> None:
    """Whatever is wrong is told by a search of everything."""
    table = workers(("properties:\n", f"properties:\n  wrong:\n    {wrong}\n"))
    ordered, whole = exhausted(table), exhausted(table, NO_REDUCTIONS)
    assert told(ordered)["wrong"][0] == "refuted"
    assert told(ordered) == told(whole)
    assert used(ordered) == []


def test_a_cut_is_told_as_often_as_it_happens() -> None:
    table = workers(("Worker: N", "Worker: 2"))
    ordered, whole = exhausted(table), exhausted(table, NO_REDUCTIONS)
    assert ordered.notes == whole.notes
    assert any(note.startswith("cut at spawn") for note in ordered.notes)


def test_promises_and_live_instances_are_searched_in_every_order() -> None:
    promised = (
        "properties:\n  ends:\n    for: j in Job\n    whenever: j.state == running\n    eventually: j.state == done\n"
    )
    table = workers(("properties:\n", promised), ("{N: 3}", "{N: 2}"))
    assert used(exhausted(table)) == []
    small = workers(("{N: 3}", "{N: 2}"))
    live = exhausted(small, starts=(start(small, universe(small)),))
    assert (used(live), live.search.states) == ([], 514)


def test_why_it_was_not_used_is_said_of_a_long_search() -> None:
    promised = (
        "properties:\n  ends:\n    for: j in Job\n    whenever: j.state == running\n    eventually: j.state == done\n"
    )
    table = workers(("properties:\n", promised))
    report = exhaust(table, universe=universe(table), budget=Budget(2_000, 60), reductions=ONLY_ORDER)
    assert [name for name, _ in report.search.not_reduced] == ["partial-order"]


def test_a_run_to_something_possible_that_may_be_longer_is_said_to_be_so() -> None:
    search = OrderedSearch(PlainSearch(workers(), universe(workers())))
    search.go(Budget())
    notes = search.report().notes
    assert [note for note in notes if note.startswith("can_be_done: there may be a shorter run")]
    assert not [note for note in exhausted(workers()).notes if "shorter" in note]


def test_a_search_that_leaves_nothing_out_is_not_tried_for_long() -> None:
    table = table_of((ROOT / "examples" / "failover" / "failover.yaml").read_text(encoding="utf-8"))
    report = exhausted(table)
    assert (used(report), report.search.states) == ([], 4_809)


def test_who_interrupts_it_hears_what_there_is_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    real = OrderedSearch._followed

    def interrupted(self: OrderedSearch, number: int, system: System) -> object:
        if number == 600:
            raise KeyboardInterrupt
        return real(self, number, system)

    monkeypatch.setattr(OrderedSearch, "_followed", interrupted)
    report = exhausted(workers(("{N: 3}", "{N: 4}")))
    assert not report.search.complete
    assert {each.because for finding in report.findings if isinstance(each := finding.verdict, Unknown)} == {
        "budget: interrupted; 763 states seen"
    }


def test_one_order_is_followed_further_where_native_code_is_not_done_in_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = workers()
    monkeypatch.setattr(one_order, "FIRST_MAX", 100)
    assert exhausted(table).search.states == 23_138
    real = exhaustive._natively
    monkeypatch.setattr(exhaustive, "FIRST_SECONDS", 0.0)

    def briefly(table: TransitionTable, budget: Budget, **asked: Any) -> Report | Unsupported:
        return real(table, budget=replace(budget, states_max=1_000), **asked)

    monkeypatch.setattr(exhaustive, "_natively", briefly)
    assert exhausted(table).search.states == 301


def test_one_order_is_followed_further_where_native_code_does_not_take_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_order, "FIRST_MAX", 100)
    monkeypatch.setattr(exhaustive, "_natively", lambda *_, **__: Unsupported("this"))
    report = exhausted(workers())
    assert (report.search.states, used(report)) == (301, ["partial-order"])


def test_what_one_order_stumbles_on_is_told_by_a_search_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_order, "FIRST_MAX", 10)
    monkeypatch.setattr(exhaustive, "FIRST_SECONDS", 0.0)
    all_done = "always: count(j for j in Job if j.state == done) < 3"
    table = workers(("properties:\n", f"properties:\n  wrong:\n    {all_done}\n"))
    report = exhausted(table)
    assert told(report)["wrong"][0] == "refuted"
    assert used(report) == []
