"""Scalars: which character of the file each character of a decoded scalar came from."""

from __future__ import annotations

import re

from temper.language.syntax import Text
from temper.report import Source

_SIMPLE_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_LONG_ESCAPES = {"x": 2, "u": 4, "U": 8}
_BREAK = re.compile(r"[ \t]*(?:\r?\n[ \t]*)+")
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def mask_pairs(text: str) -> str:
    r"""The text with surrogate pairs, as JSON escapes them, made into escapes that YAML accepts.

    Lengths stay the same, so offsets do. `decode` reads the true pair from the unmasked text.

    >>> print(mask_pairs(r'"\ud83d\ude00"'))
    "\uFFFD\uFFFD"
    """
    return _PAIR.sub(r"\\uFFFD\\uFFFD", text) if "\\u" in text else text


def scalar_text(source: Source, masked: str, start: int, end: int, style: str | None, value: str) -> Text:
    """The `Text` of a scalar that YAML decoded to `value`, with an offset for each character where needed."""
    raw = source.text[start:end]
    span = source.span(start, end)
    if not style and raw == value:
        return Text(value, span, source)
    if style == "'" and raw[1:-1] == value:
        return Text(value, span, source, plain=False, lead=1)
    if style == '"':
        if raw[1:-1] == value:
            return Text(value, span, source, plain=False, lead=1)
        decoded, offsets = _decode(source.text, start + 1, end - 1)
        return Text(decoded, span, source, plain=False, offsets=offsets)
    offsets = _align(masked, _content_start(source, start, end, style), end, value, doubled=style == "'")
    if masked is not source.text:
        value = "".join(one if one in " \n" else source.text[at] for one, at in zip(value, offsets, strict=False))
    return Text(value, span, source, plain=not style, offsets=offsets)


def _content_start(source: Source, start: int, end: int, style: str | None) -> int:
    """Where the characters of a scalar begin: after its quote, or on the line after `|` or `>`."""
    if not style:
        return start
    if style == "'":
        return start + 1
    return source.text.find("\n", start, end) + 1 or end


def _align(text: str, start: int, end: int, value: str, *, doubled: bool) -> tuple[int, ...]:
    """Offsets of a scalar whose words stand in the file as they are; only the space between them is folded.

    `doubled` says that a quote is written twice.
    """
    offsets: list[int] = []
    at = start
    for index, character in enumerate(value):
        if character in " \n":
            at = _align_space(text, at, end, offsets, fresh=index == 0 or value[index - 1] not in " \n")
            continue
        while at < end and text[at] != character:
            at += 1
        offsets.append(min(at, end))
        at += 2 if doubled and character == "'" else 1
    offsets.append(min(at, end))
    return tuple(offsets)


def _align_space(text: str, at: int, end: int, offsets: list[int], *, fresh: bool) -> int:
    """One decoded blank: the next blank of the file if there is one, else the place of the last."""
    if at < end and text[at] in " \t\r\n":
        offsets.append(at)
        return at + 1
    offsets.append(at if fresh or not offsets else offsets[-1])
    return at


def _decode(text: str, at: int, end: int) -> tuple[str, tuple[int, ...]]:
    """A double-quoted scalar, character by character. YAML accepted it already, so every escape is complete."""
    characters: list[str] = []
    offsets: list[int] = []
    while at < end:
        decoded, length = _unit(text, at, end)
        characters.append(decoded)
        offsets.extend([at] * len(decoded))
        at += length
    offsets.append(end)
    return "".join(characters), tuple(offsets)


def _unit(text: str, at: int, end: int) -> tuple[str, int]:
    """The next decoded characters and how much of the file they take."""
    if text[at] == "\\":
        return _escape(text, at, end)
    if text[at] in " \t\r\n":
        folded = _BREAK.match(text, at, end)
        if folded:
            breaks = folded.group().count("\n")
            return (" " if breaks == 1 else "\n" * (breaks - 1)), folded.end() - at
    return text[at], 1


def _escape(text: str, at: int, end: int) -> tuple[str, int]:
    pair = _PAIR.match(text, at, end)
    if pair:
        high, low = int(pair.group(1), 16), int(pair.group(2), 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12
    kind = text[at + 1]
    if kind in _LONG_ESCAPES:
        digits = _LONG_ESCAPES[kind]
        return chr(int(text[at + 2 : at + 2 + digits], 16)), 2 + digits
    if kind in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[kind], 2
    continued = re.compile(r"\r?\n(?:[ \t]*\r?\n)*[ \t]*").match(text, at + 1, end)
    assert continued, f"YAML accepted the escape {text[at : at + 2]!r}, which we do not know"
    breaks = continued.group().count("\n") - 1
    return "\n" * breaks, continued.end() - at
