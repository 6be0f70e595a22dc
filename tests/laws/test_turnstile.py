"""The law of the turnstile: never beyond a limit, in order of arrival, and never idle while the first may begin."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from temper.run.book import PausedNote
from temper.run.limits import Fuse, Limits, Rate
from temper.run.turnstile import Turnstile

NOTE = PausedNote("ann", 0, "")


class Turning(RuleBasedStateMachine):
    """A turnstile beside the plainest account of what it let through."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(2, Rate(3, 1_000), fuse=Fuse(2, 500))
        self.turnstile = Turnstile(self.limits)
        self.now = 10_000
        self.next_place = 0
        self.waiting: list[tuple[int, int]] = []
        self.running: list[tuple[int, int]] = []
        self.begun: list[int] = []
        self.failures = 0
        self.shut_until = 0
        self.half_open = False

    @rule()
    def arrive(self) -> None:
        key = (self.next_place, 0)
        self.next_place += 1
        self.waiting.append(key)
        self.turnstile.offer(key)
        self.turnstile.offer(key)

    @rule(by=st.integers(1, 600))
    def pass_time(self, by: int) -> None:
        self.now += by

    def lets(self) -> bool:
        recent = [begun for begun in self.begun if begun > self.now - 1_000]
        shut = self.now < self.shut_until or (self.half_open and bool(self.running))
        busy = len(self.running) >= self.limits.concurrency
        return not (shut or busy or len(recent) >= 3 or self.turnstile.paused)

    @rule()
    def take(self) -> None:
        expected = self.waiting[0] if self.waiting and self.lets() else None
        assert (self.turnstile.holds(self.now) == "") == self.lets()
        taken = self.turnstile.take(self.now)
        assert taken == expected
        if taken is not None:
            self.waiting.remove(taken)
            self.running.append(taken)
            self.begun.append(self.now)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 1), answered=st.booleans())
    def end(self, which: int, answered: bool) -> None:
        key = self.running.pop(which % len(self.running))
        self.turnstile.ended(key, self.now, None if answered else "nobody")
        if answered:
            self.failures, self.shut_until, self.half_open = 0, 0, False
        elif self.now >= self.shut_until:
            self.failures += 1
            if self.failures >= 2:
                self.shut_until, self.half_open = self.now + 500, True

    @precondition(lambda self: self.running or self.waiting)
    @rule(which=st.integers(0, 5))
    def withdraw(self, which: int) -> None:
        everybody = [*self.running, *self.waiting]
        key = everybody[which % len(everybody)]
        self.turnstile.released(key)
        for keys in (self.running, self.waiting):
            if key in keys:
                keys.remove(key)

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.turnstile.paused = NOTE if paused else None

    @rule(concurrency=st.integers(1, 3))
    def limit(self, concurrency: int) -> None:
        self.limits = Limits(concurrency, Rate(3, 1_000), fuse=Fuse(2, 500))
        self.turnstile.limit(self.limits)

    @invariant()
    def counts(self) -> None:
        assert (self.turnstile.waiting, self.turnstile.running) == (len(self.waiting), len(self.running))

    @invariant()
    def looks_again_exactly_when_time_alone_is_missing(self) -> None:
        due = self.turnstile.look_again(self.now)
        if due is not None:
            assert due > self.now
            assert not self.lets()
            before, self.now = self.now, due
            assert self.lets(), "it looks again before anything may begin"
            self.now = due - 1
            assert not self.lets(), "it looks again later than something may begin"
            self.now = before
        elif self.waiting and not self.lets():
            before, self.now = self.now, self.now + 10_000
            assert not self.lets(), "time alone would let it through, and nobody looks again"
            self.now = before


TestTurning = Turning.TestCase
