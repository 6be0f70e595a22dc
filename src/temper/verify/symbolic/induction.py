"""Invariants by induction: what holds at the start and is kept by every move holds for ever, however many there are.

A goal is asked of each move that can make a difference to it, with everything that is still believed assumed of the
system before: other properties, and lemmas. Where the solver finds a counterexample, it is a system that somebody
should show to be out of reach: `clauses` gives lemmas that exclude it, the first of them is believed, and has to be
shown in turn. A lemma for which that fails is given up, and with it all that leant on it. What is left in the end
holds together: it is inductive (Bradley, *SAT-based model checking without unrolling*, 2011, with lemmas learnt from
samples). That a goal is given up refutes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from time import process_time

import z3

from temper.machine import Breaker, Property, breaker
from temper.verify.symbolic.asked import Asked, Told
from temper.verify.symbolic.clauses import LEMMA, Clauses
from temper.verify.symbolic.counterexample import Decoded
from temper.verify.symbolic.ghosts import Ghosts
from temper.verify.symbolic.goals import Always, Goal, holds, witnesses
from temper.verify.symbolic.moves import Moves
from temper.verify.symbolic.samples import Samples
from temper.verify.symbolic.settling import settled
from temper.verify.symbolic.shapes import Texts, Unencodable
from temper.verify.symbolic.system import FirstSystem

QUERY_EFFORT = 5_000_000
"""How hard the solver thinks about one question, in its own unit: two seconds or so, and the same on any machine."""
GIVEN_UP_MAX = 12
"""After so many lemmas that came to nothing a goal is left open."""


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
        self._asked: dict[int, Asked] = {}
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
            self._asked[number] = Asked(self.ghosts, self.texts, move, self.solver())
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

    def _answer(self, goal: Goal, asked: Asked, question: z3.BoolRef, needed: set[str]) -> str:
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

    def _least(self, asked: Asked, question: z3.BoolRef, needed: Collection[str]) -> set[str]:
        """What had to be believed to settle the question: none of it is too many, unless it is needed anyway."""
        leant = asked.core(question)
        for name in sorted(leant - self._leant - {*needed}):
            others = [other for other in self.believed if other in leant and other != name]
            if name in leant and self.check(asked.solver, *asked.marks_of(others), question) == z3.unsat:
                leant = asked.core(question)
        return leant

    def _believe(self, goal: Goal, asked: Asked, question: z3.BoolRef, found: Decoded) -> bool:
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

    def told(self, beliefs: Iterable[Always], asked: Asked, found: Decoded) -> bool:
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

    def __init__(self, induction: Induction, goal: Goal, asked: Asked, broken: z3.BoolRef) -> None:
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
