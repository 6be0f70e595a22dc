"""Cedar's part of the gate: the schema of a blueprint, what is wrong with its policies, and decisions.

Cedar skips a policy whose evaluation fails, so a `forbid` that overflows would permit; here any failure denies.
The Cedar package is imported when a table has policies, and only then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, assert_never

from temper.machine.cell import Call, Cell, Facts
from temper.machine.table import Action, Entity, Gate, Parameter, TransitionTable
from temper.machine.value import (
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
    Value,
)

if TYPE_CHECKING:
    import cedarpy

PRINCIPAL_TYPE, ROLE_TYPE, ACTION_TYPE = "Principal", "Role", "Action"
TAKEN = frozenset(
    {
        PRINCIPAL_TYPE,
        ROLE_TYPE,
        ACTION_TYPE,
        "Bool",
        "Boolean",
        "Entity",
        "Extension",
        "Long",
        "Record",
        "Set",
        "String",
    }
)
"""Names that mean something else in a policy; an entity called so cannot be told apart there."""


class Governed(Protocol):
    """What policies can speak about: a table, or anything with its roles and entities."""

    @property
    def roles(self) -> tuple[str, ...]: ...

    @property
    def entities(self) -> tuple[Entity, ...]: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies say about one call. After a failed evaluation it neither permits nor spares."""

    permits: bool
    forbids: bool
    by: str
    """The policies that decided, by their `@id` or as `file.cedar#1`."""
    reason: str
    facts: Facts = ()


Gatekeeper: TypeAlias = Callable[[Cell, Call], Decision]


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong with one file. `policy` counts the policies of the file from 0; None if it is the file itself."""

    file: str
    policy: int | None
    message: str


def gate(table: TransitionTable, entity: Entity, action: Action) -> Gatekeeper | None:
    """Asks the policies about calls of the action by people; None where none is to be asked."""
    if not table.policies or action.gate not in (Gate.ROLES, Gate.POLICY):
        return None
    policies = _parsed(table.policies)

    def ask(cell: Cell, call: Call) -> Decision:
        assert call.caller is not None, "a person's call names its caller"
        return policies.decide(_request(entity, action, cell, call), _entities(entity, cell, call))

    return ask


def policy_trees(table: TransitionTable) -> tuple[dict[str, Any], ...]:
    """Every policy of the table as Cedar's own tree, in JSON data: for whoever wants to know what they mention."""
    return tuple(tree for _, tree in named_policy_trees(table))


