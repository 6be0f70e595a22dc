"""Workers in other processes: they take deliveries that have no handler here, for a while, and bring back answers.

A lease is a durable claim that runs out: it is kept before the delivery is handed over, prolonged by heartbeats, and
never prolonged beyond the effect's timeout. Its number is the attempt's, so it fences: an answer under an older one
is written down as late and changes nothing. If the worker is gone, the attempt has failed: it is made again, or
settles `unknown` if it may be made only once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from temper.machine import Address, DeliveryKind, Effecting
from temper.run import book
from temper.run.alarms import Alarms
from temper.run.answer import Problem, Retryable, Terminal
from temper.run.book import LEASE, AttemptNote, Key, read_lease, shown_lease, sorting, written
from temper.run.calls import CLOSING, failed, troubled
from temper.run.committer import Gathering
from temper.run.dispatcher import Answered, Dispatcher, End, Failed
from temper.run.driver import Driver
from temper.run.engine import Settled
from temper.run.outcome import judge
from temper.run.record import Pending
from temper.run.store.protocol import StoreError
from temper.run.world import Ask

LEASE_MILLISECONDS = 30_000
SEEN_MILLISECONDS = 60_000
"""How long a worker that asked is counted as being there."""
OVER = frozenset({"answered", "unknown", "failed", "late"})
"""Ends after which an answer has been heard already."""


@dataclass(frozen=True, slots=True)
class Leased:
    """One attempt that is a worker's for now."""

    lease: str
    ask: Ask
    milliseconds: int
    """How long it lasts unless it is prolonged."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What became of an answer. `counts`: it settled the delivery or ended the attempt; else it came too late."""

    counts: bool
    outcome: str
    note: str = ""


