"""The exhaustive search: plain for what is small, native for what is not.

Compiling a table takes longer than searching a few thousand states does, so the plain search begins. If it is not
done by then, native code begins anew and tells the same docket. What native code does not take on it says, and the
plain search goes on where it was.

Renaming states takes longer than looking at a few hundred more of them does, so symmetry waits until then, too. Where
one order of steps leaves out much (`one_order`), that is tried before native code is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Protocol

from temper.machine import Refuted, System, TransitionTable, Universe, Unknown
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch, Progress, Report
from temper.verify.explicit.exploration import ENOUGH
from temper.verify.explicit.ordered import OrderedSearch
from temper.verify.native import Disagreement, Unsupported
from temper.verify.one_order import in_one_order, why_not
from temper.verify.reductions import EVERY_REDUCTION, AstrayError, Reductions

NATIVE_FROM = 500
"""How many states the plain search looks at before native code is asked."""

FIRST_SECONDS = 10.0
"""How long native code looks at everything before one order is followed further, where that leaves out much."""

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
    jobs: int | None = None,
) -> Report:
    """Search the table's whole relation within the universe, by the engine that is done first.

    The same answer as `explicit.search` gives, from `starts` too. `jobs` is how many workers native code has, and
    makes no difference to the answer.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> exhaust(empty, universe=universe(empty)).search.states
    1
    """
    began, live = monotonic(), tuple(starts)
    budget = budget or Budget()
    try:
        return _exhausted(table, universe, budget, live, progress, reductions, jobs)
    except AstrayError:
        left = replace(budget, seconds_max=max(0.0, budget.seconds_max - (monotonic() - began)))
        return _exhausted(table, universe, left, live, progress, reductions.without(["slicing"]), jobs)


def _exhausted(
    table: TransitionTable,
    universe: Universe,
    budget: Budget,
    live: tuple[System, ...],
    progress: Progress | None,
    reductions: Reductions,
    jobs: int | None,
) -> Report:
    plain = PlainSearch(table, universe, reductions=reductions.without(["symmetry"]), live=bool(live))
    small = _small(budget)
    plain.go(small, progress)
    is_live = not plain.exploration.stopped
    if is_live:
        plain.keep_promises(budget)
        plain.go_on(live, small, progress)
    if not _is_large(plain, small, budget):
        return plain.report(len(live))
    ordered = in_one_order(plain, budget, progress) if reductions.partial_order and not live else None
    if ordered is not None and ordered.is_done:
        return ordered.report()
    if _is_interrupted(plain, ordered) or not _is_large(plain, small, budget):
        return plain.report(len(live))
    left = _left(budget, plain, ordered)
    natively = partial(
        _natively, table, universe=universe, starts=live, progress=progress, reductions=reductions, jobs=jobs
    )
    if ordered is None or ordered.found:
        found = natively(budget=left)
    else:
        found = _in_turns(plain, ordered, left, progress, natively)
        left = _left(budget, plain, ordered)
        budget = replace(budget, seconds_max=plain.exploration.seconds + left.seconds_max)
    if isinstance(found, Report):
        return _brief(why_not(plain, found, live=bool(live)) if reductions.partial_order else found)
    with_symmetry = PlainSearch(table, universe, reductions=reductions, live=bool(live))
    if with_symmetry.abstraction.size is not None:
        plain, budget, is_live = with_symmetry, left, False
    plain.abstraction = with_symmetry.abstraction
    report = _plainly(plain, live, budget, progress, is_live=is_live)
    return _told(why_not(plain, report, live=bool(live)) if reductions.partial_order else report, found)


class Natively(Protocol):
    """The native search of one table, but for the budget that it has."""

    def __call__(self, *, budget: Budget) -> Report | Unsupported: ...


def _in_turns(
    plain: PlainSearch, ordered: OrderedSearch, left: Budget, progress: Progress | None, natively: Natively
) -> Report | Unsupported:
    """Native code looks at everything for a moment, one order is followed further, then native code has the rest."""
    first = replace(left, seconds_max=min(left.seconds_max, FIRST_SECONDS))
    found = natively(budget=first)
    if not _leaves_open(found, first):
        return found
    further = replace(left, seconds_max=ordered.exploration.seconds + left.seconds_max / 2)
    ordered.go(further, progress)
    if ordered.is_done:
        return ordered.report()
    if _is_interrupted(plain, ordered):
        return plain.report()
    if isinstance(found, Unsupported):
        return found
    rest = replace(left, seconds_max=left.seconds_max / 2 - found.search.seconds)
    return natively(budget=rest) if rest.seconds_max > 0 else found


def _leaves_open(found: Report | Unsupported, budget: Budget) -> bool:
    """Whether native code does not take the table on, or is not done for want of time alone."""
    if isinstance(found, Unsupported):
        return not isinstance(found, Disagreement)
    return not found.search.complete and found.search.seconds >= budget.seconds_max


def _is_interrupted(plain: PlainSearch, ordered: OrderedSearch | None) -> bool:
    """Whether somebody stopped one of them by hand; the plain one tells what there is so far."""
    if ordered is not None and ordered.is_interrupted:
        plain.exploration.stopped = ordered.exploration.stopped
    return plain.is_interrupted


def _left(budget: Budget, *spent: PlainSearch | None) -> Budget:
    """What searches have left of the budget."""
    seconds = sum(search.exploration.seconds for search in spent if search is not None)
    return replace(budget, seconds_max=budget.seconds_max - seconds)


def _small(budget: Budget) -> Budget:
    """What the plain search may look at before native code is asked."""
    return replace(budget, states_max=min(NATIVE_FROM, budget.states_max or NATIVE_FROM))


def _is_large(plain: PlainSearch, small: Budget, budget: Budget) -> bool:
    """Whether the plain search stopped for the states that it has seen, and there may be more within the budget."""
    assert small.states_max is not None, "the small budget counts states"
    is_full = bool(plain.exploration.stopped) and len(plain.exploration.states) > small.states_max
    is_full = is_full and not plain.is_interrupted
    return is_full and small.states_max != budget.states_max and plain.exploration.seconds < budget.seconds_max


def _plainly(
    plain: PlainSearch, live: tuple[System, ...], budget: Budget, progress: Progress | None, *, is_live: bool
) -> Report:
    """Go on where the plain search was: from the usual start, or from the live images if it had come to them."""
    if not is_live:
        plain.go(budget, progress)
        plain.keep_promises(budget)
    if is_live or not plain.exploration.stopped:
        plain.go_on(live, budget, progress)
    return plain.report(len(live))


def _brief(report: Report) -> Report:
    """The report without why it was not made shorter, if it was short."""
    if report.search.complete and report.search.states < WORTH_SAYING:
        return replace(report, search=replace(report.search, not_reduced=()))
    return report


def _told(report: Report, refused: Unsupported) -> Report:
    """The report of a plain search, with what kept native code from it where that is worth saying."""
    report = _brief(report)
    if report.search.complete and report.search.states < WORTH_SAYING and not isinstance(refused, Disagreement):
        return report
    note = f"searched in Python: native code does not take on {refused.because}"
    return replace(report, notes=(*report.notes, note))


def _natively(table: TransitionTable, **asked: Any) -> Report | Unsupported:
    """The report of the native search, or why there is none."""
    from temper.verify.native import search_natively

    try:
        found = search_natively(table, **asked)
        on = {**asked, "budget": replace(asked["budget"], stops_at_first=False)}
        return search_natively(table, **on) if _stopped_for_nothing(found) else found
    except Unsupported as unsupported:
        return unsupported


def _stopped_for_nothing(report: Report) -> bool:
    """Whether native code stopped at what looked wrong, and no run shows it in which all times fit."""
    verdicts = [finding.verdict for finding in report.findings]
    is_stopped = any(isinstance(verdict, Unknown) and verdict.because.startswith(ENOUGH) for verdict in verdicts)
    return is_stopped and not any(isinstance(verdict, Refuted) for verdict in verdicts)
