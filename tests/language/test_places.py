"""Every character of every scalar knows where it stands, however the scalar is written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from temper.language import parse
from temper.language.parse.compose import compose
from temper.language.parse.findings import Findings
from temper.language.parse.nodes import MapNode, ScalarNode
from temper.language.syntax import Text
from temper.report import Source


def when(written: str, newline: str = "\n") -> tuple[Source, Text]:
    text = (
        "temper: 1\nblueprint: a\nentities:\n  A:\n    states: [on]\n    actions:\n      go:\n        from: on\n"
        f"        when: {written}\n        to: on\n"
    ).replace("\n", newline)
    source = Source("a.yaml", text)
    tree, found = parse(source)
    assert found == ()
    assert tree is not None
    read = tree.entities[0].actions[0].common.when
    assert read is not None
    return source, read


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "written",
    [
        "alpha == beta",
        "'alpha == beta'",
        '"alpha == beta"  # why',
        "'alpha == ''x'' and beta'",
        '"alpha == \\"x\\" and beta"',
        '"\\x61lpha == \\u0062eta"',
        '"\\ud83d\\ude00 alpha == beta"',
        '"😀 alpha == beta"',
        "😀表 and alpha == beta",
        "'\\ud83d\\ude00 alpha == beta'",
        "alpha\n          == beta",
        "alpha\n\n          == beta",
        "'alpha\n          == beta'",
        '"alpha\n          == \\\n          beta"',
        '"alpha   \n\n\n          == beta"',
        "|\n          alpha\n            == beta",
        ">\n          alpha\n          == beta",
        ">-\n          alpha\n\n          == beta",
        "|2\n            alpha == beta",
    ],
)
def test_a_word_points_at_itself(written: str, newline: str) -> None:
    source, text = when(written, newline)
    for word in ("alpha", "beta", "==", "and", "x"):
        at = text.text.find(word)
        if at < 0 or "\\x61" in written or "\\u0062" in written:
            continue
        span = text.at(at, at + len(word))
        assert source.text[span.start : span.end] == word
    assert text.span.start <= text.at(0, 1).start
    assert text.at(0, len(text.text)).end <= text.span.end


def test_an_escape_points_at_its_backslash() -> None:
    source, text = when('"\\x61lpha"')
    assert text.text == "alpha"
    assert text.at(0, 1).start == source.text.index("\\x61")
    span = text.at(1, 5)
    assert source.text[span.start : span.end] == "lpha"


def test_the_end_of_an_expression_is_a_place() -> None:
    for written in ("alpha", "'alpha'", '"al\\x70ha"', "|\n          alpha"):
        _, text = when(written)
        here = text.at(len(text.text), len(text.text))
        assert text.span.start <= here.start <= text.span.end


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t\"'\\ :#"), max_size=40),
    st.sampled_from("'\""),
)
def test_a_quoted_scalar_is_decoded_as_yaml_decodes_it(value: str, style: str) -> None:
    dumped = yaml.safe_dump({"k": value}, default_style=style, width=10, allow_unicode=False)
    _assert_decoded_alike(dumped, value)


@given(
    st.lists(
        st.sampled_from(["a", "b", " ", "\n", "  ", "\\n", "\\ ", "\\\n", "\\t", "''", "\\u00e9", "\\\\", '\\"', "é"]),
        max_size=12,
    )
)
def test_folding_and_escapes_are_decoded_as_yaml_decodes_them(parts: list[str]) -> None:
    for quote, skipped in (('"', "''"), ("'", None)):
        body = "".join(part for part in parts if part != skipped and not (quote == "'" and part == '\\"'))
        dumped = f"k: {quote}{body}{quote}\n".replace("\n", "\n  ").rstrip(" ")
        try:
            value = yaml.safe_load(dumped)["k"]
        except yaml.YAMLError:
            continue
        _assert_decoded_alike(dumped, value)


@given(
    st.sampled_from(["|", ">", "|-", ">-", "|+", ">+"]),
    st.lists(st.sampled_from(["a b", "", " c", "d  e", "#f", "  "]), max_size=8),
)
def test_block_scalars_are_decoded_as_yaml_decodes_them(style: str, lines: list[str]) -> None:
    dumped = f"k: {style}2\n" + "".join(f"  {line}\n" for line in lines) + "l: x\n"
    _assert_decoded_alike(dumped, yaml.safe_load(dumped)["k"])


def _assert_decoded_alike(dumped: str, value: str) -> None:
    source = Source("a", dumped)
    node = compose(Findings(source))
    assert isinstance(node, MapNode)
    scalar = node.items[0][1]
    assert isinstance(scalar, ScalarNode)
    text = scalar.text
    assert text.text == value
    if not text.offsets:
        return
    assert len(text.offsets) == len(value) + 1
    assert list(text.offsets) == sorted(text.offsets)
    for character, offset in zip(value, text.offsets, strict=False):
        assert dumped[offset] == character or dumped[offset] in "\\ \n\t" or character == " "
