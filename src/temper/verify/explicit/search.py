"""The plain search of a table: every state within the universe, every question answered as far as it goes.

It is the oracle of faster engines: it follows `machine.next_steps` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

from temper.machine import Finding, PropertyKind, Refuted, SearchSummary, System, TransitionTable, Universe, Unknown
from temper.verify.budget import Budget
from temper.verify.explicit.abstraction import abstraction
from temper.verify.explicit.docket import Docket
from temper.verify.explicit.exploration import ENOUGH, INTERRUPTED, Exploration, Explored, Followed, Progress, explore
from temper.verify.explicit.liveness import Grounds, Kept, Liveness
from temper.verify.explicit.verdicts import Ending
from temper.verify.model import Model, TableModel
from temper.verify.reductions import NO_REDUCTIONS, AstrayError, Reduced, Reductions

MOMENT_SECONDS = 5.0
"""How long a search that was stopped still looks for infinite runs in what it has seen."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one engine found out about one table within one universe."""

    findings: tuple[Finding, ...]
    search: SearchSummary
    scope: str
    """The universe in words."""
    notes: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    """The packages that had a say in it besides."""
    loose: tuple[tuple[str, str], ...] = ()
    """Of a search that is not complete: (property, part), where the part could be anything in every state seen."""


def search(
    table: TransitionTable,
    *,
    universe: Universe,
    budget: Budget | None = None,
    starts: Iterable[System] = (),
    progress: Progress | None = None,
    model: Model[System] | None = None,
    reductions: Reductions = NO_REDUCTIONS,
) -> Report:
    """Search the table's whole relation within the universe and report on everything it owes.

    `starts` are further systems in which runs begin, such as the images of live instances: the verdicts then cover
    the runs from them too, while what has to be possible is still owed from the usual start. `model` takes the
    place of the table's own relation, for a faster one or for trying out whether the search notices a wrong one.
    Nothing is left out of it unless `reductions` are asked for: it is what those are held to.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> search(empty, universe=universe(empty)).search.states
    1
    """
    live, budget = tuple(starts), budget or Budget()
    plain = PlainSearch(table, universe, model, reductions, live=bool(live))
    plain.go(budget, progress)
    try:
        plain.keep_promises(budget)
    except AstrayError:
        plain = PlainSearch(table, universe, model, reductions.without(["slicing"]), live=bool(live))
        plain.go(budget, progress)
        plain.keep_promises(budget)
    if not plain.exploration.stopped:
        plain.go_on(live, budget, progress)
    return plain.report(len(live))


class PlainSearch:
    """A plain search that can pause and go on. `live` says that it will go on from live instances, too."""

    def __init__(
        self,
        table: TransitionTable,
        universe: Universe,
        model: Model[System] | None = None,
        reductions: Reductions = NO_REDUCTIONS,
        *,
        live: bool = False,
    ) -> None:
        self.table, self.universe, self.reductions = table, universe, reductions
        self.model = model or TableModel(table, universe)
        self.abstraction = abstraction(table, universe, reductions, live=live)
        self.exploration = Exploration(self.model, canonical=self.abstraction.canonical)
        self.docket = Docket(table, self.exploration, world=universe.world)

    def go(self, budget: Budget, progress: Progress | None = None) -> None:
        """Search, or search on, from where every system starts."""
        self._explore(self.model.initial(), budget, progress)

    def keep_promises(self, budget: Budget) -> None:
        """Decide what is owed for ever after, from the usual start, once the search from there is over."""
        keep_promises(self.table, self.exploration, self.docket, budget, is_sliced=self.abstraction.is_sliced)
        self.docket.witnessing = False

    def go_on(self, live: tuple[System, ...], budget: Budget, progress: Progress | None = None) -> None:
        """Search, or search on, from the live images; from the usual start everything was seen."""
        self._explore(live, budget, progress)

    def _explore(self, begins: Iterable[System], budget: Budget, progress: Progress | None) -> None:
        self.exploration.stopped = ""
        self.docket.stops_at_first = budget.stops_at_first
        explore(self.exploration, begins, self.docket, budget, progress)

    def report(self, live: int = 0) -> Report:
        """What was found out, with so many live images to begin in."""
        ending = Ending(self.table, self.universe, self.exploration, self.docket, self.reduced())
        return reported(ending, self.universe, self.exploration, live)

    def reduced(self) -> Reduced:
        """What reductions did so far."""
        return self.abstraction.reduced(self.exploration.states)

    def found_nothing_wrong(self) -> bool:
        """Whether nothing was refuted, cut or left to times that do not fit, so far."""
        questions = self.docket.questions.values()
        return not self.docket.cuts and not any(
            question.spurious or isinstance(question.verdict, Refuted) for question in questions
        )

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody stopped it by hand, or at what it found, and wants to hear what there is so far."""
        return self.exploration.stopped.startswith((INTERRUPTED, ENOUGH))

    def is_looking(self) -> bool:
        """Whether something that the author calls possible was not reached so far."""
        return bool(self.docket.never_reached())


def keep_promises(
    table: TransitionTable,
    exploration: Followed,
    docket: Docket,
    budget: Budget,
    grounds: Grounds | None = None,
    *,
    is_sliced: bool = False,
) -> None:
    """Decides what is owed for ever after, from the usual start.

    It has the time that is left, and a tenth of the budget at least; after a search that ended early only a moment.
    Raises `AstrayError` where data is sliced away and a promise is not kept.
    """
    if not any(property_.kind is PropertyKind.EVENTUALLY for property_ in table.properties):
        return
    if exploration.stopped.startswith(ENOUGH):
        for property_ in table.properties:
            if property_.kind is PropertyKind.EVENTUALLY:
                docket.promise(property_, Kept(Unknown(exploration.stopped)), is_complete=False)
        return
    began = monotonic()
    left = max(budget.seconds_max - exploration.seconds, budget.seconds_max / 10)
    if exploration.stopped:
        left = min(left, MOMENT_SECONDS)
    is_complete = not exploration.stopped and not docket.cuts
    for property_, kept in Liveness(table, exploration, left, grounds, is_sliced=is_sliced).decide():
        docket.promise(property_, kept, is_complete=is_complete)
    exploration.seconds += monotonic() - began


def reported(ending: Ending, universe: Universe, exploration: Explored, live: int) -> Report:
    """The report of a search that has ended, with so many live images to begin in."""
    summary = SearchSummary(
        len(exploration.states),
        exploration.transitions,
        exploration.seconds,
        complete=ending.is_complete,
        stand_for=ending.reduced.stand_for,
        reduced=ending.reduced.used,
        not_reduced=ending.reduced.unused,
    )
    told = (_covered(live, owes_more=bool(ending.docket.promised)),) if live else ()
    return Report(ending.findings(), summary, str(universe), (*ending.notes(), *told), loose=ending.loose())


def _covered(live: int, *, owes_more: bool) -> str:
    """What is said of runs that begin with what lives: promises are owed from the usual start all the same."""
    places = "1 more beginning" if live == 1 else f"{live} more beginnings"
    said = f"runs that go on from what lives now are covered too, from {places}"
    return f"{said}; `eventually` is owed from the usual start" if owes_more else said
