"""Invariants for every value of a constant: induction over a table in which it is left open.

A range that ends in the constant has no values that could be listed, so a set or map over it is an array, and what is
said of all its values a quantifier. Every question is made free of quantifiers before the solver sees it (`grounding`):
what it denies gets a name, and what is assumed is said of the names and arguments at hand. All candidates that are not
yet ruled out are assumed before each row, and what is then not kept is ruled out, until nothing more is (Flanagan and
Leino's Houdini). What is ruled out is not refuted: it may hold all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from time import monotonic

import z3

from temper.machine import BINDERS, Family, Property, Type, parts
from temper.verify.symbolic.algebra import View
from temper.verify.symbolic.clauses import LEMMA, is_lemma
from temper.verify.symbolic.ghosts import Ghosts
from temper.verify.symbolic.going import Going, goings
from temper.verify.symbolic.grounding import Everything, everything
from temper.verify.symbolic.moves import Moves, referred
from temper.verify.symbolic.opening import Opening
from temper.verify.symbolic.shapes import Term, Texts, Unencodable
from temper.verify.symbolic.statement import Remembered, Statement
from temper.verify.symbolic.system import AnySystem, FirstSystem

QUERY_MS = 2_000
"""How long the solver thinks about one question."""
CHOICES_MAX = 100
"""For so many choices of instances at most a candidate is assumed; the rest of the proof does without."""


@dataclass(frozen=True, slots=True)
class ForEvery:
    """What holds for every value of the open constants, and for each which of the others its proof leans on."""

    leans_on: Mapping[str, tuple[Property, ...]]
    is_whole: bool
    """Whether every question was thought through to its end, so that asking again would find nothing more."""


class EveryInduction:
    """Decides which `always` properties hold for ever, whatever the open constants of a family are.

    What takes too long is not said to hold. Raises `Unencodable` for a table in which a stand-in could be taken for
    something else.
    """

    def __init__(self, family: Family, seconds_max: float, *, world: bool) -> None:
        ghosts = Ghosts(family.table, world=world)
        self.table, self.until = ghosts.table, monotonic() + seconds_max
        self.texts = Texts()
        self.moves = Moves(ghosts, self.texts)
        self.before = AnySystem(self.table, self.texts, unread=self.moves.unread)
        self._first = Remembered(FirstSystem(self.table, self.texts))
        self._seen = Remembered(self.before)
        self.opening = Opening(family)
        self.is_whole = True
        self.written = [*self.opening.written(property_.body for property_ in self.table.properties)]
        self._assumed: dict[tuple[str, tuple[int, ...]], tuple[Everything, Sequence[z3.ExprRef]]] = {}

    def decide(self, asked: Sequence[Property], helping: Sequence[Property] = ()) -> ForEvery:
        """What is asked and holds for ever, together with as much of what may help as that takes."""
        statements = [*self._statements((*asked, *helping))]
        candidates = {each.candidate.name: each.candidate for each in statements}
        steps = self._steps(statements)
        found: dict[str, list[str]] = {}
        for simple in _simplest_first(candidates.values()):
            left = [each.name for each in asked if each.name not in found]
            held = self._inductive(simple, steps) if left else []
            found |= {name: self._least(name, held, steps) for name in left if name in held}
        leans_on = {name: tuple(candidates[each] for each in least if each != name) for name, least in found.items()}
        return ForEvery(leans_on, self.is_whole)

    def largest(self, candidates: Sequence[Property]) -> list[Property]:
        """The largest part of the candidates that holds for ever, as far as the solver can tell."""
        statements = [*self._statements(candidates)]
        held = self._inductive([each.candidate.name for each in statements], self._steps(statements))
        return [each.candidate for each in statements if each.candidate.name in held]

    def assumed(self, statement: Statement, idents: Sequence[z3.ExprRef]) -> Everything:
        """What a statement says of instances before a step; worked out once for all steps."""
        key = statement.candidate.name, tuple(ident.get_id() for ident in idents)
        if key not in self._assumed:
            # The instances are kept as well: their numbers are their own only as long as they are there.
            self._assumed[key] = statement.said_of(self._seen, idents), idents
        return self._assumed[key][0]

    def _statements(self, candidates: Iterable[Property]) -> Iterator[Statement]:
        """The candidates that hold at the start; of several with one name, which stand for each other, the first."""
        named: dict[str, Property] = {}
        for candidate in candidates:
            named.setdefault(candidate.name, candidate)
        for candidate in named.values():
            with suppress(Unencodable):
                statement = Statement(candidate, self.table, self.texts)
                if self._holds_at_first(statement):
                    yield statement

    def _holds_at_first(self, statement: Statement) -> bool:
        broken = statement.denied_of(self._first)
        said = [*self.opening.facts, *broken.of([*broken.named, *self.opening.least])]
        solver = z3.Solver()
        solver.add(self.opening.opened(z3.And(said)))
        return bool(self._check(solver) == z3.unsat)

    def _steps(self, statements: Sequence[Statement]) -> list[_Step]:
        steps = [_Step(self, statements, going) for going in goings(self.moves)]
        self.opening.look_at(self.texts)
        return steps

    def _inductive(self, held: Sequence[str], steps: Sequence[_Step]) -> list[str]:
        """The largest part of the candidates that every step keeps, as far as the solver can tell."""
        is_stable = False
        while not is_stable:
            is_stable = True
            for step in steps:
                kept = self._kept(held, step)
                if len(kept) < len(held):
                    held, is_stable = kept, False
        return [*held]

    def _kept(self, held: Sequence[str], step: _Step) -> list[str]:
        """Those of the candidates that the step keeps, where all of them held before."""
        left = [*held]
        while left:
            answer = self._check(step.solver, *step.assuming(held), step.breaking(left))
            if answer == z3.unsat:
                break
            broken = step.broken(left) if answer == z3.sat else set()
            if not broken:  # the solver has no counterexample to show: ask of each by itself
                return [name for name in left if self._core(name, held, step) is not None]
            left = [name for name in left if name not in broken]
        return left

    def _core(self, name: str, held: Sequence[str], step: _Step) -> list[str] | None:
        """Which of the candidates the step has to be told of, to keep the one; None if it does not keep it."""
        if self._check(step.solver, *step.assuming([name]), step.breaking([name])) == z3.unsat:
            return [name]
        if self._check(step.solver, *step.assuming(held), step.breaking([name])) != z3.unsat:
            return None
        core = {mark.get_id() for mark in step.solver.unsat_core()}
        return [other for other, mark in zip(held, step.assuming(held), strict=True) if mark.get_id() in core]

    def _least(self, name: str, held: Sequence[str], steps: Sequence[_Step]) -> list[str]:
        """A part of the candidates that is inductive, with the one in it, and as small as leaving out makes it.

        Lemmas are left out first: the author's own properties are no news.
        """
        authors = [each for each in held if not each.startswith(LEMMA)]
        least = [*dict.fromkeys((*self._leaning(name, held, steps), *authors))]
        for other in sorted(least, key=lambda each: (not each.startswith(LEMMA), -len(each))):
            if other != name and other in least:
                rest = self._inductive([each for each in least if each != other], steps)
                if name in rest:
                    least = self._leaning(name, rest, steps)
        return least

    def _leaning(self, name: str, held: Sequence[str], steps: Iterable[_Step]) -> list[str]:
        """The one, and the others that had to be assumed to show that it is kept, directly or for their sake."""
        needed, waiting = {name: None}, [name]
        while waiting:
            goal = waiting.pop()
            for step in steps:
                core = self._core(goal, held, step)
                fresh = [other for other in (held if core is None else core) if other not in needed]
                needed |= dict.fromkeys(fresh)
                waiting += fresh
        return [*needed]

    def _check(self, solver: z3.Solver, *assumptions: z3.BoolRef) -> z3.CheckSatResult:
        """What the solver says within its time; `unknown` when ours is over."""
        left = int((self.until - monotonic()) * 1000)
        found = z3.unknown
        if left > 0:
            solver.set("timeout", min(QUERY_MS, left))
            found = solver.check(*assumptions)
        self.is_whole = self.is_whole and found != z3.unknown
        return found


class _Step:
    """One way to go on, and a solver that knows it. A candidate holds before it if its mark is assumed."""

    def __init__(self, induction: EveryInduction, statements: Sequence[Statement], going: Going) -> None:
        self.before, self.opening, self.going = induction.before, induction.opening, going
        self.marks = {each.candidate.name: each.mark for each in statements}
        known = self._known(statements)
        after = Remembered(going.after)
        denied = {each.candidate.name: _denied(each, after) for each in statements}
        conditions = [everything(condition) for condition in going.conditions]
        said = [
            (each.mark, induction.assumed(each, chosen))
            for each in statements
            for chosen in islice(product(*(known[of] for _, of in each.candidate.variables)), CHOICES_MAX)
        ]
        named = [name for each in (*denied.values(), *conditions) for name in each.named]
        fields = [*self._fields(known)]
        keys = [key for type_, term in (*going.brought, *fields) for key in self.opening.keys(type_, term)]
        terms = _distinct([*named, *keys, *self.opening.written(going.expressions), *induction.written])
        facts = [each for condition in conditions for each in condition.of(terms)]
        facts += [z3.Implies(mark, z3.And([*each.of(terms)])) for mark, each in said]
        facts += [fact for type_, term in fields for fact in self.opening.typed(type_, term, terms)]
        facts += [*self.opening.facts, *self.before.facts, *going.before.facts]
        self.solver = z3.Solver()
        self.solver.add(self.opening.opened(z3.And(facts)))
        terms += self.opening.least
        self.denied = {name: self.opening.opened(z3.And([*each.of(terms)])) for name, each in denied.items()}
        self._breaking: dict[tuple[str, ...], z3.BoolRef] = {}

    def assuming(self, names: Iterable[str]) -> list[z3.BoolRef]:
        """Assumed, they say that the candidates hold before the step."""
        return [self.marks[name] for name in names]

    def breaking(self, names: Sequence[str]) -> z3.BoolRef:
        """Assumed, it says that one of the candidates does not hold after the step."""
        key = tuple(names)
        if key not in self._breaking:
            self._breaking[key] = z3.FreshBool("breaking")
            self.solver.add(z3.Implies(self._breaking[key], z3.Or([self.denied[name] for name in names])))
        return self._breaking[key]

    def broken(self, names: Iterable[str]) -> set[str]:
        """The candidates that the solver's counterexample breaks."""
        model = self.solver.model()
        return {name for name in names if z3.is_true(model.eval(self.denied[name], model_completion=True))}

    def _known(self, statements: Iterable[Statement]) -> dict[str, list[z3.ExprRef]]:
        """The instances that matter: who steps, whom the statements are about, and whom these refer to."""
        table = self.before.table
        found: dict[str, dict[int, z3.ExprRef]] = {entity.name: {} for entity in table.entities}

        def know(entity: str, ident: z3.ExprRef) -> None:
            if not table.entity(entity).single:  # the one instance has one name
                found[entity][ident.get_id()] = ident

        for entity, ident in self.going.mentioned:
            know(entity, ident)
        for statement in statements:
            for (_, entity), ident in zip(statement.candidate.variables, statement.chosen, strict=True):
                know(entity, ident)
        for single in table.entities:
            if single.single:
                code = z3.IntVal(self.before.texts.code(single.name))
                found[single.name][code.get_id()] = code
        near = [*self._fields({name: [*idents.values()] for name, idents in found.items()})]
        for type_, term in (*self.going.brought, *near):
            if (of := referred(type_)) is not None:
                know(of, term[0])
        return {name: [*idents.values()] for name, idents in found.items()}

    def _fields(self, known: Mapping[str, Sequence[z3.ExprRef]]) -> Iterator[tuple[Type, Term]]:
        """The data of the instances that matter, before the step."""
        for name, idents in known.items():
            for field, ident in product(self.before.table.entity(name).fields, idents):
                with suppress(Unencodable):
                    yield field.type, self.before.read(name, ident, field.name)


def _simplest_first(candidates: Iterable[Property]) -> Iterator[list[str]]:
    """Candidates to begin with, and to go on with if that is not enough: the author's, lemmas of one key, and all."""
    weights = {
        each.name: is_lemma(each) and sum(part.op in BINDERS for part in parts(each.body)) for each in candidates
    }
    for most in (0, 1, max(weights.values(), default=0)):
        yield [name for name, weight in weights.items() if weight <= most]


def _denied(statement: Statement, after: View) -> Everything:
    """What it takes for the statement to be broken; nothing, where the solver does not take on what is written."""
    try:
        return statement.denied_of(after)
    except Unencodable:
        return Everything((), z3.BoolVal(True))


def _distinct(terms: Iterable[z3.ExprRef]) -> list[z3.ExprRef]:
    return list({term.get_id(): term for term in terms}.values())
