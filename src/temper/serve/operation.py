"""One operation of a running system as data: what it takes, answers, needs and may complain about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema."""


class Permission(StrEnum):
    """What a caller must show."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a kind of permission, no secret
    WORKER = "worker"
    OPERATOR = "operator"


class Place(StrEnum):
    """Where HTTP carries a parameter."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named input beside the body."""

    name: str
    place: Place
    doc: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a running system can be asked. `problems` are the codes it may answer besides the common ones."""

    name: str
    method: str
    path: str
    doc: str
    answer: Schema
    permission: Permission = Permission.TOKEN
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    status: int = 200
    problems: tuple[str, ...] = ()
    media: str = "application/json"
    command: bool = False
    """The client's command is made from this entry alone; the others have a file in `cli/commands`."""

    def parameters_in(self, place: Place) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.place is place)


def record_of(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    """The schema of an object; every property is required unless some are named."""
    return {"type": "object", "required": list(required or properties), "properties": properties}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DATA: Schema = {"type": "object"}


def list_of(of: Schema) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": of}


BLUEPRINT = Parameter("blueprint", Place.PATH, "the blueprint's name", TEXT, required=True)
LIMIT = Parameter(
    "limit", Place.QUERY, "how many at most", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
)
TRACEPARENT = Parameter(
    "traceparent",
    Place.HEADER,
    "where the caller stands in a trace (W3C Trace Context): what comes of the call goes on there",
    TEXT,
)
TRACESTATE = Parameter("tracestate", Place.HEADER, "goes with `traceparent`, and is passed on as it is", TEXT)
CURSOR = Parameter("cursor", Place.QUERY, "where the page before ended: its `next`", TEXT)
