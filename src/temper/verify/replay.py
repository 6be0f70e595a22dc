"""Replaying a trace: the same labels through the same relation, and what the end of it shows.

A counterexample is worth something because anybody can repeat it. This looks at a trace afresh, with nothing of the
search that found it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from temper.machine import (
    Cut,
    Message,
    PropertyKind,
    Refusal,
    Step,
    System,
    Trace,
    TransitionTable,
    Universe,
    holder,
    next_steps,
    start,
    step_holder,
)
from temper.verify.obligations import moving_states, violated
from temper.verify.replay_loop import broken, is_told, lassos


@dataclass(frozen=True, slots=True)
class Replayed:
    """The trace is a run. `shows` names what its end violates, each `possible` that it reaches, and broken promises."""

    final: System
    shows: frozenset[str]


@dataclass(frozen=True, slots=True)
class Diverged:
    """The trace is no run of this table: no step of the relation is its step number `at` (from 1).

    An infinite one whose loop does not close is none, either, at its last step.
    """

    at: int


Path = tuple[System, Step | Cut | None, System]
"""Before the last step, the last step, after it."""


def replay(
    table: TransitionTable,
    trace: Trace,
    *,
    universe: Universe,
    starts: Iterable[System] = (),
    loosely: bool = False,
) -> Replayed | Diverged:
    """Take every step of the trace, from the usual start or one of `starts`, and look at where it ends.

    A trace of another table is replayed `loosely`: the same has to happen, by the same people and with the same
    arguments, and may change something else.

    >>> from temper.machine import Trace, TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> replay(empty, Trace((), ()), universe=universe(empty)).shows
    frozenset()
    """
    begins = (start(table, universe), *starts)
    if trace.loop is not None:
        return _replayed_for_ever(table, trace, universe, begins, loosely=loosely)
    paths: list[Path] = [(system, None, system) for system in begins]
    for number, told in enumerate(trace.steps, 1):
        is_last = number == len(trace.steps)
        paths = [
            found
            for _, _, system in paths
            for found in _taken(table, system, universe, is_last=is_last)
            if is_told(table, system, _as_step(found), told, loosely=loosely)
        ]
        if not paths:
            return Diverged(number)
    ends = [path for path in paths if loosely or path[2].cells == trace.final]
    if not ends:
        return Diverged(len(trace.steps))
    shown = [frozenset(_shows(table, path)) for path in ends]
    return Replayed(ends[0][2], frozenset().union(*shown))


def _replayed_for_ever(
    table: TransitionTable, trace: Trace, universe: Universe, begins: tuple[System, ...], *, loosely: bool
) -> Replayed | Diverged:
    """An infinite run closes on the system in which it began to repeat, and shows the promises that it breaks."""
    found = lassos(table, trace, universe, begins, loosely=loosely)
    if isinstance(found, int):
        return Diverged(found)
    shown = [frozenset(broken(table, lasso, universe)) for lasso in found]
    return Replayed(found[0].systems[-1], frozenset().union(*shown))


def _taken(table: TransitionTable, system: System, universe: Universe, *, is_last: bool) -> Iterator[Path]:
    """Every step; at the end of a trace also those beyond the universe, since a violation may lie on their way."""
    for step in next_steps(table, system, universe):
        if isinstance(step, Step):
            yield system, step, step.system
        elif is_last:
            yield system, step, system


def _as_step(path: Path) -> Step:
    _, step, after = path
    assert step is not None, "a path is looked at after a step"
    return Step(step.label, after)


def _shows(table: TransitionTable, path: Path) -> Iterator[str]:
    before, step, after = path
    if step is not None:
        consumed = step.timing.consumed if isinstance(step, Step) else None
        yield from (violated(table, violation, consumed) for violation in step.violations)
    for property_ in table.properties:
        if property_.kind is PropertyKind.STEP:
            if isinstance(step, Step) and step.label.case is not None:
                label = step.label
                seen = (before.view, after.view, label.address, label.action, dict(label.args))
                if step_holder(table, property_)(*seen) is not None:
                    yield property_.name
        elif property_.kind is not PropertyKind.EVENTUALLY and holder(table, property_)(after.view) is not None:
            yield property_.name
    yield from stuck(table, after)


def stuck(table: TransitionTable, system: System) -> Iterator[str]:
    """Where nothing comes by itself: no armed timer, and no delivery from or to the instance."""
    moving = {(entity.name, state) for entity in table.entities for state in moving_states(entity)}
    busy = {effect.owner for effect in system.effects}
    for mail in system.mail:
        busy |= {mail.of.owner} if isinstance(mail, Refusal) else {mail.owner}
        busy |= {mail.receiver} if isinstance(mail, Message) else set()
    for cell in system.cells:
        if (cell.entity, cell.control) in moving and not cell.timers and cell.address not in busy:
            yield f"moves:{cell.entity}.{cell.control}"
