"""Effects on their way: the first of each lane is attempted until it settles, and settling is one durable step.

An attempt starts only when its row is durable. An `at_most_once` effect is claimed in the store first and never
attempted again; if the claim outlives its process, it settles `unknown`. The others are attempted again with
the same key. An answer that cannot be stored yet is kept and settled when it can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from temper.machine import UNKNOWN, DeliveryKind, Effect, Effecting
from temper.run.alarms import Alarms
from temper.run.codec import pending_args
from temper.run.driver import Driver
from temper.run.engine import Settled, back_off
from temper.run.outcome import judge
from temper.run.record import Pending
from temper.run.store.protocol import StoreError
from temper.run.world import Ask, AttemptFailedError, Clock, Handler

Key = tuple[int, int]
ATTEMPTS_AT_ONCE = 64
NOTE_CHARACTERS_MAX = 500
RETRY_MILLISECONDS = 1000
LOST = "the claim outlived its process: whether it was asked, nobody knows"


class Dispatcher:
    """Runs attempts side by side, one for each lane, and settles what they bring."""

    def __init__(self, driver: Driver, alarms: Alarms, start: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._driver, self._alarms, self._start = driver, alarms, start
        self.handlers: Mapping[str, Handler] = driver.world.handlers
        self._slots = asyncio.Semaphore(ATTEMPTS_AT_ONCE)
        self._known: dict[Key, Pending] = {}
        self._running: set[Key] = set()
        self._abandoned: set[Key] = set()
        self._answers: dict[Key, Settled] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._running)

    def status(self, key: Key) -> str:
        """How a pending effect stands: `attempting`, `parked`, `waiting` or `behind` another of its lane."""
        if key in self._running:
            return "attempting"
        pending = self._known.get(key)
        if pending is None:
            return "behind"
        return "waiting" if self._effect(pending).name in self.handlers else "parked"

    def use(self, handlers: Mapping[str, Handler]) -> None:
        """Have other handlers; what was parked for want of one goes on."""
        self.handlers = handlers
        for pending in list(self._known.values()):
            self.attempt(pending)

    def attempt(self, pending: Pending) -> None:
        """Try this effect, now or when its time has come; without a handler it is parked until there is one."""
        key = pending.key
        self._known[key] = pending
        if key in self._running:
            self._abandoned.add(key)
        elif key in self._answers or self._is_lost(pending) or self._effect(pending).name in self.handlers:
            if pending.not_before > self._driver.world.clock.now():
                self._alarms.at(pending.not_before, lambda: self._again(key))
            else:
                self._running.add(key)
                self._start(self._run(pending))

    def forget(self, keys: tuple[Key, ...]) -> None:
        """Settled or withdrawn: no further attempt. One that is under way may still bring a late answer."""
        for key in keys:
            self._known.pop(key, None)
            self._abandoned.discard(key)

    def stop(self) -> None:
        """Forget what the store has; attempts under way go on, and their answers are kept."""
        self._known.clear()
        self._abandoned.clear()

    def _again(self, key: Key) -> None:
        if (pending := self._known.get(key)) is not None and key not in self._running:
            self.attempt(pending)

    def _effect(self, pending: Pending) -> Effect:
        delivery = pending.delivery
        assert isinstance(delivery, Effecting), "only effects are attempted"
        return self._driver.version.effects[delivery.effect]

    def _is_lost(self, pending: Pending) -> bool:
        return pending.claimed and self._effect(pending).delivery is DeliveryKind.AT_MOST_ONCE

    async def _run(self, pending: Pending) -> None:
        """One attempt with what comes of it. Whatever is not durable at the end is taken up again by `resume`."""
        key = pending.key
        try:
            settled = self._answers.get(key) or await self._settlement(pending)
            if settled is not None:
                self._answers[key] = settled
                await self._settle(pending, settled)
        except StoreError:
            due = self._driver.world.clock.now() + RETRY_MILLISECONDS
            self._alarms.at(due, lambda: self._again(key))
        finally:
            self._running.discard(key)
            if key in self._abandoned:
                self._abandoned.discard(key)
                self._again(key)

    async def _settle(self, pending: Pending, settled: Settled) -> None:
        assert isinstance(pending.delivery, Effecting), "only effects settle"
        entered = self._driver.enter(pending.delivery.owner, settled)
        if entered is not None and await entered.gathering.wait() is None:
            self._answers.pop(pending.key, None)

    async def _settlement(self, pending: Pending) -> Settled | None:
        """Attempt once; the outcome, or None if there is to be another attempt (or none, for it was withdrawn)."""
        effect = self._effect(pending)
        if self._is_lost(pending):
            return self._unknown(pending, LOST)
        pending = pending._replace(attempts=pending.attempts + 1)
        if effect.delivery is DeliveryKind.AT_MOST_ONCE:
            pending = pending._replace(claimed=True)
            if not await self._note(pending):
                return None
        async with self._slots:
            try:
                said = await within(
                    self._driver.world.clock, effect.timeout, self.handlers[effect.name](self._ask(pending))
                )
            except AttemptFailedError as error:
                return await self._failed(pending, effect, str(error))
            except Exception as error:
                return await self._failed(pending, effect, f"the handler raised {type(error).__name__}: {error}")
        judged = judge(effect, said)
        return Settled(effect.name, pending.key, judged.outcome, judged.fields, judged.note)

    async def _failed(self, pending: Pending, effect: Effect, why: str) -> Settled | None:
        why = why[:NOTE_CHARACTERS_MAX]
        if effect.delivery is DeliveryKind.AT_MOST_ONCE or pending.attempts >= effect.retry.attempts:
            return self._unknown(pending, f"attempt {pending.attempts} of {effect.retry.attempts} failed: {why}")
        due = self._driver.world.clock.now() + back_off(effect.retry, pending.attempts)
        if await self._note(pending._replace(not_before=due, note=why)):
            self._alarms.at(due, lambda: self._again(pending.key))
        return None

    def _unknown(self, pending: Pending, why: str) -> Settled:
        return Settled(self._effect(pending).name, pending.key, UNKNOWN, (), why)

    async def _note(self, pending: Pending) -> bool:
        """Keep the book-keeping of a delivery durably; False if it is not pending any more or could not be kept."""
        if pending.key in self._known:
            self._known[pending.key] = pending
        gathering = self._driver.note(pending)
        return gathering is not None and await gathering.wait() is None

    def _ask(self, pending: Pending) -> Ask:
        delivery = pending.delivery
        assert isinstance(delivery, Effecting), "only effects are attempted"
        driver, effect = self._driver, self._effect(pending)
        return Ask(
            blueprint=driver.version.table.blueprint,
            effect=effect.name,
            args=pending_args(driver.version, delivery),
            key=f"{driver.journal.identity}-{pending.place}-{pending.round}",
            fence=pending.place if effect.fenced else None,
            attempt=pending.attempts,
            entity=delivery.owner.entity,
            id=delivery.owner.id,
            timeout_seconds=effect.timeout / 1000,
        )


async def within(clock: Clock, milliseconds: int, attempt: Any) -> object:
    """What the attempt brings, or `AttemptFailedError` when the time is up. Measured by the world's clock."""
    running = asyncio.ensure_future(attempt)
    alarm = asyncio.ensure_future(clock.wait_until(clock.now() + milliseconds))
    try:
        await asyncio.wait({running, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        raise AttemptFailedError(f"no answer within {milliseconds / 1000:g} s")
    finally:
        running.cancel()
        alarm.cancel()
