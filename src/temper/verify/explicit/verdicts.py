"""From how a search ended to the verdicts of what no run answered. Nothing is called exhausted that was not.

`exhausted` takes a search that saw everything: no budget met, no step cut, every row fired and every `possible`
reached, save those that the author accepted by name. Otherwise the verdict is `unknown` and names what is missing.
"""

from __future__ import annotations

from dataclasses import replace

from temper.machine import Exhausted, Finding, TransitionTable, Universe, Unknown, Verdict
from temper.verify.explicit.author import StateCheck, StepCheck
from temper.verify.explicit.docket import Docket
from temper.verify.explicit.exploration import Explored
from temper.verify.explicit.question import listed
from temper.verify.obligations import Row, fires, happens
from temper.verify.reductions import Reduced


class Ending:
    """How one search ended, and what follows from it."""

    def __init__(
        self,
        table: TransitionTable,
        universe: Universe,
        exploration: Explored,
        docket: Docket,
        reduced: Reduced = Reduced(),  # noqa: B008 - frozen
    ) -> None:
        self.universe, self.exploration, self.docket = universe, exploration, docket
        self.reduced = reduced
        self.accepted = frozenset(name for name, _ in table.accept)

    @property
    def is_complete(self) -> bool:
        """Whether nothing within the universe was left out."""
        return not self.exploration.stopped and not self.docket.cuts

    def findings(self) -> tuple[Finding, ...]:
        """One finding for each question, the author's first."""
        self._note_loose_parts()
        never, once = self._never(), self._once()
        found = [
            question.finding(
                once if question.once else self._hidden(question.name) or self._among(question.name, never)
            )
            for question in self.docket.questions.values()
        ]
        return tuple(sorted(found, key=lambda finding: finding.obligation))

    def notes(self) -> tuple[str, ...]:
        """Every cut with its count, every row that never fired, and what was left out on purpose."""
        cuts = [f"cut at {bound} in {where}: {_times(count)}" for (bound, where), count in self._cuts()]
        fired = "has not fired so far" if self.exploration.stopped else "never fires"
        missing = [f"{row} {fired}" for row in self.docket.never_fired()]
        world = [] if self.universe.world or not self._has_world() else ["the world was left out: nothing looks at it"]
        return (*cuts, *missing, *world)

    def _never(self) -> Verdict:
        """What is said of something that was never violated."""
        gap = self.exploration.stopped or self._cut() or self._unfired() or self._unreached()
        seen, meant = len(self.exploration.states), self.reduced.stand_for
        counted = Exhausted(str(self.universe), seen if meant is None else meant, not self.reduced.uncounted)
        return Unknown(gap) if gap else counted

    def _among(self, name: str, never: Verdict) -> Verdict:
        """A promise is owed from the usual start, so only the states that are reached from there are counted."""
        states = self.docket.promised.get(name)
        return replace(never, states=states) if isinstance(never, Exhausted) and states is not None else never

    def _hidden(self, name: str) -> Verdict | None:
        """A call that breaks one range is rejected there and then, and shows nothing of the others."""
        return (
            Unknown("masked: some calls were rejected for another violation first")
            if name in self.docket.hidden
            else None
        )

    def _once(self) -> Verdict:
        """What is said of something that was owed and not seen."""
        gap = self.exploration.stopped or self._cut()
        return Unknown(gap or "not within U: no run gets there")

    def _cut(self) -> str:
        named = [f"{bound} in {where} ({_times(count)})" for (bound, where), count in self._cuts()]
        return f"cut at {listed(named)}" if named else ""

    def _cuts(self) -> list[tuple[tuple[str, str], int]]:
        return sorted(self.docket.cuts.items(), key=lambda entry: (-entry[1], entry[0]))

    def _unfired(self) -> str:
        named = [str(row) for row in self.docket.never_fired() if not self._is_accepted(row)]
        return f"not within U: never fired: {listed(named)}" if named else ""

    def _is_accepted(self, row: Row) -> bool:
        return happens(row) in self.accepted or fires(row) in self.accepted

    def _unreached(self) -> str:
        named = [name for name in self.docket.never_reached() if name not in self.accepted]
        return f"not within U: never reached: {listed(named)}" if named else ""

    def _note_loose_parts(self) -> None:
        """A part that could have been anything in every state makes its property vacuous."""
        checks: list[StateCheck | StepCheck] = [*self.docket.invariants]
        checks += [check for of in self.docket.steps.values() for check in of]
        for check in checks:
            if self.is_complete and check.question.is_open and check.loose:
                check.question.vacuous = check.loose[0][0]

    def loose(self) -> tuple[tuple[str, str], ...]:
        """Of each property the parts that could be anything, so far as a search saw that is not complete."""
        if self.is_complete:
            return ()
        checks: list[StateCheck | StepCheck] = [*self.docket.invariants]
        checks += [check for of in self.docket.steps.values() for check in of]
        return tuple((check.question.name, part) for check in checks for part, _ in check.loose)

    def _has_world(self) -> bool:
        return any(entity.world for entity in self.docket.table.entities)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
