"""Zones: what is known about the order of one cell's timers when time itself is left out.

A search that stored clocks would never end. Nothing reads a clock but the order in which timers fire, so a cell
with several armed timers keeps the bounds of the differences between its next `now` and their dues: a difference
bound matrix. Row and column 0 stand for the next `now`, the others for the armed timers in declared order; entry
(i, j) bounds x_i - x_j from above. Time may always pass, so nothing bounds `now` from above.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeAlias

Zone: TypeAlias = tuple[tuple[float, ...], ...]
"""Closed: every entry is the tightest that follows from the others, so that equal knowledge is an equal value."""

NO_TIMERS: Zone = ((0,),)


def fire(zone: Zone, position: int) -> Zone | None:
    """The zone in which timer `position` (from 0) is due before all others; None if it cannot be.

    Dues are whole milliseconds, and of equal ones the earlier declared fires first.

    >>> both = arm(NO_TIMERS, (), ("soon", "late"), {"soon": 10, "late": 20})
    >>> fire(both, 1) is None, fire(both, 0) is None
    (True, False)
    """
    rows = [list(row) for row in zone]
    mine = position + 1
    for other in range(1, len(rows)):
        if other != mine:
            rows[mine][other] = min(rows[mine][other], -1 if other < mine else 0)
    return _closed(rows)


def reach(zone: Zone, position: int) -> Zone:
    """The zone at a `now` that has reached the due of timer `position`."""
    rows = [list(row) for row in zone]
    rows[position + 1][0] = min(rows[position + 1][0], 0)
    closed = _closed(rows)
    assert closed is not None, "time can always pass"
    return closed


def arm(zone: Zone, before: Sequence[str], after: Sequence[str], armed: dict[str, int]) -> Zone:
    """The zone after a step at `now`: of the timers `before`, those in `after` are left, and `armed` start now.

    `armed` gives the delay of each timer that the step armed or restarted; all names are in declared order.
    """
    index = {name: 1 + before.index(name) for name in after if name not in armed}
    size = len(after) + 1
    rows = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            rows[i][j] = _difference(zone, index, armed, ("", *after)[i], ("", *after)[j])
    closed = _closed(rows)
    assert closed is not None, "arming a timer contradicts nothing"
    return (tuple([0.0] + [inf] * (size - 1)), *closed[1:])


def _difference(zone: Zone, index: dict[str, int], armed: dict[str, int], a: str, b: str) -> float:
    """The bound of a - b, where a name is a timer's due and "" is now; an armed one is now plus its delay."""
    if a == b:
        return 0.0
    of_a, of_b = (0 if name == "" or name in armed else index[name] for name in (a, b))
    return zone[of_a][of_b] + armed.get(a, 0) - armed.get(b, 0)


def _closed(rows: list[list[float]]) -> Zone | None:
    """All-pairs shortest paths; None if a cycle is negative, which means that no times fit."""
    size = range(len(rows))
    for k in size:
        for i in size:
            for j in size:
                rows[i][j] = min(rows[i][j], rows[i][k] + rows[k][j])
    return None if any(rows[i][i] < 0 for i in size) else tuple(tuple(row) for row in rows)
