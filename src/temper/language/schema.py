"""The JSON Schema of a blueprint, made from the same shapes that the parser reads by, for editors and agents."""

from __future__ import annotations

from temper.language.parse.grammar import BLUEPRINT
from temper.language.parse.shape import Either, Leaf, ListOf, MapOf, Record, Shape

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOT_BLANK = r"\S"


def json_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a blueprint, with a description for every key.

    It says everything about the shape that a schema can say; names, types and expressions are checked by
    `check`, and what is YAML's own (quotes, anchors, duplicate keys, size) by `parse`.

    >>> json_schema()["required"]
    ['temper', 'blueprint', 'entities']
    """
    definitions: dict[str, object] = {}
    root = _record(BLUEPRINT, definitions)
    return {"$schema": _DIALECT, "title": "Temper blueprint", **root, "$defs": dict(sorted(definitions.items()))}


def _schema(shape: Shape, definitions: dict[str, object]) -> dict[str, object]:
    match shape:
        case Leaf():
            return _leaf(shape)
        case ListOf():
            return _list(shape, definitions)
        case MapOf(value=value, least=least):
            entries = {"type": "object", "additionalProperties": _schema(value, definitions)}
            names = {"propertyNames": {"pattern": _NOT_BLANK}}
            return {**entries, **names, **({"minProperties": least} if least else {})}
        case Either(many=many, other=other):
            return {"anyOf": [_schema(other, definitions), _schema(many, definitions)]}
        case Record(noun=noun):
            name = noun.split(" ", 1)[1].replace("'", "").replace(" ", "-")
            if name not in definitions:
                definitions[name] = {}
                definitions[name] = _record(shape, definitions)
            return {"$ref": f"#/$defs/{name}"}


def _list(shape: ListOf, definitions: dict[str, object]) -> dict[str, object]:
    schema: dict[str, object] = {"type": "array", "items": _schema(shape.item, definitions)}
    if shape.least:
        schema["minItems"] = shape.least
    if shape.most is not None:
        schema["maxItems"] = shape.most
    return schema


def _record(record: Record, definitions: dict[str, object]) -> dict[str, object]:
    properties = {key.name: {"description": key.doc, **_schema(key.shape, definitions)} for key in record.keys}
    required = [key.name for key in record.keys if key.required]
    schema: dict[str, object] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _leaf(leaf: Leaf) -> dict[str, object]:
    match leaf:
        case Leaf.NAME | Leaf.TYPE | Leaf.TARGET:
            return {"type": "string", "pattern": _NOT_BLANK}
        case Leaf.EXPRESSION:
            return {"type": ["string", "number", "boolean"], "pattern": _NOT_BLANK}
        case Leaf.PROSE:
            return {"type": ["string", "number", "boolean"]}
        case Leaf.FLAG:
            return {"type": "boolean"}
        case Leaf.VERSION:
            return {"type": "integer", "const": 1}
