"""Files that mean harm: each is answered with findings, soon, in little memory, and never with a traceback."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.blueprints import DEPLOY
from support.tree import ROOT
from temper.language import format_source, parse
from temper.report import Diagnostic, Source, render, render_line

SECONDS_MAX = 1.0
"""Of the processor's time, so that a busy machine fails no test."""

BOMBS = {
    "ten megabytes": "a: b\n" * 2_000_000,
    "deep in brackets": "[" * 100_000,
    "deep in braces": "{a: " * 100_000,
    "deep in dashes": "- " * 100_000,
    "deep in questions": "? " * 100_000,
    "billion laughs": "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a]\n" for i in range(1_000)),
    "too many items": "[" + "a," * 400_000 + "]",
    "too many keys": "\n".join(f"k{i}: v" for i in range(80_000)),
    "the same key": "temper: 1\n" * 14_000,
    "unknown keys": "\n".join(f"{'k' * 50}{i}: v" for i in range(14_000)),
    "colons": ": " * 400_000,
    "broken lines": "x: {a: m[k]}\n" * 40_000,
    "one broken line": "{" + "a: m[k], " * 50_000 + "}",
    "open brackets": "{" + "a: max(1, " * 8_000 + "b: c}",
    "open quote": 'a: "' + "x " * 400_000,
    "quotes": '"' * 900_000,
    "single quotes": "'" * 900_000,
    "comment": "#" * 900_000,
    "long scalar": "temper: " + "x" * 900_000,
    "long key": "x" * 900_000 + ": 1",
    "blank lines": "\n" * 900_000,
    "tabs": "\t" * 900_000,
    "tabs on lines": "a:\n" + "\tb: c\n" * 100_000,
    "NULs": "\0" * 900_000,
    "documents": "---\n" * 200_000,
    "directives": "%A b\n" * 100_000,
    "tags": "a: !!python/object/apply:os.system [x]\n" * 7_000,
    "folded": "doc: >\n" + "  a b\n" * 100_000,
    "escapes": 'doc: "' + "\\n" * 400_000 + '"',
    "broken escapes": 'doc: "' + "\\ud83d" * 100_000 + '"',
    "continued": 'doc: "' + "\n " * 400_000 + '"',
    "plain lines": "doc: a" + "\n b" * 200_000,
    "commented": "temper: (1" + " # x)\n" * 100_000,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_answered_in_bounded_time(bomb: str) -> None:
    source = Source("bomb.yaml", bomb)
    before = time.process_time()
    tree, found = parse(source)
    shown = _shown(source, found)
    assert time.process_time() - before < SECONDS_MAX
    assert tree is None
    assert found
    assert len(shown) < 200_000


def test_the_page_shows_what_too_many_nodes_look_like() -> None:
    source = Source("big.yaml", "\n".join(f"key{number}: value" for number in range(20_000)))
    _, (found,) = parse(source)
    assert render(found, [source]) in (ROOT / "docs" / "diagnostics" / "too-many-nodes.md").read_text(encoding="utf-8")


def test_memory_is_bounded() -> None:
    source = Source("bomb.yaml", "[" + "a," * 400_000 + "]")
    tracemalloc.start()
    parse(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000


def _shown(source: Source, found: tuple[Diagnostic, ...]) -> str:
    return "\n".join(render(one, [source]) + render_line(one) for one in found)


def answers(text: str) -> None:
    """Whatever the text: findings that can be shown, or a tree, and the same for `format`."""
    source = Source("a.yaml", text)
    tree, found = parse(source)
    assert tree is not None or found
    shown = _shown(source, found)
    assert all(character.isprintable() or character == "\n" for character in shown)
    formatted, _ = format_source(source)
    assert (formatted is None) == bool(found)


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    answers(text)


@given(st.text(alphabet="ab:,{}[]()\"'#&*!|>-?%@ \t\n\r\\", max_size=60))
def test_any_mixture_of_indicators_is_answered(text: str) -> None:
    answers(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    answers(data.decode("utf-8", "surrogateescape"))


@given(st.data())
def test_a_damaged_blueprint_is_answered(data: st.DataObject) -> None:
    text = DEPLOY
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 30))
        inserted = data.draw(st.text(alphabet="ab:,{}[]()\"'#&*!|>-?%@ \t\n\r\\é\x00", max_size=6))
        text = text[:start] + inserted + text[start + length :]
    answers(text)
