"""Effects on their way: the first of each lane is attempted until it settles, and settling is one durable step.

An attempt starts only when its row is durable, and when the turnstile of its effect lets it through. An
`at_most_once` effect is claimed in the store first and never attempted again; if the claim outlives its process, it
settles `unknown`. The others are attempted again with the same key. An answer that cannot be stored yet is kept and
settled when it can. A dead letter that is redriven goes the same way, and settles nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, assert_never

from temper.machine import AGAIN, UNKNOWN, DeliveryKind, Effect, Effecting
from temper.run.alarms import Alarms
from temper.run.backing_off import back_off
from temper.run.book import ATTEMPT, LEASE, AttemptNote, Key, PausedNote, shown_key, sorting, written
from temper.run.codec import pending_args
from temper.run.committer import Gathering
from temper.run.driver import Driver, Entered
from temper.run.engine import Append, Settled
from temper.run.letters import Letters
from temper.run.limits import Limits
from temper.run.observer import Tried
from temper.run.outcome import judge
from temper.run.record import Pending, Record
from temper.run.store.protocol import StoreError
from temper.run.trace_context import traceparent_of, tracestate_of
from temper.run.turnstile import Turnstile
from temper.run.world import Ask, AttemptFailedError, Clock, Handler

NOTE_CHARACTERS_MAX = 500
RETRY_MILLISECONDS = 1000
SPREAD = 0.5
"""What fails together is not tried again together: each wait is up to so much longer than the blueprint says."""
LATER_MILLISECONDS_MAX = 3_600_000
"""A receiver may ask to be left alone for so long, and no longer: what is pending must be delivered at last."""
LOST = "the claim outlived its process: whether it was asked, nobody knows"
SPENT = "the last attempt that is declared outlived its process: how it ended, nobody knows"


@dataclass(frozen=True, slots=True)
class Answered:
    """An attempt was answered, with whatever that is."""

    said: object


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt has no answer, and why. `later`: for how many milliseconds nobody is to be asked again."""

    why: str
    later: int = 0


