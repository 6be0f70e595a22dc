"""Expressions that YAML takes apart are put together again, said to need quotes, and mended by the edit."""

from __future__ import annotations

import pytest

from temper.language import parse
from temper.report import Source, apply_edits

HEAD = "temper: 1\nblueprint: a\nentities:\n  A:\n    states: [on]\n    actions:\n"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("      go: {from: on, when: max(1, x) > 2}\n", "max(1, x) > 2"),
        ("      go: {from: on, when: max(1, min(2, x), 3), to: on}\n", "max(1, min(2, x), 3)"),
        ("      go: {when: max(1, x), from: on}\n", "max(1, x)"),
        ("      go: {from: on, when: m[k]}\n", "m[k]"),
        ("      go: {from: on, when: m[k] == {a, b}, to: on}\n", "m[k] == {a, b}"),
        ("      go: {from: on, when: x in {a, b}}\n", "x in {a, b}"),
        ('      go: {from: on, when: x == "a, b"}\n', 'x == "a, b"'),
        ('      go: {from: on, when: "a" == x}\n', '"a" == x'),
        ("      go:\n        from: on\n        when: {caller}\n", "{caller}"),
        ("      go:\n        from: on\n        when: {caller} | seen\n", "{caller} | seen"),
        ("      go:\n        from: on\n        when: [x]\n", "[x]"),
        ('      go:\n        from: on\n        when: "a" == x  # why\n', '"a" == x'),
        ('      go:\n        from: on\n        when: x == "a # b" or y\n', 'x == "a # b" or y'),
        ('      go:\n        from: on\n        when: x == "a: b"\n', 'x == "a: b"'),
        ("      go:\n        from: on\n        when: -x if y else {z: 1}\n", "-x if y else {z: 1}"),
    ],
)  # fmt: skip
def test_an_expression_without_its_quotes(written: str, meant: str) -> None:
    source = Source("a.yaml", HEAD + written)
    tree, found = parse(source)
    assert [one.code for one in found] == ["quote-this"]
    assert tree is not None
    text = tree.entities[0].actions[0].common.when
    assert text is not None
    assert text.text == meant
    span = text.at(0, len(meant))
    assert source.text[span.start : span.end] == meant
    mended = apply_edits(source.text, found[0].helps[0].edits)
    again, refound = parse(Source("a.yaml", mended))
    assert refound == ()
    assert again is not None
    assert str(again.entities[0].actions[0].common.when) == meant


def test_types_in_braces_need_quotes_too() -> None:
    text = HEAD.replace("    actions:\n", "    data: {a: int[0, 5], b: set[A], c: map[A, int[0, 2]], d: 'set[A, 3]'}\n")
    tree, found = parse(Source("a.yaml", text))
    assert [one.message.split("`")[1] for one in found] == ["int[0, 5]", "set[A]", "map[A, int[0, 2]]"]
    assert tree is not None
    data = tree.entities[0].data
    assert data is not None
    assert [str(type_) for _, type_ in data.items] == ["int[0, 5]", "set[A]", "map[A, int[0, 2]]", "set[A, 3]"]
    mended = apply_edits(text, [edit for one in found for edit in one.helps[0].edits])
    assert parse(Source("a.yaml", mended))[1] == ()


def test_a_key_of_a_map_needs_quotes_in_braces() -> None:
    text = HEAD + "      go: {from: on, set: {m[k]: 1, n[x.y] : m[a]}, to: on}\n"
    tree, found = parse(Source("a.yaml", text))
    assert [one.message.split("`")[1] for one in found] == ["m[k]", "n[x.y]", "m[a]"]
    assert tree is not None
    change = tree.entities[0].actions[0].common.set_
    assert change is not None
    assert [(str(key), str(value)) for key, value in change.items] == [("m[k]", "1"), ("n[x.y]", "m[a]")]
    mended = apply_edits(text, [edit for one in found for edit in one.helps[0].edits])
    assert parse(Source("a.yaml", mended))[1] == ()


def test_text_with_a_colon_is_quoted_and_the_rest_is_read() -> None:
    text = HEAD + "      go:\n        doc: Go: now\n        form: on\n"
    _, found = parse(Source("a.yaml", text))
    assert [one.code for one in found] == ["quote-this", "unknown-key"]


def test_a_comment_stays_a_comment() -> None:
    text = HEAD + "      go:\n        from: on\n        when: len(x) > 1   # it's (really) enough\n"
    tree, found = parse(Source("a.yaml", text))
    assert found == ()
    assert tree is not None
    assert str(tree.entities[0].actions[0].common.when) == "len(x) > 1"


def test_a_shape_that_quotes_cannot_mend_is_found_once() -> None:
    _, found = parse(Source("a.yaml", HEAD + "      go: by: engineer\n"))
    assert [(one.code, one.message) for one in found] == [
        ("wrong-shape", "`go` must be an action, written as a mapping, not text")
    ]


def test_a_flow_that_is_never_closed_is_no_question_of_quotes() -> None:
    _, found = parse(Source("a.yaml", HEAD + "      go: {from: on, when: m[k]\n"))
    assert [one.code for one in found][-1] == "yaml-syntax"
