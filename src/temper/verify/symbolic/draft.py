"""An outline of some figures, and one in the making: where they stand and what is pending of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from temper.machine import Site, Type, Value
from temper.verify.symbolic.counting import Turn
from temper.verify.symbolic.possible import Values

MANYFOLD = 2
"""Stands for two and more."""


class Stand(NamedTuple):
    """Where one figure stands."""

    control: str
    data: tuple[Value, ...]
    timers: tuple[str, ...] = ()


class Pending(NamedTuple):
    """Deliveries of one kind: of one figure, from one place in the table, to one receiver, with what is known."""

    kind: str
    """`request`, `message`, `spawn` or `refusal`."""
    owner: int
    site: Site
    receiver: Value
    args: tuple[tuple[str, Value], ...]


class Armed(NamedTuple):
    """A timer of a figure."""

    owner: int
    timer: str


class Asked(NamedTuple):
    """An outcome that a settlement at a site of a figure had, or might have had."""

    owner: int
    site: Site
    outcome: str


Owed: TypeAlias = Pending | Armed


class Outline(NamedTuple):
    """What is known of the figures and what they wait for. `pending` has 1 for one, and `MANYFOLD` for more."""

    stands: tuple[Stand, ...]
    pending: frozenset[tuple[Pending, int]] = frozenset()


class Move(NamedTuple):
    """A step to another outline.

    It says what it takes from what is pending and armed, which numbers it changes, and what was settled, and how.
    """

    after: Outline
    paid: frozenset[Owed] = frozenset()
    turns: frozenset[Turn] = frozenset()
    settled: Asked | None = None


class TooManyError(Exception):
    """There is more to look through than is worth it; `because` says what."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


@dataclass(frozen=True, slots=True)
class Draft:
    """An outline in the making."""

    stands: tuple[Stand, ...]
    pending: Mapping[Pending, int]
    paid: frozenset[Owed] = frozenset()
    turns: frozenset[Turn] = frozenset()

    def standing(self, number: int, stand: Stand) -> Draft:
        stands = (*self.stands[:number], stand, *self.stands[number + 1 :])
        return replace(self, stands=stands)

    def with_pending(self, pending: Pending, count: int = 1) -> Draft:
        held = min(MANYFOLD, self.pending.get(pending, 0) + count)
        return replace(self, pending={**self.pending, pending: held})

    def taking(self, pending: Pending) -> Iterator[Draft]:
        """Without one of these: of many, one or many are left."""
        others = {each: count for each, count in self.pending.items() if each != pending}
        paid = self.paid | {pending}
        if self.pending[pending] == 1:
            yield replace(self, pending=others, paid=paid)
        else:
            for left in (1, MANYFOLD):
                yield replace(self, pending={**others, pending: left}, paid=paid)

    def withdrawing(self, owner: int, sites: frozenset[Site]) -> Draft:
        """Without any request of this owner from these places."""
        gone = {each for each in self.pending if each.kind == "request" and each.owner == owner and each.site in sites}
        left = {each: count for each, count in self.pending.items() if each not in gone}
        return replace(self, pending=left, paid=self.paid | gone)

    def closed(self) -> Outline:
        return Outline(self.stands, frozenset(self.pending.items()))


class Pool(NamedTuple):
    """What an action's parameters are filled from: what each may be, and of which type it is."""

    values: Mapping[str, Values]
    types: Mapping[str, Type]


class Taken(NamedTuple):
    """The ways in which an action may be applied, and whether it may be rejected."""

    drafts: list[Draft]
    may_reject: bool


REJECTED = Taken([], may_reject=True)
