"""The native search of a table: what native code has met is told to the same docket as the plain search tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from temper.machine import Cut, Step, System, TransitionTable, Universe
from temper.verify.budget import Budget
from temper.verify.explicit.docket import Docket
from temper.verify.explicit.exploration import Progress
from temper.verify.explicit.search import Report, keep_promises, reported
from temper.verify.explicit.verdicts import Ending
from temper.verify.native.exploration import LEVELS, NativeExploration
from temper.verify.native.monitors import HITS_MAX, Monitor
from temper.verify.native.terrain import NativeTerrain
from temper.verify.native.unsupported import Disagreement
from temper.verify.reductions import NO_REDUCTIONS, Reductions

SAMPLES = 16
"""How many states, spread over the whole, are compared with the relation besides those that are told."""
OF_STATES = frozenset({"reachable", "moves"})


def search_natively(
    table: TransitionTable,
    *,
    universe: Universe,
    budget: Budget | None = None,
    starts: Iterable[System] = (),
    progress: Progress | None = None,
    levels: tuple[int, ...] = LEVELS,
    reductions: Reductions = NO_REDUCTIONS,
    jobs: int | None = None,
) -> Report:
    """Search the table's whole relation within the universe in native code, and report as `explicit.search` does.

    Raises `Unsupported` for a table that native code does not take on. `levels` are how hard the code is optimised;
    without `jobs`, as many workers as there are processors come to help once a search turns out to be large.
    """
    budget = budget or Budget()
    exploration = NativeExploration(
        table, universe, starts=starts, levels=levels, reductions=reductions, jobs=jobs, bytes_max=budget.bytes_max
    )
    exploration.search(budget, progress)
    return judged(exploration, budget, progress)


def judged(exploration: NativeExploration, budget: Budget | None = None, progress: Progress | None = None) -> Report:
    """What an exploration that has ended says of its table; from live images it goes on by itself."""
    table, universe, budget = exploration.rules.table, exploration.rules.universe, budget or Budget()
    docket = Docket(table, exploration, world=universe.world)
    check(exploration)
    tell(docket, exploration)
    grounds = partial(NativeTerrain, exploration)
    keep_promises(table, exploration, docket, budget, grounds, is_sliced=bool(exploration.unread))
    docket.witnessing, exploration.ground = False, None
    if exploration.starts and not exploration.stopped:
        usual = len(exploration.states)
        exploration.search_on(budget, progress)
        check(exploration, since=usual)
        tell(docket, exploration, since=usual)
    ending = Ending(table, universe, exploration, docket, exploration.reduced())
    report = reported(ending, universe, exploration, len(exploration.starts))
    return replace(report, guests=("llvmlite",))


def check(exploration: NativeExploration, since: int = 0) -> None:
    """Compare some states with the relation itself: native code is held to it wherever it runs, and not in tests alone.

    Raises `Disagreement` where there is one: then the plain search takes over, and the report says why.
    """
    count = len(exploration.states) - since
    for number in sorted({since + at * (count - 1) // SAMPLES for at in range(SAMPLES + 1)}) if count else ():
        _compare(exploration, number, list(exploration.successors(exploration.states[number])))


def _compare(exploration: NativeExploration, number: int, steps: list[Step | Cut]) -> None:
    if not exploration.agrees(number, [step for step in steps if isinstance(step, Step)]):
        raise Disagreement("what it takes otherwise than the relation does, which is a mistake of ours")


def tell(docket: Docket, exploration: NativeExploration, since: int = 0) -> None:
    """Let the docket see the states from `since` on that monitors have met, until its questions are answered.

    The first state at which a monitor was met comes first; the next ones only while the question is still open,
    because the run there was not concrete.
    """
    for attempt in range(HITS_MAX):
        wanted: dict[int, bool] = {}
        for monitor, all_numbers in exploration.met.items():
            numbers = [number for number in all_numbers if number >= since]
            if attempt < len(numbers) and (attempt == 0 or _is_open(docket, monitor)):
                number = numbers[attempt]
                wanted[number] = wanted.get(number, False) or not _is_of_states(docket, monitor)
        if not wanted:
            break
        for number, with_steps in sorted(wanted.items()):
            _show(docket, exploration, number, with_steps=with_steps)
    docket.cuts = Counter(exploration.cuts)


def _show(docket: Docket, exploration: NativeExploration, number: int, *, with_steps: bool) -> None:
    system = exploration.states[number]
    docket.state(number, system)
    steps = list(exploration.successors(system)) if with_steps else []
    if steps:
        _compare(exploration, number, steps)
    for step in steps:
        if isinstance(step, Step):
            docket.step(number, system, step)
        else:
            docket.cut(number, system, step)


def _is_of_states(docket: Docket, monitor: Monitor) -> bool:
    """Whether the monitor looks at states, and not at the steps out of them."""
    stepping = {check.property.name for checks in docket.steps.values() for check in checks}
    return monitor.kind in OF_STATES or (monitor.kind in {"property", "loose"} and monitor.name not in stepping)


def _is_open(docket: Docket, monitor: Monitor) -> bool:
    if monitor.kind == "loose":
        return False
    if monitor.kind == "row":
        return any(str(row) == monitor.name for row in docket.unfired)
    question = docket.questions.get(monitor.name)
    return question is not None and question.is_open
