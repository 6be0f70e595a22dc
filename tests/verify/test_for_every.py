"""Proofs for every value of a constant: what is said of them, and that nothing true of few values only is proved."""

from __future__ import annotations

import pytest
import z3

from support.examples import EXAMPLES, Mutant, mutants
from support.families import TWOPHASE, changed, family_of, member_of
from temper.machine import Action, Entity, Family, Proved, Refuted, TransitionTable, Unknown, universe
from temper.pipeline import build, certify, family
from temper.verify import Budget, search
from temper.verify.obligations import Row, rows
from temper.verify.prover import Proofs
from temper.verify.symbolic import every, grounding, moves, opening, prove_for_every, system
from temper.verify.symbolic.for_every import shown_for_every
from temper.verify.symbolic.proofs import proofs

CONSISTENT = {"all_decide_alike", "commit_needs_every_vote", "votes_are_real"}
COMMIT = "when: all(n in heard for n in Node)"


def proved(of: Family | None) -> dict[str, str]:
    assert of is not None
    found = prove_for_every(of, seconds_max=30).findings
    return {each.name: each.verdict.because for each in found if isinstance(each.verdict, Proved)}


def of_twophase(*edits: tuple[str, str]) -> dict[str, str]:
    found = family_of(changed(TWOPHASE, *edits))
    return {} if found is None else proved(found)


@pytest.fixture(scope="module")
def as_it_is() -> dict[str, str]:
    return of_twophase()


def test_twophase_is_consistent_for_every_number_of_participants(as_it_is: dict[str, str]) -> None:
    found = as_it_is
    assert {*found} == CONSISTENT
    assert found["votes_are_real"] == "by induction, for every N"
    assert found["commit_needs_every_vote"] == "by induction, for every N, with `votes_are_real`"
    assert found["all_decide_alike"].startswith("by induction, for every N, ")
    assert "by the lemmas `for x in Transaction: " in found["all_decide_alike"]
    assert "for k in Node)`" in found["all_decide_alike"]
    assert "997" not in found["all_decide_alike"]


def test_a_lemma_that_is_shown_can_be_written_into_the_blueprint(as_it_is: dict[str, str]) -> None:
    lemmas = as_it_is["all_decide_alike"].split("by the lemmas `")[1].removesuffix("`").split("`; `")
    assert 1 <= len(lemmas) <= 6
    written = []
    for number, lemma in enumerate(lemmas):
        whose, body = lemma.removeprefix("for ").split(": ", 1)
        premise, body = body.removeprefix("whenever ").split(", ", 1) if body.startswith("whenever") else ("", body)
        whenever = f"    whenever: {premise}\n" if premise else ""
        written.append(f"  lemma_{number}:\n    for: {whose}\n{whenever}    always: {body}\n")
    text = changed(TWOPHASE, ("properties:\n", "properties:\n" + "".join(written)))
    assert "by the lemma" not in proved(family_of(text))["all_decide_alike"]


def test_the_certificate_says_it_and_keeps_what_is_not_proved() -> None:
    built = build(EXAMPLES / "twophase")
    assert built.table is not None
    certificate = certify(built.table, family=family(built), thorough=True).certificate
    findings = {each.name: each.verdict for each in certificate.findings}
    for name in CONSISTENT:
        verdict = findings[name]
        assert isinstance(verdict, Proved)
        assert verdict.because.startswith("by induction, for every N")
    assert findings["range:Transaction.phases"] == Proved("by induction, for every N")
    assert findings["range:Transaction.voted"] == Proved("by induction")  # a set has no more than 1,000 members


def test_a_family_vouches_for_its_own_members_alone() -> None:
    built, other = build(EXAMPLES / "twophase"), build(EXAMPLES / "failover")
    assert built.table is not None
    assert other.table is not None
    certify(built.table, family=family(build(EXAMPLES / "twophase", {"N": "5"}), {"N": "5"}), prove=False)
    with pytest.raises((AssertionError, KeyError)):
        certify(other.table, family=family(built), prove=False)


