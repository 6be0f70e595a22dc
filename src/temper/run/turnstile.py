"""Who may be attempted now: one turnstile per effect, in order of arrival, within the operator's limits.

Sans-IO: it is told the time and never asks for it, so every limit can be tried out without waiting.
"""

from __future__ import annotations

from collections import deque

from temper.run.book import Key, PausedNote
from temper.run.breaker import Breaker
from temper.run.limits import Limits


class Turnstile:
    """Lets deliveries through one by one. `ended` or `released` follows every `take` and every `entered`.

    >>> from temper.run.limits import Rate
    >>> turnstile = Turnstile(Limits(concurrency=2, rate=Rate(3, 1000)))
    >>> for place in range(4): turnstile.offer((place, 0))
    >>> turnstile.take(0), turnstile.take(0), turnstile.take(0)
    ((0, 0), (1, 0), None)
    >>> turnstile.ended((0, 0), 10); turnstile.ended((1, 0), 10)
    >>> turnstile.take(10), turnstile.take(10), turnstile.look_again(10)
    ((2, 0), None, 1000)
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.breaker = Breaker(limits.fuse)
        self.paused: PausedNote | None = None
        self._waiting: dict[Key, None] = {}
        self._running: set[Key] = set()
        self._begun: deque[int] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    def limit(self, limits: Limits) -> None:
        """Have other limits from now on. What is known of the receiver stays known."""
        self.limits = limits
        self.breaker.fuse = limits.fuse

    def offer(self, key: Key) -> None:
        """Stand in line, once."""
        if key not in self._running:
            self._waiting.setdefault(key)

    def take(self, now: int) -> Key | None:
        """The next that may be attempted, which is under way from now on."""
        if not self._waiting or self.holds(now):
            return None
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._running.add(key)
        if self.limits.rate is not None:
            self._begun.append(now)
        return key

    def entered(self, key: Key) -> None:
        """An attempt that began before anybody looked: it is with a worker since before a restart."""
        self._waiting.pop(key, None)
        self._running.add(key)

    def ended(self, key: Key, now: int, failed: str | None = None) -> None:
        """An attempt is over: with an answer, or without and why."""
        if key not in self._running:
            return
        self._running.discard(key)
        if failed is None:
            self.breaker.answered()
        else:
            self.breaker.failed(now, failed)

    def released(self, key: Key) -> None:
        """Withdrawn, or not attempted after all: it says nothing about the receiver."""
        self._running.discard(key)
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Forget who stands in line."""
        self._waiting.clear()

    def holds(self, now: int) -> str:
        """Why nobody may begin just now; empty if the first in line may."""
        if self.paused is not None:
            because = f": {self.paused.because}" if self.paused.because else ""
            return f"paused by {self.paused.by}{because}"
        if len(self._running) >= self.limits.concurrency:
            return f"{len(self._running)} attempts are under way, and the operator allows {self.limits.concurrency}"
        if not self.breaker.lets(now, len(self._running)):
            return f"the breaker is {self.breaker.circuit(now)}: {self.breaker.said}"
        if self._rate_free(now) > now:
            return f"the operator allows {self.limits.rate}"
        return ""

    def look_again(self, now: int) -> int | None:
        """When time alone may let the next one through; None if nobody waits or something else must happen first."""
        if not self._waiting or self.paused is not None or len(self._running) >= self.limits.concurrency:
            return None
        until = self.breaker.until(now)
        if until is not None and self._running:
            return None  # Half open, one is let through when nobody is under way any more.
        due = max(until or 0, self._rate_free(now))
        return due if due > now else None

    def _rate_free(self, now: int) -> int:
        """When the rate allows one more."""
        rate = self.limits.rate
        if rate is None:
            return 0
        if self._begun and self._begun[-1] > now:
            self._begun = deque(min(begun, now) for begun in self._begun)  # The clock was set back.
        while self._begun and self._begun[0] + rate.milliseconds <= now:
            self._begun.popleft()
        if len(self._begun) < rate.count:
            return 0
        return self._begun[len(self._begun) - rate.count] + rate.milliseconds