End: TypeAlias = Answered | Failed
Begin: TypeAlias = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Dispatcher:
    """Runs attempts side by side, one for each lane, and settles what they bring.

    `offered` hears of an effect that has no handler here and something to do: a worker may be waiting for it.
    """

    def __init__(self, driver: Driver, alarms: Alarms, start: Begin, offered: Callable[[str], None]) -> None:
        self._driver, self._alarms, self._start, self._offered = driver, alarms, start, offered
        self.handlers: Mapping[str, Handler] = driver.world.handlers
        self.limits: Mapping[str, Limits] = driver.world.limits
        self.leased: dict[Key, AttemptNote] = {}
        """Attempts that are with workers."""
        self.letters = Letters(driver)
        self._turnstiles: dict[str, Turnstile] = {}
        self._looks: dict[str, int] = {}
        self._known: dict[Key, Pending] = {}
        self._running: set[Key] = set()
        self._abandoned: set[Key] = set()
        self._answers: dict[Key, tuple[Pending, Settled]] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._running)

    def known(self, key: Key) -> Pending | None:
        """The delivery, if it is the first of its lane or a letter that is redriven."""
        return self._known.get(key)

    def status(self, key: Key) -> tuple[str, str]:
        """How a pending effect stands, and why it is not attempted if nothing else says that."""
        if key in self._running:
            return "attempting", ""
        if (lease := self.leased.get(key)) is not None:
            return "leased", f"with the worker {lease.who}"
        pending = self._known.get(key)
        if pending is None:
            return "behind", ""
        effect, now = self.effect(pending).name, self._driver.world.clock.now()
        turnstile = self.turnstile(effect)
        if turnstile.paused is not None:
            return "paused", turnstile.holds(now)
        if effect not in self.handlers:
            return "parked", ""
        held = "" if pending.not_before > now else turnstile.holds(now)
        return ("held", held) if held else ("waiting", "")

    def turnstile(self, effect: str) -> Turnstile:
        """The effect's turnstile."""
        if effect not in self._turnstiles:
            self._turnstiles[effect] = Turnstile(self.limits.get(effect, Limits()))
        return self._turnstiles[effect]

    def use(self, handlers: Mapping[str, Handler], limits: Mapping[str, Limits] | None = None) -> None:
        """Have other handlers and limits; what was parked for want of one goes on."""
        kept = {id(handler) for handler in handlers.values()}
        for handler in self.handlers.values():
            if id(handler) not in kept and (retire := getattr(handler, "retire", None)) is not None:
                retire()  # What is under way goes on, and nothing waits for more.
        self.handlers = handlers
        if limits is not None:
            self.limits = limits
            for name, turnstile in self._turnstiles.items():
                turnstile.limit(limits.get(name, Limits()))
        for name in list(self._turnstiles):
            self.pump(name)

    def pause(self, effect: str, note: PausedNote | None) -> None:
        """Attempt it no more, or again."""
        self.turnstile(effect).paused = note
        if note is None:
            self.pump(effect)

    def recall(self, paused: Mapping[str, PausedNote]) -> None:
        """These effects are paused, and no others."""
        for name in {*paused, *self._turnstiles}:
            self.turnstile(name).paused = paused.get(name)

    # On the way

    def attempt(self, pending: Pending) -> None:
        """Try this effect, now or when its time has come; without a handler it waits for one, or for a worker."""
        key = pending.key
        self._known[key] = pending
        now = self._driver.world.clock.now()
        if key in self._running:
            self._abandoned.add(key)
        elif pending.not_before > now:
            spread = 0 if pending.attempts else self._spread(pending.not_before - now)
            self._alarms.at(pending.not_before + spread, lambda: self._again(key))
        elif key in self._answers or (self._why_over(pending) and key not in self.leased):
            self._begin(pending)
        elif key not in self.leased:
            effect = self.effect(pending).name
            self.turnstile(effect).offer(key)
            self.pump(effect)

    def take_up(self, pending: Pending) -> None:
        """Try what the store has; what is noted here may still be on its way to it, and is what counts."""
        self.attempt(self._known.get(pending.key, pending))

    def pump(self, effect: str) -> None:
        """Begin every attempt of this effect that may begin now."""
        if effect not in self.handlers:
            self._offered(effect)
            return
        turnstile, now = self.turnstile(effect), self._driver.world.clock.now()
        while (key := turnstile.take(now)) is not None:
            if (pending := self._known.get(key)) is None:
                turnstile.released(key)
            else:
                self._begin(pending)
        self.look_again(effect)

    def look_again(self, effect: str) -> None:
        """Come back when time alone may let something through."""
        due = self.turnstile(effect).look_again(self._driver.world.clock.now())
        if due is not None and due < self._looks.get(effect, due + 1):
            self._looks[effect] = due
            self._alarms.at(due, lambda: self._look(effect))

    def take(self, effect: str) -> Pending | None:
        """The next delivery that a worker may have; `conclude` or `give_back` follows."""
        turnstile = self.turnstile(effect)
        while (key := turnstile.take(self._driver.world.clock.now())) is not None:
            if (pending := self._known.get(key)) is not None:
                return pending
            turnstile.released(key)
        return None

    def give_back(self, key: Key, effect: str) -> None:
        """What was taken is not attempted after all."""
        self.turnstile(effect).released(key)
        self._again(key)

    def conclude(self, pending: Pending, end: End, failed: str | None) -> asyncio.Task[None]:
        """What comes of an attempt that was made elsewhere. `failed` tells the breaker."""
        effect = self.effect(pending).name
        self.turnstile(effect).ended(pending.key, self._driver.world.clock.now(), failed)
        task = self._begin(pending, end)
        self.pump(effect)
        return task

    def forget(self, keys: tuple[Key, ...]) -> None:
        """Settled or withdrawn: no further attempt. One that is under way may still bring a late answer."""
        for key in keys:
            if (pending := self._known.pop(key, None)) is not None and key not in self._running:
                effect = self.effect(pending).name
                self.turnstile(effect).released(key)
                self.pump(effect)
            self._abandoned.discard(key)
            if key in self.leased:
                self.end_lease(key, "withdrawn", "", pending)
                self._driver.committer.flush()

    def stop(self) -> None:
        """Forget what the store has; attempts under way go on, and their answers are kept."""
        for key, note in self.leased.items():
            self.turnstile(note.effect).released(key)
        for turnstile in self._turnstiles.values():
            turnstile.clear()
        self._known.clear()
        self._abandoned.clear()
        self.leased.clear()
        self._looks.clear()

    def effect(self, pending: Pending) -> Effect:
        """What is asked, as the version in force declares it."""
        delivery = pending.delivery
        assert isinstance(delivery, Effecting), "only effects are attempted"
        return self._driver.version.effects[delivery.effect]

    def _look(self, effect: str) -> None:
        self._looks.pop(effect, None)
        self.pump(effect)

    def _again(self, key: Key) -> None:
        if (pending := self._known.get(key)) is not None and key not in self._running:
            self.attempt(pending)

    def _why_over(self, pending: Pending) -> str:
        """Why there is no attempt left though nobody heard of the last one; empty if there is one."""
        if self.effect(pending).delivery is DeliveryKind.AT_MOST_ONCE:
            return LOST if pending.claimed else ""
        return SPENT if pending.attempts >= self._attempts_max(pending) else ""

    def _attempts_max(self, pending: Pending) -> int:
        return self.letters.attempts_max(pending.key) or self.effect(pending).retry.attempts

    def _spread(self, wait: int) -> int:
        return int(wait * SPREAD * self._driver.world.chance.fraction())

    def _begin(self, pending: Pending, end: End | None = None) -> asyncio.Task[None]:
        self._running.add(pending.key)
        return self._start(self._run(pending, end))

    async def _run(self, pending: Pending, end: End | None) -> None:
        """One attempt with what comes of it. Whatever is not durable at the end is taken up again by `resume`."""
        key = pending.key
        try:
            settled = self._answers.get(key) or await self._settlement(pending, end)
            if settled is not None:
                self._answers[key] = settled
                await self._settle(*settled)
        except StoreError:
            due = self._driver.world.clock.now() + RETRY_MILLISECONDS
            self._alarms.at(due, lambda: self._again(key))
        finally:
            self._running.discard(key)
            if key in self._abandoned:
                self._abandoned.discard(key)
                self._again(key)

    # One attempt

    async def _settlement(self, pending: Pending, end: End | None) -> tuple[Pending, Settled] | None:
        """The outcome, with the attempt counted; None if there is to be another one, or none, for it was withdrawn."""
        effect, clock = self.effect(pending), self._driver.world.clock
        if end is None:
            if why := self._why_over(pending):
                return pending, self._unknown(pending, why)
            pending = pending._replace(attempts=pending.attempts + 1)
            started = clock.now()
            end = await self._attempted(pending, effect)
            self._tell(pending, started, end)
            if isinstance(end, Failed):
                note = AttemptNote(effect.name, *_owner(pending), pending.attempts, started)
                self.keep_attempt(pending.key, replace(note, ended=clock.now(), end="failed", said=end.why))
        match end:
            case None:
                return None
            case Failed():
                unknown = await self._failed(pending, effect, end)
                return None if unknown is None else (pending, unknown)
            case Answered(said):
                judged = judge(effect, said)
                return pending, Settled(effect.name, pending.key, judged.outcome, judged.fields, judged.note)
            case _:
                assert_never(end)

    async def _attempted(self, pending: Pending, effect: Effect) -> End | None:
        """Attempt once, here; None if the claim could not be kept, so that nobody was asked."""
        key, failed, later = pending.key, None, 0
        if effect.delivery is DeliveryKind.AT_MOST_ONCE and not await self._note(pending._replace(claimed=True)):
            self.turnstile(effect.name).released(key)
            return None
        clock = self._driver.world.clock
        try:
            return Answered(await within(clock, self.timeout(effect), self.handlers[effect.name](self.ask(pending))))
        except AttemptFailedError as error:
            failed, later = str(error), error.later
        except Exception as error:
            failed = f"the handler raised {type(error).__name__}: {error}"
        finally:
            self.turnstile(effect.name).ended(key, clock.now(), failed)
            self.pump(effect.name)
        return Failed(failed[:NOTE_CHARACTERS_MAX], later)

    def _tell(self, pending: Pending, started: int, end: End | None) -> None:
        """Let whoever watches know of an attempt that was made."""
        if end is not None:
            world = self._driver.world
            word, said = ("failed", end.why) if isinstance(end, Failed) else ("answered", "")
            of = (self.effect(pending).name, shown_key(pending.key), *_owner(pending), pending.attempts)
            tried = Tried(*of, started, world.clock.now(), word, said, pending.trace, pending.not_before)
            world.observer.tried(tried)

    async def _failed(self, pending: Pending, effect: Effect, failed: Failed) -> Settled | None:
        why = failed.why
        attempts_max = self._attempts_max(pending)
        if effect.delivery is DeliveryKind.AT_MOST_ONCE or pending.attempts >= attempts_max:
            return self._unknown(pending, f"attempt {pending.attempts} of {attempts_max} failed: {why}")
        wait = back_off(effect.retry, max(1, pending.attempts - attempts_max + effect.retry.attempts))
        wait = max(wait + self._spread(wait), min(failed.later, LATER_MILLISECONDS_MAX))
        due = self._driver.world.clock.now() + wait
        self.end_lease(pending.key, "failed", why)
        if await self._note(pending._replace(not_before=due, note=why)):
            self._alarms.at(due, lambda: self._again(pending.key))
        return None

    async def _settle(self, pending: Pending, settled: Settled) -> None:
        """One transaction: the record, the letter if it is one or was one, and the end of a worker's lease."""
        key = pending.key
        assert isinstance(pending.delivery, Effecting), "only effects settle"
        if self.letters.is_redriven(key):
            gathering = self._redriven(pending, settled)
        else:
            entered = self._driver.enter(pending.delivery.owner, settled, self.trace(pending))
            gathering = None if entered is None else entered.gathering
            if entered is not None and _leaves_a_letter(entered):
                self.letters.write(pending, settled)
            if entered is not None and _recorded(entered).rule == "late":
                self.end_lease(key, "late", settled.said or settled.outcome, pending)  # Withdrawn, and nobody knew yet.
        if gathering is not None:
            end = UNKNOWN if settled.outcome == UNKNOWN else "answered"
            self.end_lease(key, end, settled.said or settled.outcome, pending)
            if await gathering.wait() is None:
                self._answers.pop(key, None)

    def _redriven(self, pending: Pending, settled: Settled) -> Gathering | None:
        """A redrive is a perform without outcome: what came of it is written down, and changes nothing."""
        assert isinstance(pending.delivery, Effecting), "only effects are redriven"
        if settled.outcome == UNKNOWN:
            gathering = self.letters.gave_up(pending.key, pending.attempts, settled.said)
        else:
            said = f"redriven by {self.letters.redriven_by(pending.key)}"
            settled = replace(settled, said=said, stale=True)
            entered = self._driver.enter(pending.delivery.owner, settled, self.trace(pending))
            gathering = None if entered is None else entered.gathering
            if gathering is not None:
                self.letters.strike(pending.key)
        if gathering is not None:
            self._known.pop(pending.key, None)
        return gathering

    def _unknown(self, pending: Pending, why: str) -> Settled:
        return Settled(self.effect(pending).name, pending.key, UNKNOWN, (), why)

    # Book-keeping

    def noted(self, pending: Pending) -> Gathering | None:
        """Keep the book-keeping of a delivery; None if it is not pending any more or nothing is taken now."""
        note = self.letters.note if self.letters.is_redriven(pending.key) else self._driver.note
        gathering = note(pending)  # First, for it may fail, and memory must not be ahead then.
        if gathering is not None or pending.key in self._known:
            self._known[pending.key] = pending
        return gathering

    async def _note(self, pending: Pending) -> bool:
        gathering = self.noted(pending)
        return gathering is not None and await gathering.wait() is None

    def end_lease(self, key: Key, end: str, said: str, pending: Pending | None = None) -> None:
        """Note how a worker's attempt ended, in the transaction that is gathered now; the lease is gone with it."""
        if (note := self.leased.pop(key, None)) is not None:
            self._driver.keep(LEASE, sorting(key), None)
            self.turnstile(note.effect).released(key)
            now, world = self._driver.world.clock.now(), self._driver.world
            self.keep_attempt(key, replace(note, ended=now, end=end, said=said))
            of = (note.effect, shown_key(key), note.entity, note.id, note.number)
            pending = pending or self._known.get(key)
            trace, waited = ("", 0) if pending is None else (pending.trace, pending.not_before)
            world.observer.tried(Tried(*of, note.started, now, end, said, trace, waited))

    def keep_attempt(self, key: Key, note: AttemptNote) -> None:
        """Note an attempt that is over."""
        self._driver.keep(ATTEMPT, sorting(key, note.number), written(note))

    def timeout(self, effect: Effect) -> int:
        """How long an attempt may take, in milliseconds: the operator can make it shorter and not longer."""
        limits = self.turnstile(effect.name).limits
        return effect.timeout if limits.timeout is None else min(effect.timeout, limits.timeout)

    def ask(self, pending: Pending) -> Ask:
        """The attempt as a handler sees it."""
        delivery = pending.delivery
        assert isinstance(delivery, Effecting), "only effects are attempted"
        driver, effect, trace = self._driver, self.effect(pending), self.trace(pending)
        return Ask(
            blueprint=driver.version.table.blueprint,
            effect=effect.name,
            args=pending_args(driver.version, delivery),
            key=f"{driver.journal.identity}-{pending.place}-{pending.round}",
            fence=pending.place if effect.fenced else None,
            attempt=pending.attempts,
            entity=delivery.owner.entity,
            id=delivery.owner.id,
            timeout_seconds=self.timeout(effect) / 1000,
            traceparent=traceparent_of(trace),
            tracestate=tracestate_of(trace),
            tenant=driver.world.tenant,
        )

    def trace(self, pending: Pending) -> str:
        """Where an attempt stands in a trace, if somebody follows it; without a tracer, where the delivery does."""
        tracer = self._driver.world.tracer
        return pending.trace if tracer is None else tracer.attempt(pending)


def _owner(pending: Pending) -> tuple[str, str]:
    assert isinstance(pending.delivery, Effecting), "only effects are attempted"
    return pending.delivery.owner


def _recorded(entered: Entered) -> Record:
    appended = entered.commands[0]
    assert isinstance(appended, Append), "settling is recorded"
    return appended.record


def _leaves_a_letter(entered: Entered) -> bool:
    """It settled `unknown`, and is not asked again: nobody will find out unless a person looks after it."""
    record = _recorded(entered)
    return record.rule == "settle" and record.outcome == UNKNOWN and record.action != AGAIN


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
