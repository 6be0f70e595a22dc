"""A stage as an outline: every part by its name, the places in the file left out."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Any

from temper.machine import Expression, text

HIDDEN = {"span", "source", "sources", "offsets", "lead", "plain"}


def outline(value: Any) -> Any:
    """The value as JSON data: records become objects without their empty parts, texts become strings.

    >>> outline({"a": (1, frozenset({2})), "b": ()})
    {'a': [1, [2]], 'b': []}
    """
    match value:
        case None | bool() | int() | float():
            return value
        case enum.Enum():
            return str(value.value)
        case str():
            return str(value)
        case Mapping():
            return {str(key): outline(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [outline(item) for item in value]
        case Expression():
            return text(value)
        case _ if type(value).__module__ == "temper.machine.value":
            return str(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _record(value)
        case _:
            return str(value)


def outline_lines(data: Any, indent: int = 0) -> Iterator[str]:
    """The outline as indented lines for people.

    >>> list(outline_lines({"name": "d", "states": ["a", "b"]}))
    ['name: d', 'states: a, b']
    """
    space = "  " * indent
    if isinstance(data, dict):
        for name, item in data.items():
            if _is_flat(item):
                yield f"{space}{name}: {_flat(item)}"
            else:
                yield f"{space}{name}:"
                yield from outline_lines(item, indent + 1)
    elif isinstance(data, list):
        for item in data:
            if _is_flat(item):
                yield f"{space}- {_flat(item)}"
            else:
                first, *rest = outline_lines(item, indent + 1)
                yield f"{space}- {first.lstrip()}"
                yield from rest
    else:
        yield f"{space}{data}"


def _record(value: Any) -> Any:
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if {"text", "span", "source"} <= set(fields):
        return fields["text"]
    shown = {name.rstrip("_"): outline(item) for name, item in fields.items() if name not in HIDDEN}
    return {name: item for name, item in shown.items() if item not in (None, [], {}, "")}


def _is_flat(item: Any) -> bool:
    return not isinstance(item, dict | list) or (
        isinstance(item, list) and all(not isinstance(each, dict | list) for each in item)
    )


def _flat(item: Any) -> str:
    return ", ".join(map(str, item)) if isinstance(item, list) else str(item)
