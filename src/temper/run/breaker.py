"""A circuit breaker: an effect that nobody answers is left alone for a while, then tried with one attempt.

It is closed, open, or half open. No durable thing depends on it: after a restart it is closed again.
"""

from __future__ import annotations

from enum import StrEnum

from temper.run.limits import Fuse


class Circuit(StrEnum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Counts attempts without an answer. Whoever attempts asks `lets` first and says afterwards how it ended.

    >>> breaker = Breaker(Fuse(failures=2, open_milliseconds=1000))
    >>> for now in (0, 10): breaker.failed(now, "refused")
    >>> breaker.circuit(10), breaker.lets(10), breaker.said
    (<Circuit.OPEN: 'open'>, False, '2 attempts in a row had no answer; the last: refused')
    >>> breaker.lets(1010), breaker.circuit(1010)
    (True, <Circuit.HALF_OPEN: 'half-open'>)
    >>> breaker.answered(); breaker.circuit(1020)
    <Circuit.CLOSED: 'closed'>
    """

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.said = ""
        self._failures = 0
        self._until: int | None = None

    def circuit(self, now: int) -> Circuit:
        until = self.until(now)
        if until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < until else Circuit.HALF_OPEN

    def until(self, now: int) -> int | None:
        """When one attempt is let through; None while everything is."""
        if self._until is not None and self._until > now + self.fuse.open_milliseconds:
            self._until = now + self.fuse.open_milliseconds  # The clock was set back.
        return self._until

    def lets(self, now: int, running: int = 0) -> bool:
        """Whether an attempt may begin; half open, only while none is under way."""
        match self.circuit(now):
            case Circuit.CLOSED:
                return True
            case Circuit.HALF_OPEN:
                return running == 0
            case Circuit.OPEN:
                return False

    def answered(self) -> None:
        """Somebody is there."""
        self._failures, self._until, self.said = 0, None, ""

    def failed(self, now: int, why: str) -> None:
        """Nobody answered. What was begun before it opened, and fails while it is open, says nothing new."""
        if self.circuit(now) is Circuit.OPEN:
            return
        self._failures += 1
        if self.fuse.failures and self._failures >= self.fuse.failures:
            self._until = now + self.fuse.open_milliseconds
            self.said = f"{self._failures} attempts in a row had no answer; the last: {why}"
