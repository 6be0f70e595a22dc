"""Proofs by induction: what is said of them, what they lean on, and that nothing refuted is ever proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import z3

from support.examples import EXAMPLES, Mutant, mutants, names
from support.small import table_of
from temper.machine import (
    BOOL,
    Expression,
    Op,
    Property,
    PropertyKind,
    Proved,
    RefType,
    Refuted,
    TransitionTable,
    Type,
    Unknown,
    table_hash,
    universe,
)
from temper.pipeline import Read, build, build_read, read
from temper.report import Diagnostic, Source
from temper.verify import certify, read_proofs
from temper.verify.symbolic import induction, moves, prove, shapes, system, taking
from temper.verify.symbolic.atoms import Kind
from temper.verify.symbolic.clauses import property_of, said
from temper.verify.symbolic.ghosts import MANY, Ghosts
from temper.verify.symbolic.goals import Always, Fitting
from temper.verify.symbolic.proofs import NOT_SHOWN, goals, shown
from temper.verify.symbolic.samples import Samples

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdicts.md"

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
    return {finding.name: finding.verdict for finding in prove(table, universe=universe(table), seconds_max=60)}


def test_what_every_step_keeps_is_proved_and_what_some_step_breaks_is_unknown() -> None:
    found = verdicts(table_of(COUNTER))
    assert found["low"] == Proved("by induction")
    assert found["high"] == Unknown(NOT_SHOWN)


def test_the_lemma_that_made_it_work_is_told() -> None:
    found = verdicts(table_of(COUNTER))["even"]
    assert isinstance(found, Proved)
    assert found.because.startswith("by induction, by the lemma `for x in Ticket: ")
    assert "x.owner != None`" in found.because


@pytest.mark.parametrize("example", names())
def test_examples_are_proved_as_far_as_the_page_says(example: str) -> None:
    """Shown again with the lemmas that lie beside the blueprint: looking for them takes longer than a test may."""
    table = example_table(example)
    kept = read_proofs(EXAMPLES / example / f"{example}.proofs")
    assert kept is not None
    assert kept.table == table_hash(table), f"{example}.proofs is out of date: temper verify examples/{example} --prove"
    ghosts = Ghosts(table, world=universe(table).world)
    asked = [goal for goal in goals(ghosts) if goal.name in kept.proved]
    assert len(asked) == len(kept.proved)
    found = shown(ghosts, asked, kept.lemmas, 120)
    assert {finding.name for finding in found.findings if isinstance(finding.verdict, Proved)} == {*kept.proved}
    page = PAGE.read_text(encoding="utf-8")
    for property_ in table.properties:
        if property_.name in kept.proved:
            assert f"| `{property_.name}` | proved" in page, f"{example}: docs/reference/verdicts.md has the table"


def test_lemmas_about_what_is_pending_are_found() -> None:
    table = example_table("failover")
    ghosts = Ghosts(table, world=universe(table).world)
    asked = [goal for goal in goals(ghosts) if goal.name == "nobody_writes_ahead_of_the_arbiter"]
    found = induction.Induction(ghosts, 120, Samples(ghosts), (), (600,)).decide(asked)
    (leant,) = found.proved.values()
    assert "for x in write of Node.put: x.args.term <= Arbiter.term" in map(said, leant)


def example_table(example: str) -> TransitionTable:
    built = build(EXAMPLES / example)
    assert built.table is not None
    return built.table


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


RELAY = """
temper: 1
blueprint: relay
properties:
  nothing_arrives: {for: b in Box, always: b.state != arrived}
  nothing_is_answered: {for: b in Box, always: b.state != pinged}
  nothing_rings: {for: b in Box, always: b.state != rung}
  nothing_comes_back: {for: b in Box, always: b.state != turned}
  nothing_grows: {for: c in Leaf, always: c.state == old}
  it_is_dark: {always: not Lamp.lit}
  it_is_lit: {always: Lamp.lit}
  nobody_calls: {for: b in Box, always: b.state == empty}
roles: [clerk]
effects:
  ping:
    outcomes: {ok: {}}
    delivery: idempotent
    performs: {call: Lamp.light, with: {}}
    timeout: 1s
