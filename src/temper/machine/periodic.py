"""Whether a loop of the search can be run for ever: times for every round of it, with time passing in each.

A run that repeats the same steps needs times without end. Looked for are those that come back after a fixed period:
what holds between two steps of one round then holds between them in every round, so that finitely many differences
say everything. The period is at least a millisecond, so time passes without end, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from temper.machine.concrete import BEGINNING, Apart, constraints_from_start
from temper.machine.successor import Step
from temper.machine.table import TransitionTable

PERIODS_MAX = 100
"""How many periods are tried; each is the least that the ones before do not rule out."""


class Rhythm(NamedTuple):
    """Times in milliseconds of the stem and of the first round, and how much later each further round is."""

    times: tuple[int, ...]
    period: int


class Folded(NamedTuple):
    """`later` is at least `gap` milliseconds after `earlier`, less a period for each round that lies between."""

    earlier: int
    later: int
    gap: int
    rounds: int

    def at(self, period: int) -> int:
        return self.gap - self.rounds * period


def rhythm(table: TransitionTable, stem: Sequence[Step], loop: Sequence[Step]) -> Rhythm | None:
    """Times at which the stem and then the loop, again and again, are a run; None if none with a period are found.

    Every timer that stays armed must be fired or restarted within the loop, as fairness asks, and every delivery
    that stays pending be taken: then what a round depends on lies few rounds back.
    """
    assert loop, "a run that stutters needs no rhythm"
    pending = max(len(step.system.pending) for step in loop)
    rounds = 3 + pending
    unrolled = [*stem, *tuple(loop) * rounds]
    constraints = {_folded(apart, len(stem), len(loop)) for apart in constraints_from_start(table, unrolled)}
    size = len(stem) + len(loop)
    constraints |= {Folded(BEGINNING, moment, 0, 0) for moment in range(size)}
    return _solved(size, sorted(constraints))


def _folded(apart: Apart, stem: int, loop: int) -> Folded:
    """The constraint between steps of the first round."""
    earlier, round_of_earlier = _place(apart.earlier, stem, loop)
    later, round_of_later = _place(apart.later, stem, loop)
    return Folded(earlier, later, apart.gap, round_of_later - round_of_earlier)


def _place(moment: int, stem: int, loop: int) -> tuple[int, int]:
    if moment < stem:
        return moment, 0
    rounds, step = divmod(moment - stem, loop)
    return stem + step, rounds


def _solved(size: int, constraints: list[Folded]) -> Rhythm | None:
    """The least period from 1 that fits. A cycle of gaps rules out every period below a bound, or all that are left."""
    period = 1
    for _ in range(PERIODS_MAX):
        times = dict.fromkeys((BEGINNING, *range(size)), 0)
        cycle = _relaxed(times, constraints, period)
        if cycle is None:
            return Rhythm(tuple(times[moment] - times[BEGINNING] for moment in range(size)), period)
        rounds = sum(constraint.rounds for constraint in cycle)
        if rounds <= 0:
            return None
        period = -(-sum(constraint.gap for constraint in cycle) // rounds)
    return None


def _relaxed(times: dict[int, int], constraints: Iterable[Folded], period: int) -> list[Folded] | None:
    """Moves times up until every gap is kept, and gives None; or gives a cycle of gaps that contradicts itself."""
    because: dict[int, Folded] = {}
    moved: int | None = None
    for _ in range(len(times) + 1):
        moved = None
        for constraint in constraints:
            least = times[constraint.earlier] + constraint.at(period)
            if times[constraint.later] < least:
                times[constraint.later] = least
                because[constraint.later] = constraint
                moved = constraint.later
        if moved is None:
            return None
    assert moved is not None, "what still moves after so many rounds lies behind a cycle"
    for _ in range(len(times)):
        moved = because[moved].earlier
    cycle = [because[moved]]
    while cycle[-1].earlier != moved:
        cycle.append(because[cycle[-1].earlier])
    return cycle
