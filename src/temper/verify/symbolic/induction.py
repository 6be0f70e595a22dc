"""Invariants by induction: what holds at the start and is kept by every row holds for ever, however many there are.

A candidate is an `always` property. All that are not yet ruled out are assumed of the system before a step, for every
choice of the instances that the step and the question speak of; what is then not kept is ruled out, until nothing
more is (Flanagan and Leino's Houdini). So what is left holds together: it is inductive. A candidate that is ruled out
is not refuted: it may hold all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from time import monotonic

import z3

from temper.machine import OptionType, Property, RefType, TransitionTable
from temper.verify.obligations import rows
from temper.verify.symbolic.algebra import Sight, View, truth
from temper.verify.symbolic.shapes import Texts, Unencodable
from temper.verify.symbolic.system import AnySystem, FirstSystem
from temper.verify.symbolic.taking import Taken, take

QUERY_MS = 2_000
"""How long the solver thinks about one question."""
TUPLES_MAX = 200
"""For so many choices of instances at most a candidate is assumed; the rest of the proof does without."""


@dataclass(frozen=True, slots=True)
class Inductive:
    """What was found to hold for ever, and for each which of the others its proof leans on."""

    proved: tuple[Property, ...]
    leans_on: Mapping[str, tuple[str, ...]]
    queries: int
    seconds: float


class Induction:
    """Decides which of some `always` properties hold for ever. What takes too long is not said to hold."""

    def __init__(self, table: TransitionTable, seconds_max: float) -> None:
        self.table, self.until = table, monotonic() + seconds_max
        self.texts = Texts()
        self.queries = 0
        self.steps: list[tuple[AnySystem, Taken]] = []
        for entity in table.entities:
            for action, row in rows(entity):
                before = AnySystem(table, self.texts)
                self.steps.append((before, take(before, entity, action, row)))

    def decide(self, asked: Sequence[Property], helping: Sequence[Property] = ()) -> Inductive:
        """The largest part of what is asked, and of what may help, that is inductive as far as the solver can tell."""
        began = monotonic()
        held = [candidate for candidate in (*asked, *helping) if self._holds_at_first(candidate)]
        is_stable = False
        while not is_stable:
            is_stable = True
            for before, step in self.steps:
                kept = self._kept(before, step, held)
                if len(kept) < len(held):
                    held, is_stable = kept, False
        proved = [candidate for candidate in asked if candidate in held]
        leans_on = {candidate.name: self._leaning(candidate, held) for candidate in proved}
        return Inductive(tuple(held), leans_on, self.queries, monotonic() - began)

    # The start.

    def _holds_at_first(self, candidate: Property) -> bool:
        first = FirstSystem(self.table, self.texts)
        try:
            goal = holds(candidate, first, self._witnesses(candidate), self.texts)
        except Unencodable:
            return False
        solver = self._solver()
        solver.add(z3.Not(goal))
        return self._is_impossible(solver)

    # The step.

    def _kept(self, before: AnySystem, step: Taken, held: list[Property]) -> list[Property]:
        """Those of the candidates that the step keeps, where all of them held before."""
        solver, goals = self._before(before, step, held)
        open_ = dict(goals)
        while open_:
            solver.push()
            solver.add(z3.Or([z3.Not(goal) for goal in open_.values()]))
            if self._is_impossible(solver):
                solver.pop()
                break
            broken = self._broken(solver, open_)
            solver.pop()
            if not broken:  # the solver gave no model: ask of each by itself
                broken = {name for name, goal in open_.items() if not self._is_kept(solver, goal)}
            open_ = {name: goal for name, goal in open_.items() if name not in broken}
            if not broken:
                break
        return [candidate for candidate in held if candidate.name in open_]

    def _before(
        self, before: AnySystem, step: Taken, held: Sequence[Property]
    ) -> tuple[z3.Solver, dict[str, z3.BoolRef]]:
        """A solver that knows the step and what held before it, and what each candidate says after it."""
        goals = {}
        for candidate in held:
            try:
                goals[candidate.name] = holds(candidate, step.after, self._witnesses(candidate), self.texts)
            except Unencodable:
                continue
        solver = self._solver()
        solver.add(*step.conditions)
        known = self._known(before, step, held)
        for candidate in held:
            for each in self._instances(candidate, before, known):
                solver.add(each)
        solver.add(*before.facts)
        return solver, goals

    def _instances(
        self, candidate: Property, view: View, known: Mapping[str, list[z3.ExprRef]]
    ) -> Iterator[z3.BoolRef]:
        """What a candidate says of every choice among the instances that matter here."""
        choices = product(*(known.get(entity, []) for _, entity in candidate.variables))
        for count, chosen in enumerate(choices):
            if count == TUPLES_MAX:
                return
            yield holds(candidate, view, chosen, self.texts)

    def _known(self, before: AnySystem, step: Taken, held: Sequence[Property]) -> dict[str, list[z3.ExprRef]]:
        """The instances that matter: who steps, whom the question is about, and whom they refer to."""
        found: dict[str, dict[str, z3.ExprRef]] = {entity.name: {} for entity in self.table.entities}

        def know(entity: str, ident: z3.ExprRef) -> None:
            found[entity].setdefault(ident.sexpr(), ident)

        know(step.row.entity, step.ident)
        for candidate in held:
            for (_, entity), witness in zip(candidate.variables, self._witnesses(candidate), strict=True):
                know(entity, witness)
        for entity, ident in step.mentioned:
            know(entity, ident)
        action = self.table.entity(step.row.entity).action(step.row.action)
        for param in action.params:
            if param.name in step.args and (of := referred(param.type)) is not None:
                know(of, step.args[param.name][0])
        for entity in self.table.entities:
            if entity.single:
                know(entity.name, z3.IntVal(self.texts.code(entity.name)))
        for name, idents in [(name, list(idents.values())) for name, idents in found.items()]:
            for field in self.table.entity(name).fields:
                if (of := referred(field.type)) is not None:
                    for ident in idents:
                        know(of, before.read(name, ident, field.name)[0])
        return {name: list(idents.values()) for name, idents in found.items()}

    def _witnesses(self, candidate: Property) -> tuple[z3.ExprRef, ...]:
        """The instances for which a candidate is asked; candidates share them, as each is asked by itself."""
        numbers: dict[str, int] = {}
        chosen = []
        for _, entity in candidate.variables:
            numbers[entity] = numbers.get(entity, 0) + 1
            chosen.append(z3.Int(f"{entity}.{numbers[entity]}"))
        return tuple(chosen)

    # What a proof leans on.

    def _leaning(self, candidate: Property, held: Sequence[Property]) -> tuple[str, ...]:
        """The other candidates that had to be assumed to show that this one is kept, directly or for their sake."""
        needed, waiting = {candidate.name: None}, [candidate]
        while waiting:
            goal = waiting.pop()
            for before, step in self.steps:
                for name in self._core(before, step, goal, held):
                    if name not in needed:
                        needed[name] = None
                        waiting += [other for other in held if other.name == name]
        return tuple(name for name in needed if name != candidate.name)

    def _core(self, before: AnySystem, step: Taken, goal: Property, held: Sequence[Property]) -> set[str]:
        solver = self._solver()
        solver.add(*step.conditions)
        solver.add(z3.Not(holds(goal, step.after, self._witnesses(goal), self.texts)))
        known = self._known(before, step, held)
        marks = {}
        for candidate in held:
            mark = z3.Bool(f"assumed.{candidate.name}")
            marks[mark.sexpr()] = candidate.name
            for each in self._instances(candidate, before, known):
                solver.add(z3.Implies(mark, each))
        solver.add(*before.facts)
        self.queries += 1
        own = z3.Bool(f"assumed.{goal.name}")
        if solver.check(own) == z3.unsat:
            return {goal.name}
        if solver.check(*(z3.Bool(f"assumed.{candidate.name}") for candidate in held)) != z3.unsat:
            return set()
        return {marks[mark.sexpr()] for mark in solver.unsat_core()}

    # Asking.

    def _solver(self) -> z3.Solver:
        solver = z3.Solver()
        left = max(1, int((self.until - monotonic()) * 1000))
        solver.set("timeout", min(QUERY_MS, left))
        return solver

    def _is_impossible(self, solver: z3.Solver) -> bool:
        self.queries += 1
        return monotonic() < self.until and solver.check() == z3.unsat

    def _is_kept(self, solver: z3.Solver, goal: z3.BoolRef) -> bool:
        solver.push()
        solver.add(z3.Not(goal))
        kept = self._is_impossible(solver)
        solver.pop()
        return kept

    def _broken(self, solver: z3.Solver, goals: Mapping[str, z3.BoolRef]) -> set[str]:
        """The candidates that the solver's counterexample breaks."""
        try:
            model = solver.model()
        except z3.Z3Exception:
            return set()
        return {name for name, goal in goals.items() if z3.is_false(model.eval(goal, model_completion=True))}


def holds(property_: Property, view: View, chosen: Iterable[z3.ExprRef], texts: Texts) -> z3.BoolRef:
    """What an `always` property says of some instances: if they exist and the premise holds, the body does."""
    variables = {name: (ident,) for (name, _), ident in zip(property_.variables, chosen, strict=True)}
    sight = Sight(texts, view=view, variables=variables)
    there = [
        view.exists(entity, ident) for (_, entity), (ident,) in zip(property_.variables, variables.values(), strict=True)
    ]
    premise = [] if property_.whenever is None else [truth(property_.whenever, sight)]
    return z3.Implies(z3.And([*there, *premise]), truth(property_.body, sight))


def referred(type_: object) -> str | None:
    """The entity that a plain or optional reference refers to."""
    match type_:
        case RefType(entity) | OptionType(RefType(entity)):
            return entity
    return None

