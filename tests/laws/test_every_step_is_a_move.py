"""Law: whatever a system does is among the moves that proofs know of, with every ghost as it is afterwards.

What no move allows is what a proof overlooks. So steps that systems take are looked for among the moves: the solver is
told how everything is before, and asked whether it may be as it is after. A ghost that a move forgets or miscounts is
one that the system has otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import EXAMPLES
from support.random_tables import random_tables
from support.small import table_of
from temper.machine import (
    BOOL,
    Address,
    Cell,
    Expression,
    Op,
    Property,
    PropertyKind,
    Step,
    TransitionTable,
    relation,
    universe,
)
from temper.pipeline import build
from temper.verify.symbolic import moves, samples, taking
from temper.verify.symbolic.asked import Asked
from temper.verify.symbolic.ghosts import TO, Ghosts, Place
from temper.verify.symbolic.goals import Always
from temper.verify.symbolic.induction import Induction
from temper.verify.symbolic.moves import Move
from temper.verify.symbolic.shapes import NOTHING, Unencodable, equal, literal

QUIET = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
View = Mapping[Address, Cell]
NEVER = Expression(Op.LITERAL, BOOL, value=False)

MAIL = """
temper: 1
blueprint: mail
roles: [clerk]
entities:
  Box:
    data: {leaf: Leaf | None}
    states: [empty, sent, arrived, insisting, growing]
    waits: [empty, arrived, growing]
    actions:
      make: {by: clerk, from: new, to: empty}
      send: {by: clerk, from: empty, to: sent, send: [{to: self, action: arrive, refused: ignore}]}
      arrive: {from: sent, to: arrived}
      insist: {by: clerk, from: empty, to: insisting, send: [{to: self, action: arrive, refused: again}]}
      grow:
        by: clerk
        from: empty
        to: growing
        spawn: [{entity: Leaf, action: bud, as: leaf, refused: ignore}]
        send: [{to: leaf, action: age, refused: ignore}]
  Leaf:
    states: [young, old]
    waits: [old]
    actions:
      bud: {from: new, to: young}
      age: {from: young, to: old}
    timers:
      grown_up: {in: young, after: 1s, do: age}
scope:
  instances: {Box: 1, Leaf: 1}
