"""Texts that are made to hurt: a finding in bounded time, never a traceback."""

from __future__ import annotations

import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.places import PLACE
from temper.language.check.annotation import read_type
from temper.language.check.findings import Findings
from temper.language.check.read import read_any, read_guard
from temper.language.python import parse_python
from temper.language.syntax import Text
from temper.report import Diagnostic, Source

SECONDS_MAX = 2.0


def text(written: str) -> Text:
    source = Source("a.yaml", written)
    return Text(written, source.span(0, len(written)), source)


def nested(opening: str, middle: str, closing: str) -> str:
    count = (2_000 - len(middle)) // (len(opening) + len(closing))
    return opening * count + middle + closing * count


HOSTILE = [
    "(" * 1_000 + ")" * 1_000,
    "[" * 2_000,
    "-" * 1_999 + "1",
    "not " * 499 + "flag",
    " + ".join(["n"] * 500),
    ".".join(["a"] * 1_000),
    "x" * 2_001,
    "9" * 1_999,
    "0x" + "f" * 1_900,
    "1e999999",
    "n == " * 300 + "n",
    "n < " * 400 + "n",
    nested("0 < (1 if ", "flag", " else 2) < 1"),
    nested("(who if ", "flag", " else None) in people"),
    nested("len({who if ", "flag", " else None}) == 1 "),
    nested("all(", "flag", " for v in people)"),
    "all(" * 40 + "flag" + "".join(f" for v{i} in people)" for i in range(40)),
    "any(flag" + " for v in Health" * 100 + ")",
    "lambda: " * 200 + "1",
    "flag\x00",
    "\ud800",
    "ﬂag",
    "n‌ == 1",
    "'" + "\\" * 999,
    "'''" * 600,
    '"\\d" == word',
    "flag #" + "(" * 100,
    "1if flag else 2",
    "n == 1\n\n\n  and\tflag\r\n",
    "\t flag ",
    "",
    "   ",
    "30s30m",
    "_0s == 1s",
    "__import__('os').system('true')",
    "().__class__.__bases__[0]",
    "f'{flag}'",
    "flag if flag else " * 90 + "flag",
    "{" * 300 + "}" * 300,
    "people | " * 48 + "people == people",
    "people & " * 300 + "people",
]


@pytest.mark.parametrize("written", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_costs_little(written: str) -> None:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (read_guard, read_any):
            findings = Findings()
            found = read(text(written), PLACE, findings)
            assert (found is None) == bool(findings.errors)
        findings = Findings()
        found = read_type(text(written), PLACE.declared, findings)
        assert (found is None) == bool(findings.errors)
    assert time.perf_counter() - started < SECONDS_MAX


WORDS = st.sampled_from(
    [
        "flag",
        "n",
        "small",
        "health",
        "word",
        "who",
        "maybe",
        "people",
        "votes",
        "marks",
        "wait",
        "peer",
        "args",
        ".",
        "x",
        "y",
        "name",
        "if",
        "else",
        "and",
        "or",
        "not",
        "in",
        "==",
        "!=",
        "<",
        "<=",
        "+",
        "-",
        "*",
        "//",
        "%",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "for",
        "v",
        "w",
        "len",
        "all",
        "any",
        "count",
        "sum",
        "min",
        "max",
        "set",
        "default=",
        "None",
        "True",
        "1",
        "30s",
        "'a'",
        "good",
        "bad",
        "state",
        "idle",
        "self",
        "caller",
        "now",
        "before",
        "Health",
        "Node",
        "int",
        "principal",
        "|",
        "&",
        ":",
        "lambda",
        "=",
        "\n",
        "#",
        "ä",
    ]
)


@given(st.lists(WORDS, max_size=14).map(" ".join))
@settings(max_examples=200)
def test_any_words_give_an_expression_or_a_finding(written: str) -> None:
    findings = Findings()
    found = read_any(text(written), PLACE, findings)
    assert (found is None) == bool(findings.errors), "one or the other"
    for finding in findings.sorted():
        assert finding.span is not None
        assert 0 <= finding.span.start <= finding.span.end <= len(written)
        assert finding.message
        assert finding.message[-1] not in ".\n"


@given(st.text(max_size=40))
def test_any_text_parses_or_is_a_finding(written: str) -> None:
    parsed = parse_python(text(written))
    if not isinstance(parsed, Diagnostic):
        assert parsed.span(parsed.body).end <= len(written)
