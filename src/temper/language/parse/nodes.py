"""Nodes: what YAML says, before anybody asks what it means. Every node knows its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from temper.language.syntax import Text
from temper.report import Span


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar. `block` means literal or folded, the styles of `|` and `>`."""

    text: Text
    block: bool = False

    @property
    def span(self) -> Span:
        return self.text.span


@dataclass(frozen=True, slots=True)
class ListNode:
    """A YAML sequence, in brackets (`flow`) or with dashes."""

    items: tuple[Node, ...]
    span: Span
    flow: bool


@dataclass(frozen=True, slots=True)
class MapNode:
    """A YAML mapping, in braces (`flow`) or on lines. Keys are scalars, each there once."""

    items: tuple[tuple[ScalarNode, Node], ...]
    span: Span
    flow: bool


Node: TypeAlias = ScalarNode | ListNode | MapNode

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_FLAG = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)


def is_null(text: Text) -> bool:
    """Whether the core schema of YAML 1.2 reads this scalar as null."""
    return text.plain and _NULL.match(text.text) is not None


def is_flag(text: Text) -> bool:
    """Whether the core schema of YAML 1.2 reads this scalar as a bool. `yes` and `on` are strings."""
    return text.plain and _FLAG.match(text.text) is not None


def is_int(text: Text) -> bool:
    """Whether the core schema of YAML 1.2 reads this scalar as an int."""
    return text.plain and _INT.match(text.text) is not None


def is_number(text: Text) -> bool:
    """Whether the core schema of YAML 1.2 reads this scalar as an int or a float."""
    return text.plain and (is_int(text) or _FLOAT.match(text.text) is not None)


def is_string(text: Text) -> bool:
    """Whether the core schema of YAML 1.2 reads this scalar as a string."""
    return not (is_null(text) or is_flag(text) or is_number(text))
