"""OpenAPI 3.1 of a live table: the catalogue of operations, with the table's entities, actions and types put in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from temper.machine import Action, Entity, Gate, TransitionTable
from temper.machine.value import (
    INT_MAX,
    INT_MIN,
    BoolType,
    DurationType,
    EnumType,
    IntType,
    JsonType,
    MapType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TimeType,
    Type,
    finite_values,
    key_text,
)
from temper.serve.operation import Operation, Parameter, Permission, Place
from temper.serve.operations import OPERATIONS, problems_of
from temper.serve.problem import PROBLEMS


def openapi(table: TransitionTable, version: str) -> dict[str, Any]:
    """The whole document. `version` names the table, since that is what a client depends on."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        for path, item in _expand(operation, table):
            paths.setdefault(path, {})[operation.method.lower()] = item
    return {
        "openapi": "3.1.0",
        "info": {"title": table.blueprint, "version": version, "description": table.doc},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
        },
    }


PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "facts"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "facts": {"type": "object"},
    },
}


def schema_of(type_: Type) -> dict[str, Any]:
    """The JSON Schema of a type's values, as `to_json` writes them.

    >>> schema_of(IntType(0, 100))
    {'type': 'integer', 'minimum': 0, 'maximum': 100}
    """
    match type_:
        case BoolType():
            return {"type": "boolean"}
        case IntType(lo, hi):
            return {"type": "integer", "minimum": lo, "maximum": hi}
        case EnumType(_, members):
            return {"type": "string", "enum": list(members)}
        case StrType():
            return {"type": "string"}
        case PrincipalType():
            return {"type": "string", "description": "a principal's name"}
        case RefType(entity):
            return {"type": "string", "description": f"the id of an instance of {entity}"}
        case OptionType(of):
            return {"anyOf": [schema_of(of), {"type": "null"}]}
        case SetType(of, size_max):
            return {"type": "array", "items": schema_of(of), "maxItems": size_max, "uniqueItems": True}
        case MapType():
            return _map_schema(type_)
        case DurationType():
            return {"anyOf": [{"type": "string", "pattern": r"^-?\d{1,15}(ms|s|m|h|d)$"}, _milliseconds()]}
        case TimeType():
            return {"anyOf": [{"type": "string", "format": "date-time"}, _milliseconds()]}
        case JsonType():
            return {}
        case _:
            assert_never(type_)


def args_schema(action: Action) -> dict[str, Any]:
    """The JSON Schema of an action's arguments."""
    return {
        "type": "object",
        "properties": {parameter.name: schema_of(parameter.type) for parameter in action.params},
        "required": [parameter.name for parameter in action.params],
        "additionalProperties": False,
    }


def callable_actions(entity: Entity) -> tuple[Action, ...]:
    """The actions that somebody may ask for; the others are the machine's or the world's."""
    return tuple(action for action in entity.actions if action.gate in {Gate.ROLES, Gate.POLICY})


def _milliseconds() -> dict[str, Any]:
    return {"type": "integer", "minimum": INT_MIN, "maximum": INT_MAX, "description": "milliseconds"}


def _map_schema(type_: MapType) -> dict[str, Any]:
    keys = finite_values(type_.key)
    if keys is None:
        return {"type": "object", "additionalProperties": schema_of(type_.value)}
    names = {key_text(type_.key, key): schema_of(type_.value) for key in keys}
    return {"type": "object", "properties": names, "additionalProperties": False}


def _expand(operation: Operation, table: TransitionTable) -> Iterator[tuple[str, dict[str, Any]]]:
    """The operation once for each entity and action it stands for."""
    path = operation.path.replace("{blueprint}", table.blueprint)
    if "{entity}" not in path:
        yield path, _item(operation, operation.name, operation.doc)
        return
    for entity in table.entities:
        if entity.world:
            continue
        of_entity = path.replace("{entity}", entity.name)
        if "{action}" not in of_entity:
            yield of_entity, _item(operation, f"{operation.name}_{entity.name}", operation.doc, entity=entity)
            continue
        for action in callable_actions(entity):
            if operation.name == "create" and not action.is_constructor:
                continue
            name = f"{operation.name}_{entity.name}_{action.name}"
            doc = action.doc or operation.doc
            yield of_entity.replace("{action}", action.name), _item(operation, name, doc, entity=entity, action=action)


def _item(
    operation: Operation, name: str, doc: str, *, entity: Entity | None = None, action: Action | None = None
) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": name,
        "description": doc,
        "responses": _responses(operation),
        "security": [] if operation.permission is Permission.NONE else [{"token": []}],
    }
    if parameters := [_parameter(each) for each in operation.parameters if each.name not in _fixed(entity, action)]:
        item["parameters"] = parameters
    if entity is not None and operation.name == "list":
        item["parameters"] += [_filter(field.name, field.type) for field in entity.fields]
    if operation.body is not None:
        schema = operation.body if action is None else args_schema(action)
        item["requestBody"] = {
            "required": action is None or bool(action.params),
            "content": {"application/json": {"schema": schema}},
        }
    return item


def _fixed(entity: Entity | None, action: Action | None) -> set[str]:
    """The path parameters that stand as words in the path."""
    return {"blueprint", *(["entity"] if entity else []), *(["action"] if action else [])}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place.value,
        "required": parameter.required or parameter.place is Place.PATH,
        "description": parameter.doc,
        "schema": dict(parameter.schema),
    }


def _filter(name: str, type_: Type) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": f"only with this {name} ({type_})",
        "schema": {},
    }


def _responses(operation: Operation) -> dict[str, Any]:
    answer = {
        "description": "done",
        "content": {operation.media: {"schema": dict(operation.answer)}},
    }
    responses: dict[str, Any] = {str(operation.status): answer}
    codes: dict[str, list[str]] = {}
    for code in problems_of(operation):
        codes.setdefault(str(PROBLEMS[code][0]), []).append(code)
    for status, listed in sorted(codes.items()):
        responses[status] = {
            "description": ", ".join(listed),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses
