"""Invariants by induction: what holds at the start and is kept by every row holds for ever, however many there are.

A candidate is an `always` property. All that are not yet ruled out are assumed of the system before a step, for every
choice of the instances that the step and the question speak of; what is then not kept is ruled out, until nothing
more is (Flanagan and Leino's Houdini). So what is left holds together: it is inductive. A candidate that is ruled out
is not refuted: it may hold all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from time import monotonic

import z3

from temper.machine import (
    NEW,
    Action,
    Entity,
    Op,
    OptionType,
    Property,
    RefType,
    Spawn,
    TransitionTable,
    parts,
)
from temper.verify.obligations import Row, rows
from temper.verify.symbolic.algebra import Sight, View, truth
from temper.verify.symbolic.shapes import Texts, Unencodable
from temper.verify.symbolic.system import AnySystem, FirstSystem
from temper.verify.symbolic.taking import take

QUERY_MS = 2_000
"""How long the solver thinks about one question."""
TUPLES_MAX = 200
"""For so many choices of instances at most a candidate is assumed; the rest of the proof does without."""


@dataclass(frozen=True, slots=True)
class Inductive:
    """What was found to hold for ever, and for each which of the others its proof leans on."""

    proved: tuple[Property, ...]
    leans_on: Mapping[str, tuple[Property, ...]]
    queries: int
    seconds: float


class Induction:
    """Decides which of some `always` properties hold for ever. What takes too long is not said to hold."""

    def __init__(self, table: TransitionTable, seconds_max: float) -> None:
        self.table, self.until = table, monotonic() + seconds_max
        self.before = AnySystem(table, Texts())
        self.queries = 0
        self.assumed = _Assumed(self.before)

    def decide(self, asked: Sequence[Property], helping: Sequence[Property] = ()) -> Inductive:
        """The largest part of what is asked, and of what may help, that is inductive as far as the solver can tell."""
        began = monotonic()
        held = [candidate for candidate in (*asked, *helping) if self._holds_at_first(candidate)]
        steps = [
            _Step(self.before, entity, action, row, self.assumed, held)
            for entity in self.table.entities
            for action, row in rows(entity)
        ]
        is_stable = False
        while not is_stable:
            is_stable = True
            for step in steps:
                kept = self._kept(step, held)
                if len(kept) < len(held):
                    held, is_stable = kept, False
        proved = [candidate for candidate in asked if candidate in held]
        leans_on = {candidate.name: self._leaning(candidate, held, steps) for candidate in proved}
        return Inductive(tuple(held), leans_on, self.queries, monotonic() - began)

    def _holds_at_first(self, candidate: Property) -> bool:
        first = FirstSystem(self.table, self.before.texts)
        try:
            goal = holds(candidate, first, witnesses(candidate), self.before.texts)
            holds(candidate, self.before, witnesses(candidate), self.before.texts)
        except Unencodable:
            return False
        solver = z3.Solver()
        solver.add(z3.Not(goal))
        return bool(self._check(solver) == z3.unsat)

    def _kept(self, step: _Step, held: list[Property]) -> list[Property]:
        """Those of the candidates that the step keeps, where all of them held before."""
        marks = [step.mark(candidate) for candidate in held]
        open_ = {candidate.name: candidate for candidate in held if step.concerns(candidate)}
        broken: set[str] = set()
        while open_:
            answer = self._check(step.solver, *marks, step.some_broken(tuple(open_.values())))
            if answer == z3.unsat:
                break
            found = step.broken(open_.values()) if answer == z3.sat else set()
            if not found:  # the solver has no counterexample to show: ask of each by itself
                found = {
                    name
                    for name, candidate in open_.items()
                    if self._check(step.solver, *marks, step.some_broken((candidate,))) != z3.unsat
                }
                broken |= found
                break
            broken |= found
            open_ = {name: candidate for name, candidate in open_.items() if name not in found}
        return [candidate for candidate in held if candidate.name not in broken]

    def _leaning(self, candidate: Property, held: Sequence[Property], steps: Iterable[_Step]) -> tuple[Property, ...]:
        """The others that had to be assumed to show that this one is kept, directly or for their sake."""
        needed, waiting = {candidate.name: candidate}, [candidate]
        while waiting:
            goal = waiting.pop()
            for step in steps:
                fresh = [other for other in self._core(step, goal, held) if other.name not in needed]
                needed |= {other.name: other for other in fresh}
                waiting += fresh
        return tuple(other for other in needed.values() if other is not candidate)

    def _core(self, step: _Step, goal: Property, held: Sequence[Property]) -> list[Property]:
        """Which of the candidates the step has to be told of, to keep the goal; the goal alone, if that is enough."""
        if not step.concerns(goal):
            return []
        question = step.some_broken((goal,))
        if self._check(step.solver, step.mark(goal), question) == z3.unsat:
            return [goal]
        marks = {candidate.name: step.mark(candidate) for candidate in held}
        if self._check(step.solver, *marks.values(), question) != z3.unsat:
            return [goal]  # its time is over: nobody knows which of the others it takes
        core = {mark.sexpr() for mark in step.solver.unsat_core()}
        return [candidate for candidate in held if marks[candidate.name].sexpr() in core]

    def _check(self, solver: z3.Solver, *assumptions: z3.BoolRef) -> z3.CheckSatResult:
        """What the solver says within its time; `unknown` when ours is over."""
        left = int((self.until - monotonic()) * 1000)
        if left <= 0:
            return z3.unknown
        self.queries += 1
        solver.set("timeout", min(QUERY_MS, left))
        return solver.check(*assumptions)


class _Assumed:
    """What candidates say of the system before a step, for the instances that matter: built once for all steps."""

    def __init__(self, before: AnySystem) -> None:
        self.before = before
        self.said: dict[tuple[str, tuple[str, ...]], z3.BoolRef] = {}

    def of(self, candidate: Property, known: Mapping[str, list[z3.ExprRef]]) -> Iterator[z3.BoolRef]:
        choices = product(*(known.get(entity, []) for _, entity in candidate.variables))
        for chosen in islice(choices, TUPLES_MAX):
            key = candidate.name, tuple(ident.sexpr() for ident in chosen)
            if key not in self.said:
                self.said[key] = holds(candidate, self.before, chosen, self.before.texts)
            yield self.said[key]


class _Step:
    """One row, and a solver that knows it. A candidate holds before it if its mark is assumed."""

    def __init__(
        self,
        before: AnySystem,
        entity: Entity,
        action: Action,
        row: Row,
        assumed: _Assumed,
        candidates: Sequence[Property],
    ) -> None:
        self.before, self.row = before, row
        self.taken = take(before, entity, action, row)
        self.writes = _writes(entity, action, row)
        self.solver = z3.Solver()
        self.solver.add(*self.taken.conditions)
        self.goals: dict[str, z3.BoolRef] = {}
        known = self._known(candidates)
        for candidate in candidates:
            self.solver.add(*(z3.Implies(self.mark(candidate), each) for each in assumed.of(candidate, known)))
        for candidate in filter(self.concerns, candidates):
            self.goals[candidate.name] = holds(candidate, self.taken.after, witnesses(candidate), before.texts)
        self.solver.add(*before.facts)

    def mark(self, candidate: Property) -> z3.BoolRef:
        """Assumed, it says that the candidate holds before the step."""
        return z3.Bool(candidate.name)

    def concerns(self, candidate: Property) -> bool:
        """Whether the step can make a difference to the candidate: it writes something that the candidate reads."""
        return bool(self.writes & _reads(candidate))

    def some_broken(self, candidates: Sequence[Property]) -> z3.BoolRef:
        """Assumed, it says that one of the candidates does not hold after the step."""
        asked = z3.FreshBool("broken")
        self.solver.add(z3.Implies(asked, z3.Or([z3.Not(self.goals[candidate.name]) for candidate in candidates])))
        return asked

    def broken(self, candidates: Iterable[Property]) -> set[str]:
        """The candidates that the solver's counterexample breaks."""
        model = self.solver.model()
        goals = {candidate.name: self.goals[candidate.name] for candidate in candidates}
        return {name for name, goal in goals.items() if z3.is_false(model.eval(goal, model_completion=True))}

    def _known(self, candidates: Sequence[Property]) -> dict[str, list[z3.ExprRef]]:
        """The instances that matter: who steps, whom the candidates are about, and whom these refer to."""
        table = self.before.table
        found: dict[str, dict[str, z3.ExprRef]] = {entity.name: {} for entity in table.entities}

        def know(entity: str, ident: z3.ExprRef) -> None:
            found[entity].setdefault(ident.sexpr(), ident)

        know(self.row.entity, self.taken.ident)
        for candidate in candidates:
            for (_, entity), witness in zip(candidate.variables, witnesses(candidate), strict=True):
                know(entity, witness)
        for entity, ident in self.taken.mentioned:
            know(entity, ident)
        for param in table.entity(self.row.entity).action(self.row.action).params:
            if param.name in self.taken.args and (of := referred(param.type)) is not None:
                know(of, self.taken.args[param.name][0])
        for single in table.entities:
            if single.single:
                know(single.name, z3.IntVal(self.before.texts.code(single.name)))
        for name, idents in [(name, list(idents.values())) for name, idents in found.items()]:
            for field in table.entity(name).fields:
                if (of := referred(field.type)) is not None:
                    for ident in idents:
                        know(of, self.before.read(name, ident, field.name)[0])
        return {name: list(idents.values()) for name, idents in found.items()}


