"""Which states one search takes together: the representative of each, and what the report says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from temper.machine import System, TransitionTable, Universe
from temper.verify.explicit.permuting import RENAMINGS_MAX, Permuting, narrowed
from temper.verify.explicit.sliced import Slicer
from temper.verify.reductions import Reduced, Reductions, ruled_out
from temper.verify.slicing import unread, unread_said
from temper.verify.symmetry import alike, alike_said


@dataclass(frozen=True, slots=True)
class Abstraction:
    """The representatives of one table in one universe. `canonical` is None where every state stands for itself.

    Whatever a step can do from a state, one from its representative can do, and the other way round, to states that
    have the same representative again: that is what makes it sound to follow representatives alone.
    """

    canonical: Callable[[System], System] | None = None
    used: tuple[tuple[str, str], ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    is_sliced: bool = False
    size: Callable[[System], int] | None = None
    """How many states a representative stands for, where that is known."""

    def reduced(self, states: Iterable[System]) -> Reduced:
        """What was done, once the search has ended with these representatives."""
        stand_for = None if self.size is None else sum(map(self.size, states))
        return Reduced(self.used, self.unused, stand_for)


def abstraction(table: TransitionTable, universe: Universe, reductions: Reductions, *, live: bool) -> Abstraction:
    """What the allowed reductions take together in this table; `live` where runs begin with live instances."""
    against = ruled_out(table, live=live)
    used: list[tuple[str, str]] = []
    unused: list[tuple[str, str]] = []
    places = unread(table, universe) if reductions.slicing else frozenset()
    if places:
        used.append(("slicing", unread_said(places)))
    sliced = Slicer(table, universe, places).system if places else None
    classes = alike(table, universe, places) if reductions.symmetry else ()
    if not classes:
        return Abstraction(sliced, tuple(used), tuple(unused), bool(places))
    if why := against.get("symmetry"):
        unused.append(("symmetry", f"{alike_said(classes)} would be alike, but {why}"))
        return Abstraction(sliced, tuple(used), tuple(unused), bool(places))
    tried = narrowed(classes, RENAMINGS_MAX)
    used.append(("symmetry", f"{alike_said(tried)} are alike"))
    permuting = Permuting(table, tried, sliced)
    return Abstraction(permuting.canonical, tuple(used), tuple(unused), bool(places), permuting.size)
