"""Where something stands: a source file and a stretch of its text."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read: its path, as messages name it, and its whole text.

    >>> Source("a.yaml", "one\\ntwo").span(4, 7)
    Span(path='a.yaml', start=4, end=7, line=2, column=1, end_line=2, end_column=4)
    """

    path: str
    text: str
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        object.__setattr__(self, "starts", tuple(starts))

    def span(self, start: int, end: int) -> Span:
        """The stretch from offset `start` up to but not including `end`, both in characters."""
        start = max(0, min(start, len(self.text)))
        end = max(start, min(end, len(self.text)))
        line, column = self._position(start)
        end_line, end_column = self._position(end)
        return Span(self.path, start, end, line, column, end_line, end_column)

    def line(self, number: int) -> str:
        """The text of line `number`, counted from 1, without its line break."""
        start = self.starts[number - 1]
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of one file. Offsets count characters from 0, lines and columns from 1."""

    path: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"
