"""Two nodes over one database go through the workload together; the first dies when its store does."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from support.durable import assert_whole
from support.nodes import cut_off
from support.running import turn
from support.workload import System
from temper.run import PostgresStore, Runtime, SeededChance, Store, World, open_runtime


class Pair(System):
    """Calls go to one node and the other by turns. What is looked at is the second, which lives on."""

    def __init__(self, opened: Callable[[], PostgresStore], fault: Callable[[int], str]) -> None:
        self.second, self.first = opened(), opened()
        super().__init__(self.first, fault)
        self.real = self.outside.store = self.second
        self.other: Runtime | None = None
        self.is_alone = False
        self._turns = itertools.count()

    async def running(self) -> Runtime:
        """The first node and the second by turns; the second alone when the first has died."""
        if self.other is None:
            self.other = await self._begun(self.second, 2)
            self.runtime = await self._begun(self.store, 1)
        if self.store.is_dead and not self.is_alone:
            self.is_alone = True
            await cut_off(self.first)
            await super().end()
            assert self.other.membership is not None
            await self.other.membership.beat()
        return self.runtime if self.runtime is not None and next(self._turns) % 2 else self.other

    async def _begun(self, store: Store, seed: int) -> Runtime:
        handlers = dict.fromkeys(("ship", "ring", "light"), self.outside)
        opened = await open_runtime(World(self.clock, SeededChance(seed), store, handlers), self.certified)
        assert isinstance(opened, Runtime), opened
        return opened

    async def end(self) -> None:
        await super().end()
        self.first.close()
        if self.other is not None:
            await self.other.close()

    async def settle(self, milliseconds: int = 5_000) -> None:
        """Let time pass until nothing is left to do on either."""
        end = self.clock.now() + milliseconds
        while self.clock.now() < end:
            await self._quiet()
            due = self.clock.next_due()
            self.clock.set(min(end, max(due, self.clock.now() + 1)) if due is not None else end)
            await turn()
        await self._quiet()
        assert_whole(self.second)

    async def _quiet(self) -> None:
        for _ in range(2):
            await self.running()
            for runtime in (self.runtime, self.other):
                if runtime is not None:
                    await runtime.quiet()
