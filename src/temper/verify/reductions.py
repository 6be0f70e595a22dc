"""Reductions of the search: what may be left out of it because it decides nothing. Each can be switched off.

A reduction changes how many states are looked at and never what is said of them: a law holds it to that, and a
report says which were used, what they left out, and why one was not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from temper.machine import PropertyKind, TransitionTable


@dataclass(frozen=True, slots=True)
class Reductions:
    """Which reductions a search may use.

    >>> Reductions().without(["symmetry"])
    Reductions(slicing=True, symmetry=False, partial_order=True)
    """

    slicing: bool = True
    """Data that nothing reads is not told apart."""
    symmetry: bool = True
    """Instances and principals that nothing tells apart change places."""
    partial_order: bool = True
    """Of steps that do not touch each other only one order is followed."""

    def without(self, names: Iterable[str]) -> Reductions:
        """The same without those named, as `--without` names them."""
        return replace(self, **{name.replace("-", "_"): False for name in names})


NAMES = ("slicing", "symmetry", "partial-order")
"""What `--without` takes."""
EVERY_REDUCTION = Reductions()
NO_REDUCTIONS = Reductions(slicing=False, symmetry=False, partial_order=False)


@dataclass(frozen=True, slots=True)
class Reduced:
    """What reductions did in one search, for the report."""

    used: tuple[tuple[str, str], ...] = ()
    """(name, what it took together) of each that found something to do."""
    unused: tuple[tuple[str, str], ...] = ()
    """(name, why) of each that would have found something and was not allowed to."""
    stand_for: int | None = None
    """How many states those that were looked at stand for, where that is known and another number."""
    uncounted: bool = False
    """Whether it is not known how many they stand for."""


class AstrayError(Exception):
    """Where data is sliced away there is a loop that breaks a promise: it has to be looked for with all data there.

    What was sliced away may be other data after each round, so that a loop of states is none of real ones.
    """


LIVE = "runs begin with live instances"
PROMISED = "`eventually` is owed to each instance by itself"


def ruled_out(table: TransitionTable, *, live: bool) -> dict[str, str]:
    """Why a reduction does not go with the table, by the name of the reduction.

    Instances that change places may starve one after the other: what is owed to each by itself is not seen by a
    search that takes them together, and nor is what is owed to the order of steps. Live instances are who they are.
    """
    if live:
        return {"symmetry": LIVE, "partial-order": LIVE}
    if any(property_.kind is PropertyKind.EVENTUALLY for property_ in table.properties):
        return {"symmetry": PROMISED, "partial-order": PROMISED}
    return {}
