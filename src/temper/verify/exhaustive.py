"""The exhaustive search: plain for what is small, native for what is not.

Compiling a table takes longer than searching a few thousand states does, so the plain search begins. If it is not
done by then, native code begins anew and tells the same docket. What native code does not take on it says, and the
plain search goes on where it was.

Renaming states takes longer than looking at a few hundred more of them does, so symmetry waits until then, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from temper.machine import System, TransitionTable, Universe
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch, Progress, Report
from temper.verify.native import Disagreement, Unsupported
from temper.verify.reductions import EVERY_REDUCTION, Reductions

NATIVE_FROM = 500
"""How many states the plain search looks at before native code is asked."""

WORTH_SAYING = 20_000
"""How many states make a search so long that people should hear why it was not made shorter."""


def exhaust(
    table: TransitionTable,
    *,
    universe: Universe,
    budget: Budget | None = None,
    starts: Iterable[System] = (),
    progress: Progress | None = None,
    reductions: Reductions = EVERY_REDUCTION,
) -> Report:
    """Search the table's whole relation within the universe, by the engine that is done first.

    The same answer as `explicit.search` gives. Runs that begin in `starts` are left to the plain search.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> exhaust(empty, universe=universe(empty)).search.states
    1
    """
    budget, live = budget or Budget(), tuple(starts)
    plain = PlainSearch(table, universe, reductions=reductions.without(["symmetry"]), live=bool(live))
    first = NATIVE_FROM if budget.states_max is None else min(NATIVE_FROM, budget.states_max)
    plain.go(replace(budget, states_max=first), progress)
    seconds_left = budget.seconds_max - plain.exploration.seconds
    is_large = plain.exploration.stopped and len(plain.exploration.states) > first
    if not is_large or seconds_left <= 0 or first == budget.states_max:
        return plain.report(live, budget, progress)
    refused, is_ours = "runs that begin with live instances", False
    if not live:
        found = _natively(table, universe, replace(budget, seconds_max=seconds_left), progress, reductions)
        if isinstance(found, Report):
            return found
        refused, is_ours = found.because, isinstance(found, Disagreement)
    with_symmetry = PlainSearch(table, universe, reductions=reductions, live=bool(live))
    if with_symmetry.abstraction.size is not None:
        plain, budget = with_symmetry, replace(budget, seconds_max=seconds_left)
    plain.abstraction = with_symmetry.abstraction
    plain.go(budget, progress)
    report = plain.report(live, budget, progress)
    if report.search.complete and report.search.states < WORTH_SAYING:
        report = replace(report, search=replace(report.search, not_reduced=()))
        if not is_ours:
            return report
    return replace(report, notes=(*report.notes, f"searched in Python: native code does not take on {refused}"))


def _natively(
    table: TransitionTable, universe: Universe, budget: Budget, progress: Progress | None, reductions: Reductions
) -> Report | Unsupported:
    """The report of the native search, or why there is none."""
    from temper.verify.native import search_natively

    try:
        return search_natively(table, universe=universe, budget=budget, progress=progress, reductions=reductions)
    except Unsupported as unsupported:
        return unsupported
