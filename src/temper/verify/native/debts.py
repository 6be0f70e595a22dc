"""Fairness in native code: what a state owes and a step pays, as bits, after `verify.explicit.fairness`.

Everything is numbered beforehand. Mail counts by its place, whatever it says: if some letter of a place has to be
taken, one of that place is. So fewer debts are owed here than there, and what holds no fair run here holds none there;
where no place has room for two letters, both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from temper.machine import Address, Effecting, Property, PropertyKind, Refusal, Site, Spawning, TransitionTable
from temper.verify.explicit.fairness import (
    CallDebt,
    Debt,
    Fairness,
    Insistence,
    LaneDebt,
    MailDebt,
    TimerDebt,
    assumed_by,
)
from temper.verify.native.layout import Layout

MailPlaceKey = tuple[Address, Site, Address]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a step means for fairness, as bits: what it pays, what it shows to be owed, outcomes asked for and had."""

    paid: int = 0
    owed: int = 0
    asked: int = 0
    kept: int = 0

    def also(self, *, paid: int = 0, owed: int = 0) -> Kind:
        return replace(self, paid=self.paid | paid, owed=self.owed | owed)


class Debts:
    """The debts and insistences of one layout, by number."""

    def __init__(self, layout: Layout) -> None:
        table = layout.table
        self.layout = layout
        self.fairness = Fairness(table, assumed_by(promises_of(table)))
        lanes = [LaneDebt(lane.owner, lane.effect.name) for lane in layout.lanes]
        mail = [(place.owner, place.site, place.receiver) for place in layout.mail]
        timers = [TimerDebt(place.address, timer.name) for place in layout.instances for timer in place.entity.timers]
        calls = [
            CallDebt(place.address, action)
            for place in layout.instances
            for entity, action in sorted(self.fairness.actions)
            if entity == place.entity.name
        ]
        listed: list[LaneDebt | MailPlaceKey | TimerDebt | CallDebt] = [*lanes, *mail, *timers, *calls]
        self.numbers = {debt: number for number, debt in enumerate(listed)}
        self.insistences = [
            Insistence(lane.owner, asked.site, outcome)
            for lane in layout.lanes
            for asked in lane.sites
            for effect, outcome in sorted(self.fairness.outcomes)
            if effect == lane.effect.name
        ]
        self._asked = {insistence: 1 << number for number, insistence in enumerate(self.insistences)}
        self.kinds: dict[Kind, int] = {}

    @property
    def words(self) -> int:
        """How many words hold a bit for each debt, or for each insistence."""
        return max(1, -(-max(len(self.numbers), len(self.insistences)) // 64))

    @property
    def is_exact(self) -> bool:
        """Whether no place has room for two letters, so that bits say all that there is to say."""
        return all(len(place.slots) == 1 for place in self.layout.mail)

    def bit(self, debt: LaneDebt | MailPlaceKey | TimerDebt | CallDebt) -> int:
        """The bit of a debt."""
        return 1 << self.numbers[debt]

    def asked(self, insistence: Insistence) -> int:
        """The bit of an insistence; 0 if nobody assumes it."""
        return self._asked.get(insistence, 0)

    def number(self, kind: Kind) -> int:
        """The number of a kind of step."""
        return self.kinds.setdefault(kind, len(self.kinds))

    # As the plain search says it.

    def of(self, debts: Iterable[Debt]) -> int:
        """The bits of debts."""
        found = 0
        for debt in debts:
            found |= self.bit(_place(debt) if isinstance(debt, MailDebt) else debt)
        return found

    def insisted(self, insistences: Iterable[Insistence]) -> int:
        """The bits of insistences."""
        found = 0
        for insistence in insistences:
            found |= self.asked(insistence)
        return found

    def weak(self, property_: Property) -> int:
        """The debts that count for a promise: of calls only those that it assumes."""
        return sum(
            1 << number
            for debt, number in self.numbers.items()
            if not isinstance(debt, CallDebt) or (debt.address.entity, debt.action) in property_.assuming
        )

    def strong(self, property_: Property) -> int:
        """The outcomes that the promise assumes."""
        assumed = set(property_.assuming)
        return sum(
            bit for each, bit in self._asked.items() if (self.fairness.effects[each.site], each.outcome) in assumed
        )


def promises_of(table: TransitionTable) -> list[Property]:
    """The `eventually` properties of a table."""
    return [each for each in table.properties if each.kind is PropertyKind.EVENTUALLY]


def _place(debt: MailDebt) -> MailPlaceKey:
    of = debt.mail.of if isinstance(debt.mail, Refusal) else debt.mail
    assert not isinstance(of, Effecting), "requests are in lanes"
    return of.owner, of.site, of.child if isinstance(of, Spawning) else of.receiver
