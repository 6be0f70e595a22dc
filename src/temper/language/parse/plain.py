"""YAML as plain data, for files beside a blueprint: the same strict YAML, and no shape asked of it."""

from __future__ import annotations

from typing import Any

from temper.language.parse.characters import SIZE_MAX, check_characters, too_large
from temper.language.parse.compose import compose
from temper.language.parse.findings import Findings
from temper.language.parse.nodes import ListNode, MapNode, Node, ScalarNode, is_flag, is_int, is_null
from temper.report import Diagnostic, Source


def plain_yaml(source: Source) -> tuple[Any, tuple[Diagnostic, ...]]:
    r"""The data of the one document, and everything that is wrong with its YAML; without findings the data is whole.

    >>> plain_yaml(Source("a.yaml", "steps:\n- {call: open, args: {n: 5}}\n"))
    ({'steps': [{'call': 'open', 'args': {'n': 5}}]}, ())
    """
    if len(source.text) > SIZE_MAX:
        return None, (too_large(source),)
    findings = Findings(source)
    check_characters(findings)
    node = None if findings.sorted() else compose(findings)
    return (None if node is None else _data(node)), findings.sorted()


def _data(node: Node) -> Any:
    match node:
        case ListNode(items=items):
            return [_data(item) for item in items]
        case MapNode(items=pairs):
            return {key.text.text: _data(value) for key, value in pairs}
        case ScalarNode(text=text):
            if is_null(text):
                return None
            if is_flag(text):
                return text.text.lower() == "true"
            return _whole(text.text) if is_int(text) else text.text


def _whole(text: str) -> int:
    """YAML's integers: `007` is seven, `0o7` and `0x7` are what they look like."""
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
