"""Replaying an infinite run: whether its loop closes, whether it is fair, and which promises it breaks.

Like `replay` this looks afresh. It knows what a state owes and a step pays, and nothing of graphs and components.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from temper.machine import (
    Cut,
    Property,
    PropertyKind,
    Step,
    System,
    Trace,
    TraceStep,
    TransitionTable,
    Universe,
    concrete,
    next_steps,
    promises,
    rhythm,
)
from temper.verify.explicit.fairness import Debt, Fairness
from temper.verify.explicit.tracing import trace_of


@dataclass(frozen=True, slots=True)
class Lasso:
    """An infinite run: the systems that it goes through, the last one being that of number `loop` again."""

    systems: tuple[System, ...]
    steps: tuple[Step, ...]
    loop: int

    @property
    def repeated(self) -> tuple[System, ...]:
        """The systems that come again and again: of a run that stutters, the one in which it does."""
        return self.systems[self.loop : len(self.steps)] or self.systems[-1:]


Run: TypeAlias = tuple[tuple[System, ...], tuple[Step, ...]]


def lassos(
    table: TransitionTable, trace: Trace, universe: Universe, starts: Iterable[System], *, loosely: bool = False
) -> tuple[Lasso, ...] | int:
    """Every run that the infinite trace may stand for, or the number of the step (from 1) where there is none."""
    assert trace.loop is not None, "a finite trace has no loop"
    runs: list[Run] = [((system,), ()) for system in starts]
    for number, told in enumerate(trace.steps, 1):
        runs = [
            ((*systems, step.system), (*steps, step))
            for systems, steps in runs
            for step in next_steps(table, systems[-1], universe)
            if isinstance(step, Step) and is_told(table, systems[-1], step, told, loosely=loosely)
        ]
        if not runs:
            return number
    closed = tuple(
        Lasso(systems, steps, trace.loop)
        for systems, steps in runs
        if (loosely or systems[-1].cells == trace.final) and systems[-1] == systems[trace.loop]
    )
    return closed or len(trace.steps)


def is_told(table: TransitionTable, before: System, step: Step, told: TraceStep, *, loosely: bool) -> bool:
    """Whether the trace tells of this step: with all it changed, or `loosely` of what happened alone."""
    if loosely:
        return replace(step.label, case=None) == replace(told.label, case=None)
    return trace_of(table, before, (step,)).steps == (told,)


def broken(table: TransitionTable, lasso: Lasso, universe: Universe) -> Iterator[str]:
    """The promises that are asked for in this run and never met, if it is fair and there are times for it."""
    for property_ in table.properties:
        if property_.kind is PropertyKind.EVENTUALLY and _is_broken(table, property_, lasso, universe):
            yield property_.name


def _is_broken(table: TransitionTable, property_: Property, lasso: Lasso, universe: Universe) -> bool:
    is_fair_and_open = _is_open(table, property_, lasso) and _is_fair(table, property_, lasso, universe)
    return is_fair_and_open and _is_timed(table, lasso)


def _is_timed(table: TransitionTable, lasso: Lasso) -> bool:
    """Whether there are times for it, without end."""
    stem, repeats = lasso.steps[: lasso.loop], lasso.steps[lasso.loop :]
    return (rhythm(table, stem, repeats) if repeats else concrete(table, stem)) is not None


def _is_open(table: TransitionTable, property_: Property, lasso: Lasso) -> bool:
    """Whether some binding is asked for and not met there or in any system that comes later."""
    look = promises(table, property_)
    seen = [look(system.view) for system in lasso.systems]
    met_later = {binding for _, met in seen[lasso.loop :] for binding in met}
    waiting = {binding for asked, _ in seen[lasso.loop :] for binding in asked} - met_later
    for asked, met in reversed(seen[: lasso.loop]):
        met_later.update(met)
        waiting.update(binding for binding in asked if binding not in met_later)
    return bool(waiting)


def _is_fair(table: TransitionTable, property_: Property, lasso: Lasso, universe: Universe) -> bool:
    """Whether nothing stays unpaid in the part that repeats, no outcome is asked for in vain, and nothing is cut."""
    fairness = Fairness(table, property_.assuming)
    unpaid: set[Debt] | None = None
    for system in lasso.repeated:
        following = tuple(next_steps(table, system, universe))
        if any(isinstance(step, Cut) for step in following):
            return False
        owed = set(fairness.debts(system, following))
        unpaid = owed if unpaid is None else unpaid & owed
    assert unpaid is not None, "something repeats"
    taken = list(zip(lasso.systems[lasso.loop :], lasso.steps[lasso.loop :], strict=False))
    paid = {debt for before, step in taken for debt in fairness.paid(before, step)}
    asked = {each for _, step in taken for each in fairness.asked(step)}
    kept = {each for _, step in taken for each in fairness.kept(step)}
    return not unpaid - paid and asked <= kept
