"""What may be called what: capital and small letters, reserved words, and names that are taken."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable
from enum import Enum

from temper.language.check.findings import Findings, declared, instead
from temper.language.check.reference import RESERVED
from temper.language.syntax import Text
from temper.report import Span


class Letters(Enum):
    """How a name is written."""

    CAPITAL = "begin with a capital letter"
    CAPITALS = "are all capitals"
    SMALL = "begin with a small letter"


def check_name(text: Text, what: str, letters: Letters, findings: Findings) -> bool:
    """Whether a declared name is well written and not reserved; `what` is its kind in the plural."""
    name = text.text
    if name in RESERVED:
        findings.add(
            "reserved-name",
            f"`{name}` is a reserved word; {what} need another name",
            text.span,
            reason="has a meaning of its own",
            notes=(f"reserved are {', '.join(RESERVED)}",),
        )
        return False
    if not name.isidentifier() or keyword.iskeyword(name) or unicodedata.normalize("NFKC", name) != name:
        why = "is a keyword of Python" if keyword.iskeyword(name) else "is no Python identifier"
        spelt = "".join(c if c.isalnum() or c == "_" else "_" for c in unicodedata.normalize("NFKC", name))
        cure = instead(text.span, spelt) if spelt.isidentifier() and not keyword.iskeyword(spelt) else ()
        findings.add("name-form", f"`{name}` {why}, so it is no name", text.span, reason=why, helps=cure)
        return False
    meant = _spelt(name, letters)
    if meant != name:
        findings.add(
            "name-form",
            f"{what} {letters.value}, unlike `{name}`",
            text.span,
            reason="types and entities begin with a capital, constants are all capitals, the rest is small",
            helps=instead(text.span, meant) if meant.isidentifier() else (),
        )
        return False
    return True


def _spelt(name: str, letters: Letters) -> str:
    """The name as it should be written; the name itself if it is well written."""
    match letters:
        case Letters.CAPITALS:
            return name if name[0].isupper() and name == name.upper() else name.upper()
        case Letters.CAPITAL:
            return name if name[0].isupper() else name[0].upper() + name[1:]
        case Letters.SMALL:
            return name if name[0].islower() else name[0].lower() + name[1:]


def check_names(
    texts: Iterable[Text], what: str, letters: Letters, findings: Findings, *, also: Iterable[str] = ()
) -> dict[str, Span]:
    """The well-written names of a list, each once, with its place. `also` are names that count as taken already."""
    seen: dict[str, Span] = {}
    taken = set(also)
    for text in texts:
        if text.text in seen or text.text in taken:
            findings.add(
                "duplicate-name",
                f"`{text.text}` is listed twice among the {what}",
                text.span,
                reason="the second time",
                labels=declared(seen.get(text.text), "the first time"),
            )
        elif check_name(text, what, letters, findings):
            seen[text.text] = text.span
    return seen
