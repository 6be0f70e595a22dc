"""What an operator sees of effects and does for them: status, pausing, attempts, dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from temper.report import suggest
from temper.run import book
from temper.run.answer import Problem, Terminal
from temper.run.book import PAUSED, AttemptNote, Key, LetterNote, PausedNote, read_key, shown_key, written
from temper.run.calls import CLOSING, failed, troubled
from temper.run.committer import Gathering
from temper.run.driver import Driver
from temper.run.store.protocol import StoreError
from temper.run.work import Work


@dataclass(frozen=True, slots=True)
class EffectSeen:
    """How an effect stands: who handles it here or has asked for it, its breaker and limits, what there is of it."""

    effect: str
    handler: str
    workers: tuple[str, ...]
    paused: PausedNote | None
    circuit: str
    said: str
    """What opened the breaker."""
    until: int | None
    limits: tuple[str, ...]
    attempting: int
    waiting: int
    letters: int


@dataclass(frozen=True, slots=True)
class LetterSeen:
    """A dead letter: whose it is, what was asked, why nobody knows what came of it, and who redrives it, if anybody."""

    key: str
    effect: str
    owner: str
    args: Mapping[str, Any]
    at: int
    attempts: int
    because: str
    redriven_by: str
    said: str


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of one delivery that failed or were a worker's; the journal has the answer that settled it."""

    key: str
    attempts: tuple[AttemptNote, ...]


