"""Dead letters: deliveries that settled `unknown`, kept until somebody redrives them or puts them away.

A redrive is a perform without outcome: the receiver is asked once more with the same key, what it says is written
down, and no instance changes. An `at_most_once` delivery is never redriven: it may have been performed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from temper.machine import DeliveryKind, Effecting, NotAValueError, delivery_from_json, delivery_to_json
from temper.run import book
from temper.run.book import LETTER, Key, LetterNote, shown_key, sorting, written
from temper.run.committer import Gathering
from temper.run.driver import Driver
from temper.run.engine import Settled
from temper.run.record import Pending

NOBODY = (
    "its receiver would not know that it was asked before, so it is asked at most once: look there, then dismiss it"
)


class Letters:
    """The dead letters that are being redriven; the others only lie in the store."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._redriven: dict[Key, LetterNote] = {}

    def is_redriven(self, key: Key) -> bool:
        return key in self._redriven

    def redriven_by(self, key: Key) -> str:
        """Who asked for it."""
        return self._redriven[key].redriven_by

    def attempts_max(self, key: Key) -> int:
        """How many attempts there may be in all; 0 for what is no letter."""
        found = self._redriven.get(key)
        return 0 if found is None else found.attempts_max

    # Written with something else, in one transaction

    def write(self, pending: Pending, settled: Settled) -> None:
        """Keep what settled `unknown`."""
        delivery = pending.delivery
        assert isinstance(delivery, Effecting), "only effects settle"
        world, table = self._driver.world, self._driver.version.table
        note = LetterNote(
            delivery.effect,
            *delivery.owner,
            at=world.clock.now(),
            attempts=pending.attempts,
            because=settled.said,
            kind=self._driver.version.effects[delivery.effect].delivery.value,
            delivery=delivery_to_json(table, delivery) | ({"trace": pending.trace} if pending.trace else {}),
        )
        self._keep(pending.key, note)

    def note(self, pending: Pending) -> Gathering | None:
        """Keep the book-keeping of a letter that is redriven."""
        found = self._redriven[pending.key]
        found = replace(found, attempts=pending.attempts, not_before=pending.not_before, said=pending.note)
        self._redriven[pending.key] = found
        return self._keep(pending.key, found)

    def gave_up(self, key: Key, attempts: int, said: str) -> Gathering | None:
        """Nobody answered this time either: it lies there again."""
        found = replace(self._redriven[key], attempts=attempts, redriven_by="", said=said)
        if (gathering := self._keep(key, found)) is not None:
            del self._redriven[key]
        return gathering

    def strike(self, key: Key) -> Gathering | None:
        """It was answered, or somebody has looked after it."""
        if (gathering := self._driver.keep(LETTER, sorting(key), None)) is not None:
            self._redriven.pop(key, None)
        return gathering

    # Redriving

    def why_not(self, note: LetterNote) -> str:
        """Why it cannot be redriven; empty if it can."""
        effect = self._driver.version.effects.get(note.effect)
        if effect is None:
            return f"the version in force has no effect `{note.effect}`"
        if DeliveryKind.AT_MOST_ONCE in {effect.delivery, DeliveryKind(note.kind)}:
            return f"`{note.effect}` is at_most_once: {NOBODY}"
        return "" if self._read(note) is not None else f"`{note.effect}` takes other arguments now"

    def redrive(self, key: Key, note: LetterNote, by: str) -> Pending | None:
        """Have it performed once more, with as many attempts as the first time; None if nothing is taken now."""
        retry = self._driver.version.effects[note.effect].retry
        note = replace(note, redriven_by=by, attempts_max=note.attempts + retry.attempts, not_before=0, said="")
        if self._keep(key, note) is None:
            return None
        self._redriven[key] = note
        return self._pending(key, note)

    def recall(self) -> list[Pending]:
        """What was being redriven when the process ended, or before a version was loaded."""
        self._redriven = {}
        found = []
        for key, note in book.our_letters(self._driver.world.store):
            if not note.redriven_by:
                continue
            self._redriven[key] = note
            if why := self.why_not(note):
                self.gave_up(key, note.attempts, why)
            else:
                found.append(self._pending(key, note))
        return found

    def _pending(self, key: Key, note: LetterNote) -> Pending:
        delivery = self._read(note)
        assert delivery is not None, f"the letter {shown_key(key)} was read when it was to be redriven"
        trace = note.delivery.get("trace", "")
        return Pending(*key, delivery, False, note.attempts, note.not_before, note.said, trace)

    def _read(self, note: LetterNote) -> Any:
        """The delivery with the types of the version in force; None if it does not fit them any more."""
        try:
            delivery = delivery_from_json(self._driver.version.table, note.delivery)
        except NotAValueError:
            return None
        assert isinstance(delivery, Effecting), "a letter is an effect"
        names = {param.name for param in self._driver.version.effects[note.effect].params}
        return delivery if {name for name, _ in delivery.args} == names else None

    def _keep(self, key: Key, note: LetterNote) -> Gathering | None:
        return self._driver.keep(LETTER, sorting(key), written(note))
