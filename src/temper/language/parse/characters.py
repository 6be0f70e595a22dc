"""What a text must be before it is parsed: not too large, and without characters that deceive a reader."""

from __future__ import annotations

import re
import unicodedata

from temper.language.parse.findings import Findings
from temper.report import Diagnostic, Help, Source, Span

SIZE_MAX = 1_000_000
ODD_SHOWN_MAX = 20

_DECEIVING = "\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_ODD = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]" + f"|[{_DECEIVING}]" + "|\r(?!\n)",
)
_NAMES = {
    "\ufeff": "a byte-order mark",
    "\r": "a carriage return without a line feed",
    "\x00": "a NUL",
    "\x85": "a next-line control",
}


def too_large(source: Source) -> Diagnostic:
    """The finding that a text is larger than any blueprint that a person could check."""
    return Diagnostic(
        "file-too-large",
        f"{source.path} has {len(source.text):,} characters, but a blueprint has at most {SIZE_MAX:,}",
        None,
        notes=("the bound keeps parsing fast and its memory small, whatever the file holds",),
        helps=(Help("split the blueprint, or check that this is the file you meant"),),
    )


def check_characters(findings: Findings) -> None:
    """Report every character that YAML forbids or that shows a reader something else than what is parsed."""
    source = findings.source
    for count, match in enumerate(_ODD.finditer(source.text)):
        if count >= ODD_SHOWN_MAX:
            return
        report_odd(findings, source.span(match.start(), match.end()), match.group())


def odd_in(text: str) -> int | None:
    """The index of the first odd character in a decoded scalar, where only an escape can have put it."""
    match = _ODD.search(text)
    return match.start() if match else None


def report_odd(findings: Findings, span: Span, character: str) -> None:
    """Report one odd character where it stands, raw or written as an escape."""
    code = ord(character)
    replacement = "\n" if character == "\r" else ""
    findings.add(
        "odd-character",
        f"{_called(character)} (U+{code:04X}) may not stand in a blueprint",
        span,
        reason="invisible here" if character != "\r" else "ends a line for some programs only",
        notes=("what people read and what is parsed must be the same text",),
        helps=findings.replace("remove it" if not replacement else "end the line with a line feed", span, replacement),
    )


def _called(character: str) -> str:
    known = _NAMES.get(character)
    if known:
        return known
    if unicodedata.category(character) == "Cs":
        return "half of a surrogate pair"
    name = unicodedata.name(character, "")
    return f"a {name.lower()}" if name else "a control character"
