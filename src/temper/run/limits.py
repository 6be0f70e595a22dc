"""The operator's limits on an effect: how many at once, how many in a time, how long, and when to stop asking.

They stand in `temper.toml`, never in a blueprint: they can make the world be asked later and less often, which no run
can tell from a slow world, and they can make nothing happen that the blueprint does not say.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CONCURRENCY = 16
"""How many attempts of one effect may be under way, unless the operator says otherwise."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many attempts may begin in any stretch of so many milliseconds.

    >>> str(Rate(10, 1000)), str(Rate(1, 90_000))
    ('10/1s', '1/90s')
    """

    count: int
    milliseconds: int

    def __str__(self) -> str:
        unit = f"{self.milliseconds // 1000}s" if self.milliseconds % 1000 == 0 else f"{self.milliseconds}ms"
        return f"{self.count}/{unit}"


@dataclass(frozen=True, slots=True)
class Fuse:
    """After so many attempts in a row without an answer nobody is asked for so many milliseconds; 0 is never."""

    failures: int = 10
    open_milliseconds: int = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator says about one effect."""

    concurrency: int = CONCURRENCY
    rate: Rate | None = None
    timeout: int | None = None
    """Milliseconds; only where it is less than the blueprint's."""
    fuse: Fuse = field(default_factory=Fuse)
