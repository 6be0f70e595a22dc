"""Laws of expressions: what is printed reads as the same expression, and reading keeps the meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from support.cases import announced, check_case, read_cases
from support.expressions import EXAMPLE, environments, expressions
from support.places import PLACE
from support.tree import ROOT
from temper.language.check.findings import Findings
from temper.language.check.place import Place
from temper.language.check.read import read_any
from temper.language.syntax import Text
from temper.machine import BOOL, INT, Expression, evaluator, parts, text
from temper.report import Source


def read(written: str, where: Place = PLACE) -> Expression | None:
    source = Source("example.yaml", written)
    findings = Findings()
    found = read_any(Text(written, source.span(0, len(written)), source), where, findings)
    assert (found is None) == bool(findings.errors), "nothing is dropped in silence"
    return found


@given(st.sampled_from((BOOL, INT)).flatmap(expressions), environments())
@settings(max_examples=100)
def test_reading_what_is_printed_keeps_the_meaning(written: Expression, environment) -> None:
    shown = text(written)
    again = read(shown) if len(shown) < 500 else None
    if again is None:
        event("not of the language: a principal as a literal, or `-duration`")
        return
    event("read")
    assert evaluator(EXAMPLE, again)(environment) == evaluator(EXAMPLE, written)(environment), shown
    assert read(text(again)) == again, "printed and read once more, it is the same"


def sound_expressions() -> list[str]:
    """Every line of the cases that is an expression without an error."""
    found = []
    for path in sorted((ROOT / "tests" / "cases").glob("*.md")):
        for case in read_cases(path):
            if case.info == "expression":
                wrong = {line for line, _ in announced(case)}
                found += [line for number, line in enumerate(case.body.splitlines(), 1) if number not in wrong and line]
    return [line.partition("  #")[0].strip() for line in found if not line.startswith("#")]


@pytest.mark.parametrize("line", sound_expressions())
def test_printing_what_is_read_reads_the_same(line: str, tmp_path) -> None:
    def guard(written: str) -> Expression:
        page = tmp_path / "one.md"
        page.write_text(f"```yaml expression\n{written}\n```\n", encoding="utf-8")
        checked = check_case(read_cases(page)[0])
        assert checked.table is not None, checked.rendered
        found = checked.table.entity("Job").action("expression_1").guard
        assert found is not None
        return found

    first = guard(line)
    shown = text(first)
    assert guard("'" + shown.replace("'", "''") + "'") == first, shown


def test_spans_point_at_what_they_name() -> None:
    written = 'count_of_ä == 1 or "ä" == word and flag'
    where = replace(PLACE)
    findings = Findings()
    source = Source("a.yaml", f"when: {written}\n")
    read_any(Text(written, source.span(6, 6 + len(written)), source), where, findings)
    (found,) = findings.sorted()
    assert found.span is not None
    assert source.text[found.span.start : found.span.end] == "count_of_ä"
    good = 'flag or "ä" == word and flag'
    source = Source("a.yaml", good)
    expression = read_any(Text(good, source.span(0, len(good)), source), where, findings)
    assert expression is not None
    shown = {good[part.span.start : part.span.end] for part in parts(expression) if part.span is not None}
    assert shown == {good, "flag", '"ä" == word and flag', '"ä" == word', '"ä"', "word"}
