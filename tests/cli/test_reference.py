"""The reference pages are what the program says about itself."""

from __future__ import annotations

import os

import pytest

from support.reference import cli_reference, http_reference
from support.tree import ROOT


@pytest.mark.parametrize(("name", "write"), [("cli", cli_reference), ("http", http_reference)])
def test_the_page_is_what_the_program_says(name, write) -> None:
    page = ROOT / "docs" / "reference" / f"{name}.md"
    if os.environ.get("TEMPER_BLESS"):
        page.parent.mkdir(exist_ok=True)
        page.write_text(write(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == write(), "`make bless` writes the page anew"
