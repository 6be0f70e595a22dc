"""Section 2 (c) of the semantics for people, written once more: what Cedar says of the page's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cedarpy

from temper.machine import Action, Entity, Gate, JsonType, MapType, OptionType, SetType, TimeType, TransitionTable, Type


def may(
    table: TransitionTable,
    entity: Entity,
    action: Action,
    *,
    ident: str,
    control: str,
    data: Mapping[str, Any],
    caller: str | None,
    roles: frozenset[str],
    args: Mapping[str, Any],
) -> bool:
    """Whether a person may: by a role and no `forbid`, or by a `permit` and no `forbid`; what cannot be evaluated denies."""
    if action.gate not in {Gate.ROLES, Gate.POLICY} or (action.gate is Gate.ROLES and not roles & set(action.roles)):
        return False
    if not table.policies:
        return action.gate is Gate.ROLES
    types = {field.name: field.type for field in entity.fields}
    attributes = seen(data, types) | {"state": control}
    request = {
        "principal": f'Principal::"{caller}"',
        "action": f'Action::"{entity.name}.{action.name}"',
        "resource": f'{entity.name}::"{ident}"',
        "context": seen(args, {param.name: param.type for param in action.params}),
    }
    people = {
        "uid": {"type": "Principal", "id": caller},
        "attrs": {},
        "parents": [{"type": "Role", "id": role} for role in roles],
    }
    resource = {"uid": {"type": entity.name, "id": ident}, "attrs": attributes, "parents": []}
    policies = "\n".join(text for _, text in table.policies)
    if action.gate is Gate.ROLES:  # a role is as good as a permit
        policies += "\npermit(principal, action, resource);"
    answer = cedarpy.is_authorized(request, policies, [people, resource])
    return bool(answer.allowed and not answer.diagnostics.errors)


def seen(values: Mapping[str, Any], types: Mapping[str, Type]) -> dict[str, Any]:
    """What policies see of some data: neither maps nor times nor json, nor what is missing."""
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in values.items()
        if value is not None and _visible(types[name])
    }


def _visible(type_: Type) -> bool:
    match type_:
        case OptionType(of):
            return _visible(of)
        case SetType(of):
            return not isinstance(of, OptionType) and _visible(of)
        case _:
            return not isinstance(type_, MapType | TimeType | JsonType)
