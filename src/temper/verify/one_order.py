"""When a search follows one order of steps only: where that leaves out much, before native code looks at everything."""

from __future__ import annotations

from dataclasses import replace

from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch, Progress, Report
from temper.verify.explicit.ordered import PARTIAL_ORDER, OrderedSearch
from temper.verify.reductions import ruled_out

LOOKING_MAX = 5_000
"""How many states are looked at for what the author calls possible before one order is followed."""
LOOKING_STEP = 500
FIRST_MAX = 20_000
"""How many states one order may need before native code is asked whether it looks at all of them sooner."""
MOMENT_SECONDS = 1.0
"""How long it is tried whether one order would have left something out."""


def in_one_order(plain: PlainSearch, budget: Budget, progress: Progress | None) -> OrderedSearch | None:
    """The search in one order after its first moments; None if it leaves out little, or something is wrong already.

    What the author calls possible is looked for a little longer before: a run found by then is a shortest one, and
    what is known to be possible need not be looked at again. So the plain search may be over after this. Symmetry
    stays out of it: it seldom adds much to what one order leaves out, and takes a while for each state.
    """
    if PARTIAL_ORDER in ruled_out(plain.table, live=False) or not plain.found_nothing_wrong():
        return None
    if not _leaves_out_much(plain, budget):
        return None
    most = min(LOOKING_MAX, budget.states_max or LOOKING_MAX)
    while plain.exploration.stopped and plain.is_looking() and len(plain.exploration.states) < most:
        plain.go(replace(budget, states_max=len(plain.exploration.states) + LOOKING_STEP), progress)
        if plain.is_interrupted:
            return None
    if not plain.exploration.stopped or not plain.found_nothing_wrong():
        return None
    ordered = OrderedSearch(plain)
    ordered.go(replace(budget, states_max=min(FIRST_MAX, budget.states_max or FIRST_MAX)), progress)
    return ordered


def why_not(plain: PlainSearch, report: Report, *, live: bool) -> Report:
    """The report of a search of everything, which says why it did not follow one order where that had helped."""
    why = ruled_out(plain.table, live=live).get(PARTIAL_ORDER)
    if why is None or not _leaves_out_much(plain, Budget(seconds_max=MOMENT_SECONDS)):
        return report
    missed = (PARTIAL_ORDER, f"some steps do not touch each other, but {why}")
    return replace(report, search=replace(report.search, not_reduced=(*report.search.not_reduced, missed)))


def _leaves_out_much(plain: PlainSearch, budget: Budget) -> bool:
    """Whether one order leaves out much of what the plain search has seen so far."""
    trial = OrderedSearch(plain)
    trial.go(replace(budget, states_max=len(plain.exploration.states)))
    return not trial.found and trial.leaves_out_much_of(plain)