"""


class Known:
    """The moves of a table, and a solver for each, which knows what proofs take for granted."""

    def __init__(self, table: TransitionTable) -> None:
        self.ghosts = Ghosts(table, world=universe(table).world)
        self.induction = Induction(self.ghosts, 600)
        self.texts, self.moves = self.induction.texts, self.induction.moves
        self._solvers: dict[int, z3.Solver] = {}

    def allows(self, before: View, after: View) -> bool:
        """Whether some move goes from the one to the other, as far as fields and counts tell."""
        changed = {*self._changed(before, after)}
        return any(
            changed <= move.writes and self._leads(number, move, before, after)
            for number, move in enumerate(self.moves)
        )

    def _changed(self, before: View, after: View) -> Iterator[tuple[str, str]]:
        for address, cell in after.items():
            if address.entity in self.ghosts.hidden:
                continue
            old = before.get(address)
            if old is None or old.control != cell.control:
                yield address.entity, "state"
            for at, field in enumerate(self.ghosts.table.entity(address.entity).fields):
                if (field.initial if old is None else old.data[at]) != cell.data[at]:
                    yield address.entity, field.name

    def _leads(self, number: int, move: Move, before: View, after: View) -> bool:
        if number not in self._solvers:
            asked = Asked(self.ghosts, self.texts, move, z3.SimpleSolver())
            asked.questions(Always(Property("never", PropertyKind.ALWAYS, (), None, NEVER)))
            asked.solver.add(asked.fits)
            self._solvers[number] = asked.solver
        solver = self._solvers[number]
        solver.push()
        solver.add(*self._is(move.before, before))
        for address in {*after} - {*before}:
            solver.add(move.before.place(address.entity, self._code(address)) == NOTHING)
        ids = [(address.entity, self._code(address)) for address in {**before, **after}]
        for entity, ident in move.mentioned:
            known = [ident == code for of, code in ids if of == entity]
            solver.add(z3.Or(*known, move.before.place(entity, ident) == NOTHING))
        solver.add(*self._is(move.after, {a: c for a, c in after.items() if a.entity not in self.ghosts.hidden}))
        solver.add(*move.before.facts)
        found = solver.check()
        solver.pop()
        assert found != z3.unknown, f"the solver does not know whether this is {move.name}"
        return bool(found == z3.sat)

    def _is(self, system: object, view: View) -> Iterator[z3.BoolRef]:
        """That the system has what the view has."""
        for address, cell in view.items():
            entity, ident = self.ghosts.table.entity(address.entity), self._code(address)
            yield system.read(entity.name, ident, "state")[0] == entity.states.index(cell.control)  # type: ignore[attr-defined]
            for field, value in zip(entity.fields, cell.data, strict=True):
                try:
                    said = literal(field.type, value, self.texts)
                    yield equal(field.type, system.read(entity.name, ident, field.name), said)  # type: ignore[attr-defined]
                except Unencodable:
                    continue

    def _code(self, address: Address) -> z3.ExprRef:
        return z3.IntVal(self.texts.code(address.id))


def overlooked(table: TransitionTable, steps_max: int, seed: int = 1) -> Iterator[str]:
    """Steps that systems take and proofs know nothing of, drawn at random, as many of each kind."""
    known = Known(table)
    scope = replace(table.scope, in_flight=max(2, table.scope.in_flight))
    steps = relation(table, replace(universe(table, scope), world=known.ghosts.world))
    taken = [
        (system, step)
        for system in samples.reached(table, world=known.ghosts.world, expanded=30)
        for step in steps.steps(system)
        if isinstance(step, Step)
    ]
    chance = Random(seed)
    by_label: dict[object, list[tuple[object, Step]]] = {}
    for system, step in taken:
        label = step.label
        by_label.setdefault((label.address.entity, label.action, label.case, str(label)[:20]), []).append(
            (system, step)
        )
    for _ in range(steps_max if by_label else 0):
        system, step = chance.choice(chance.choice([*by_label.values()]))
        before, after = known.ghosts.view(system), known.ghosts.view(step.system)  # type: ignore[arg-type]
        if not known.allows(before, after):
            yield f"{step.label}: from {before} to {after}"


@pytest.mark.parametrize("example", ["access", "deploy", "failover", "orders", "queue", "twophase"])
def test_steps_of_the_examples_are_moves(example: str) -> None:
    table = build(EXAMPLES / example).table
    assert table is not None
    assert not [*overlooked(table, 20)]


def test_steps_with_mail_are_moves() -> None:
    assert not [*overlooked(table_of(MAIL), 40)]


def test_steps_of_random_tables_are_moves() -> None:
    seen: Counter[str] = Counter()

    @settings(QUIET, max_examples=12)
    @given(random_tables(), st.integers(0, 99))
    def law(table: TransitionTable, seed: int) -> None:
        assert not [*overlooked(table, 6, seed)]
        seen["tables"] += 1

    law()
    assert seen["tables"] >= 10, seen


def nothing(*_: object) -> None:
    return None


def too_much(asked: Asked, place: Place, receiver: str, ident: z3.ExprRef, _: Iterable[z3.ExprRef]) -> None:
    """That refused messages are on their way as well."""
    before = asked.move.before
    to = before.look(place.name, ident, TO)[0]
    there = z3.And(before.exists(place.name, ident), before.exists(receiver, to))
    asked.solver.add(z3.Implies(there, before.look(receiver, to, place.coming)[0] >= 1))


FORGOTTEN: dict[str, tuple[object, str, Callable[..., object]]] = {
    "what is sent is not on its way": (taking.Taking, "_come", nothing),
    "what has come is still on its way": (moves._Draft, "arrive", nothing),
    "what is asked again is not on its way": (moves._Draft, "_coming", nothing),
    "nothing waits for who is new": (taking.Taking, "_waiting", lambda *_: z3.IntVal(0)),
    "what is pending is not counted": (taking.Taking, "_count", nothing),
    "more is known of what is coming than is so": (Asked, "_know_coming", too_much),
    "no timer is armed": (taking.Taking, "_timers", lambda _: iter(())),
}


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_a_move_that_forgets_is_noticed(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FORGOTTEN[forgotten])
    assert next(overlooked(table_of(MAIL), 60), None) is not None
