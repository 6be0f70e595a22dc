"""How much may be under way at once: what comes beyond it is told to come back, before memory grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from temper.serve.meters import Meters
from temper.serve.problem import ProblemError

REQUESTS_MAX = 512
"""Requests under way. At 8,000 calls a second, so many are answered in a sixteenth of a second."""
BYTES_MAX = 64_000_000
"""Bytes of bodies that are held for requests under way."""
STREAMS_MAX = 250
"""Clients that wait for something to happen: for events, or for work."""
RETRY_SECONDS = 1
"""What `Retry-After` says wherever the same request may be made again."""


@dataclass(slots=True)
class Pressure:
    """What is under way just now.

    >>> pressure = Pressure(Meters(), requests_max=1)
    >>> with pressure.request():
    ...     try:
    ...         with pressure.request(): pass
    ...     except ProblemError as problem: print(problem.code, problem.status)
    too-busy 503
    """

    meters: Meters
    requests_max: int = REQUESTS_MAX
    bytes_max: int = BYTES_MAX
    streams_max: int = STREAMS_MAX
    requests: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)
    streams: int = field(default=0, init=False)

    def is_high(self, size: int) -> bool:
        """Whether a request with a body of this size has to be turned away."""
        return self.requests >= self.requests_max or self.bytes + size > self.bytes_max

    def request(self) -> Requested:
        """Be one of the requests under way, or raise `too-busy`."""
        if self.requests >= self.requests_max:
            raise self.too_busy("requests", f"{self.requests_max:,} requests are under way, and no more are begun")
        return Requested(self)

    @contextmanager
    def stream(self) -> Iterator[Held]:
        """Be one of those who wait for something to happen, or raise `too-busy`."""
        if self.streams >= self.streams_max:
            raise self.too_busy("streams", f"{self.streams_max:,} clients wait for something to happen already")
        self.streams += 1
        with Held(self) as held:
            try:
                yield held
            finally:
                self.streams -= 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Be counted as one who waits, while events are told."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    def too_busy(self, what: str, why: str) -> ProblemError:
        self.meters.refused.add(what=what)
        detail = f"{why}; nothing of this one was done, so ask again in {RETRY_SECONDS} s"
        return ProblemError("too-busy", detail, {"retry_seconds": RETRY_SECONDS})


@dataclass(slots=True)
class Held:
    """The bytes that one request holds in memory; they are given back when it ends."""

    pressure: Pressure
    bytes: int = 0

    def take(self, size: int) -> None:
        """Hold so many more, or raise `too-busy`."""
        pressure = self.pressure
        if pressure.bytes + size > pressure.bytes_max:
            raise pressure.too_busy("bytes", f"the requests under way hold {pressure.bytes:,} bytes already")
        pressure.bytes += size
        self.bytes += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pressure.bytes -= self.bytes


class Requested(Held):
    """One of the requests under way, while the body runs."""

    __slots__ = ()

    def __enter__(self) -> Self:
        self.pressure.requests += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.pressure.bytes -= self.bytes
        self.pressure.requests -= 1
