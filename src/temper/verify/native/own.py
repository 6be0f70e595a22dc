"""What each worker of a search has to itself, as numbers in one piece of memory: counts, hits, and room to work in.

Native code counts there and nowhere else, so that several workers may run the same code at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from temper.verify.native.monitors import HITS_MAX


@dataclass(frozen=True, slots=True)
class Own:
    """Where each part begins, counted in words of 64 bits. What has no size yet takes one word, so that it exists."""

    monitors: int
    cuts: int
    scratch: int
    known: int
    """A state with the numbers by which it is shortened."""

    @property
    def parts(self) -> dict[str, int]:
        """How many words each part takes."""
        return {
            "transitions": 1,
            "gave_up": 1,
            "known": self.known,
            "cuts": max(1, self.cuts),
            "open": max(1, self.monitors + 7 >> 3),
            "hits": max(1, self.monitors) * (HITS_MAX + 1),
            "scratch": max(1, self.scratch),
        }

    def at(self, name: str) -> int:
        """Where the part begins."""
        found = 0
        for part, size in self.parts.items():
            if part == name:
                return found
            found += size
        raise KeyError(name)

    @property
    def size(self) -> int:
        return sum(self.parts.values())

    def pointers(self) -> list[str]:
        """The lines with which a function that is given `%own` begins: a pointer to each part."""
        return [f"  %{part} = getelementptr i64, ptr %own, i64 {self.at(part)}" for part in self.parts]
