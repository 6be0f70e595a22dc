"""Promises about the future: `whenever … eventually …`, decided on the explored graph (semantics.md sections 5 and 6).

For each binding, the states are taken in which the promise is open: those where `whenever` holds, and whatever can
be reached from them, as long as the goal does not hold. A fair component among them is a counterexample, if times
can be found for a lasso into it. States with a step that was cut belong to no counterexample, and as long as there
are any the promise is not known to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import inf

from temper.machine import (
    Property,
    PropertyKind,
    Refuted,
    Step,
    System,
    Trace,
    TransitionTable,
    Unknown,
    concrete,
    rhythm,
    text,
)
from temper.verify.explicit.deadline import Deadline, OutOfTime
from temper.verify.explicit.exploration import Followed
from temper.verify.explicit.fairness import Fairness, assumed_by
from temper.verify.explicit.graph import Graph
from temper.verify.explicit.lasso import Walk, WayIn, fair_loop, ways_in
from temper.verify.explicit.terrain import ASKED, MET, Fair, Open, PlainTerrain, Terrain
from temper.verify.explicit.tracing import trace_of
from temper.verify.model import Transition
from temper.verify.reductions import AstrayError
from temper.verify.substitution import as_written

WAYS_MAX = 16
"""How many ways into a fair component are compared, the shortest first, each with its loop."""

Grounds = Callable[[Graph, Deadline], Terrain]
"""Gives the terrain on which promises are decided."""


@dataclass(slots=True)
class Kept:
    """What the search says of one promise. No verdict: nothing speaks against it."""

    verdict: Refuted | Unknown | None = None
    cuts: tuple[tuple[str, str], ...] = ()
    """Where steps were cut while the promise was open."""
    vacuous: str = ""
    """The premise, if it never comes."""


class Liveness:
    """Decides the promises of one table on an exploration from the usual start."""

    def __init__(
        self,
        table: TransitionTable,
        exploration: Followed,
        seconds_max: float,
        grounds: Grounds | None = None,
        *,
        is_sliced: bool = False,
    ) -> None:
        self.table, self.exploration, self.is_sliced = table, exploration, is_sliced
        self.properties = [p for p in table.properties if p.kind is PropertyKind.EVENTUALLY]
        self.graph = Graph(exploration, Fairness(table, assumed_by(self.properties)))
        self.deadline = Deadline(seconds_max)
        self.terrain: Terrain = (
            PlainTerrain(table, exploration, self.graph, self.deadline)
            if grounds is None
            else grounds(self.graph, self.deadline)
        )

    def decide(self) -> Iterator[tuple[Property, Kept]]:
        """Each promise with what is known of it."""
        for property_ in self.properties:
            kept = Kept()
            try:
                self._decide(property_, kept)
            except OutOfTime:
                self._stop(kept, f"{self.deadline.seconds_max:g} s are over")
            except MemoryError:
                self._stop(kept, "there is no more memory")
            except KeyboardInterrupt:
                self.deadline.end()
                self._stop(kept, "interrupted")
            yield property_, kept

    def _stop(self, kept: Kept, why: str) -> None:
        """Leaves the promise open, unless a run that breaks it was found by then."""
        if not isinstance(kept.verdict, Refuted):
            kept.verdict = Unknown(f"budget: {why}, while looking for a run that never gets there")

    def _decide(self, property_: Property, kept: Kept) -> None:
        premise = False
        for binding, flags in sorted(self.terrain.marked(property_).items()):  # whatever the order of states
            premise = premise or any(flag & ASKED for flag in flags)
            if ASKED in flags and not isinstance(kept.verdict, Refuted):
                self._look(Open(property_, binding, flags), kept)
        if not premise:
            kept.vacuous = text(as_written(property_.body if property_.whenever is None else property_.whenever))

    def _look(self, open_: Open, kept: Kept) -> None:
        """Look for a lasso that leaves the promise open for this binding."""
        fair = self.terrain.fair(open_)
        kept.cuts = tuple(dict.fromkeys((*kept.cuts, *fair.cuts)))
        if fair.where:
            if self.is_sliced:
                raise AstrayError
            kept.verdict = self._lasso(open_, fair) or kept.verdict or SPURIOUS

    # From a fair component to a run.

    def _lasso(self, open_: Open, fair: Fair) -> Refuted | None:
        """The refutation by the first lasso for which there are times."""
        nodes, strong = fair.nodes, self.graph.strong(open_.property)
        asked = (number for number, flag in enumerate(open_.flags) if flag == ASKED)
        begins = {number: self.exploration.depth(number) for number in asked if number in nodes}
        found: list[tuple[WayIn, Walk]] = []
        longest = inf
        for way in islice(ways_in(nodes, begins, fair.where), WAYS_MAX):
            if way.length > longest:
                break
            owed = nodes[way.state].owed & self.graph.weak(open_.property)
            loop = fair_loop(nodes, fair.where[way.state], way.state, weak=owed, strong=strong)
            found.append((way, loop))
            longest = min(longest, way.length + len(loop))
        for way, loop in sorted(found, key=lambda lasso: (lasso[0].length + len(lasso[1]), lasso[0].length)):
            refuted = self._refuted(open_, way, loop)
            if refuted is not None:
                return refuted
        return None

    def _refuted(self, open_: Open, way: WayIn, loop: Walk) -> Refuted | None:
        """The refutation by this lasso; None if no times fit it."""
        reached = self.exploration.run(way.begin)
        stem = [*map(_machine_step, reached), *(self.graph.step(*edge) for edge in way.walk)]
        rounds = [self.graph.step(*edge) for edge in loop]
        times = rhythm(self.table, stem, rounds) if rounds else concrete(self.table, stem)
        if times is None:
            return None
        begin = self.exploration.path(way.begin)[0]
        trace = trace_of(self.table, begin, (*stem, *rounds), len(stem))
        return Refuted(_because(open_, self._asked(open_, begin, stem), trace), trace)

    def _asked(self, open_: Open, begin: System, stem: list[Step]) -> int:
        """How many steps it takes until the premise holds and the goal never does again."""
        flags = [open_.flags[self.exploration.number(system)] for system in (begin, *(step.system for step in stem))]
        last_met = max((place for place, flag in enumerate(flags) if flag & MET), default=-1)
        return next(place for place, flag in enumerate(flags) if place > last_met and flag & ASKED)


SPURIOUS = Unknown(
    "spurious step: a loop of the model never gets there, but no times with a period fit its steps and the way to it"
)


def _machine_step(step: Transition[System]) -> Step:
    assert isinstance(step, Step), "a table's relation takes the machine's own steps"
    return step


def _because(open_: Open, asked: int, trace: Trace) -> str:
    """What was promised and when, and how it fails to come."""
    property_ = open_.property
    goal = text(as_written(property_.body))
    premise = "it is owed" if property_.whenever is None else f"`{text(as_written(property_.whenever))}` holds"
    return f"{_when(asked)} {premise}, and `{goal}` never comes: {_how(trace)}{_whose(open_)}"


def _when(steps: int) -> str:
    return f"after {_steps(steps)}" if steps else "at the very start"


def _how(trace: Trace) -> str:
    loop = trace.loop
    assert loop is not None, "a promise is broken by an infinite run"
    if loop == len(trace.steps):
        return f"{_when(len(trace.steps))} nothing more has to happen"
    if loop == len(trace.steps) - 1:
        return f"step {len(trace.steps)} repeats for ever"
    return f"steps {loop + 1} to {len(trace.steps)} repeat for ever"


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"


def _whose(open_: Open) -> str:
    entities = dict(open_.property.variables)
    said = [f"{name} is {entities[name]} {ident}" for name, ident in open_.binding if entities[name] != ident]
    return f", where {', '.join(said)}" if said else ""
