"""The pages on what a verifier finds show what it says, and that the mended blueprint may be loaded."""

from __future__ import annotations

import os
import re

import pytest

from support.small import table_of
from support.tree import ROOT
from temper.machine import Certified
from temper.report import Source, render
from temper.verify import certified, certify, diagnose
from temper.verify.diagnose import CODES, PROPERTY_CODES

PAGES = ROOT / "docs" / "diagnostics"
SHOWN = [*CODES.values(), *PROPERTY_CODES.values(), "invariant-refuted", "not-reached", "undecided", "vacuous"]
BLOCK = re.compile(r"```(blueprint|text)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("code", SHOWN)
def test_the_page_shows_what_is_said(code: str) -> None:
    page = PAGES / f"{code}.md"
    text = page.read_text(encoding="utf-8")
    (wrong, shown, mended) = BLOCK.finditer(text)
    assert [block[1] for block in (wrong, shown, mended)] == ["blueprint", "text", "blueprint"]
    table = table_of(wrong[2])
    found = diagnose(table, certify(table))
    assert code in {diagnostic.code for diagnostic in found}
    said = "\n\n".join(render(one, [Source("small.yaml", wrong[2])]) for one in found if one.code == code) + "\n"
    if os.environ.get("TEMPER_BLESS"):
        page.write_text(text[: shown.start(2)] + said + text[shown.end(2) :], encoding="utf-8")
    else:
        assert said == shown[2], "`make bless` writes what is said now"
    good = table_of(mended[2])
    assert isinstance(certified(good, certify(good)), Certified), diagnose(good, certify(good))
