"""Walking a trace on the real `step`: every cell after each step, and where a trace parts from the table, why.

`replay` says whether a trace is a run and what its end shows. This goes along with the reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temper.machine import Step, System, Trace, TraceStep, TransitionTable, Universe, next_steps, start
from temper.verify.explicit.tracing import trace_of
from temper.verify.parting import Parting, parting


@dataclass(frozen=True, slots=True)
class Walk:
    """The systems that the trace went through: the first, and the one after each step that could be taken."""

    systems: tuple[System, ...]
    parted: Parting | None
    """Where and why it could not go on; None if every step was taken."""


def walk(table: TransitionTable, trace: Trace, *, universe: Universe) -> Walk:
    """Take the steps of the trace from the usual start for as long as the table has them.

    >>> from temper.machine import Trace, TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> len(walk(empty, Trace((), ()), universe=universe(empty)).systems)
    1
    """
    paths: list[tuple[System, ...]] = [(start(table, universe),)]
    for number, told in enumerate(trace.steps, 1):
        is_last = number == len(trace.steps)
        further = [
            (*path, after) for path in paths for after in _taken(table, path[-1], told, universe, is_last=is_last)
        ]
        if not further:
            return Walk(paths[0], parting(table, paths[0][-1], told, number, universe=universe))
        paths = further
    ends = [path for path in paths if path[-1].cells == trace.final]
    if ends or trace.steps:
        return Walk((ends or paths)[0], None if ends else _other_end(trace))
    return Walk(paths[0], _other_end(trace))


def _taken(
    table: TransitionTable, system: System, told: TraceStep, universe: Universe, *, is_last: bool
) -> Iterator[System]:
    """Where the told step leads. The last one may go beyond the universe: a violation may lie on its way."""
    for found in next_steps(table, system, universe):
        after = found.system if isinstance(found, Step) else system
        followed = isinstance(found, Step) or is_last
        if followed and trace_of(table, system, (Step(found.label, after),)).steps == (told,):
            yield after


def _other_end(trace: Trace) -> Parting:
    return Parting(max(1, len(trace.steps)), "its cells at the end are others than those that the trace names")
