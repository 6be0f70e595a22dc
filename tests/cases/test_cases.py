"""The language is what the cases say, and each diagnostic is what its page shows."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from support.cases import Case, announced, bless, check_case, check_text, happened, read_cases
from support.tree import ROOT
from temper.report import apply_edits

CASES = [case for path in sorted((ROOT / "tests" / "cases").glob("*.md")) for case in read_cases(path)]
PAGES = {path.stem: read_cases(path) for path in sorted((ROOT / "docs" / "diagnostics").glob("*.md"))}
SHOWN = {code: cases for code, cases in PAGES.items() if cases}


def said(found: Counter[tuple[int, str]]) -> list[str]:
    return sorted(f"line {line}: [{code}]" for line, code in found.elements())


def check_as_announced(case: Case) -> None:
    checked = check_case(case)
    expected, found = announced(case), happened(case, checked)
    assert found == expected, (
        f"{case.path}:{case.line} unannounced: {said(found - expected)}, not found: {said(expected - found)}\n{checked.rendered}"
    )
    assert (checked.table is None) == bool(expected)
    if case.golden is None:
        return
    if os.environ.get("TEMPER_BLESS"):
        bless(case, checked.rendered)
        return
    assert checked.rendered == case.golden, "`make bless` writes what is rendered now"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    check_as_announced(case)


@pytest.mark.parametrize("code", SHOWN)
def test_page(code: str) -> None:
    wrong, *mended = SHOWN[code]
    assert {name for _, name in announced(wrong)} == {code}, "the first blueprint shows the code, and no other"
    assert mended, "show the blueprint mended, too"
    for case in SHOWN[code]:
        check_as_announced(case)
    for case in mended:
        assert not announced(case), "the mended blueprint has no errors"


EDITED = [case for case in CASES if announced(case) and not case.policy and not case.info.partition("with ")[2]]


@pytest.mark.parametrize("case", EDITED, ids=lambda case: case.name)
def test_an_edit_mends_its_finding(case: Case) -> None:
    """Whoever applies what a help proposes gets a file that still parses, without that finding."""
    checked = check_case(case)
    whole = checked.sources[0].text
    before = Counter(one.message for one in checked.found)
    for finding in checked.found:
        for help_ in finding.helps:
            if help_.edits:
                after = check_text(apply_edits(whole, help_.edits))
                assert after.count(finding.message) < before[finding.message], f"{help_} leaves: {finding.message}"


def test_a_case_that_lies_is_caught(tmp_path) -> None:
    """The canary: a wrong line, a wrong code and an error that nobody announced all fail."""
    page = tmp_path / "lies.md"
    for lie in ("count  # error: [guard-not-boolean] [unknown-name]", "count > 1  # error: [type-mismatch]", "count"):
        page.write_text(f"# Lies\n\n```yaml expression\n{lie}\n```\n", encoding="utf-8")
        (case,) = read_cases(page)
        with pytest.raises(AssertionError, match="line"):
            check_as_announced(case)
