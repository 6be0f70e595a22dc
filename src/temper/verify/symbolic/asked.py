"""One move as the solver is asked about it: what it has been told of which instances, and what it leant on.

A solver knows nothing of instances by itself. Those that matter to a question are the ones that the move and the goal
speak of, and those to which they refer; of these it is told what every system keeps, and what is believed of them
once it has got it wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import z3

from temper.machine import Binding, Send, Spawn
from temper.verify.symbolic.counterexample import Decoded, decode
from temper.verify.symbolic.ghosts import OWNER, TO, Ghosts, Place
from temper.verify.symbolic.goals import Always, Goal, holds, witnesses
from temper.verify.symbolic.moves import Move, referred
from temper.verify.symbolic.shapes import Texts

KNOWN_MAX = 24
"""So many instances at most matter to one question; more are left unknown."""
FAR_MAX = 2
"""How many references are followed from what matters."""

Told: TypeAlias = tuple[Always, tuple[z3.ExprRef, ...]]
"""A belief, and the instances of which the solver was told it."""


class Asked:
    """One move, and a solver that knows it."""

    def __init__(self, ghosts: Ghosts, texts: Texts, move: Move, solver: z3.Solver) -> None:
        self.ghosts, self.move, self.texts, self.solver = ghosts, move, texts, solver
        self.solver.add(*move.conditions)
        self.fits = z3.Bool("everything fits")
        if move.taking is not None:
            fitting = [fits for _, fits in move.taking.fits if fits is not None]
            fitting += [fits for fits in move.taking.distinct if fits is not None]
            self.solver.add(z3.Implies(self.fits, z3.And(fitting)))
        self._questions: dict[str, Sequence[z3.BoolRef]] = {}
        self.told: dict[tuple[str, tuple[int, ...]], Told] = {}
        self.marks: dict[str, z3.BoolRef] = {}
        """Of everything that the solver was told of, by name."""
        self._facts = 0
        self._own: dict[tuple[str, int], z3.ExprRef] = {}
        self._goals: dict[str, Mapping[str, Sequence[z3.ExprRef]]] = {}
        self._placed: set[int] = set()

    def questions(self, goal: Goal) -> Sequence[z3.BoolRef]:
        """Assumed, each says that the move breaks the goal in one way."""
        if goal.name not in self._questions:
            ways = goal.broken(self.move, self.texts)
            self._learn(goal)
            found = []
            for broken in ways:
                found.append(z3.FreshBool("broken"))
                self.solver.add(z3.Implies(found[-1], z3.And(broken, self.fits) if goal.fits else broken))
            self.add_facts()
            self._questions[goal.name] = found
        return self._questions[goal.name]

    def found(self, goal: Goal) -> Decoded | None:
        """The instances that matter to the goal as the solver has them.

        None if these are values of which nothing was known yet: the solver has to be asked anew.
        """
        found = decode(self.solver.model(), self.move.before, self._goals[goal.name])
        return None if self.add_facts() else found

    def core(self, question: z3.BoolRef) -> set[str]:
        """What the solver leant on when it last said that there is no counterexample."""
        core = {mark.get_id() for mark in self.solver.unsat_core()} - {question.get_id()}
        leant = {name for name, mark in self.marks.items() if mark.get_id() in core}
        assert len(core) == len(leant), "the solver leans on what it was told"
        return leant

    def marks_of(self, believed: Iterable[str]) -> list[z3.BoolRef]:
        """Of what is believed, whatever the solver was told of: assumed, it says that this is so."""
        return [self.marks[name] for name in believed if name in self.marks]

    def tell(self, belief: Always, binding: Binding, found: Decoded) -> bool:
        """Has the solver assume the belief of these instances, if it is believed at all. False if it was told."""
        idents = tuple(
            next(ident for address, ident in found.idents.items() if address == (entity, of))
            for (_, entity), (_, of) in zip(belief.claim.variables, binding, strict=True)
        )
        return self._tell(belief, idents)

    def remind(self, goal: Goal, usual: Iterable[Told]) -> None:
        """Has the solver assume what settled the goal elsewhere, of those instances that matter here as well."""
        here = {ident.get_id() for idents in self._goals[goal.name].values() for ident in idents}
        for belief, idents in usual:
            if here.issuperset(ident.get_id() for ident in idents):
                self._tell(belief, idents)

    def _tell(self, belief: Always, idents: tuple[z3.ExprRef, ...]) -> bool:
        key = belief.name, tuple(ident.get_id() for ident in idents)
        if key in self.told:
            return False
        self.told[key] = belief, idents
        if belief.name not in self.marks:
            self.marks[belief.name] = z3.Bool(belief.name)
        said = holds(belief.claim, self.move.before, idents, self.texts)
        self.solver.add(z3.Implies(self.marks[belief.name], said))
        self.add_facts()
        return True

    def _learn(self, goal: Goal) -> None:
        """Which instances matter: those of the move, those that the goal is about, and those to which they refer."""
        if not self._own:
            singles = [
                (single.name, z3.IntVal(self.texts.code(single.name)))
                for single in self.ghosts.table.entities
                if single.single
            ]
            self._own = self._near([*self.move.mentioned, *singles])
        found = self._own
        if isinstance(goal, Always):
            asked = [entity for _, entity in goal.claim.variables]
            found = {**self._near(zip(asked, witnesses(goal.claim), strict=True)), **found}
        idents: dict[str, list[z3.ExprRef]] = {}
        for (entity, _), ident in found.items():
            idents.setdefault(entity, []).append(ident)
        self._goals[goal.name] = idents
        self._know_places(idents)

    def _near(self, mentioned: Iterable[tuple[str, z3.ExprRef]]) -> dict[tuple[str, int], z3.ExprRef]:
        """The instances, and those to which they refer, directly or through another."""
        found: dict[tuple[str, int], z3.ExprRef] = {}
        waiting = [(entity, ident, 0) for entity, ident in mentioned]
        while waiting and len(found) < KNOWN_MAX:
            entity, ident, far = waiting.pop(0)
            if (entity, ident.get_id()) in found:
                continue
            found[entity, ident.get_id()] = ident
            for each in self.ghosts.table.entity(entity).fields:
                if far < FAR_MAX and (of := referred(each.type)) is not None:
                    waiting.append((of, self.move.before.read(entity, ident, each.name)[0], far + 1))
        return found

    def _know_places(self, known: Mapping[str, Sequence[z3.ExprRef]]) -> None:
        """What holds of everything pending: somebody owns it, and it is counted there."""
        before = self.move.before
        for entity, taken in self.ghosts.taken.items():
            for ident in known.get(entity, ()):
                self.solver.add(z3.Implies(before.exists(entity, ident), before.exists(taken, ident)))
        for place in self.ghosts.places.values():
            idents = known.get(place.name, ())
            fresh = [ident for ident in idents if ident.get_id() not in self._placed]
            for ident in fresh:
                self._placed.add(ident.get_id())
                owner = before.read(place.name, ident, OWNER)[0]
                held = before.read(place.site.entity, owner, place.count)[0]
                there = before.exists(place.name, ident)
                owned = z3.And(owner >= 0, before.exists(place.site.entity, owner), held >= 1)
                self.solver.add(z3.Implies(there, owned))
                if isinstance(place.template, Spawn):
                    to, taken = before.read(place.name, ident, TO)[0], self.ghosts.taken[place.template.entity]
                    self.solver.add(z3.Implies(there, z3.And(to >= 0, before.exists(taken, to))))
                if isinstance(place.template, Send) and place in self.ghosts.coming_to(place.template.entity):
                    self._know_coming(place, place.template.entity, ident, idents)
                for other in idents:
                    both = z3.And(there, before.exists(place.name, other), other != ident)
                    same = before.read(place.name, other, OWNER)[0] == owner
                    self.solver.add(z3.Implies(z3.And(both, same), held >= 2))
                for entity, unborn in self.move.unborn:
                    if isinstance(place.template, Spawn) and place.template.entity == entity:
                        is_pending = before.read(place.name, ident, "state")[0] == 0
                        self.solver.add(z3.Not(z3.And(is_pending, before.read(place.name, ident, TO)[0] == unborn)))

    def _know_coming(self, place: Place, receiver: str, ident: z3.ExprRef, others: Iterable[z3.ExprRef]) -> None:
        """That a message that is pending is counted where it goes, if there is somebody; a refused one is not."""
        before = self.move.before

        def goes(one: z3.ExprRef, to: z3.ExprRef) -> z3.BoolRef:
            return z3.And(before.look(place.name, one, "state")[0] == 0, before.look(place.name, one, TO)[0] == to)

        to = before.look(place.name, ident, TO)[0]
        held = before.look(receiver, to, place.coming)[0]
        there = z3.And(before.exists(receiver, to), goes(ident, to))
        self.solver.add(z3.Implies(there, held >= 1))
        for other in others:
            self.solver.add(z3.Implies(z3.And(there, other != ident, goes(other, to)), held >= 2))

    def add_facts(self) -> bool:
        """What is known of every value that was read: that it is of its type. False if nothing is new."""
        facts = self.move.before.facts
        fresh = facts[self._facts :]
        self.solver.add(*fresh)
        self._facts = len(facts)
        return bool(fresh)
