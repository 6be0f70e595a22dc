"""What the checks have found so far, and the ways of saying it that many of them share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from temper.report import Diagnostic, Edit, Help, Label, Severity, Span, suggest

FINDINGS_MAX = 100
CANDIDATES_MAX = 500
"""How many names a misspelt one is compared with."""


class EnoughError(Exception):
    """There are as many findings as anybody reads. `check` stops here, so that a hostile file costs little."""


class Findings:
    """Collects diagnostics. One mistake gives one finding: who meets an error that is already here keeps silent."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []

    def add(
        self,
        code: str,
        message: str,
        span: Span | None,
        *,
        reason: str = "",
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[Help, ...] = (),
    ) -> None:
        """Note one error."""
        self.put(Diagnostic(code, message, span, reason=reason, labels=labels, notes=notes, helps=helps))

    def put(self, diagnostic: Diagnostic) -> None:
        """Note a finding that somebody else has worded; the same one twice is one."""
        if diagnostic in self._found:
            return
        self._found.append(diagnostic)
        if len(self._found) >= FINDINGS_MAX:
            raise EnoughError

    @property
    def errors(self) -> int:
        """How many errors there are: a part is sound if reading it adds none."""
        return sum(1 for one in self._found if one.severity is Severity.ERROR)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """Everything found, in the order of the files."""
        found = sorted(self._found, key=lambda one: (one.span.path, one.span.start) if one.span else ("", -1))
        if len(found) >= FINDINGS_MAX:
            found[-1] = replace(
                found[-1], notes=(*found[-1].notes, f"only the first {FINDINGS_MAX} findings are shown")
            )
        return tuple(found)


def instead(span: Span, replacement: str, text: str = "") -> tuple[Help, ...]:
    """A help that replaces one stretch."""
    return (Help(text or f"write `{replacement}`", (Edit(span, replacement),)),)


def did_you_mean(span: Span, word: str, candidates: Iterable[str]) -> tuple[Help, ...]:
    """A help with the nearest name, if one is near."""
    near = suggest(word, islice(candidates, CANDIDATES_MAX))
    return () if near is None else instead(span, near, f"did you mean `{near}`?")


def declared(span: Span | None, text: str) -> tuple[Label, ...]:
    """A label at a declaration, if its place is known."""
    return () if span is None else (Label(span, text),)


def listed(words: Iterable[str], *, most: int = 12) -> str:
    """Names in a sentence: `a`, `b` and `c`.

    >>> listed(["a", "b", "c"]), listed([])
    ('`a`, `b` and `c`', 'none')
    """
    all_words = list(words)
    if not all_words:
        return "none"
    quoted = [f"`{word}`" for word in all_words[:most]]
    if len(all_words) > most:
        quoted[-1] = f"{len(all_words) - most + 1} more"
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def article(noun: object) -> str:
    """The noun with `a` or `an`.

    >>> article("int"), article("bool")
    ('an int', 'a bool')
    """
    text = str(noun)
    return f"an {text}" if text[:1].lower() in "aeiou" else f"a {text}"