entities:
  Box:
    data: {leaf: Leaf | None, total: "int[0, 3]"}
    states: [empty, sent, arrived, asked, pinged, armed, rung, trying, turned, growing]
    waits: [empty, sent, arrived, asked, pinged, rung, trying, turned, growing]
    actions:
      make: {by: clerk, from: new, to: empty}
      send: {by: clerk, from: empty, to: sent, send: [{to: self, action: arrive, refused: ignore}]}
      arrive: {from: sent, to: arrived}
      ask: {by: clerk, from: empty, to: asked, do: [{effect: ping, with: {}, then: {ok: answer, unknown: ignore}}]}
      answer: {from: asked, to: pinged}
      wait: {by: clerk, from: empty, to: armed}
      ring: {from: armed, set: {total: total + 1}, to: rung}
      attempt: {by: clerk, from: empty, to: trying, send: [{to: self, action: arrive, refused: turn}]}
      turn: {from: trying, to: turned}
      grow: {by: clerk, from: empty, to: growing, spawn: [{entity: Leaf, action: bud, as: leaf, refused: ignore}]}
      stay: {by: clerk, from: rung, set: {total: total + 1}, to: armed}
    timers:
      alarm: {in: armed, after: 1s, do: ring}
  Leaf:
    states: [young, old]
    waits: [young, old]
    actions:
      bud: {from: new, to: young}
      age: {by: clerk, from: young, to: old}
  Lamp:
    world: true
    data: {lit: bool}
    states: [up]
    actions:
      light: {from: up, set: {lit: True}}
"""


def unsampled(table: TransitionTable) -> set[str]:
    """What is proved with nothing learnt, so that no sample stands between a wrong step and a wrong proof."""
    ghosts = Ghosts(table, world=universe(table).world)
    return {*induction.Induction(ghosts, 30).decide(list(goals(ghosts))).proved}


def nothing(*_: object) -> Iterator[moves.Move]:
    return iter(())


BROKEN: dict[str, tuple[object, str, Callable[..., object], str]] = {
    "nothing is written": (Always, "concerns", lambda *_: False, "nobody_calls"),
    "nobody looks at the start": (induction.Induction, "_is_known_at_first", lambda *_: True, "it_is_lit"),
    "no guard ever holds": (taking.Taking, "_state", lambda *_: z3.IntVal(99), "nobody_calls"),
    "what is written does not show": (system.Layer, "read", lambda self, *of: self.before.read(*of), "nobody_calls"),
    "messages are lost": (moves.Moves, "_deliver", nothing, "nothing_arrives"),
    "spawns are lost": (moves.Moves, "_deliver", nothing, "nothing_grows"),
    "no effect ends": (moves.Moves, "_settle", nothing, "nothing_is_answered"),
    "no timer fires": (moves.Moves, "_fire", nothing, "nothing_rings"),
    "no refusal comes back": (moves.Moves, "_hand_back", nothing, "nothing_comes_back"),
    "no effect happens": (moves.Moves, "_performed", lambda *_: LAZY, "it_is_dark"),
    "everything fits": (Fitting, "fits", True, "range:Box.total"),
    "everything is accepted": (moves, "_declines", lambda _: z3.BoolVal(val=False), "handled:Box.ask.0.0"),
}
"""Wrong inductions, and a property that each would prove and that does not hold."""

LAZY = moves.Move(
    "nothing", system.AnySystem(table_of(RELAY), shapes.Texts()), [z3.BoolVal(val=False)], None, frozenset(), []
)  # type: ignore[arg-type]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_wrong_induction_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, instead, wrongly = BROKEN[broken]
    table = table_of(RELAY)
    assert wrongly not in unsampled(table)
    monkeypatch.setattr(owner, name, instead)
    assert wrongly in unsampled(table)


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
    ghosts = Ghosts(built.table, world=universe(built.table).world)
    asked = [goal for goal in goals(ghosts) if goal.name == mutant.caught]
    assert not induction.Induction(ghosts, 60, Samples(ghosts), (), (40,)).decide(asked).proved


GUARDED = """
temper: 1
blueprint: spending
properties:
  small_sums: {for: s in Spending, whenever: s.state == approved, always: s.amount <= 10}
  any_sum: {for: s in Spending, whenever: s.state == asked, always: s.amount <= 10}
