"""Proofs beside a search: asked for before it begins, waited for a little after it ends, and never relied upon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from temper.machine import Family, Finding, Property, PropertyKind, TransitionTable, Universe, Unknown
from temper.verify.available import bytes_allowed
from temper.verify.budget import Budget
from temper.verify.explicit import Report
from temper.verify.explicit.exploration import ENOUGH, INTERRUPTED
from temper.verify.kept_proofs import KeptProofs
from temper.verify.prover import NoProofs, Prover, Question

WAIT_SHARE = 0.1
"""Which part of the budget proofs are waited for when the search has ended, within the budget."""
RANKING_SECONDS_MAX = 5.0
"""How long rankings are looked for; most take some hundredths of a second."""
WAIT_SECONDS_MIN = 2.0
"""Of a short budget they get this much, if there is so much left."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of proofs: findings with the lemmas that they take, or a note that says why there are none."""

    findings: tuple[Finding, ...] = ()
    lemmas: tuple[Property, ...] = ()
    notes: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    times: tuple[tuple[str, float], ...] = ()


class Proving:
    """One question that a prover thinks about; nobody does if there is none."""

    def __init__(self, table: TransitionTable, prover: Prover | None, budget: Budget) -> None:
        self._table, self._prover, self._budget, self._began = table, prover, budget, monotonic()

    def taken(self, reports: Iterable[Report], waiting: Callable[[float], None] | None = None) -> Shown:
        """What was proved by now, or is after a little waiting: longer only where others have the processors.

        Who stopped the search waits for nothing.

        Promises are proved here and not by the prover: that takes no solver, and little time.
        """
        if self._prover is None:
            return Shown()
        promised = self._promised()
        shown = self._induced(self._prover, reports, waiting)
        return replace(shown, findings=(*shown.findings, *promised))

    def _promised(self) -> tuple[Finding, ...]:
        if all(each.kind is not PropertyKind.EVENTUALLY for each in self._table.properties):
            return ()
        from temper.verify.symbolic import ranked

        return ranked(self._table, seconds_max=min(RANKING_SECONDS_MAX, self._budget.seconds_max))

    def _induced(self, prover: Prover, reports: Iterable[Report], waiting: Callable[[float], None] | None) -> Shown:
        seconds = 0.0 if _is_stopped(reports) else self._patience()
        answer = prover.take(seconds, waiting, starving_max=max(0.0, self._left() - seconds) if seconds else 0.0)
        if isinstance(answer, NoProofs):
            return Shown(notes=(f"nothing is proved by induction: {answer.because}",))
        times = (("proofs", answer.seconds),)
        return Shown(answer.findings, answer.lemmas, guests=("z3-solver",), times=times)

    def _patience(self) -> float:
        left = self._left()
        return max(0.0, left if self._budget.thorough else min(left, _patience(self._budget)))

    def _left(self) -> float:
        return self._budget.seconds_max - (monotonic() - self._began)


@contextmanager
def proving(
    table: TransitionTable,
    universe: Universe,
    budget: Budget,
    prover: Prover | None,
    family: Family | None = None,
    hints: KeptProofs | None = None,
    *,
    prove: bool,
) -> Iterator[Proving]:
    """Ask for proofs, by the prover that was started before if there is one; it ends with the body."""
    if not prove:
        yield Proving(table, None, budget)
        return
    with prover or Prover() as child:
        bytes_max = budget.bytes_max or bytes_allowed() // 2
        seconds_max = budget.seconds_max if budget.thorough else min(budget.seconds_max, _patience(budget))
        child.ask(
            Question(table, universe, seconds_max, bytes_max, family=family, hints=hints, thorough=budget.thorough)
        )
        yield Proving(table, child, budget)


def _patience(budget: Budget) -> float:
    """How long proofs may take that nobody has asked for."""
    return max(WAIT_SECONDS_MIN, budget.seconds_max * WAIT_SHARE)


def _is_stopped(reports: Iterable[Report]) -> bool:
    """Whether somebody stopped the search by hand, or at the first refutation, and wants to hear what there is."""
    verdicts = (finding.verdict for report in reports for finding in report.findings)
    return any(
        isinstance(verdict, Unknown) and verdict.because.startswith((INTERRUPTED, ENOUGH)) for verdict in verdicts
    )
