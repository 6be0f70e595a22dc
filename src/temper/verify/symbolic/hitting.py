"""Hitting sets: of literals that hold somewhere, the fewest that no sample has all of.

Each literal has a number whose bits say which samples lack it, so that one `and` tells which samples are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest

LITERALS_MAX = 4
FOUND_MAX = 60
"""So many sets from one look are enough."""
NARROW = 64
"""From so many of the samples that lack least it is chosen where to go on."""


class Hitting:
    """Samples, each a number whose bits say which of `width` literals it has.

    >>> Hitting([0b0011, 0b1101], 4).sets(0b0111)
    [(1, 2)]
    """

    def __init__(self, samples: Sequence[int], width: int) -> None:
        self.samples = samples
        self._all = (1 << len(samples)) - 1
        rows = [format(sample, f"0{width}b") for sample in reversed(samples)]
        columns = [int("".join(column), 2) for column in zip(*rows, strict=True)] if rows else [0] * width
        self._has = columns[::-1]
        """By literal: the samples that have it, one bit each."""

    def sets(self, mask: int) -> list[tuple[int, ...]]:
        """The least sets of literals of the mask that no sample has all of, up to `LITERALS_MAX` and `FOUND_MAX`."""
        lacking = [mask & ~sample for sample in self.samples]
        if not lacking or not all(lacking):
            return []
        narrow = nsmallest(NARROW, range(len(lacking)), key=lambda at: lacking[at].bit_count())
        found: list[int] = []

        def go(chosen: int, left: int, most: int) -> None:
            at = next((at for at in narrow if left >> at & 1), (left & -left).bit_length() - 1)
            missed = lacking[at]
            while missed and len(found) < FOUND_MAX:
                bit = missed & -missed
                missed ^= bit
                still = left & self._has[bit.bit_length() - 1]
                if still and most > 1:
                    go(chosen | bit, still, most - 1)
                elif not still and all(other & ~(chosen | bit) for other in found):
                    found.append(chosen | bit)

        for most in range(1, LITERALS_MAX + 1):
            go(0, self._all, most)
        return [tuple(at for at in range(each.bit_length()) if each >> at & 1) for each in found]
