"""Things to do at a time: one sleeper for all of them, never early."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from temper.run.world import Clock


class Alarms:
    """Calls back when a time has come.

    Nothing here is durable: whoever sets an alarm can set it again from the store.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._sleeper: asyncio.Task[None] | None = None
        self._sleeps_until = 0

    def at(self, due: int, ring: Callable[[], None]) -> None:
        """Call `ring` when it is `due`, or soon if it is already."""
        heapq.heappush(self._heap, (due, next(self._order), ring))
        if self._sleeper is None or due < self._sleeps_until:
            self._sleep()

    def clear(self) -> None:
        """Forget every alarm."""
        self._heap.clear()
        if self._sleeper is not None:
            self._sleeper.cancel()
            self._sleeper = None

    def _sleep(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._sleeper = None
        if self._heap:
            self._sleeps_until = self._heap[0][0]
            self._sleeper = asyncio.create_task(self._wait(self._sleeps_until))

    async def _wait(self, due: int) -> None:
        await self._clock.wait_until(due)
        self._sleeper = None
        while self._heap and self._heap[0][0] <= self._clock.now():
            # Through the loop, so that one that fails does not keep the others from ringing.
            asyncio.get_running_loop().call_soon(heapq.heappop(self._heap)[2])
        if self._sleeper is None:
            self._sleep()
