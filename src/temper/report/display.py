"""Text as a terminal shows it: how wide it is, and nothing in it that the terminal would obey."""

from __future__ import annotations

import unicodedata

TAB_COLUMNS = 4
WINDOW_COLUMNS = 160
_LEAD_COLUMNS = 40


def visible(text: str) -> str:
    r"""The text with everything invisible spelt out, so that no file can drive the reader's terminal.

    >>> visible("a\x1b[2Jb\tc")
    'a<U+001B>[2Jb    c'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def columns(text: str) -> int:
    """How many columns the text takes once it is visible.

    >>> columns("é"), columns("表"), columns("\\t")
    (1, 2, 4)
    """
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(_width(character) for character in text)


def window(line: str, start: int, end: int) -> tuple[str, int, bool, bool]:
    """The part of a line to show around characters `start` to `end`, its offset, and whether either side was cut."""
    if len(line) <= WINDOW_COLUMNS:
        return line, 0, False, False
    first = max(0, start - _LEAD_COLUMNS)
    if end <= WINDOW_COLUMNS:
        first = 0
    last = min(len(line), first + WINDOW_COLUMNS)
    return line[first:last], first, first > 0, last < len(line)


def _shown(character: str) -> str:
    if character == "\t":
        return " " * TAB_COLUMNS
    return character if character.isprintable() else f"<U+{ord(character):04X}>"


def _width(character: str) -> int:
    shown = _shown(character)
    if len(shown) > 1:
        return len(shown)
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
