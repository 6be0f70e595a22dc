"""What the engine may ask of the outside, as one argument: clock, chance, store and handlers.

Production, simulation and replay run the same lines; only the world differs.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from temper.run.limits import Limits
from temper.run.observer import NOBODY, Observer
from temper.run.store.protocol import Store

if TYPE_CHECKING:
    from temper.run.tracing import Tracer  # which knows the engine, and is not needed where nothing is followed

INSTANCES_MAX = 100_000
"""How many instances stay in memory; idle ones beyond it are read again when somebody asks."""
SLEEP_MAX_SECONDS = 60.0
"""The wall clock may be set while we sleep, so nobody sleeps longer without looking at it again."""


class Clock(Protocol):
    """Time in milliseconds since the epoch."""

    def now(self) -> int: ...

    async def wait_until(self, due: int) -> None:
        """Return when `now()` is at least `due`; may be late, is never early."""


class Chance(Protocol):
    """Where new ids come from, and everything else that is not to be foreseen."""

    def id(self) -> str: ...

    def fraction(self) -> float:
        """At least 0 and less than 1, as likely here as there; what waits for the same thing spreads by it."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """One attempt of an effect, as a handler sees it. `args` are JSON data.

    `key` is the same in every attempt of one delivery and different for every other one, so a receiver can
    deduplicate by it. `fence` only ever grows; it is None unless the effect is `fenced`.
    """

    blueprint: str
    effect: str
    args: Mapping[str, Any]
    key: str
    fence: int | None
    attempt: int
    entity: str
    id: str
    timeout_seconds: float
    traceparent: str = ""
    """The attempt as W3C Trace Context names it, to be sent on; empty if nobody follows it."""
    tracestate: str = ""
    tenant: str = ""
    """Whose it is, where one server has several tenants."""


Handler: TypeAlias = Callable[[Ask], Awaitable[object]]
"""Makes one attempt and gives back what the receiver said, or raises `AttemptFailedError`."""


Later: TypeAlias = Callable[[Callable[[], None]], None]
"""Carries something out, later."""


class AttemptFailedError(Exception):
    """The attempt gave no answer. It is tried again, or settles `unknown`.

    `later` is how many milliseconds the receiver asks to be left alone; the next attempt waits at least that long.
    """

    def __init__(self, because: str = "", *, later: int = 0) -> None:
        super().__init__(because)
        self.later = later


@dataclass(frozen=True, slots=True)
class World:
    """Everything a runtime may ask of the outside.

    >>> from temper.run.store.memory import MemoryStore
    >>> World(ManualClock(5), SeededChance(1), MemoryStore()).clock.now()
    5
    """

    clock: Clock
    chance: Chance
    store: Store
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    observer: Observer = NOBODY
    tracer: Tracer | None = None
    """Whoever follows what happens; it is among those that `observer` tells, too."""
    tenant: str = ""
    later: Later | None = None
    """How a write takes its time where no thread is to wait for it: simulation says when it is done."""
    reads: Later | None = None
    """The same for what is read beside the loop: when the reader looks, and when it tells what it saw."""
    instances_max: int = INSTANCES_MAX


class SystemClock:
    """The machine's wall clock, which may be set, made into one that never goes back.

    Set forward, it follows at once. Set back, it goes on at half its pace until the wall clock has caught up: what
    waits for its time (an attempt's end, a retry, a lease, a breaker, a timer) waits twice as long, and not for ever.

    >>> wall = iter([100_000_000, 30_000_000, 40_000_000, 200_000_000])
    >>> steady = iter([0, 10_000_000, 20_000_000, 20_000_000])
    >>> clock = SystemClock(lambda: next(wall), lambda: next(steady))
    >>> clock.now(), clock.now(), clock.now()
    (105, 110, 200)
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall, self._steady = wall, steady
        self._told, self._at = wall(), steady()

    def now(self) -> int:
        steady = self._steady()
        self._told = max(self._wall(), self._told + (steady - self._at) // 2)
        self._at = steady
        return self._told // 1_000_000

    async def wait_until(self, due: int) -> None:
        while (left := due - self.now()) > 0:  # noqa: ASYNC110 (time is no event)
            await asyncio.sleep(min(left / 1000, SLEEP_MAX_SECONDS))


class ManualClock:
    """A clock that stands still until it is told: for tests and simulation."""

    def __init__(self, now: int = 0) -> None:
        self._now = now
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    async def wait_until(self, due: int) -> None:
        if due <= self._now:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due, next(self._order), woken))
        await woken

    def set(self, now: int) -> None:
        """Let it be `now`, and wake whom that concerns. It may go backwards, as real clocks do."""
        self._now = now
        while self._waiting and self._waiting[0][0] <= now:
            woken = heapq.heappop(self._waiting)[2]
            if not woken.done():
                woken.set_result(None)

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.set(self._now + milliseconds)

    def next_due(self) -> int | None:
        """When the next one who waits wants to be woken."""
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None


class SystemChance:
    """Ids that nobody can guess and that do not repeat."""

    def id(self) -> str:
        return secrets.token_hex(10)

    def fraction(self) -> float:
        return secrets.randbelow(1 << 32) / (1 << 32)


class SeededChance:
    """The same ids and fractions, each in the same order for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (ids of a simulation, not secrets)
        self._fractions = random.Random(f"fractions {seed}")  # noqa: S311

    def id(self) -> str:
        return f"{self._random.getrandbits(80):020x}"

    def fraction(self) -> float:
        return self._fractions.random()
