"""From bytes to a source that is safe to parse and to show: size, encoding, and characters that deceive."""

from __future__ import annotations

import re
import unicodedata

from temper.language.parse.findings import Findings
from temper.report import Diagnostic, Help, Source, Span

SIZE_MAX = 1024 * 1024
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


def read_source(path: str, data: bytes) -> tuple[Source, tuple[Diagnostic, ...]]:
    r"""The source of a file's bytes, and what keeps it from being parsed, if anything does.

    Size comes first, so that nothing is decoded that would be refused. Bytes that are not UTF-8 are kept
    as lone surrogates, which `parse` reports one by one.

    >>> read_source("a.yaml", b"temper: 1\n")[0].text
    'temper: 1\n'
    """
    if len(data) > SIZE_MAX:
        return Source(path, ""), (too_large(path, len(data)),)
    return Source(path, data.decode("utf-8", "surrogateescape")), ()


def too_large(path: str, size: int) -> Diagnostic:
    """The finding that a file is larger than any blueprint that a person could check."""
    return Diagnostic(
        "file-too-large",
        f"`{path}` has {size:,} bytes, but a blueprint may have at most {SIZE_MAX:,}",
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
    if 0xDC80 <= code <= 0xDCFF:
        findings.add(
            "not-utf-8",
            f"byte 0x{code - 0xDC00:02X} is not UTF-8, the only encoding of a blueprint",
            span,
            reason="not UTF-8",
            helps=(Help("save the file as UTF-8"),),
        )
        return
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
    name = unicodedata.name(character, "")
    return f"a {name.lower()}" if name else "a control character"
