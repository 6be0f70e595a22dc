"""Whether a trace of the search is a run: times at which all its steps could have happened, if there are any.

The search keeps the order of timers exactly within one cell and forgets everything else about time, so a trace may
need one cell's clock to be both before and after another's. What semantics.md asks of times are differences: a
step is not before its cell's clock, not before the stamp of what it consumes, not before the due of the timer it
fires, and that due is not after the others of the cell. Bellman-Ford finds times for all steps or a contradiction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from temper.machine.cell import Address, Delivery, Effecting
from temper.machine.step import initial_cells
from temper.machine.successor import Step
from temper.machine.system import System
from temper.machine.table import TransitionTable

BEGINNING = -1
"""The moment, before all steps, at which the first cells were there."""


class Due(NamedTuple):
    """A timer's due: so many milliseconds after the moment of a step."""

    since: int
    delay: int


class Apart(NamedTuple):
    """The moment of step `later` is at least `gap` milliseconds after that of step `earlier`."""

    earlier: int
    later: int
    gap: int


def concrete(table: TransitionTable, steps: Sequence[Step], begin: System | None = None) -> tuple[int, ...] | None:
    """Times in milliseconds at which these steps, taken from the start, are a run; None if there are none.

    They are the earliest ones. Of equal deliveries the oldest is consumed, which loses no run. With `begin` the
    steps are taken from that system, of which no times are known: what is pending there was handed on before, and
    what is armed there may be due at any time.

    >>> from temper.machine.table import TransitionTable
    >>> concrete(TransitionTable("empty", (), (), (), (), (), ()), ())
    ()
    """
    dues = _first_dues(table) if begin is None else _free_dues(begin)
    stamps: dict[Delivery, list[int]] = {}
    for delivery in () if begin is None else begin.pending:
        stamps.setdefault(_identity(delivery), []).append(BEGINNING)
    free = () if begin is None else tuple(due.since for of in dues.values() for due in of.values())
    return _earliest(len(steps), list(_constraints(table, steps, dues, stamps)), free)


def constraints_from_start(table: TransitionTable, steps: Sequence[Step]) -> list[Apart]:
    """Everything that must lie between the times of these steps, taken from the start."""
    return list(_constraints(table, steps, _first_dues(table), {}))


def _first_dues(table: TransitionTable) -> dict[Address, dict[str, Due]]:
    """The timers that are armed where every run begins."""
    return {
        cell.address: {name: Due(BEGINNING, due) for name, due in cell.timers}
        for cell in initial_cells(table, world=True)
    }


def _free_dues(begin: System) -> dict[Address, dict[str, Due]]:
    """The timers that are armed in a system, each due at a moment of its own, numbered below the beginning."""
    moments = count(BEGINNING - 1, -1)
    return {cell.address: {name: Due(next(moments), 0) for name, _ in cell.timers} for cell in begin.cells}


def _constraints(
    table: TransitionTable,
    steps: Sequence[Step],
    dues: dict[Address, dict[str, Due]],
    stamps: dict[Delivery, list[int]],
) -> Iterable[Apart]:
    clocks: dict[Address, int] = {}
    for moment, (label, system, _, timing) in enumerate(steps):
        address = label.address
        yield Apart(clocks.get(address, BEGINNING), moment, 0)
        if timing.consumed is not None:
            yield Apart(_oldest(stamps, timing.consumed), moment, 0)
        if timing.fired:
            yield from _order(table, address, dues[address], timing.fired, moment)
            del dues[address][timing.fired]
        for delivery in timing.handed_on:
            stamps.setdefault(_identity(delivery), []).append(moment)
        _forget_withdrawn(stamps, system)
        if timing.stepped:
            clocks[address] = moment
            cell = system.cell(address)
            assert cell is not None, "what stepped exists"
            now_armed = {name: Due(moment, delay) for name, delay in timing.armed}
            before = dues.get(address, {})
            dues[address] = {name: now_armed.get(name) or before[name] for name, _ in cell.timers}


def _order(table: TransitionTable, address: Address, dues: dict[str, Due], fired: str, moment: int) -> Iterable[Apart]:
    """The timer is due, and of the cell's timers the first that is."""
    mine = dues[fired]
    yield Apart(mine.since, moment, mine.delay)
    names = [timer.name for timer in table.entity(address.entity).timers]
    for name, other in dues.items():
        if name != fired:
            tie = 1 if names.index(name) < names.index(fired) else 0
            yield Apart(mine.since, other.since, mine.delay - other.delay + tie)


def _forget_withdrawn(stamps: dict[Delivery, list[int]], system: System) -> None:
    """Requests that were replaced are gone: the oldest of their kind, since what replaces is issued after."""
    pending = Counter(map(_identity, system.pending))
    for delivery, moments in stamps.items():
        del moments[: len(moments) - pending[delivery]]


def _oldest(stamps: dict[Delivery, list[int]], delivery: Delivery) -> int:
    return stamps[_identity(delivery)].pop(0)


def _identity(delivery: Delivery) -> Delivery:
    """The delivery without what changes while it is pending: its rank, and what it has done to the world."""
    return delivery._replace(seq=0, performed=()) if isinstance(delivery, Effecting) else delivery


def _earliest(steps: int, constraints: list[Apart], free: tuple[int, ...] = ()) -> tuple[int, ...] | None:
    """The least times from 0 that keep every gap; None if a cycle of gaps contradicts itself.

    `free` are further moments, of which only the constraints say anything.
    """
    moments = {BEGINNING: 0, **dict.fromkeys(range(steps), 0), **dict.fromkeys(free, 0)}
    for _ in range(len(moments)):
        moved = False
        for earlier, later, gap in constraints:
            if moments[later] < moments[earlier] + gap:
                if later == BEGINNING:
                    return None
                moments[later] = moments[earlier] + gap
                moved = True
        if not moved:
            return tuple(moments[moment] for moment in range(steps))
    return None
