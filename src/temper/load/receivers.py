"""Receivers of effects with a capacity: what they have not begun waits with them, also when nobody waits for it.

That is what makes a storm of retries: an attempt that ran out of time here is still work over there.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from typing import Any

from temper.load.plan import Outage, Receiving
from temper.load.values import drawn
from temper.machine import Effect
from temper.run import Ask, AttemptFailedError
from temper.run.world import Clock


class Receiver:
    """Performs one effect: so many at once, each for a while; the first that came is the first that is begun."""

    def __init__(self, effect: Effect, how: Receiving, clock: Clock, begin: int, chance: random.Random) -> None:
        self._effect, self._how, self._clock, self._begin, self._chance = effect, how, clock, begin, chance
        self._queue: deque[asyncio.Future[object]] = deque()
        self._working: set[asyncio.Task[None]] = set()
        self.busy_milliseconds = 0.0
        """The time that all of its workers together have worked."""

    async def __call__(self, ask: Ask) -> object:
        """One attempt."""
        del ask
        outage = self._outage()
        if outage is not None and not outage.hangs:
            raise AttemptFailedError("connection refused")
        waiter: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if outage is None and self._chance.random() >= self._how.silent:
            self._queue.append(waiter)
            self._begin_more()
        return await waiter

    @property
    def queued(self) -> int:
        """How many requests wait with the receiver."""
        return len(self._queue)

    def _outage(self) -> Outage | None:
        at = self._clock.now() - self._begin
        return next((each for each in self._how.outages if each.begin <= at < each.end), None)

    def _begin_more(self) -> None:
        while self._queue and len(self._working) < self._how.at_once:
            task = asyncio.get_running_loop().create_task(self._work(self._queue.popleft()))
            self._working.add(task)

    async def _work(self, waiter: asyncio.Future[object]) -> None:
        took = self._how.takes.draw(self._chance)
        self.busy_milliseconds += took
        await self._clock.wait_until(self._clock.now() + whole(took, self._chance))
        task = asyncio.current_task()
        assert task is not None, "it runs in one"
        self._working.discard(task)
        if not waiter.done():
            waiter.set_result(self._said())
        self._begin_more()

    def _said(self) -> Mapping[str, Any]:
        names, shares = zip(*self._how.outcomes, strict=True)
        name = self._chance.choices(names, shares)[0]
        outcome = next(each for each in self._effect.outcomes if each.name == name)
        return {"outcome": name, "fields": {each.name: drawn(each.type, self._chance) for each in outcome.fields}}


def whole(milliseconds: float, chance: random.Random) -> int:
    """A whole number of milliseconds, rounded up or down by chance, so that short times are right on average."""
    return int(milliseconds + chance.random())
