"""A deadline that work looks at now and then."""

from __future__ import annotations

from time import monotonic


class OutOfTime(Exception):  # noqa: N818 - it ends a search, and nothing is wrong
    """The seconds of the budget are over."""


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds_max: float) -> None:
        self.seconds_max = seconds_max
        self.ends = monotonic() + seconds_max

    def check(self) -> None:
        """Raises `OutOfTime` when the seconds are over."""
        if monotonic() > self.ends:
            raise OutOfTime

    def end(self) -> None:
        """Nobody wants to wait any longer."""
        self.ends = 0.0
