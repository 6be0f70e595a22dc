"""Requests as they arrive: names looked up, arguments read with their types, keys bound to what was asked."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from temper.machine import Address, NotAValueError, Rejected, Value, canonical_json, contains, from_json
from temper.run.answer import Terminal
from temper.run.version import Version

NAME_CHARACTERS_MAX = 200
_canonical = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
"""`canonical_json`, with an encoder that is made once and not for each call."""


class Request(NamedTuple):
    """Somebody asks for an action. `args` are JSON data; `id` None lets the runtime draw one for a constructor."""

    entity: str
    id: str | None
    action: str
    args: Mapping[str, Any]
    caller: str
    roles: frozenset[str]
    key: str | None = None
    expected: int | None = None
    trace: str = ""
    """Where the caller stands in a trace (`trace_context`)."""


def digest(blueprint: str, request: Request) -> str:
    """What an idempotency key is bound to: who asks whom for what. Raises `ValueError` if the args are no JSON."""
    asked = [request.caller, blueprint, request.entity, request.id, request.action, dict(request.args)]
    return hashlib.sha256(_canonical(asked).encode()).hexdigest()


def addressed(version: Version, entity: str, id_: str | None) -> Terminal | None:
    """Why this cannot be the address of an instance, if it cannot."""
    found = version.live(entity)
    if found is None:
        names = ", ".join(name for name in version.entities if version.live(name) is not None)
        why = (
            "is a world entity, which only the simulator has"
            if entity in version.entities
            else "is none of its entities"
        )
        message = f"`{entity}` {why}; {version.table.blueprint} has {names}"
        return Terminal("unknown-entity", message, (("entity", entity), ("entities", names)))
    if id_ is not None and (problem := named("id", id_)) is not None:
        return problem
    if found.single and id_ is not None and id_ != entity:
        message = f"there is one {entity}, and its id is `{entity}`"
        return Terminal("unknown-instance", message, (("id", id_),))
    return None


def named(what: str, text: str) -> Terminal | None:
    """Why this text cannot be an id, a caller or a key, if it cannot."""
    if not text:
        return Terminal("bad-id", f"the {what} is empty")
    if len(text) > NAME_CHARACTERS_MAX:
        return Terminal("bad-id", f"the {what} has {len(text)} characters; {NAME_CHARACTERS_MAX} are allowed")
    if not (text.isascii() and text.isprintable()):
        odd = next((c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}), None)
        if odd is not None:
            return Terminal("bad-id", f"the {what} holds the character U+{ord(odd):04X}, which no name may hold")
    return None


def arguments(version: Version, address: Address, action: str, args: Mapping[str, Any]) -> dict[str, Value] | Rejected:
    """The arguments as values of their types. Ranges are the step's business, and so is what is missing."""
    params = version.params.get((address.entity, action))
    if params is None:
        return {}
    values: dict[str, Value] = {}
    for name, data in args.items():
        reader = params.readers.get(name)
        if reader is None:
            takes = ", ".join(params.names) or "none"
            facts = (("argument", name), ("takes", takes))
            return Rejected("bad-args", f"`{action}` has no argument `{name}`; it takes {takes}", facts)
        try:
            value = reader(data)
            if not (isinstance(value, int) or (isinstance(value, str) and value.isascii())):
                canonical_json(data).encode()  # A lone surrogate is no text that anybody could be sent.
        except NotAValueError as error:
            return Rejected("bad-args", f"the argument `{name}` of `{action}` is wrong: {error}", (("argument", name),))
        except (ValueError, RecursionError):
            message = f"the argument `{name}` of `{action}` is no JSON that can be kept"
            return Rejected("bad-args", message, (("argument", name),))
        values[name] = value
    return values


def field_value(version: Version, entity: str, name: str, data: Any) -> Any:
    """A filter's value as the JSON that the store holds for it, or a `Terminal` that says why it can match nothing."""
    columns = version.fields[entity]
    index = columns.index.get(name)
    if index is None:
        message = f"{entity} has no field `{name}`; it has {', '.join(columns.names) or 'none'}"
        return Terminal("bad-filter", message, (("field", name),))
    type_ = columns.types[index]
    try:
        value = from_json(type_, data)
    except (NotAValueError, ValueError, RecursionError) as error:
        return Terminal("bad-filter", f"the filter on `{name}` is wrong: {error}", (("field", name),))
    if not contains(type_, value):
        return Terminal("bad-filter", f"the filter on `{name}` is no {type_}", (("field", name),))
    return columns.encode_pairs(((name, value),))[name]
