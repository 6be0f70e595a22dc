"""Each outcome is what it says: noticed, or really not noticed; different, or really the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.examples import EXAMPLES
from support.exams import DOOR, exam_of, fault_with, outcome_of
from support.small import table_of
from temper.exam import (
    Equivalent,
    Exam,
    Invalid,
    Killed,
    Survived,
    Undecided,
    edited,
    examine,
    faults,
    judge,
)
from temper.exam.alike import agreement
from temper.exam.behaviour import Different, Same, Unclear, compare
from temper.exam.missing import with_candidates
from temper.language import Sheet
from temper.machine import Proved, Refuted, TransitionTable, universe
from temper.pipeline import Read, build_read, certify, read
from temper.verify import Budget, search
from temper.verify.symbolic import prove


def table_with(exam: Exam, *edits) -> TransitionTable:
    built = build_read(edited(exam.read, edits))
    assert built.table is not None, built.diagnostics
    return built.table


def test_a_fault_is_killed_by_the_property_with_the_shortest_run() -> None:
    outcome = outcome_of("the guard of `Door.open` lacks `opened < 2`")
    assert isinstance(outcome, Killed)
    assert (outcome.killers[0].name, outcome.killers[0].steps) == ("not_too_often", 6)


def test_what_can_no_longer_happen_is_noticed_too() -> None:
    outcome = outcome_of("the guard of `Door.open` is flipped")
    assert isinstance(outcome, Killed)
    assert [killer.name for killer in outcome.killers if killer.steps is None][:1] == ["can_open"]


def test_a_survivor_comes_with_a_property_that_holds_and_refutes_it() -> None:
    exam = exam_of()
    fault = fault_with(exam, "no longer sets `last`")
    outcome = judge(exam, fault)
    assert isinstance(outcome, Survived)
    assert isinstance(outcome.differs, Different)
    assert outcome.differs.what == "Door d1: open() by ann (guard): last is None instead of ann"
    assert outcome.missing is None, "that the caller is remembered is not to be said by a step property"
    number = judge(exam, fault_with(exam, "sets `opened` to says 2 for 1"))
    assert isinstance(number, Survived | Killed)


def test_data_that_no_property_reads_is_data_all_the_same() -> None:
    """Slicing would not tell these two apart, so nothing may be sliced away where behaviour is compared."""
    exam = exam_of()
    fault = fault_with(exam, "`Door.build` no longer sets `note`")
    outcome = judge(exam, fault)
    assert isinstance(outcome, Survived)
    missing = outcome.missing
    assert missing is not None
    assert dict(missing.keys)["step"] == "after.note == args.note"
    lines = "\n".join(f"  {line}" for line in missing.lines())
    asked = Sheet(exam.read.source).rewritten(("properties", "can_open"), "{for: d in Door, possible: d.state == open}")
    with_it = replace(asked, replacement=f"{asked.replacement}\n{lines}")
    assert certify(table_with(exam, with_it)).certified is not None
    found = certify(table_with(exam, with_it, *fault.edits)).certificate.findings
    assert [each.name for each in found if isinstance(each.verdict, Refuted)] == [missing.name]


def test_a_survivor_is_one_for_the_plain_search_too() -> None:
    exam = exam_of()
    survivors = [fault for fault in faults(exam.read) if isinstance(judge(exam, fault), Survived)]
    assert len(survivors) >= 3
    for fault in survivors:
        wrong = table_with(exam, *fault.edits)
        report = search(wrong, universe=universe(wrong), budget=Budget(seconds_max=20.0))
        assert not [each.name for each in report.findings if isinstance(each.verdict, Refuted)], fault.message


def test_a_conjunct_that_always_holds_may_go() -> None:
    assert isinstance(outcome_of("the guard of `Door.open` lacks `opened >= 0`"), Equivalent)


def test_that_guards_agree_is_an_invariant_that_the_solver_shows() -> None:
    exam = exam_of()
    fault = fault_with(exam, "the guard of `Door.open` lacks `opened >= 0`")
    agree = agreement(table_with(exam), table_with(exam, *fault.edits))
    assert agree is not None
    said = "(x.opened < 2 and x.opened >= 0) and (x.opened < 2) or not (x.opened < 2 and x.opened >= 0) and not (x.opened < 2)"
    assert dict(agree.keys) == {"for": "x in Door", "whenever": "x.state in {shut}", "always": said}
    table = table_with(exam, *fault.edits, *with_candidates(Sheet(exam.read.source), (agree,)))
    found = prove(table, universe=universe(table), seconds_max=60)
    assert [type(each.verdict) for each in found if each.name == agree.trial] == [Proved]


def test_only_a_guard_may_differ_where_guards_are_said_to_agree() -> None:
    exam = exam_of()
    original = table_with(exam)
    others = [
        fault for fault in faults(exam.read) if fault.kind in {"update-dropped", "source-added", "target-dropped"}
    ]
    built = [build_read(edited(exam.read, fault.edits)).table for fault in others]
    assert len(built) >= 4
    assert all(agreement(original, table) is None for table in built if table is not None)


def test_what_only_the_scope_shows_is_not_called_proved() -> None:
    """An argument is nothing that an invariant reads."""
    text = DOOR.replace(
        "from: shut, when: opened < 2 and opened >= 0",
        "params: {how: bool}, from: shut, when: (args.how or not args.how) and opened < 2",
    )
    outcome = outcome_of("lacks `args.how or not args.how`", exam_of(text))
    assert isinstance(outcome, Equivalent)
    assert not outcome.proved, "comparing what the scope has proves nothing beyond"
    assert outcome.because.startswith("the same 6 states")


def test_what_has_no_effect_is_never_refuted_in_a_larger_scope() -> None:
    exam = exam_of()
    alike = [fault for fault in faults(exam.read) if isinstance(judge(exam, fault), Equivalent)]
    assert len(alike) >= 2
    for fault in alike:
        wrong = table_with(exam, *fault.edits)
        for doors in (2, 3):
            scope = replace(wrong.scope, instances=(("Door", doors),), principals=())
            found = certify(wrong, scope=scope, prove=False).certificate.findings
            assert not [each.name for each in found if isinstance(each.verdict, Refuted)], fault.message


def test_a_fault_that_a_larger_scope_would_show_is_not_called_without_effect() -> None:
    """With one door nothing is said of two; the guard keeps the second one from being opened."""
    text = DOOR.replace("{note: str}, set", "{note: str, other: Door | None}, set").replace(
        "from: shut, when: opened < 2", "params: {other: Door}, from: shut, when: args.other == self and opened < 2"
    )
    assert text != DOOR
    outcome = outcome_of("lacks `args.other == self`", exam_of(text))
    assert isinstance(outcome, Survived)
    assert "widen it" in outcome.advice


def test_what_does_not_check_is_no_mutant() -> None:
    assert isinstance(outcome_of("`Door.build` no longer goes to `shut`"), Invalid)


def test_a_budget_that_is_over_decides_nothing() -> None:
    orders = read(EXAMPLES / "orders")
    assert isinstance(orders, Read)
    exam = Exam(orders, 0.01)
    outcomes = [judge(exam, fault) for fault in faults(orders)[:12]]
    assert {type(outcome) for outcome in outcomes} <= {Invalid, Undecided, Killed}, "it is no success"
    score = examine(Exam(orders, 10.0), seconds_max=0.0, jobs=1)
    assert {type(each.outcome) for each in score.judgements} == {Undecided}
    assert score.percent is None


def test_how_many_processes_judge_makes_no_difference() -> None:
    kinds = ("update-dropped", "target-swapped", "target-dropped", "source-added", "number-changed")
    alone, together = (examine(exam_of(), kinds=kinds, jobs=jobs) for jobs in (1, 2))
    assert len(alone.judgements) >= 16, "fewer are judged by one process anyway"
    assert together.judgements == alone.judgements


HOST = """\
temper: 1
blueprint: pair
effects:
  ask: {{params: {{note: str}}, outcomes: {{said: {{}}}}, delivery: idempotent}}