TRUE_OF_FEW: dict[str, tuple[tuple[str, str], ...]] = {
    "two have voted": ((COMMIT, "when: 1 in heard and 2 in heard"),),
    "three have voted": ((COMMIT, "when: len(heard) >= 3"),),
    "the first three have voted": (
        (COMMIT, "when: all(n in heard for n in Few)"),
        ("  Node: int[1, N]\n", "  Node: int[1, N]\n  Few: int[1, 3]\n"),
    ),
    "all but the last have voted": ((COMMIT, "when: all(n in heard for n in Node if n < N)"),),
    "all but the last have voted, counted": ((COMMIT, "when: len(heard) >= N - 1"),),
    "all have voted, or there are many": ((COMMIT, "when: all(n in heard for n in Node) or N > 3"),),
    "as many have voted as a bound says": (
        (COMMIT, "when: all(n in heard for n in Few)"),
        ("  Node: int[1, N]\n", "  Node: int[1, N]\n  Few: 'int[1, min(N, 3)]'\n"),
    ),
    "as many have voted as another constant says": (
        (COMMIT, "when: all(n in heard for n in Few)"),
        ("  Node: int[1, N]\n", "  Node: int[1, N]\n  Few: int[1, M]\n"),
        ("constants: {N: 3}", "constants: {N: 3, M: 'min(N, 3)'}"),
    ),
    "a bound inside of the guard": ((COMMIT, "when: 'all(n in heard for n in int[1, min(N, 3)])'"),),
}
"""Wrong ways to commit, right for few participants."""


@pytest.mark.parametrize("wrong", TRUE_OF_FEW)
def test_what_is_true_of_few_is_not_proved_of_all(wrong: str) -> None:
    text = changed(TWOPHASE, *TRUE_OF_FEW[wrong])
    assert "all_decide_alike" not in of_twophase(*TRUE_OF_FEW[wrong])
    held = [
        number
        for number in (1, 2, 3)
        if (table := member_of(text, N=number)) and "all_decide_alike" not in refuted(table)
    ]
    assert held, "it is no trap if it holds for no value"
    larger = member_of(text, N=4)
    assert larger is not None
    assert "all_decide_alike" in refuted(larger)


def refuted(table: TransitionTable) -> set[str]:
    found = search(table, universe=universe(table), budget=Budget(20_000, 60)).findings
    return {each.name for each in found if isinstance(each.verdict, Refuted)}


def always(mutant: Mutant) -> bool:
    return mutant.example == "twophase" and mutant.caught in CONSISTENT


@pytest.mark.parametrize("mutant", [*filter(always, mutants())], ids=lambda each: each.name)
def test_nothing_that_is_refuted_is_proved(mutant: Mutant) -> None:
    assert mutant.caught not in proved(family_of(mutant.text(TWOPHASE)))


POLL = """
temper: 1
blueprint: poll
properties:
  complete: {whenever: Poll.state == closed, always: all(n in Poll.said for n in Node)}
  begun: {always: any(n in Poll.said for n in Node)}
  quiet: {always: not any(n in Poll.said for n in Node)}
  only_the_first: {always: all(n == 1 for n in Poll.said)}
  at_most_one: {always: all(a == b for a in Poll.said for b in Poll.said)}
  last_is_known: {always: Poll.last == None or Poll.last in Poll.said}
  few: {always: len(Poll.said) <= N}
roles: [voter]
constants: {N: 3}
types: {Node: "int[1, N]", Few: "int[1, 3]"}
entities:
  Poll:
    single: true
    data: {said: "set[Node]", last: Node | None}
    states: [open, closed]
    waits: [open, closed]
    actions:
      say: {by: voter, params: {node: Node}, from: open, set: {said: "said | {args.node}", last: args.node}}
      close: {by: voter, from: open, when: all(n in said for n in Node), to: closed}
"""
HASTY = changed(POLL, ("when: all(n in said for n in Node)", "when: all(n in said for n in Few)"))


def test_what_holds_is_proved_and_of_the_rest_nothing_is_said() -> None:
    assert {*proved(family_of(POLL))} == {"complete", "last_is_known"}
    assert {*proved(family_of(HASTY))} == {"last_is_known"}


