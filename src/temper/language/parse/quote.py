"""Expressions that YAML takes apart: finding out what the author meant, and quoting it.

YAML gives braces, brackets, commas, colons and ` #` a meaning of its own, Python another. Where the two
collide we read on with the text as a person reads it, and say "quote this" with the edit that does it.
"""

from __future__ import annotations

import re

from temper.language.parse.findings import Findings
from temper.language.syntax import Text

EXTENT_MAX = 500
"""A longer expression is not put together again; that bounds the time a hostile line can cost."""
_CANDIDATES_MAX = 20
_KEY_END = re.compile(r"\[[^\]\n]{1,100}\](?=[ \t]*:[ \t])")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def extent(text: str, start: int, *, flow: bool) -> int | None:
    """Where an expression that starts at `start` ends, read as Python and on one line; None if it never closes.

    In a flow collection a comma or closing bracket outside its own brackets ends it, elsewhere a comment does.

    >>> extent("{x: max(1, x), y: 1}", 4, flow=True)
    13
    """
    limit = min(len(text), start + EXTENT_MAX)
    line_end = text.find("\n", start, limit)
    line_end = limit if line_end < 0 else line_end
    open_brackets: list[str] = []
    at = start
    while at < line_end:
        character = text[at]
        if character in "'\"":
            closing = text.find(character, at + 1, line_end)
            if closing < 0:
                return None
            at = closing
        elif character in _CLOSERS:
            open_brackets.append(_CLOSERS[character])
        elif character in ")]}":
            if not open_brackets:
                return _trim(text, start, at) if flow else None
            if open_brackets.pop() != character:
                return None
        elif not open_brackets and _ends(text, at, flow=flow):
            break
        at += 1
    cut_short = at == limit and at < len(text)
    return None if open_brackets or cut_short else _trim(text, start, at)


def _ends(text: str, at: int, *, flow: bool) -> bool:
    comment = text[at] == "#" and text[at - 1 : at] in {" ", "\t"}
    return comment or (flow and text[at] == ",")


def _trim(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in " \t\r":
        end -= 1
    return end


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar, in whichever quotes need no escapes.

    >>> print(quoted('x == "a"'))
    'x == "a"'
    """
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def report_quote(findings: Findings, start: int, end: int, reason: str) -> Text:
    """Say that this stretch must be quoted, and give the text it was meant to be."""
    source = findings.source
    raw = source.text[start:end]
    span = source.span(start, end)
    findings.add(
        "quote-this",
        f"quote `{raw}`: as it stands, YAML takes it apart",
        span,
        reason=reason,
        helps=findings.replace(f"write `{quoted(raw)}`", span, quoted(raw)),
        mended=True,
    )
    return Text(raw, span, source)


def broken_value(text: str, error: int) -> tuple[int, int] | None:
    """The value on whose text YAML stumbled at `error`: what follows the nearest `key: ` that reaches so far."""
    line_start = text.rfind("\n", 0, error) + 1
    candidate = error
    for _ in range(_CANDIDATES_MAX):
        candidate = text.rfind(": ", max(line_start, error - EXTENT_MAX), candidate)
        if candidate < 0:
            return None
        start = candidate + 2
        while text[start : start + 1] in {" ", "\t"}:
            start += 1
        end = extent(text, start, flow=_in_flow(text, line_start, start))
        if end is not None and start <= error <= end and start < end:
            return start, end
    return None


def broken_key(text: str, error: int) -> tuple[int, int] | None:
    """The key on whose bracket YAML stumbled in braces: `m[k]` in `{m[k]: v}`."""
    match = _KEY_END.match(text, error)
    start = error
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    before = text[max(0, start - EXTENT_MAX) : start].rstrip()
    return (start, match.end()) if match and start < error and before.endswith(("{", ",")) else None


def _in_flow(text: str, line_start: int, at: int) -> bool:
    before = text[line_start:at]
    return before.count("{") + before.count("[") > before.count("}") + before.count("]")
