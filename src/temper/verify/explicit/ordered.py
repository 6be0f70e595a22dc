"""The search that follows one order of steps where all orders come to the same (`partial_order`).

It can only say that nothing is wrong. As soon as it meets a violation, a cut, or a run that no times fit, it gives up,
and a search of everything tells what there is to tell: so no refuting trace and no count of cuts comes from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from temper.machine import Cut, PropertyKind, Proved, Refuted, Step, System
from temper.verify.budget import Budget
from temper.verify.explicit.docket import Docket, Tell
from temper.verify.explicit.exploration import Progress
from temper.verify.explicit.partial_order import PartialOrder
from temper.verify.explicit.question import Question
from temper.verify.explicit.search import PlainSearch, Report
from temper.verify.reductions import Reduced

WORTH_SHARE = 0.8
"""Of what is found within so many steps of everything, what share is left if following one order helps."""
PARTIAL_ORDER = "partial-order"


class SomethingFoundError(Exception):
    """There is something to tell, and a search of everything has to tell it."""


class OrderedSearch(PlainSearch):
    """A search by partial order that goes on where a plain one has answered some questions already."""

    def __init__(self, plain: PlainSearch) -> None:
        super().__init__(plain.table, plain.universe, plain.model, plain.reductions)
        self.docket = Lookout(self.table, self.exploration, world=self.universe.world)
        self.docket.learn(plain.docket)
        asked = [each for each in self.table.properties if self.docket.questions[each.name].is_open]
        self.sought = [each.name for each in asked if each.kind is PropertyKind.POSSIBLE]
        self.order = PartialOrder(self.table, self.universe, asked)
        self.exploration.followed = self._followed
        self.found = ""
        """What was met that a search of everything has to tell."""

    def go(self, budget: Budget, progress: Progress | None = None) -> None:
        """Search, or search on, unless something was found."""
        if not self.found:
            try:
                super().go(budget, progress)
            except SomethingFoundError as error:
                self.found = str(error)

    def leaves_out_much_of(self, plain: PlainSearch) -> bool:
        """Whether it has found fewer systems than the plain search has, within as many steps."""
        layers, mine = plain.exploration.layers[:-1], self.exploration.layers
        return self.is_done or (len(mine) > len(layers) and sum(mine[: len(layers)]) <= WORTH_SHARE * sum(layers))

    @property
    def is_done(self) -> bool:
        """Whether everything was looked at and nothing is wrong."""
        return not self.found and not self.exploration.stopped

    def report(self, live: int = 0) -> Report:
        """What was found out. A run to something possible may be longer than it has to be; then a note says so."""
        assert self.is_done, "a search by partial order tells nothing unless nothing is wrong"
        assert not live, "runs that begin with live instances are not searched by partial order"
        report = super().report()
        longer = [name for name in self.sought if isinstance(self.docket.questions[name].verdict, Proved)]
        notes = [f"{name}: there may be a shorter run, since partial order was used" for name in longer]
        return replace(report, notes=(*report.notes, *notes))

    def reduced(self) -> Reduced:
        """How many states partial order leaves out is not known."""
        found = super().reduced()
        one_order = f"of steps that do not touch each other one order is followed, in {self.order.chosen:,} states"
        return replace(found, used=(*found.used, (PARTIAL_ORDER, one_order)), stand_for=None, uncounted=True)

    def _followed(self, number: int, system: System) -> Iterable[Step | Cut]:
        exploration = self.exploration
        stand_for = exploration.canonical or (lambda state: state)

        def is_ahead(step: Step) -> bool:
            return exploration.numbers.get(stand_for(step.system), number + 1) > number

        steps = tuple(step for step in self.exploration.successors(system) if isinstance(step, Step | Cut))
        return self.order.choose(system, steps, is_ahead)


class Lookout(Docket):
    """A docket that stops the search as soon as there is anything to tell that is wrong."""

    def learn(self, other: Docket) -> None:
        """Takes over what another docket knows to be possible."""
        for name, question in other.questions.items():
            if question.once:
                self.questions[name].verdict = question.verdict
        self.possibles = [check for check in self.possibles if check.question.is_open]

    def cut(self, number: int, system: System, cut: Cut) -> None:  # noqa: ARG002 - as every watch
        raise SomethingFoundError(f"cut at {cut.bound} in {cut.where}")

    def _answer(self, question: Question, number: int, system: System, step: Step | None, tell: Tell) -> None:
        super()._answer(question, number, system, step, tell)
        if question.spurious or isinstance(question.verdict, Refuted):
            raise SomethingFoundError(question.name)