class Upkeep:
    """Each change is durable when it is answered."""

    def __init__(self, driver: Driver, work: Work) -> None:
        self._driver, self._work = driver, work

    # Effects

    def effects(self) -> tuple[EffectSeen, ...] | Problem:
        """Every effect of the version in force."""
        try:
            letters = Counter(note.effect for _, note in book.letters(self._driver.world.store))
        except StoreError as error:
            return failed(error)
        return tuple(self._seen(name, letters[name]) for name in self._driver.version.effects)

    async def pause(self, effect: str, by: str, because: str) -> EffectSeen | Problem:
        """Attempt it no more."""
        note = PausedNote(by, self._driver.world.clock.now(), because)
        return await self._set_paused(effect, note)

    async def resume(self, effect: str) -> EffectSeen | Problem:
        """Attempt it again."""
        return await self._set_paused(effect, None)

    async def _set_paused(self, effect: str, note: PausedNote | None) -> EffectSeen | Problem:
        if effect not in self._driver.version.effects:
            return _unknown_effect(effect, tuple(self._driver.version.effects))
        body = None if note is None else written(note)
        try:
            letters = self._letters_of(effect)
        except StoreError as error:
            return failed(error)
        turnstile = self._work.dispatcher.turnstile(effect)
        before = turnstile.paused
        if note is not None:
            # Nothing more is begun while the note is on its way to the disk; resuming waits until it is there.
            self._work.dispatcher.pause(effect, note)
        problem = await self._kept(self._driver.keep(PAUSED, effect, body))
        if problem is None and note is None and turnstile.paused is before:
            # Else somebody has paused it anew meanwhile, which is the last word.
            self._work.dispatcher.pause(effect, None)
        return problem or self._seen(effect, letters)

    def _letters_of(self, effect: str) -> int:
        return sum(note.effect == effect for _, note in book.letters(self._driver.world.store))

    def _seen(self, effect: str, letters: int) -> EffectSeen:
        dispatcher, now = self._work.dispatcher, self._driver.world.clock.now()
        turnstile = dispatcher.turnstile(effect)
        handler = dispatcher.handlers.get(effect)
        limits, declared = turnstile.limits, self._driver.version.effects[effect]
        shown = (
            f"at most {limits.concurrency} at once",
            *([] if limits.rate is None else [f"at most {limits.rate}"]),
            f"each within {min(declared.timeout, limits.timeout or declared.timeout) / 1000:g} s",
        )
        return EffectSeen(
            effect=effect,
            handler="" if handler is None else str(getattr(handler, "way", "python")),
            workers=() if handler is not None else self._work.leases.workers(effect),
            paused=turnstile.paused,
            circuit=turnstile.breaker.circuit(now).value,
            said=turnstile.breaker.said,
            until=turnstile.breaker.until(now),
            limits=shown,
            attempting=turnstile.running,
            waiting=turnstile.waiting,
            letters=letters,
        )

    # Deliveries

    def attempts(self, key: str) -> Attempts | Problem:
        """What is noted about a delivery's attempts."""
        found, store = read_key(key), self._driver.world.store
        try:
            notes = () if found is None else book.attempts_of(store, found)
            if found is None or not (notes or self._was_there(found)):
                return _unknown_delivery(key)
        except StoreError as error:
            return failed(error)
        return Attempts(key, notes)

    def _was_there(self, key: Key) -> bool:
        return 0 < key[0] <= self._driver.world.store.head().place

    def letters(self, effect: str | None, after: str, limit: int) -> tuple[LetterSeen, ...] | Problem:
        """A page of dead letters."""
        since = read_key(after) if after else None
        if after and since is None:
            return Terminal("bad-filter", f"the cursor `{after}` is the key of no letter")
        if effect is not None and effect not in self._driver.version.effects:
            return _unknown_effect(effect, tuple(self._driver.version.effects))
        try:
            every = book.letters(self._driver.world.store, since)
            return tuple(islice((_letter(k, note) for k, note in every if effect in {None, note.effect}), limit))
        except StoreError as error:
            return failed(error)

    async def redrive(self, key: str, by: str) -> LetterSeen | Problem:
        """Have it performed once more."""
        found = await self._letter(key)
        if not isinstance(found, tuple):
            return found
        place, note = found
        letters = self._work.dispatcher.letters
        if why := letters.why_not(note):
            return Terminal("not-redrivable", f"the letter {key} cannot be redriven: {why}", (("key", key),))
        if letters.is_redriven(place):
            return _letter(place, note)
        pending = letters.redrive(place, note, by)
        problem = await self._kept(None if pending is None else self._driver.committer.flush())
        if problem is not None or pending is None:
            return problem or CLOSING
        if letters.is_redriven(place) and self._work.dispatcher.known(place) is None:
            self._work.dispatcher.attempt(pending)
        try:
            stored = book.letter(self._driver.world.store, place)
        except StoreError:
            stored = None  # It is redriven, whether or not it can be read just now.
        return _letter(place, stored or note)

    async def dismiss(self, key: str) -> LetterSeen | Problem:
        """Put it away."""
        found = await self._letter(key)
        if not isinstance(found, tuple):
            return found
        place, note = found
        if self._work.dispatcher.letters.is_redriven(place):
            message = f"the letter {key} is being redriven by {note.redriven_by}: see first what comes of it"
            return Terminal("not-redrivable", message, (("key", key),))
        return await self._kept(self._work.dispatcher.letters.strike(place)) or _letter(place, note)

    async def _letter(self, key: str) -> tuple[Key, LetterNote] | Problem:
        """The letter as it is durable, with everything that is on its way."""
        place, driver = read_key(key), self._driver
        if not driver.takes:
            return troubled(driver.trouble) if driver.trouble is not None else CLOSING
        try:
            if (error := await driver.durable()) is not None:
                return failed(error)
            note = None if place is None else book.letter(driver.world.store, place)
        except StoreError as error:
            return failed(error)
        return _unknown_delivery(key) if place is None or note is None else (place, note)

    async def _kept(self, gathering: Gathering | None) -> Problem | None:
        """Wait until it is durable; the problem if it is not."""
        driver = self._driver
        if gathering is None:
            return troubled(driver.trouble) if driver.trouble is not None else CLOSING
        end = await gathering.wait()
        return None if end is None else failed(end)


def _letter(key: Key, note: LetterNote) -> LetterSeen:
    return LetterSeen(
        key=shown_key(key),
        effect=note.effect,
        owner=f"{note.entity} {note.id}",
        args=note.delivery["args"],
        at=note.at,
        attempts=note.attempts,
        because=note.because,
        redriven_by=note.redriven_by,
        said=note.said,
    )


def _unknown_effect(effect: str, known: tuple[str, ...]) -> Terminal:
    near = suggest(effect, known)
    hint = f"did you mean `{near}`?" if near else f"it has {', '.join(known) or 'none'}"
    return Terminal("unknown-effect", f"the blueprint has no effect `{effect}`; {hint}", (("effect", effect),))


def _unknown_delivery(key: str) -> Terminal:
    return Terminal("no-such-delivery", f"there is no delivery `{key}` here", (("key", key),))
