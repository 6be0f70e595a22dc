"""Applying the edits that diagnostics propose."""

from __future__ import annotations

from collections.abc import Iterable

from temper.report.diagnostic import Edit


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made. Their spans are those of `text`, so their order does not matter.

    The same edit proposed twice is made once. Raises ValueError if two edits overlap, because then nobody
    knows which of them was meant.

    >>> from temper.report import Edit, Source
    >>> apply_edits("a cat", [Edit(Source("x", "a cat").span(2, 5), "dog")])
    'a dog'
    """
    pieces: list[str] = []
    done = 0
    last: Edit | None = None
    for edit in sorted(edits, key=lambda one: (one.span.start, one.span.end, one.replacement)):
        if edit == last:
            continue
        if edit.span.start < done:
            overlap = f"the edits at {last.span if last else edit.span} and {edit.span} overlap"
            raise ValueError(overlap)
        pieces += (text[done : edit.span.start], edit.replacement)
        done = edit.span.end
        last = edit
    return "".join((*pieces, text[done:]))