roles: [guard]
entities:
  Door:
    data: {{note: str}}
    states: [shut, open]
    waits: [shut, open]
    actions:
      build: {{by: guard, from: new, to: shut, {build}}}
      open: {{{open}}}
      last: {{from: shut}}
scope: {{instances: {{Door: 1}}, principals: {{ann: [guard], bob: [guard]}}, values: {{str: [a]}}}}
"""
ASK = "do: [{effect: ask, with: {note: 'note'}, then: {said: last, unknown: last}}]"
TOLD_APART = [
    pytest.param("set: {note: '\"a\"'}", "from: shut, by: guard", "", "from: shut, by: guard", id="data"),
    pytest.param("", "from: shut, by: guard, to: open", "", "from: shut, by: guard", id="state"),
    pytest.param("", "from: shut, by: guard", "", "from: open, by: guard", id="what-is-accepted"),
    pytest.param(ASK, "from: shut, by: guard", "", "from: shut, by: guard", id="what-is-handed-on"),
    pytest.param(
        ASK, "from: shut, by: guard", ASK.replace("'note'", "'\"b\"'"), "from: shut, by: guard", id="what-is-passed-on"
    ),
    pytest.param(
        ASK,
        "from: shut, by: guard",
        ASK.replace("unknown: last", "unknown: ignore"),
        "from: shut, by: guard",
        id="answer",
    ),
]


@pytest.mark.parametrize(("build", "open_", "other_build", "other_open"), TOLD_APART)
def test_what_people_can_see_is_told_apart(build, open_, other_build, other_open) -> None:
    one, other = (
        table_of(HOST.format(build=a or "doc: Made.", open=b)) for a, b in ((build, open_), (other_build, other_open))
    )
    assert isinstance(compare(one, other, scope=one.scope, states_max=999, seconds_max=20), Different)
    assert isinstance(compare(one, one, scope=one.scope, states_max=999, seconds_max=20), Same)


def test_what_only_a_table_knows_is_not() -> None:
    """The same in another case: sites and case numbers are nothing that happens."""
    one = table_of(HOST.format(build=ASK, open="from: shut, by: guard, to: open"))
    cases = "from: shut, by: guard, cases: [{when: state == open, to: shut}, {to: open}]"
    other = table_of(HOST.format(build=ASK, open=cases))
    found = compare(one, other, scope=one.scope, states_max=999, seconds_max=20)
    assert isinstance(found, Same)
    assert found.states > 2


def test_nobody_is_left_out_because_a_table_does_not_tell_them_apart() -> None:
    """Only one of these reads who calls, or what was said; what both do is the same all the same."""
    one = table_of(HOST.format(build="doc: Made.", open="from: shut, by: guard"))
    other = table_of(HOST.format(build="doc: Made.", open="from: shut, by: guard, when: caller == caller"))
    found = compare(one, other, scope=one.scope, states_max=999, seconds_max=20)
    assert isinstance(found, Same)


def test_too_many_states_are_not_compared() -> None:
    one = table_of(HOST.format(build=ASK, open="from: shut, by: guard, to: open"))
    assert isinstance(compare(one, one, scope=one.scope, states_max=1, seconds_max=20), Unclear)
