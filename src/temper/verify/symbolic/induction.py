"""Invariants by induction: what holds at the start and is kept by every move holds for ever, however many there are.

A goal is asked of each move that can make a difference to it, with everything that is still believed assumed of the
system before: other properties, and lemmas. Where the solver finds a counterexample, it is a system that somebody
should show to be out of reach: `clauses` gives lemmas that exclude it, the first of them is believed, and has to be
shown in turn. A lemma for which that fails is given up, and with it all that leant on it. What is left in the end
holds together: it is inductive (Bradley, *SAT-based model checking without unrolling*, 2011, with lemmas learnt from
samples). That a goal is given up refutes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import TypeAlias

import z3

from temper.machine import Binding, Breaker, Property, Spawn, breaker
from temper.verify.symbolic.clauses import LEMMA, Clauses
from temper.verify.symbolic.counterexample import Decoded, decode
from temper.verify.symbolic.ghosts import OWNER, TO, Ghosts
from temper.verify.symbolic.goals import Always, Goal, holds, witnesses
from temper.verify.symbolic.moves import Move, Moves, referred
from temper.verify.symbolic.samples import Samples
from temper.verify.symbolic.settling import settled
from temper.verify.symbolic.shapes import Texts, Unencodable
from temper.verify.symbolic.system import FirstSystem

QUERY_EFFORT = 5_000_000
"""How hard the solver thinks about one question, in its own unit: two seconds or so, and the same on any machine."""
KNOWN_MAX = 24
"""So many instances at most matter to one question; more are left unknown."""
FAR_MAX = 2
"""How many references are followed from what matters."""
GIVEN_UP_MAX = 12
"""After so many lemmas that came to nothing a goal is left open."""


Told: TypeAlias = tuple[Always, tuple[z3.ExprRef, ...]]
"""A belief, and the instances of which the solver was told it."""


@dataclass(slots=True)
class Found:
    """What came of each goal: the properties and lemmas that its proof leans on, or why there is none."""

    proved: dict[str, tuple[Property, ...]] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    queries: int = 0
    seconds: float = 0.0
    is_cut: bool = False
    """Whether time was over before everything was thought through."""


class Induction:
    """Shows goals of a table to hold for ever. What takes too long is not said to hold."""

    def __init__(
        self,
        ghosts: Ghosts,
        seconds_max: float,
        samples: Samples | None = None,
        lemmas: Iterable[Property] = (),
        questions: Sequence[int] = (1_000,),
    ) -> None:
        """Lemmas are learnt from the samples, if there are any; those that are given are tried besides.

        The seconds are those in which this process thinks: what others take of the processors is not counted.

        `questions` says how many of them each goal is worth, in each round.
        """
        self.rounds = questions
        self.ghosts, self.views = ghosts, samples.views if samples else []
        self.until = process_time() + seconds_max
        self.texts = Texts()
        self.moves = tuple(Moves(ghosts, self.texts).all())
        self.clauses = Clauses(samples) if samples else None
        self.queries, self.queries_max, self.is_cut = 0, 0, False
        self._looks: dict[str, Breaker] = {}
        self.given = [each for each in map(Always, lemmas) if not self._is_broken(each)]
        self.believed: dict[str, Always] = {}
        """What is assumed before a move: nothing of it is shown yet."""
        self.given_up: set[str] = set()
        self._leant: set[str] = set()
        """What the goal that is attempted leans on so far: it costs nothing to lean on that again."""
        self._asked: dict[int, _Asked] = {}
        self._concerned: dict[str, tuple[int, ...]] = {}
        """Which moves can make a difference to a goal."""
        self._usual: dict[str, dict[tuple[str, tuple[int, ...]], Told]] = {}
        """What settled a goal for some move, and of whom: it often does for the next one."""
        self._kept: dict[str, dict[int, frozenset[str]]] = {}
        """Goal and move: what had to be believed for the one to be kept by the other."""

    def solver(self) -> z3.Solver:
        """A solver that knows nothing yet."""
        found = z3.SimpleSolver()
        found.set("rlimit", QUERY_EFFORT)
        return found

    def decide(self, goals: Sequence[Goal]) -> Found:
        """Which goals hold for ever, as far as the solver can tell."""
        found, began = Found(), process_time()
        asked: list[Goal] = []
        for goal in goals:
            because = self._at_once(goal)
            if because:
                found.open[goal.name] = because
            else:
                asked.append(goal)
        left = {goal.name: "" for goal in asked}
        for queries_max in self.rounds:
            if left:
                left = self._round(asked, queries_max)
        found.open |= left
        for goal in asked:
            if goal.name not in left:
                leant = self._leaning(goal)
                found.proved[goal.name] = tuple(self.believed[name].claim for name in leant if name != goal.name)
        found.queries, found.is_cut, found.seconds = self.queries, self.is_cut, process_time() - began
        return found

    def _round(self, asked: Sequence[Goal], queries_max: int) -> dict[str, str]:
        """Attempts every goal with so many questions for each; gives those that are left open, and why."""
        self.given_up.clear()
        self.believed |= {goal.name: goal for goal in asked if isinstance(goal, Always)}
        self.believed |= {lemma.name: lemma for lemma in self.given if self._is_known_at_first(lemma)}
        left: dict[str, str] = {}
        while waiting := [goal for goal in asked if goal.name not in left and self._open_question(goal) is not None]:
            for goal in waiting:
                because = self._attempt(goal, queries_max)
                if because:
                    left[goal.name] = because
                    self._give_up(goal.name)
                self._forget([each for each in asked if each.name not in left])
        return left

    def _forget(self, goals: Sequence[Goal]) -> None:
        """Believes no lemma any more that nothing shown leans on."""
        kept = {each.name for each in (*self.given, *goals)}
        for goal in goals:
            if self._open_question(goal) is None:
                kept.update(self._leaning(goal))
        self.believed = {name: belief for name, belief in self.believed.items() if name in kept}
        self.given_up -= {name for name in self.given_up if name.startswith(LEMMA)}
        self._keep(lambda name, core: name in kept and core <= self.believed.keys())

    def _keep(self, is_so: Callable[[str, frozenset[str]], bool]) -> None:
        """Forgets what was found out of a goal and a move, except where it is so of the goal and what it took."""
        self._kept = {
            name: {number: core for number, core in moves.items() if is_so(name, core)}
            for name, moves in self._kept.items()
        }

    # One goal.

    def _at_once(self, goal: Goal) -> str:
        """Why the goal cannot be shown, if that needs no induction."""
        if not isinstance(goal, Always):
            return ""
        if self._is_broken(goal):
            return "it does not hold for every number of instances"
        return "" if self._is_known_at_first(goal) else "it is not known to hold at the start"

    def _is_broken(self, belief: Always) -> bool:
        """Whether some system that runs reach breaks it."""
        look = self._look(belief)
        return any(look(view) for view in self.views)

    def _attempt(self, goal: Goal, questions: int) -> str:
        """Shows the goal, and whatever its proof leans on; else says why not."""
        self.queries_max, given_up = self.queries + questions, 0
        while (question := self._open_question(goal)) is not None:
            asked, number = question
            self._leant = {*self._leaning(goal)}
            if self.queries > self.queries_max or self._left() <= 0:
                return "the time is over"
            because = self._ask(asked, number)
            if not because:
                continue
            if asked.name == goal.name:
                return because
            self._give_up(asked.name)
            given_up += 1
            if given_up > GIVEN_UP_MAX:
                return because
        return ""

    def _open_question(self, goal: Goal) -> tuple[Goal, int] | None:
        """The first goal and move, among those that the goal leans on, that nobody has looked into."""
        for name in self._leaning(goal):
            needed = goal if name == goal.name else self.believed[name]
            kept = self._kept.get(name, {})
            for number in self._concerning(needed):
                if number not in kept:
                    return needed, number
        return None

    def _concerning(self, goal: Goal) -> tuple[int, ...]:
        """The moves that can make a difference to the goal."""
        if goal.name not in self._concerned:
            found = (number for number, move in enumerate(self.moves) if goal.concerns(move))
            self._concerned[goal.name] = tuple(found)
        return self._concerned[goal.name]

    def _leaning(self, goal: Goal) -> list[str]:
        """The goal, and what has to be shown with it."""
        found, waiting = {goal.name: None}, [goal]
        while waiting:
            needed = waiting.pop(0)
            for _, core in sorted(self._kept.get(needed.name, {}).items()):
                for name in sorted(core):
                    if name not in found:
                        found[name] = None
                        waiting.append(self.believed[name])
        return list(found)

    def _give_up(self, name: str) -> None:
        """Believes it no more, and asks again whatever leant on it."""
        self.given_up.add(name)
        self.believed.pop(name, None)
        self._keep(lambda kept, core: name not in core and kept != name)

    # One question: does the move keep the goal?

    def _ask(self, goal: Goal, number: int) -> str:
        """Finds out, and believes what it takes. Gives why that is not to be had."""
        move = self.moves[number]
        if number not in self._asked:
            self._asked[number] = _Asked(self, move)
        asked = self._asked[number]
        try:
            questions = asked.questions(goal)
        except Unencodable as refused:
            return f"the solver does not take on {refused.because}"
        needed: set[str] = set()
        for question in questions:
            because = self._answer(goal, asked, question, needed)
            if because:
                return because
        if not needed <= self.believed.keys():
            return ""  # something was given up meanwhile: ask again
        self._kept.setdefault(goal.name, {})[number] = frozenset(needed)
        return ""

    def _answer(self, goal: Goal, asked: _Asked, question: z3.BoolRef, needed: set[str]) -> str:
        """One way in which the goal may be broken; adds what had to be believed to show that it is not."""
        move, usual = asked.move, self._usual.setdefault(goal.name, {})
        asked.remind(goal, [each for each in usual.values() if each[0].name in self.believed])
        while self.queries <= self.queries_max:
            marks = asked.marks_of(self.believed)
            answer = self.check(asked.solver, *marks, question)
            if answer == z3.unsat:
                leant = self._least(asked, question, needed)
                needed |= leant
                usual |= {key: told for key, told in asked.told.items() if key[0] in leant}
                return ""
            if answer != z3.sat:
                return f"the solver gave up on: {move.name}"
            found = asked.found(goal)
            if found is None or self.told(self.believed.values(), asked, found):
                continue
            if not self._believe(goal, asked, question, found):
                return f"not kept by: {move.name}"
        return "the time is over"

    def _least(self, asked: _Asked, question: z3.BoolRef, needed: Collection[str]) -> set[str]:
        """What had to be believed to settle the question: none of it is too many, unless it is needed anyway."""
        leant = asked.core(question)
        for name in sorted(leant - self._leant - {*needed}):
            others = [other for other in self.believed if other in leant and other != name]
            if name in leant and self.check(asked.solver, *asked.marks_of(others), question) == z3.unsat:
                leant = asked.core(question)
        return leant

    def _believe(self, goal: Goal, asked: _Asked, question: z3.BoolRef, found: Decoded) -> bool:
        """Believes lemmas with which the question has no counterexample; says whether there are any."""
        if self.clauses is None:
            return False
        open_ = _Question(self, goal, asked, question)
        chosen = settled(open_, found, self.clauses, self.believed, self.given_up)
        for name, belief in chosen.items():
            if self._is_known_at_first(belief):
                self.believed[name] = belief
            else:
                self.given_up.add(name)
        return bool(chosen)

    def told(self, beliefs: Iterable[Always], asked: _Asked, found: Decoded) -> bool:
        """Tells the solver what these say of instances that it has got wrong; False if it has got none wrong."""
        told = False
        for belief in beliefs:
            for binding in self._look(belief)(found.view):
                told |= asked.tell(belief, binding, found)
        return told

    def is_worth_asking(self) -> bool:
        """Whether there are questions left."""
        return self.queries <= self.queries_max

    def _is_known_at_first(self, belief: Always) -> bool:
        first = FirstSystem(self.ghosts.table, self.texts)
        try:
            goal = holds(belief.claim, first, witnesses(belief.claim), self.texts)
        except Unencodable:
            return False
        solver = self.solver()
        solver.add(z3.Not(goal))
        return bool(self.check(solver) == z3.unsat)

    def _look(self, belief: Always) -> Breaker:
        if belief.name not in self._looks:
            self._looks[belief.name] = breaker(self.ghosts.table, belief.claim)
        return self._looks[belief.name]

    def check(self, solver: z3.Solver, *assumptions: z3.BoolRef) -> z3.CheckSatResult:
        """What the solver says within its time; `unknown` when ours is over."""
        if self._left() <= 0:
            return z3.unknown
        self.queries += 1
        answer = solver.check(*assumptions)
        self.is_cut |= answer == z3.unknown
        return answer

    def _left(self) -> float:
        left = self.until - process_time()
        self.is_cut |= left <= 0
        return left


class _Question:
    """One way in which a move may break a goal, as those ask it who look for lemmas."""

    def __init__(self, induction: Induction, goal: Goal, asked: _Asked, broken: z3.BoolRef) -> None:
        self.induction, self.goal, self.asked, self.broken = induction, goal, asked, broken

    def ask(self, beliefs: Iterable[str]) -> z3.CheckSatResult:
        """Whether there is a counterexample in which these hold, as far as they were told."""
        return self.induction.check(self.asked.solver, *self.asked.marks_of(beliefs), self.broken)

    def is_worth_asking(self) -> bool:
        """Whether there is time for another counterexample."""
        return self.induction.is_worth_asking()

    def counterexample(self) -> Decoded | None:
        """The last one; None if the solver has to be asked anew."""
        return self.asked.found(self.goal)

    def tell(self, beliefs: Iterable[Always], found: Decoded) -> bool:
        """Says what they mean for what they get wrong in the counterexample; False if nothing was left to say."""
        return self.induction.told(beliefs, self.asked, found)

    def fields(self) -> frozenset[tuple[str, str]]:
        """On which fields it hangs."""
        return frozenset(self.asked.move.before.asked)


class _Asked:
    """One move, and a solver that knows it."""

    def __init__(self, induction: Induction, move: Move) -> None:
        self.ghosts, self.move, self.texts = induction.ghosts, move, induction.texts
        self.solver = induction.solver()
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
                for other in idents:
                    both = z3.And(there, before.exists(place.name, other), other != ident)
                    same = before.read(place.name, other, OWNER)[0] == owner
                    self.solver.add(z3.Implies(z3.And(both, same), held >= 2))
                for entity, unborn in self.move.unborn:
                    if isinstance(place.template, Spawn) and place.template.entity == entity:
                        is_pending = before.read(place.name, ident, "state")[0] == 0
                        self.solver.add(z3.Not(z3.And(is_pending, before.read(place.name, ident, TO)[0] == unborn)))

    def add_facts(self) -> bool:
        """What is known of every value that was read: that it is of its type. False if nothing is new."""
        facts = self.move.before.facts
        fresh = facts[self._facts :]
        self.solver.add(*fresh)
        self._facts = len(facts)
        return bool(fresh)
