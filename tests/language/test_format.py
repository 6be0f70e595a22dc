"""Formatting: one order, every comment, the same meaning; and formatting twice is formatting once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.blueprints import EXAMPLES
from support.shapes import documents, written
from temper.language import format_source, parse
from temper.language.format import meaning
from temper.language.parse.compose import compose
from temper.language.parse.findings import Findings
from temper.language.parse.grammar import BLUEPRINT
from temper.language.parse.nodes import ListNode, MapNode, Node
from temper.language.parse.shape import Either, ListOf, MapOf, Record, Shape
from temper.report import Source


def formatted(text: str) -> str:
    result, found = format_source(Source("a.yaml", text))
    assert found == ()
    assert result is not None
    return result


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_formatted(name: str) -> None:
    assert formatted(EXAMPLES[name]) == EXAMPLES[name]


def test_a_blueprint_in_disorder() -> None:
    assert formatted(DISORDER) == ORDER


DISORDER = """\
# A licence that stays where it is.

# about the name
blueprint: x  # the name

# about entities
entities:
  # about A
  A:
    # the actions
    actions:
      # go comment
      go:
        to: b  # to b
        # which?
        cases:
          - to: a
            # guard
            when: x   # trailing guard
            # below the guard
          # between
          - {to: b, when: "x, y"}
        # from where
        from: a
          # deeper than from
        # the end of go
      # the end of actions
    states: [a, b]
    data: {y: bool, x: bool}
    doc: |
      hello
        there
    timers:
      t: {
        do: go,   # done
        # about after
        after: 3s,
        in: a     # where
      }
temper: 1
roles:
- a
- b
# the end
"""
ORDER = """\
# A licence that stays where it is.

temper: 1

# about the name
blueprint: x  # the name
roles:
- a
- b
# about entities
entities:
  # about A
  A:
    doc: |
      hello
        there
    data: {y: bool, x: bool}
    states: [a, b]
    # the actions
    actions:
      # go comment
      go:
        # from where
        from: a
          # deeper than from
        # which?
        cases:
          - # guard
            when: x   # trailing guard
            to: a
            # below the guard
          # between
          - {when: "x, y", to: b}
        to: b  # to b
        # the end of go
      # the end of actions
    timers:
      t: {
        in: a,     # where
        # about after
        after: 3s,
        do: go   # done
      }
# the end
"""


def test_json_is_put_in_order_too() -> None:
    text = '{\n  "entities": {"A": {"final": [], "states": ["on"]}},\n  "blueprint": "a",\n  "temper": 1\n}\n'
    assert formatted(text) == (
        '{\n  "temper": 1,\n  "blueprint": "a",\n  "entities": {"A": {"states": ["on"], "final": []}}\n}\n'
    )


def test_what_cannot_be_read_is_not_touched() -> None:
    text, found = format_source(Source("a.yaml", "temper: 1\nblueprnt: a\nentities: {A: {states: [on]}}\n"))
    assert text is None
    assert [one.code for one in found] == ["unknown-key"]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n\n", "  # c", "\n# c"])
def test_the_last_line_gets_its_line_break(ending: str) -> None:
    text = "entities: {A: {states: [on]}}\nblueprint: a\ntemper: 1" + ending
    assert sorted(formatted(text).split()) == sorted(text.split())
    assert formatted(formatted(text)) == formatted(text)
    assert formatted(text).endswith("\n")


def test_a_block_text_at_the_end_keeps_its_last_line() -> None:
    text = "blueprint: a\ntemper: 1\nentities: {A: {states: [on]}}\ndoc: |\n  one\n  two"
    tree, _ = parse(Source("a", formatted(text)))
    before, _ = parse(Source("a", text))
    assert tree is not None
    assert before is not None
    assert tree.doc.rstrip("\n") == before.doc.rstrip("\n") == "one\ntwo"


@given(st.data())
def test_formatting_keeps_meaning_and_comments_and_is_done_once(data: st.DataObject) -> None:
    text = data.draw(documents().flatmap(written))
    tree, found = parse(Source("a.yaml", text))
    assert found == (), text
    assert tree is not None
    result = formatted(text)
    again, _ = parse(Source("a.yaml", result))
    assert again is not None
    assert meaning(again) == meaning(tree)
    assert comments(result) == comments(text)
    assert formatted(result) == result
    assert_ordered(result)


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"# comment \d+\.|# head|# more|# tail", text))


def assert_ordered(text: str) -> None:
    node = compose(Findings(Source("a", text)))
    assert node is not None
    _walk(text, node, BLUEPRINT)


def _walk(text: str, node: Node, shape: Shape) -> None:
    match shape:
        case Either(many=many, other=other):
            _walk(text, node, many if isinstance(node, ListNode) else other)
        case ListOf(item=item) if isinstance(node, ListNode):
            for child in node.items:
                _walk(text, child, item)
        case MapOf(value=value) if isinstance(node, MapNode):
            for _, child in node.items:
                _walk(text, child, value)
        case Record(keys=keys) if isinstance(node, MapNode):
            order = [key.name for key in keys]
            places = [order.index(key.text.text) for key, _ in node.items]
            commented = node.flow and "# comment" in text[node.span.start : node.span.end]
            assert places == sorted(places) or commented
            for key, child in node.items:
                _walk(text, child, keys[order.index(key.text.text)].shape)
