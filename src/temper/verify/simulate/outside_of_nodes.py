"""The outside where several nodes ask: whoever was taken for dead and does not know it yet may ask once more.

What such a node still attempts is what rules 3 and 4 allow (docs/decisions/several-nodes.md): of a record that was
durable, and never a second time of what is to happen at most once. Every other node attempts what is its own alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from temper.machine import DeliveryKind, TransitionTable
from temper.run import Leased
from temper.verify.simulate.database import Database, NodeStore
from temper.verify.simulate.node import NodeLoop
from temper.verify.simulate.outside import Attempt, Outside, Receiver
from temper.verify.simulate.shadow_of_nodes import ShadowOfNodes
from temper.verify.simulate.workers import Workers


class OutsideOfNodes(Outside):
    """Attempts that are out there, whichever node made them."""

    def __init__(
        self,
        table: TransitionTable,
        shadow: ShadowOfNodes,
        receivers: Mapping[str, Receiver],
        database: Database,
    ) -> None:
        super().__init__(table, shadow, receivers)
        self._database, self._records = database, shadow
        self.paused_at: dict[str, tuple[NodeStore, int]] = {}
        """Who was told that an effect is paused, and when, in transactions."""
        self.heard: dict[NodeStore, int] = {}
        """What each node has heard of the others and taken up, in transactions."""

    def told_paused(self, effect: str, store: NodeStore) -> None:
        """An operator was told by this node that it is attempted no more."""
        self.halted.add(effect)
        self.paused_at[effect] = store, self._database.commits

    def halted_at(self, store: NodeStore) -> set[str]:
        """Effects that this node knows to be paused."""
        heard = self.heard.get(store, -1)
        return {
            effect
            for effect in self.halted
            if (at := self.paused_at.get(effect)) is not None
            and self._database.note("paused", effect) is not None
            and (at[0] is store or heard >= at[1])
        }

    def _look(self, attempt: Attempt) -> None:
        store = asking()
        slot = self._database.slot_of(attempt.key)
        is_elsewhere = slot not in {None, store.member.slot}
        is_asleep = store.has_joined_anew or not self._database.is_current(store.member)
        if is_asleep or attempt.key in self._database.settled_late:
            self._look_at_sleeper(attempt)
            return
        told, self.halted = self.halted, self.halted_at(store)
        try:
            super()._look(attempt)
        finally:
            self.halted = told
        if is_elsewhere:
            text = f"{attempt.ask.effect} ({attempt.key[0]}) is attempted by slot {store.member.slot}"
            self.wrong.append(("whose-work", f"{text}, and it is for slot {slot} to carry out"))

    def _look_at_sleeper(self, attempt: Attempt) -> None:
        key, effect = attempt.key, self.table.effect(attempt.ask.effect)
        self.asked[key] = self.asked.get(key, 0) + 1
        if not self._records.was_there(key):
            self.wrong.append(("effect-after-record", f"{effect.name} ({key[0]}) is attempted, and was never durable"))
        if effect.delivery is DeliveryKind.AT_MOST_ONCE and self.asked[key] > 1:
            self.wrong.append(("at-most-once", f"{effect.name} ({key[0]}) is attempted once more, by a sleeper"))


class WorkersOfNodes(Workers):
    """Workers who may ask any node."""

    def __init__(self, outside: OutsideOfNodes, database: Database) -> None:
        super().__init__(outside, database)
        self._of_nodes, self._database = outside, database

    def _halted(self) -> Collection[str]:
        return self._of_nodes.halted_at(asking())

    def _take(self, who: str, leased: Leased) -> None:
        wrong = self._of_nodes.wrong
        before = len(wrong)
        super()._take(who, leased)
        if not self._database.is_current(asking().member):
            # A node that sleeps may say late what was so: an answer under such a lease settles nothing.
            wrong[before:] = [each for each in wrong[before:] if each[0] != "leases"]


def asking() -> NodeStore:
    """The store of the node whose turn it is."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, NodeLoop), "nodes run on loops of their own"
    assert loop.store is not None, "a node has a store"
    return loop.store