def _writes(entity: Entity, action: Action, row: Row) -> frozenset[tuple[str, str]]:
    """What the row may change: fields by entity and name; the control state too, and with it who exists."""
    case = action.cases[row.case]
    names = {update.name for update in (*action.updates, *case.updates)}
    names |= {template.into for template in case.deliveries if isinstance(template, Spawn) and template.into}
    if case.target is not None and case.target != row.source:
        names.add("state")
    if row.source == NEW:  # what did not exist read as its defaults, and exists now
        names |= {"state", *(field.name for field in entity.fields)}
    return frozenset((entity.name, name) for name in names)


@cache
def _reads(candidate: Property) -> frozenset[tuple[str, str]]:
    """What decides whether the candidate holds: fields by entity and name, and who exists."""
    found = {(entity, "state") for _, entity in candidate.variables}
    for whole in filter(None, (candidate.whenever, candidate.body)):
        for part in parts(whole):
            if part.op is Op.READ:
                reference = part.operands[0].type
                assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"
                found |= {(reference.entity, part.name), (reference.entity, "state")}
            elif part.op is Op.INSTANCES:
                found.add((part.name, "state"))
    return frozenset(found)


def witnesses(candidate: Property) -> tuple[z3.ExprRef, ...]:
    """The instances for which a candidate is asked; candidates share them, as each is asked by itself."""
    numbers: dict[str, int] = {}
    chosen = []
    for _, entity in candidate.variables:
        numbers[entity] = numbers.get(entity, 0) + 1
        chosen.append(z3.Int(f"{entity}.{numbers[entity]}"))
    return tuple(chosen)


def holds(property_: Property, view: View, chosen: Iterable[z3.ExprRef], texts: Texts) -> z3.BoolRef:
    """What an `always` property says of some instances: if they exist and the premise holds, the body does."""
    variables = {name: (ident,) for (name, _), ident in zip(property_.variables, chosen, strict=True)}
    sight = Sight(texts, view=view, variables=variables)
    there = [
        view.exists(entity, ident)
        for (_, entity), (ident,) in zip(property_.variables, variables.values(), strict=True)
    ]
    premise = [] if property_.whenever is None else [truth(property_.whenever, sight)]
    return z3.Implies(z3.And([*there, *premise]), truth(property_.body, sight))


def referred(type_: object) -> str | None:
    """The entity that a plain or optional reference refers to."""
    match type_:
        case RefType(entity) | OptionType(RefType(entity)):
            return entity
    return None
