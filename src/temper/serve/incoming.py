"""What comes in as text or JSON and is not a call's business: filters, entity tags, the files of a new version."""

from __future__ import annotations

import json
from typing import Any

from temper.machine import EnumType, OptionType, PrincipalType, RefType, StrType, Type
from temper.pipeline import Read
from temper.report import Source
from temper.serve.problem import ProblemError


def read_tag(tag: str | None) -> int | None:
    """The `seq` in an entity tag.

    >>> read_tag('"3"'), read_tag("*")
    (3, None)
    """
    if tag is None or tag == "*":
        return None
    text = tag.removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ProblemError("bad-request", f'`If-Match` is the entity tag that was read, as in "3", not {tag[:40]!r}')
    return int(text)


def read_filter(type_: Type | None, text: str) -> Any:
    """A filter's value as JSON: texts as they stand, everything else read.

    >>> read_filter(StrType(), "5"), read_filter(None, "5")
    ('5', 5)
    """
    inner = type_.of if isinstance(type_, OptionType) else type_
    if isinstance(type_, OptionType) and text in {"None", "null"}:
        return None
    if isinstance(inner, EnumType | StrType | PrincipalType | RefType):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def read_version(body: Any) -> tuple[Read, dict[str, str]]:
    """The files and constants of a new version."""
    try:
        match body:
            case {"blueprint": blueprint, **rest} if not set(rest) - {"policies", "constants"}:
                given: dict[Any, Any] = dict(rest)
                policies = tuple(map(_source, given.get("policies", ())))
                constants = {_text(name): _text(value) for name, value in given.get("constants", {}).items()}
                return Read(_source(blueprint), policies), constants
    except (TypeError, AttributeError):
        pass
    raise ProblemError("bad-request", "the body holds `blueprint`, and perhaps `policies` and `constants`")


def _source(data: Any) -> Source:
    match data:
        case {"path": str(path), "text": str(text)}:
            return Source(path, text)
    raise TypeError


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