LADDER = """
temper: 1
blueprint: ladder
properties:
  never_too_high: {always: Ladder.step <= TOP}
  not_above_three: {always: Ladder.step <= 3}
  far_from_the_sky: {always: Ladder.step <= 995}
  one_by_one: {for: l in Ladder, on: Ladder.up, step: after.step == before.step + 1}
  up_or_top: {for: h in Helper, whenever: h.state == up, always: h.seen <= Ladder.step}
roles: [climber]
constants: {TOP: 3}
types: {Step: "int[0, TOP]"}
entities:
  Ladder:
    single: true
    data: {step: Step}
    states: [on]
    waits: [on]
    actions:
      up: {by: climber, from: on, when: step < TOP, set: {step: step + 1}, send: [{to: self, action: call, with: [step], refused: ignore}]}
      call: {params: {step: Step}, from: on, set: {step: step}}
  Helper:
    data: {seen: Step}
    states: [down, up]
    waits: [down, up]
    actions:
      come: {by: climber, from: new, to: down}
      climb: {by: climber, from: down, to: up}
"""


def of_ladder() -> tuple[set[str], set[str]]:
    """What is proved for three steps, and what is for every number of them."""
    table, of = member_of(LADDER), family_of(LADDER)
    assert table is not None
    assert of is not None
    found = proofs(table, universe=universe(table), seconds_max=30)
    assert isinstance(found, Proofs)
    everywhere = shown_for_every(of, table, found, world=True, seconds_max=30)
    here = {each.name for each in found.findings if isinstance(each.verdict, Proved)}
    return here, {each.name for each in everywhere}


def test_where_a_range_is_only_a_bound_lemmas_of_one_value_show_it_for_every() -> None:
    here, everywhere = of_ladder()
    assert {"never_too_high", "one_by_one", "up_or_top", "range:Ladder.step"} <= everywhere
    assert {"not_above_three", "far_from_the_sky"} <= here - everywhere


def test_a_stand_in_that_is_taken_at_its_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        opening.Opening, "opened", lambda _, formula: z3.substitute(formula, (z3.IntVal(997), z3.IntVal(990)))
    )
    assert "far_from_the_sky" in of_ladder()[1]


def say_nothing(entity: Entity) -> list[tuple[Action, Row]]:
    return [(action, row) for action, row in rows(entity) if action.name != "say"]


def always_one(*_: object) -> z3.ExprRef:
    return z3.IntVal(1)


def as_if_three(_: object, formula: z3.BoolRef) -> z3.BoolRef:
    return z3.substitute(formula, (z3.IntVal(997), z3.IntVal(3)))


def as_it_was(self: system.Layer, *place: object) -> object:
    return self.before.read(*place)  # type: ignore[arg-type]


BROKEN: dict[str, tuple[object, str, object, str, str]] = {
    "nobody looks at the start": (every.EveryInduction, "_holds_at_first", lambda *_: True, POLL, "begun"),
    "a row is forgotten": (moves, "rows", say_nothing, POLL, "quiet"),
    "what is written does not show": (system.Layer, "read", as_it_was, POLL, "at_most_one"),
    "whoever there is is the first": (grounding._Moving, "some", always_one, POLL, "only_the_first"),
    "the constant is not left open": (opening.Opening, "opened", as_if_three, HASTY, "complete"),
}
"""Wrong engines, and a property that each would prove and that does not hold for every N."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_wrong_engine_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, instead, text, wrongly = BROKEN[broken]
    found = family_of(text)
    assert wrongly not in proved(found)
    monkeypatch.setattr(owner, name, instead)
    assert wrongly in proved(found)


def test_a_solver_without_time_proves_nothing() -> None:
    of = family_of(POLL)
    assert of is not None
    found = prove_for_every(of, seconds_max=0)
    assert all(isinstance(each.verdict, Unknown) for each in found.findings)
    assert not found.is_whole


def test_where_a_stand_in_could_be_taken_for_a_member_nothing_is_proved() -> None:
    members = ", ".join(f"m{number}" for number in range(950))
    text = changed(
        POLL, ("types: {", f"types: {{Many: [{members}], "), ("last: Node | None}", "last: Node | None, many: Many}")
    )
    assert proved(family_of(text)) == {}