class Leases:
    """Hands attempts to workers and hears what came of them."""

    def __init__(self, driver: Driver, alarms: Alarms, dispatcher: Dispatcher) -> None:
        self._driver, self._alarms, self._dispatcher = driver, alarms, dispatcher
        self._waiting: set[asyncio.Future[None]] = set()
        self._let_go = False
        self._seen: dict[str, dict[str, int]] = {}

    def workers(self, effect: str) -> tuple[str, ...]:
        """Who has asked for this effect lately."""
        since = self._driver.world.clock.now() - SEEN_MILLISECONDS
        return tuple(sorted(who for who, at in self._seen.get(effect, {}).items() if at >= since))

    async def lease(
        self, who: str, effects: Sequence[str], limit: int, wait_milliseconds: int
    ) -> tuple[Leased, ...] | Problem:
        """At most `limit` attempts for this worker; waits a while if there is nothing to do."""
        clock = self._driver.world.clock
        until = clock.now() + wait_milliseconds
        while True:
            if (problem := self._untaken()) is not None:
                return problem
            found = await self._granted(who, effects, limit)
            if found or isinstance(found, Retryable) or self._let_go or clock.now() >= until:
                return found
            await self._wait(until)

    async def heartbeat(self, lease: str, who: str) -> int | Problem:
        """Prolong a lease; for how many milliseconds from now. A worker that hears `lease-lost` should stop."""
        try:
            return await self._prolonged(lease, who)
        except StoreError as error:
            return failed(error)

    async def complete(self, lease: str, who: str, end: End) -> Completed | Problem:
        """Hear what came of an attempt. The same again is harmless."""
        if (problem := self._untaken()) is not None:
            return problem
        key, note = self._held(lease, who)
        try:
            if key is not None and note is not None and not self._expired(key, note):
                return await self._counted(key, note, end)
            return await self._late(lease, who, end)
        except StoreError as error:
            return failed(error)

    async def _prolonged(self, lease: str, who: str) -> int | Problem:
        if (problem := self._untaken()) is not None:
            return problem
        now, (key, note) = self._driver.world.clock.now(), self._held(lease, who)
        if key is None or note is None or note.expires is None or now >= note.expires:
            return self._elsewhere(lease, who) or _lost(lease)
        pending = self._dispatcher.known(key)
        if pending is None:
            return _lost(lease)
        note = replace(note, expires=self._expires(pending, now, note.started))
        self._dispatcher.leased[key] = note
        gathering = self._driver.keep(LEASE, sorting(key), written(note))
        self._arm(key, note)
        assert gathering is not None, "nothing has happened since inputs were taken"
        end = await gathering.wait()
        return failed(end) if end is not None else (note.expires or now) - now

    def wake(self, effect: str) -> None:
        """There may be something to do."""
        del effect
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def let_go(self) -> None:
        """From now on nobody waits for anything to do."""
        self._let_go = True
        self.wake("")

    def stop(self) -> None:
        """Let nobody wait for what may not come. The leases are in the store."""
        self.wake("")

    def recall(self, is_waiting: Callable[[Key], bool]) -> None:
        """Take up the leases that the store has; those of deliveries that are gone are struck out."""
        dispatcher = self._dispatcher
        for key, note in list(book.leases(self._driver.world.store)):
            dispatcher.leased[key] = note
            if is_waiting(key):
                dispatcher.turnstile(note.effect).entered(key)
                self._arm(key, note)
            else:
                dispatcher.end_lease(key, "withdrawn", "")

    # Handing over

    async def _granted(self, who: str, effects: Sequence[str], limit: int) -> tuple[Leased, ...] | Retryable:
        dispatcher = self._dispatcher
        granted: list[tuple[Key, AttemptNote, Leased]] = []
        gathering: Gathering | None = None
        trouble: StoreError | None = None
        for effect in effects:
            if effect in dispatcher.handlers or effect not in self._driver.version.effects:
                continue
            self._seen.setdefault(effect, {})[who] = self._driver.world.clock.now()
            left: list[Key] = []
            while trouble is None and len(granted) < limit and (pending := dispatcher.take(effect)) is not None:
                try:
                    kept = self._grant(pending, who, granted)
                except StoreError as error:
                    kept, trouble = None, error
                if kept is None:
                    left.append(pending.key)
                gathering = kept or gathering
            for key in left:
                # Not before the end: what goes back at once is the next that is taken, for ever.
                dispatcher.give_back(key, effect)
            dispatcher.look_again(effect)
        end = trouble if gathering is None else await gathering.wait()
        if end is not None:
            return failed(end)
        # The very note: after everything was taken up anew, the same attempt may have been given to somebody else.
        return tuple(leased for key, note, leased in granted if dispatcher.leased.get(key) is note)

    def _grant(self, pending: Pending, who: str, granted: list[tuple[Key, AttemptNote, Leased]]) -> Gathering | None:
        dispatcher, now, key = self._dispatcher, self._driver.world.clock.now(), pending.key
        effect = dispatcher.effect(pending)
        once = effect.delivery is DeliveryKind.AT_MOST_ONCE
        pending = pending._replace(attempts=pending.attempts + 1, claimed=pending.claimed or once)
        assert isinstance(pending.delivery, Effecting), "only effects are leased"
        note = AttemptNote(effect.name, *pending.delivery.owner, pending.attempts, now, who)
        note = replace(note, expires=self._expires(pending, now, now))
        gathering = dispatcher.noted(pending)
        if gathering is None:
            return None  # Withdrawn, and the record of that is not durable yet.
        self._driver.keep(LEASE, sorting(key), written(note))
        dispatcher.leased[key] = note
        self._arm(key, note)
        lease = shown_lease(key, note.number)
        granted.append((key, note, Leased(lease, dispatcher.ask(pending), (note.expires or now) - now)))
        return gathering

    def _expires(self, pending: Pending, now: int, started: int) -> int:
        timeout = self._dispatcher.timeout(self._dispatcher.effect(pending))
        return min(now + LEASE_MILLISECONDS, started + timeout)

    # Running out

    def _arm(self, key: Key, note: AttemptNote) -> None:
        self._alarms.at(note.expires or 0, lambda: self._ring(key, note))

    def _ring(self, key: Key, note: AttemptNote) -> None:
        """The time has come, unless the lease was prolonged; and not any more if the clock was set back just now."""
        if self._dispatcher.leased.get(key) is note and not self._expired(key, note):
            self._arm(key, note)

    def _expired(self, key: Key, note: AttemptNote) -> bool:
        """Whether the lease has run out; if so, the attempt has failed."""
        if note.expires is not None and self._driver.world.clock.now() < note.expires:
            return False
        why = f"the worker {note.who} gave no answer before its lease ran out"
        pending = self._dispatcher.known(key)
        if pending is not None:
            self._dispatcher.conclude(pending, Failed(why), why)
        self._dispatcher.end_lease(key, "lost", why)
        return True

    # Answers

    async def _counted(self, key: Key, note: AttemptNote, end: End) -> Completed | Problem:
        pending = self._dispatcher.known(key)
        assert pending is not None, "a lease ends when its delivery is withdrawn"
        effect = self._dispatcher.effect(pending)
        why = end.why if isinstance(end, Failed) else None
        await asyncio.shield(self._dispatcher.conclude(pending, end, why))
        if self._dispatcher.leased.get(key) == note or not self._driver.takes:
            return self._untaken() or Retryable("store-failed", "the answer is not stored yet; bring it again")
        if isinstance(end, Failed):
            return Completed(counts=True, outcome="failed", note=end.why)
        judged, past = judge(effect, end.said), book.attempt_of(self._driver.world.store, key, note.number)
        if past is None or past.end not in {"late", "withdrawn"}:
            return Completed(counts=True, outcome=judged.outcome, note=judged.note)
        # It was withdrawn while the answer was on its way: the record says late, and so does the note.
        self._dispatcher.keep_attempt(key, replace(past, end="late", said=judged.note or judged.outcome))
        stored = await self._driver.committer.flush().wait()
        return failed(stored) if stored is not None else Completed(counts=False, outcome="late", note=judged.note)

    async def _late(self, lease: str, who: str, end: End) -> Completed | Problem:
        """The attempt does not count any more: what it brings is kept, and changes nothing."""
        driver, named = self._driver, read_lease(lease)
        if (trouble := await driver.durable()) is not None:
            return failed(trouble)
        past = None if named is None else book.attempt_of(driver.world.store, *named)
        if named is None or past is None or past.who != who:
            return self._elsewhere(lease, who) or _lost(lease)
        if past.end in OVER:
            return Completed(counts=past.end != "late", outcome=past.end, note=past.said)
        if (problem := self._untaken()) is not None:
            return problem
        said = (
            f"late, its lease had ended: {end.why}"
            if isinstance(end, Failed)
            else self._recorded_late(past, named[0], end)
        )
        self._dispatcher.keep_attempt(named[0], replace(past, end="late", said=said))
        stored = await driver.committer.flush().wait()
        return failed(stored) if stored is not None else Completed(counts=False, outcome="late", note=said)

    def _recorded_late(self, past: AttemptNote, key: Key, end: Answered) -> str:
        effect = self._driver.version.effects.get(past.effect)
        if effect is None:
            return "late, and the version in force has no such effect"
        judged = judge(effect, end.said)
        said = f"late, the lease of {past.who} had ended" + (f"; {judged.note}" if judged.note else "")
        owner = self._driver.version.live(past.entity)
        if owner is not None:
            settled = Settled(effect.name, key, judged.outcome, judged.fields, said, stale=True)
            self._driver.enter(_address(past), settled)
        return f"{judged.outcome}: {said}"

    # What they share

    def _held(self, lease: str, who: str) -> tuple[Key, AttemptNote] | tuple[None, None]:
        named = read_lease(lease)
        if named is None:
            return None, None
        note = self._dispatcher.leased.get(named[0])
        return (named[0], note) if note is not None and (note.number, note.who) == (named[1], who) else (None, None)

    def _elsewhere(self, lease: str, who: str) -> Retryable | None:
        """Whether another node of this store gave the lease: that one knows when it ends."""
        named = read_lease(lease)
        notes = () if named is None else book.attempts_of(self._driver.world.store, named[0])
        for note in notes:
            if named is not None and (note.number, note.who, note.ended) == (named[1], who, None):
                message = f"the lease `{lease}` was given by another node of this system; ask that one"
                return Retryable("lease-elsewhere", message, (("lease", lease),))
        return None

    def _untaken(self) -> Problem | None:
        driver = self._driver
        if driver.takes:
            return None
        return troubled(driver.trouble) if driver.trouble is not None else CLOSING

    async def _wait(self, until: int) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = asyncio.ensure_future(self._driver.world.clock.wait_until(until))
        self._waiting.add(waiter)
        try:
            await asyncio.wait({waiter, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(waiter)
            alarm.cancel()


def _address(note: AttemptNote) -> Address:
    return Address(note.entity, note.id)


def _lost(lease: str) -> Terminal:
    message = f"the lease `{lease}` is not yours, or not any more: stop what you do for it"
    return Terminal("lease-lost", message, (("lease", lease),))