def named_policy_trees(table: TransitionTable) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The same with the name of each policy, as a `Decision` gives it."""
    return _read_trees(table.policies)


def cedar_schema(governed: Governed) -> dict[str, Any]:
    """The Cedar schema, as JSON data: principals in roles, instances with their data, calls with their arguments."""
    entities = [entity for entity in governed.entities if not entity.world]
    return {
        "": {
            "entityTypes": {
                ROLE_TYPE: {"enum": list(governed.roles)} if governed.roles else {},
                PRINCIPAL_TYPE: {"memberOfTypes": [ROLE_TYPE]},
                **{entity.name: {"shape": _entity_shape(entity)} for entity in entities},
            },
            "actions": {
                f"{entity.name}.{action.name}": _applies_to(entity, action)
                for entity in entities
                for action in entity.actions
                if action.gate in (Gate.ROLES, Gate.POLICY)
            },
        }
    }


def policy_problems(governed: Governed, policies: tuple[tuple[str, str], ...]) -> tuple[PolicyProblem, ...]:
    """Everything that keeps the policies from being used: syntax, templates, what the schema does not know."""
    if not policies:
        return ()
    clash = [entity.name for entity in governed.entities if entity.name in TAKEN]
    if clash:
        message = f"an entity called {clash[0]} cannot be told apart from Cedar's own {clash[0]}"
        return (PolicyProblem(policies[0][0], None, message),)
    import cedarpy

    schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(governed)))
    return tuple(problem for name, text in policies for problem in _problems_in(name, text, schema))


def cedar_type(type_: Type) -> dict[str, Any] | None:
    """The Cedar type of a value, or None if policies do not see it.

    >>> cedar_type(SetType(PrincipalType()))
    {'type': 'Set', 'element': {'type': 'String'}}
    """
    match type_:
        case BoolType():
            return {"type": "Boolean"}
        case IntType() | DurationType():
            return {"type": "Long"}
        case EnumType() | StrType() | PrincipalType() | RefType():
            return {"type": "String"}
        case SetType(of):
            element = None if isinstance(of, OptionType) else cedar_type(of)
            return None if element is None else {"type": "Set", "element": element}
        case OptionType(of):
            return cedar_type(of)
        case MapType() | TimeType() | JsonType():
            return None
        case _:
            assert_never(type_)


def attributes(given: list[tuple[str, Type, Value]]) -> dict[str, Any]:
    """What policies see of some values, each with name and type: neither what is missing nor what has no Cedar type."""
    return {name: _plain(value) for name, type_, value in given if value is not None and cedar_type(type_) is not None}


class _Policies:
    """All policies of a table, parsed once."""

    def __init__(self, files: tuple[tuple[str, str], ...]) -> None:
        import cedarpy

        self.cedar = cedarpy
        self.parsed = cedarpy.PolicySet.from_str("\n".join(text for _, text in files))
        self.names = dict(enumerate(f"{name}#{at}" for name, text in files for at in range(self._count(text))))

    def _count(self, text: str) -> int:
        return len(self.cedar.PolicySet.from_str(text))

    def decide(self, request: dict[str, Any], entities: list[dict[str, Any]]) -> Decision:
        result = self.cedar.is_authorized(request, self.parsed, entities)
        errors = [str(error) for error in result.diagnostics.errors]
        allowed = result.decision is self.cedar.Decision.Allow
        names = self._named(result.diagnostics)
        if errors or result.decision is self.cedar.Decision.NoDecision:
            facts = tuple(("policy error", error) for error in errors)
            return Decision(False, True, "", "a policy could not be evaluated, which denies", facts)
        return decision_of(names, []) if allowed else decision_of([], names)

    def _named(self, diagnostics: cedarpy.Diagnostics) -> list[str]:
        ids = diagnostics.id_annotations_by_reason
        reasons = sorted(diagnostics.reasons, key=_number)
        return [ids.get(reason) or self.names.get(_number(reason), reason) for reason in reasons]


def decision_of(permits: Sequence[str], forbids: Sequence[str]) -> Decision:
    """What comes of the policies that fit, by their names, if none fails: default deny, and forbid wins."""
    if forbids:
        names = ", ".join(forbids)
        return Decision(False, True, names, f"the policy {names} forbids it", (("policy", names),))
    if permits:
        return Decision(True, False, ", ".join(permits), "a policy permits it")
    return Decision(False, False, "", "no policy permits it")


@lru_cache(maxsize=64)
def _parsed(files: tuple[tuple[str, str], ...]) -> _Policies:
    return _Policies(files)


@lru_cache(maxsize=64)
def _read_trees(files: tuple[tuple[str, str], ...]) -> tuple[tuple[str, dict[str, Any]], ...]:
    import cedarpy

    found: list[tuple[str, dict[str, Any]]] = []
    for file, text in files:
        trees = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
        for policy in sorted(trees, key=_number):
            name = trees[policy].get("annotations", {}).get("id")
            found.append((name or f"{file}#{_number(policy)}", trees[policy]))
    return tuple(found)


def _number(policy: str) -> int:
    """The place of a policy: Cedar calls them policy0, policy1, … in the order of the text."""
    digits = policy.removeprefix("policy")
    return int(digits) if digits.isdecimal() else -1


def _request(entity: Entity, action: Action, cell: Cell, call: Call) -> dict[str, Any]:
    return {
        "principal": {"type": PRINCIPAL_TYPE, "id": call.caller},
        "action": {"type": ACTION_TYPE, "id": f"{entity.name}.{action.name}"},
        "resource": {"type": entity.name, "id": cell.id},
        "context": attributes([(param.name, param.type, call.args[param.name]) for param in action.params]),
    }


def _entities(entity: Entity, cell: Cell, call: Call) -> list[dict[str, Any]]:
    parents = [{"type": ROLE_TYPE, "id": role} for role in sorted(call.roles)]
    given = [(field.name, field.type, value) for field, value in zip(entity.fields, cell.data, strict=True)]
    seen = {**attributes(given), "state": cell.control}
    return [
        {"uid": {"type": PRINCIPAL_TYPE, "id": call.caller}, "attrs": {}, "parents": parents},
        {"uid": {"type": entity.name, "id": cell.id}, "attrs": seen, "parents": []},
    ]


def _plain(value: Value) -> Any:
    return [_plain(member) for member in value] if isinstance(value, frozenset) else value


def _entity_shape(entity: Entity) -> dict[str, Any]:
    shape = _shape([(field.name, field.type) for field in entity.fields])
    shape["attributes"]["state"] = {"type": "String"}
    return shape


def _shape(named: list[tuple[str, Type]]) -> dict[str, Any]:
    typed = [(name, type_, cedar_type(type_)) for name, type_ in named]
    return {
        "type": "Record",
        "attributes": {
            name: {**seen, "required": not isinstance(type_, OptionType)}
            for name, type_, seen in typed
            if seen is not None
        },
    }


def _applies_to(entity: Entity, action: Action) -> dict[str, Any]:
    return {
        "appliesTo": {
            "principalTypes": [PRINCIPAL_TYPE],
            "resourceTypes": [entity.name],
            "context": _shape([_named(param) for param in action.params]),
        }
    }


def _named(param: Parameter) -> tuple[str, Type]:
    return param.name, param.type


def _problems_in(name: str, text: str, schema: cedarpy.Schema) -> list[PolicyProblem]:
    import cedarpy

    try:
        parsed = cedarpy.PolicySet.from_str(text)
    except ValueError as error:
        return [PolicyProblem(name, None, str(error))]
    if parsed.templates():
        return [PolicyProblem(name, None, "policy templates (`?principal`, `?resource`) are not supported")]
    found = cedarpy.validate_policies(text, schema)
    return [PolicyProblem(name, max(_number(error.policy_id), 0), _told(error.error)) for error in found.errors]


def _told(message: str) -> str:
    """Cedar's words without the number it gave the policy: we say which one it is."""
    return re.sub(r"^for policy `policy\d+`[,:] ", "", message)
