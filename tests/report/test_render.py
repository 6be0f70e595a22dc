"""What a diagnostic looks like, in each of its forms."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temper.report import (
    Diagnostic,
    Edit,
    Help,
    Label,
    Severity,
    Source,
    Span,
    apply_edits,
    diagnostic_to_json,
    render,
    render_line,
)

DEPLOY = Source(
    "deploy.yaml",
    "\n" * 11 + "      limit: int = 0\n" + "\n" * 28 + "      when: limit - amount\n",
)


def at(source: Source, text: str, nth: int = 0) -> Span:
    start = -1
    for _ in range(nth + 1):
        start = source.text.index(text, start + 1)
    return source.span(start, start + len(text))


def test_the_form_that_the_architecture_shows() -> None:
    finding = Diagnostic(
        "guard-not-boolean",
        "the guard of `approve` is an int, but a guard must be a bool",
        at(DEPLOY, "limit - amount"),
        reason="this is an int",
        labels=(Label(at(DEPLOY, "int"), "`limit` is declared an int here"),),
        notes=("numbers are never read as true or false; compare them instead",),
        helps=(Help("did you mean `amount <= limit`?"),),
    )
    assert render(finding, [DEPLOY]) == SHOWN.strip("\n")


SHOWN = """
error[guard-not-boolean]: the guard of `approve` is an int, but a guard must be a bool
  --> deploy.yaml:41:13
   |
12 |       limit: int = 0
   |              --- `limit` is declared an int here
   ⋮
41 |       when: limit - amount
   |             ^^^^^^^^^^^^^^ this is an int
   |
   = note: numbers are never read as true or false; compare them instead
   = help: did you mean `amount <= limit`?
   = more: temper explain guard-not-boolean
"""


def excerpt(finding: Diagnostic, *sources: Source) -> list[str]:
    return render(finding, sources).split("\n")[2:-1]


def test_one_line_between_two_marked_ones_is_shown_instead_of_a_gap() -> None:
    source = Source("a", "one\ntwo\nthree\n")
    finding = Diagnostic("some-code", "m", at(source, "three"), labels=(Label(at(source, "one"), "first"),))
    assert excerpt(finding, source) == ["  |", "1 | one", "  | --- first", "2 | two", "3 | three", "  | ^^^^^", "  |"]


def test_marks_on_one_line_have_a_row_each() -> None:
    source = Source("a", "a: b c\n")
    finding = Diagnostic("some-code", "m", at(source, "c"), reason="here", labels=(Label(at(source, "a"), "and here"),))
    assert excerpt(finding, source) == ["  |", "1 | a: b c", "  | - and here", "  |      ^ here", "  |"]


def test_a_stretch_of_several_lines_is_marked_where_it_begins_and_ends() -> None:
    source = Source("a", "x: [1,\n  2,\n  3,\n  4]\n")
    finding = Diagnostic("some-code", "m", source.span(3, source.text.index("]") + 1), reason="a list")
    assert excerpt(finding, source) == [
        "  |",
        "1 | x: [1,",
        "  |    ^^^ from here",
        "  ⋮",
        "4 |   4]",
        "  |   ^^ to here: a list",
        "  |",
    ]


def test_tabs_and_wide_characters_are_aligned() -> None:
    source = Source("a", "\t表: é x\n")
    assert excerpt(Diagnostic("some-code", "m", at(source, "x")), source)[1:3] == ["1 |     表: é x", "  |           ^"]


def test_nothing_in_a_file_reaches_the_terminal_as_a_command() -> None:
    source = Source("a\x1b[1m", "k: \x1b[2J\u202e\udcff\n")
    finding = Diagnostic("some-code", "bad \x1b]0;x\x07", source.span(3, 4), reason="\x9b", notes=("\u2066",))
    shown = render(finding, [source])
    assert "k: <U+001B>[2J<U+202E><U+DCFF>" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert render_line(finding).isprintable()


def test_a_very_long_line_is_cut_around_the_mark() -> None:
    source = Source("a", "x" * 500_000 + "!" + "y" * 500_000)
    shown = render(Diagnostic("some-code", "m", at(source, "!"), reason="here"), [source])
    assert len(shown) < 1_000
    line, under = shown.split("\n")[3:5]
    assert line.startswith("1 | …x")
    assert line.endswith("y…")
    assert line.index("!") == under.index("^")


def test_a_label_in_another_file_has_its_own_excerpt() -> None:
    source, policy = Source("a.yaml", "by: policy\n"), Source("a.cedar", "permit();\n")
    finding = Diagnostic("some-code", "m", at(source, "policy"), labels=(Label(at(policy, "permit"), "this one"),))
    assert excerpt(finding, policy, source)[3:6] == ["  |", " ::: a.cedar:1:1", "  |"]


def test_without_a_place_or_a_source_the_words_remain() -> None:
    assert render(Diagnostic("path-missing", "no such folder", None)) == (
        "error[path-missing]: no such folder\n = more: temper explain path-missing"
    )
    assert "--> deploy.yaml:41:13" in render(Diagnostic("some-code", "m", at(DEPLOY, "limit - amount")))


def test_a_label_stands_in_for_a_place() -> None:
    finding = Diagnostic("bad-constant", "m", None, labels=(Label(at(DEPLOY, "int"), "declared here"),))
    assert render(finding, [DEPLOY]).split("\n")[1] == "  --> deploy.yaml:12:14"


def test_colour_adds_escapes_and_nothing_else() -> None:
    finding = Diagnostic(
        "some-code", "m", at(DEPLOY, "limit"), Severity.WARNING, reason="r", notes=("n",), helps=(Help("h"),)
    )
    colored = render(finding, [DEPLOY], color=True)
    plain = render(finding, [DEPLOY])
    assert "\x1b[1;33m" in colored
    for escape in ("\x1b[0m", "\x1b[1m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;32m"):
        colored = colored.replace(escape, "")
    assert colored == plain


def test_one_line_and_json() -> None:
    span = at(DEPLOY, "limit - amount")
    finding = Diagnostic(
        "some-code", "first\nsecond", span, helps=(Help("write it", (Edit(span, "amount <= limit"),)),)
    )
    assert render_line(finding) == "deploy.yaml:41:13: error[some-code]: first second"
    data = json.loads(json.dumps(diagnostic_to_json(finding)))
    assert data["span"] == {
        "path": "deploy.yaml", "start": 72, "end": 86, "line": 41, "column": 13, "end_line": 41, "end_column": 27,
    }  # fmt: skip
    assert data["helps"] == [{"text": "write it", "edits": [{"span": data["span"], "replacement": "amount <= limit"}]}]
    assert diagnostic_to_json(Diagnostic("some-code", "m", None))["span"] is None


def test_edits_are_applied_together() -> None:
    source = Source("a", "a b c")
    edits = [Edit(at(source, "c"), "three"), Edit(at(source, "a"), "one"), Edit(at(source, "c"), "three")]
    assert apply_edits(source.text, edits) == "one b three"
    with pytest.raises(ValueError, match="overlap"):
        apply_edits(source.text, [Edit(source.span(0, 3), ""), Edit(source.span(2, 4), "x")])


@given(st.text(alphabet="ab\t\n\r é表\x1b", max_size=80), st.data())
def test_every_place_in_every_text_can_be_shown(text: str, data: st.DataObject) -> None:
    source = Source("a", text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    shown = render(Diagnostic("some-code", "m", source.span(start, end), reason="r"), [source])
    assert "^" in shown
    assert "r" in shown
