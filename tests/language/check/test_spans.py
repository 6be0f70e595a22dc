"""A finding points at the smallest wrong text, whatever YAML made of the scalar that holds it."""

from __future__ import annotations

import pytest

from temper.language import check, parse
from temper.report import Source

HEAD = """
temper: 1
blueprint: spans
roles: [boss]
entities:
  Job:
    data: {count: int, name: str}
    states: [open]
    waits: [open]
    actions:
      make: {by: boss, from: new, to: open}
      go:
        by: boss
        from: open
"""
SCALARS = {
    "plain": "        when: count > 1 and cuont > 2\n",
    "single quotes": "        when: 'count > 1 and name != \"it''s\" and cuont > 2'\n",
    "double quotes": '        when: "count > 1 and name != \\"\\u00e4\\" and cuont > 2"\n',
    "literal": "        when: |\n          count > 1\n          and cuont > 2\n",
    "folded": "        when: >-\n          count > 1\n\n          and\n          cuont > 2\n",
    "plain on two lines": "        when: count > 1 and\n          cuont > 2\n",
    "not ASCII": "        when: name != 'äöü' and cuont > 2\n",
    "a default": "        params: {n: int}\n        set: {count: args.n + cuont}\n",
    "JSON": '        "when": "count > 1 and cuont > 2"\n',
}


@pytest.mark.parametrize("scalar", SCALARS.values(), ids=SCALARS)
def test_the_word_itself_is_marked(scalar: str) -> None:
    source = Source("spans.yaml", HEAD + scalar)
    tree, found = parse(source)
    assert tree is not None, found
    (finding,) = check(tree)[1]
    assert finding.span is not None
    assert source.text[finding.span.start : finding.span.end] == "cuont"
    (help_,) = finding.helps
    assert [(edit.span, edit.replacement) for edit in help_.edits] == [(finding.span, "count")]


def test_findings_come_in_the_order_of_the_file_and_once() -> None:
    source = Source(
        "spans.yaml", HEAD + "        when: cuont > 1\n        set: {count: cuont, nam: name}\n        to: opn\n"
    )
    tree, _ = parse(source)
    assert tree is not None
    found = check(tree)[1]
    assert [source.text[one.span.start : one.span.end] for one in found if one.span] == ["cuont", "cuont", "nam", "opn"]
