"""Slips of the pen: whatever one changes in a sound blueprint, there is a finding or a table, and never a traceback."""

from __future__ import annotations

import re

from hypothesis import event, given, settings
from hypothesis import strategies as st

from support.cases import FRAME
from support.tree import ROOT
from temper.language import check, lower, parse
from temper.report import Source, render

TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*/*.yaml"))]
TEXTS.append(FRAME.read_text(encoding="utf-8"))
_WORD = re.compile(r"[A-Za-z_]\w*|\d\w*|[^\w\s]+")
_EXTRA = (
    "new",
    "any",
    "state",
    "caller",
    "None",
    "True",
    "set()",
    "0",
    "-1",
    "30s",
    "self",
    "now",
    "args",
    "x.y",
    "policy",
    "{}",
    "[]",
)


@st.composite
def slips(draw) -> str:
    """A blueprint in which a few words are others of its own words, are missing, or stand twice."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        words = list(_WORD.finditer(text))
        at = draw(st.sampled_from(words))
        other = draw(st.sampled_from(words)).group()
        new = draw(st.sampled_from((other, other, draw(st.sampled_from(_EXTRA)), "", f"{at.group()} {at.group()}")))
        text = text[: at.start()] + new + text[at.end() :]
    return text


@given(slips())
@settings(max_examples=200)
def test_a_slip_is_a_finding_or_a_table(text: str) -> None:
    source = Source("slip.yaml", text)
    tree, found = parse(source)
    if tree is None:
        assert found
        event("does not parse")
        return
    blueprint, more = check(tree)
    assert (blueprint is None) == bool(more), "a blueprint or findings"
    for finding in (*found, *more):
        assert render(finding, [source])
        if finding.span is not None:
            assert 0 <= finding.span.start <= finding.span.end <= len(text)
    if blueprint is not None:
        lower(blueprint)
        event("a table")