roles: [clerk, lead]
entities:
  Spending:
    data: {amount: "int[0, 99]"}
    states: [asked, approved]
    waits: [asked, approved]
    actions:
      ask: {by: clerk, params: {amount: "int[0, 99]"}, from: new, set: {amount: args.amount}, to: asked}
      approve: {by: policy, from: asked, to: approved}
"""
POLICY = """permit (principal in Role::"lead", action == Action::"Spending.approve", resource) when { resource.amount <= 10 };"""


def test_proofs_lean_on_policies() -> None:
    found = verdicts(table_of(GUARDED, POLICY))
    assert found["small_sums"] == Proved("by induction")
    assert isinstance(found["any_sum"], Unknown)
    wide = POLICY.replace("<= 10", "<= 11")
    assert isinstance(verdicts(table_of(GUARDED, wide))["small_sums"], Unknown)


NAMESAKES = """
temper: 1
blueprint: seats
roles: [clerk]
entities:
  Desk:
    data: {seat: Seat | None}
    states: [bare, asked]
    waits: [bare, asked]
    actions:
      make: {by: clerk, from: new, to: bare}
      ask: {by: clerk, from: bare, to: asked, spawn: [{entity: Seat, action: place, as: seat, refused: ignore}]}
  Seat:
    states: [free, taken]
    waits: [free, taken]
    actions:
      place: {from: new, to: free}
      sit: {by: clerk, from: free, to: taken}
"""


def test_lemmas_that_read_alike_have_names_of_their_own() -> None:
    """One would stand for the other: here an id that is `taken`, and a seat that is."""
    found = Samples(Ghosts(table_of(NAMESAKES), world=False)).atoms(Kind("Desk"))
    alike = [said(property_of(found, (at,))) for at in range(len(found.literals))]
    assert len(set(alike)) < len(alike), "two of them read alike"
    names_ = {property_of(found, (at,)).name for at in range(len(found.literals))}
    assert len(names_) == len(found.literals)


def about(entity: str, body: Expression) -> Always:
    return Always(Property("claim", PropertyKind.ALWAYS, (("x", entity),), None, body))


def of_box(name: str, type_: Type) -> Expression:
    return Expression(Op.READ, type_, (Expression(Op.VARIABLE, RefType("Box"), name="x"),), name=name)


NEVER = Expression(Op.LITERAL, BOOL, value=False)
NONE = Expression(Op.LITERAL, MANY, value=0)
SENT = "Box.arrive of Box.send"

FORGOTTEN: dict[str, tuple[object, str, Callable[..., object], Always]] = {
    "what is pending is not counted": (
        taking.Taking,
        "_count",
        lambda *_: None,
        about("Box", Expression(Op.LE, BOOL, (of_box(f"count of {SENT}", MANY), NONE))),
    ),
    "nothing is sent": (taking.Taking, "_send", lambda *_: None, about(SENT, NEVER)),
    "no id is taken": (taking.Taking, "_take_id", lambda *_: None, about("taken Leaf", NEVER)),
    "nothing stays late": (moves.Moves, "_leave", lambda *_: None, about("late ping of Box", NEVER)),
    "no timer is armed": (
        taking.Taking,
        "_timers",
        lambda _: iter(()),
        about("Box", Expression(Op.NOT, BOOL, (of_box("armed alarm", BOOL),))),
    ),
}
"""Ghosts that a wrong step forgets, and what would then hold of them."""


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_a_ghost_that_is_forgotten_is_noticed(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, instead, claim = FORGOTTEN[forgotten]
    ghosts = Ghosts(table_of(RELAY), world=True)
    assert not induction.Induction(ghosts, 30).decide([claim]).proved
    monkeypatch.setattr(owner, name, instead)
    assert induction.Induction(ghosts, 30).decide([claim]).proved
