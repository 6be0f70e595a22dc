"""Arguments as people type them, NAME=VALUE, read as their parameters' types ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def read_args(texts: Mapping[str, str], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as JSON, each read as its parameter's type asks.

    >>> read_args({"text": "5", "n": "5"}, {"text": {"type": "string"}, "n": {"type": "integer"}})
    {'text': '5', 'n': 5}
    """
    return {name: _read(text, schemas.get(name, {})) for name, text in texts.items()}


def _read(text: str, schema: Mapping[str, Any]) -> Any:
    if "anyOf" in schema:
        first, *others = schema["anyOf"]
        return None if text in {"None", "null"} and {"type": "null"} in others else _read(text, first)
    match schema.get("type"):
        case "string":
            return text
        case "array" if not text.startswith("["):
            return [_read(part.strip(), schema.get("items", {})) for part in text.split(",") if part.strip()]
        case "boolean" if text in {"True", "False"}:
            return text == "True"
    try:
        return json.loads(text)
    except ValueError:
        return text
