"""How far somebody was told what happened: the last record of each chain, so that nothing is skipped.

One node writes one chain, in which the order of the numbers is the order of the commits. Several nodes write one
each: between them the numbers follow what rests on what, and a record may be committed after one of a higher number.
So a position says of each chain how far it was told, and what is told next rests on nothing that was not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WRITTEN = re.compile(r"[0-9]{1,18}(-[0-9]{1,18}){0,255}", re.ASCII)
BETWEEN = "-"


@dataclass(frozen=True, slots=True)
class Position:
    """The number of the last record of each chain that anything was told of, written `1200-1795`; `0` is the start."""

    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return BETWEEN.join(map(str, self.numbers)) or "0"

    def of(self, stride: int) -> dict[int, int]:
        """How far each chain was told, by its slot; of one that is named twice the less, for a repeat does no harm.

        >>> Position.read("1795-1200-1796").of(256)
        {3: 1795, 176: 1200, 4: 1796}
        """
        found: dict[int, int] = {}
        for number in filter(None, self.numbers):
            slot = number % stride
            found[slot] = min(number, found.get(slot, number))
        return found

    def behind(self, number: int, stride: int) -> Position:
        """The position when this record, too, was told.

        >>> str(Position.read("1200-1795").behind(1456, 256))
        '1456-1795'
        """
        return Position(tuple(sorted({**self.of(stride), number % stride: number}.values())))

    @staticmethod
    def read(text: str) -> Position:
        """A position as it is written; raises `ValueError` if this is none."""
        if WRITTEN.fullmatch(text) is None:
            raise ValueError(f"a position is the number of a record, or several joined by `-`, not {text[:40]!r}")
        return Position(tuple(filter(None, map(int, text.split(BETWEEN)))))
