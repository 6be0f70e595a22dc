"""What settles a question: candidates are assumed together until no counterexample is left, and then as few as will do.

A lemma that excludes one counterexample may say nothing of the next, and most of those that exclude one have little to
do with the question. So nothing is believed of it at first: whatever excludes a counterexample is assumed, and the
solver asked for another one, until it has none. Only then is it known which of them matter: the simplest that are
enough (Junker, *QuickXplain: preferred explanations and relaxations for over-constrained problems*, 2004).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol

import z3

from temper.verify.symbolic.clauses import Clauses
from temper.verify.symbolic.counterexample import Decoded
from temper.verify.symbolic.goals import Always

TRIED_MAX = 16
"""So many lemmas against one counterexample are enough."""


class Question(Protocol):
    """What is settled by what excludes all of its counterexamples."""

    def ask(self, beliefs: Iterable[str], /) -> z3.CheckSatResult:
        """Whether there is a counterexample in which these hold, as far as they were told."""
        ...

    def is_worth_asking(self) -> bool:
        """Whether there is time for another counterexample."""
        ...

    def counterexample(self) -> Decoded | None:
        """The last one; None if the solver has to be asked anew."""
        ...

    def tell(self, beliefs: Iterable[Always], found: Decoded, /) -> bool:
        """Says what they mean for what they get wrong in the counterexample; False if nothing was left to say."""
        ...

    def fields(self) -> frozenset[tuple[str, str]]:
        """On which fields it hangs."""
        ...


def settled(
    question: Question,
    found: Decoded,
    clauses: Clauses,
    believed: Mapping[str, Always],
    given_up: Collection[str],
) -> dict[str, Always]:
    """Lemmas with which the question has no counterexample, beside what is believed; none if there are none.

    `found` is a counterexample in which everything holds that is believed.
    """
    pool: dict[str, Always] = {}
    weights: dict[str, int] = {}
    answer = z3.sat
    while answer == z3.sat:
        known = {*believed, *given_up, *pool}
        excluding = clauses.excluding(found, question.fields())
        fresh = [*islice(((weight, lemma) for weight, lemma in excluding if lemma.name not in known), TRIED_MAX)]
        if not fresh:
            return {}
        weights |= {lemma.name: weight for weight, lemma in fresh}
        pool |= {lemma.name: Always(lemma) for _, lemma in fresh}
        question.tell(pool.values(), found)
        answer, found = _another(question, {**believed, **pool}, found)
    if answer != z3.unsat:
        return {}
    ranked = sorted(pool, key=lambda name: (weights[name], name))
    return {name: pool[name] for name in _simplest(question, [*believed], ranked)}


def _another(question: Question, beliefs: Mapping[str, Always], found: Decoded) -> tuple[z3.CheckSatResult, Decoded]:
    """A counterexample that none of the beliefs excludes, if there is one."""
    while question.is_worth_asking():
        answer = question.ask(beliefs)
        if answer != z3.sat:
            return answer, found
        other = question.counterexample()
        if other is not None and not question.tell(beliefs.values(), found := other):
            return answer, found
    return z3.unknown, found


def _simplest(question: Question, believed: Sequence[str], ranked: Sequence[str]) -> list[str]:
    """Of candidates that settle a question together, the simplest first, some that do; none of them is too many."""
    needed: list[str] = []
    while question.ask([*believed, *needed]) != z3.unsat:
        low, high = 0, len(ranked)  # the first `high` settle it, and the first `low` do not
        while high - low > 1:
            middle = (low + high) // 2
            if question.ask([*believed, *needed, *ranked[:middle]]) == z3.unsat:
                high = middle
            else:
                low = middle
        if not high:
            break
        needed.append(ranked[high - 1])
        ranked = ranked[: high - 1]
    return needed
