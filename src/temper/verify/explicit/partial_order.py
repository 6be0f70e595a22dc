"""Partial order: where steps of different instances do not touch each other, only one order of them is followed.

In each system a set of instances is looked for on which nobody outside of it has any influence before one of them
takes a step, whatever those outside do and however long (`clusters`). Then only the steps of these instances are
followed: a *persistent set* (Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996), for
whole instances as processes. Two more things are asked, and where they are not met, every step is followed:

- **Nothing is hidden.** No step that is followed changes what a property that joins several instances looks at, nor
  sends anything to an instance outside that could otherwise stand still (`sight`, Peled's condition for ample sets).
- **Nothing is ignored.** One of the steps leads to a system still to be expanded (Valmari's "ignoring problem").
  Systems are expanded in the order in which they are found, so going on by such steps ends where all are followed.

Why that is sound. Say that some run w leads from a system to an *event*: a violation, a cut, a row that fires, a state
that is reached, an instance that stands still, a property that fails (or is reached). Claim: what is followed
leads to an event of the same kind. If every step is followed, take the first of w; what is left is shorter.
Otherwise let C be the chosen instances. If w has a step of C, then its first one is among those followed, since nobody
outside changes what C can do; it does not depend on those before it, so w can begin with it and ends in the same
system, and what is left is shorter. (If it is the last of w and itself the event: what it is an event for is decided by
its own instance, or it would be seen.) If w has no step of C, then take a step of C that leads to a system still to be
expanded, and w after it: w is as it was, and the event with it, as nothing that it is decided by was seen to
change. That cannot go on for ever, since each time the system has a greater number.

What crosses instances, and where it is dealt with: messages, refusals and spawns (`clusters`); ids, where a spawn that
takes the last one is a cut in any order, and which one it takes is a mere name unless somebody could know it; performs,
which tie whoever asks the world to the world; places in flight and late requests, where what is cut in one order is cut
in the other, or its place belongs to the chosen. Time does not cross: stamps follow deliveries alone.

A reduced search says only that nothing is wrong. As soon as it meets a violation or a cut it is given up, and a search
without this reduction tells it: so traces stay shortest, and counts of cuts those of the whole relation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from temper.machine import Cut, Message, Property, Spawning, Step, System, TransitionTable, Universe
from temper.verify.explicit.clusters import Clusters, Ties
from temper.verify.explicit.sight import Sight


class PartialOrder:
    """Chooses which steps are followed. `whole` and `chosen` count systems of which all steps were, and only some.

    `properties` are those that are still to be decided. None that is decided needs to be looked at.
    """

    def __init__(self, table: TransitionTable, universe: Universe, properties: Iterable[Property]) -> None:
        self.clusters = Clusters(table, universe)
        self.sight = Sight(table, properties)
        self.whole = self.chosen = 0

    def choose(
        self, system: System, steps: Sequence[Step | Cut], is_ahead: Callable[[Step], bool]
    ) -> Sequence[Step | Cut]:
        """Those of the system's steps that are to be followed.

        `is_ahead` says of a step that it leads to a system that is still to be expanded.
        """
        found = self._least(system, steps, is_ahead)
        if found is None:
            self.whole += 1
            return steps
        self.chosen += 1
        return found

    def _least(
        self, system: System, steps: Sequence[Step | Cut], is_ahead: Callable[[Step], bool]
    ) -> Sequence[Step | Cut] | None:
        acting = [self.clusters.numbers[step.label.address] for step in steps]
        if len(set(acting)) < 2:
            return None
        ties = self.clusters.ties(system)
        for members, isolated in self._candidates(ties, acting):
            followed = [step for step, actor in zip(steps, acting, strict=True) if members >> actor & 1]
            if len(followed) == len(steps):
                continue
            if any(self._is_seen(system, step, members, isolated=isolated) for step in followed):
                continue
            if any(isinstance(step, Step) and is_ahead(step) for step in followed):
                return followed
        return None

    def _candidates(self, ties: Ties, acting: list[int]) -> list[tuple[int, bool]]:
        """Sets of instances that nobody outside influences, the smallest first.

        Always the same first among equals: so one instance is followed to its end before another begins.
        """
        kinds = (False, True) if self.sight.follows else (False,)
        found = {
            (self.clusters.closed(ties, 1 << actor, isolated=isolated), isolated)
            for actor in acting
            for isolated in kinds
        }
        return sorted(found, key=lambda each: (each[0].bit_count(), each))

    def _is_seen(self, system: System, step: Step | Cut, members: int, *, isolated: bool) -> bool:
        """Whether the step may hide something from, or show something to, whoever looks at several instances."""
        if isinstance(step, Cut) or step.violations or self.sight.sees(system, step, isolated=isolated):
            return True
        return any(
            self._wakes(system, mail, members) for mail in step.handed_on if isinstance(mail, Message | Spawning)
        )

    def _wakes(self, system: System, mail: Message | Spawning, members: int) -> bool:
        """Whether somebody else gets mail who could otherwise stand still."""
        address = mail.receiver if isinstance(mail, Message) else mail.child
        if members >> self.clusters.numbers[address] & 1:
            return False
        return not self.clusters.is_fresh(system, address) and self.clusters.prospect(system, address).moving
