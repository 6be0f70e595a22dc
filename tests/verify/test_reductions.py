"""What is taken for alike, and what is not; and what a search says where a reduction does not go with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.examples import EXAMPLES
from support.small import findings_of, table_of
from temper.machine import Refuted, TransitionTable, relation, universe
from temper.pipeline import build
from temper.verify import Reductions, certificate_text, certify, exhaustive, search
from temper.verify.exhaustive import exhaust
from temper.verify.symmetry import alike

TRAPS = Path(__file__).parent / "traps"

TEAM = """
temper: 1
blueprint: team
roles: [chief, clerk]
entities:
  Desk:
    data: {owner: principal | None, level: "int[1, 3]", marks: "set[Mark]", next: Desk | None}
    states: [open, shut]
    waits: [open, shut]
    actions:
      set_up: {by: chief, from: new, to: open}
      take: {by: [chief, clerk], from: open, set: {owner: caller}, to: shut}
      lift: {by: chief, from: open, when: level < 3, set: {level: level + 1}}
      mark: {by: chief, params: {mark: Mark}, from: open, set: {marks: "marks | {args.mark}"}}
      link: {by: chief, params: {next: Desk}, from: open, set: {next: args.next}}
types: {Mark: "int[4, 6]"}
scope:
  instances: {Desk: 3}
  principals: {ann: [chief], bob: [clerk], cid: [clerk], dan: [clerk, chief]}
"""
FORBID = 'forbid(principal == Principal::"bob", action, resource);'


def said(table: TransitionTable) -> list[str]:
    return [str(each) for each in alike(table, universe(table))]


def test_instances_people_of_the_same_roles_and_mere_numbers_are_alike() -> None:
    assert said(table_of(TEAM)) == ["d1, d2 and d3", "bob and cid", "int[4, 6] 4, 5 and 6"]


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("set: {level: level + 1}", "set: {level: level + 1, marks: '{4}'}", ["d1, d2 and d3", "bob and cid"]),
        ("when: level < 3", "when: any(m < 5 for m in marks) and level < 3", ["d1, d2 and d3", "bob and cid"]),
        ("when: level < 3", "when: sum(m for m in marks) < 5 and level < 3", ["d1, d2 and d3", "bob and cid"]),
        ("Desk: 3", "Desk: 1", ["bob and cid", "int[4, 6] 4, 5 and 6"]),
    ],
    ids=["named", "ordered", "counted with", "one alone"],
)
def test_what_is_told_apart_is_not_alike(old: str, new: str, left: list[str]) -> None:
    assert old in TEAM
    assert said(table_of(TEAM.replace(old, new))) == left


def test_a_policy_that_names_somebody_tells_that_one_apart() -> None:
    table = table_of(TEAM.replace("dan: [clerk, chief]", "dan: [clerk]"))
    assert said(table)[1] == "bob, cid and dan"
    policed = replace(table, policies=(("a.cedar", FORBID),))
    assert said(policed) == ["d1, d2 and d3", "cid and dan"]
    looking = FORBID.replace('principal == Principal::"bob"', "principal").replace(
        ";", ' when { context.word like "b*" };'
    )
    assert said(replace(table, policies=(("a.cedar", looking),))) == []


def test_with_a_promise_or_from_live_instances_nobody_changes_places() -> None:
    table = build(EXAMPLES / "queue").table
    assert table is not None
    within = universe(table)
    summary = search(table, universe=within, reductions=Reductions()).search
    assert dict(summary.not_reduced) == {
        "symmetry": "w1 and w2 would be alike, but `eventually` is owed to each instance by itself"
    }
    table = table_of(TEAM)
    start = relation(table, universe(table)).start()
    summary = search(table, universe=universe(table), starts=(start,), reductions=Reductions()).search
    assert summary.not_reduced[0][1].endswith("but runs begin with live instances")
    assert summary.stand_for is None


def test_the_report_says_what_was_reduced() -> None:
    table = build(EXAMPLES / "twophase", {"N": "4"}).table
    assert table is not None
    certificate = certify(table)
    lines = certificate_text(table, certificate).splitlines()
    assert "reduced by symmetry: int[1, 4] 1, 2, 3 and 4 are alike" in lines
    assert any(line.startswith("search: 166 states that stand for 1,568, ") for line in lines)
    assert any(line.startswith("exhausted  all_decide_alike ") and "all 1,568 states" in line for line in lines)
    whole = certify(table, reductions=Reductions().without(["symmetry"]))
    assert whole.search is not None
    assert (whole.search.states, whole.search.reduced) == (1_568, ())


def test_a_broken_promise_is_looked_for_with_all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "NATIVE_FROM", 2)
    table = table_of((TRAPS / "sliced-counter-never-comes-back.yaml").read_text(encoding="utf-8"))
    report = exhaust(table, universe=universe(table))
    assert report.guests == ("llvmlite",)
    assert report.search.reduced == ()
    verdict = findings_of(report)["rests"].verdict
    assert isinstance(verdict, Refuted)
    assert verdict.trace is not None
    assert (verdict.trace.loop, len(verdict.trace.steps)) == (2, 6)


def test_the_example_of_the_language_has_as_many_states_as_the_semantics_say() -> None:
    """113 states without its world, and 29 with what nobody reads sliced away: the name of the service, above all."""
    table = build(EXAMPLES / "deploy").table
    assert table is not None
    inner = tuple(each for each in table.properties if "Router" not in repr(each))
    table = replace(table, properties=inner)
    within = replace(universe(table), world=False)
    assert search(table, universe=within).search.states == 113
    summary = search(table, universe=within, reductions=Reductions().without(["symmetry"])).search
    assert summary.states == 29
    assert dict(summary.reduced)["slicing"] == (
        "Deploy.service, percent of shift_traffic, service of probe and service of shift_traffic are read by nothing"
    )
