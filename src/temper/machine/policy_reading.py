"""From Cedar's own tree of a policy, as JSON data, to ours.

What we have no operator for becomes `UNSUPPORTED`, with the name that Cedar gives it: whoever meets it says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from temper.machine.policy import ACTION_TYPE, named_policy_trees
from temper.machine.policy_tree import Policy, PolicyExpression, PolicyOp, Uid
from temper.machine.table import TransitionTable

READ_MAX = 64
_READ: dict[tuple[tuple[str, str], ...], tuple[Policy, ...]] = {}
TRUE = PolicyExpression(PolicyOp.LITERAL, value=True)


def read_policies(table: TransitionTable) -> tuple[Policy, ...]:
    """Every policy of the table, in the order of the files.

    >>> from temper.machine.table import TransitionTable
    >>> text = 'permit(principal in Role::"lead", action, resource) unless { resource.stuck };'
    >>> (policy,) = read_policies(TransitionTable("t", (), (), (), (), (), (), policies=(("a.cedar", text),)))
    >>> policy.name, policy.forbids, [str(each.op) for each in policy.conditions]
    ('a.cedar#0', False, ['not'])
    """
    found = _READ.get(table.policies)
    if found is None:
        while len(_READ) >= READ_MAX:
            del _READ[next(iter(_READ))]
        found = tuple(read_policy(name, tree) for name, tree in named_policy_trees(table))
        _READ[table.policies] = found
    return found


def read_policy(name: str, tree: dict[str, Any]) -> Policy:
    """One policy from Cedar's tree."""
    scope = (_scope("principal", tree), _scope("action", tree), _scope("resource", tree))
    conditions = tuple(_condition(each) for each in tree["conditions"])
    return Policy(name, tree["effect"] == "forbid", scope, conditions)


def _condition(tree: dict[str, Any]) -> PolicyExpression:
    body = _read(tree["body"])
    return body if tree["kind"] == "when" else PolicyExpression(PolicyOp.NOT, (body,))


def _scope(variable: str, tree: dict[str, Any]) -> PolicyExpression:
    """What the round brackets say of one variable, as a condition."""
    said: dict[str, Any] = tree[variable]
    of = PolicyExpression(PolicyOp.VARIABLE, name=variable)
    match said:
        case {"op": "All"}:
            return TRUE
        case {"op": "==", "entity": entity}:
            return PolicyExpression(PolicyOp.EQ, (of, _entity(entity)))
        case {"op": "in", "entity": entity}:
            return PolicyExpression(PolicyOp.IN, (of, _entity(entity)))
        case {"op": "in", "entities": entities}:
            listed = PolicyExpression(PolicyOp.SET, tuple(_entity(each) for each in entities))
            return PolicyExpression(PolicyOp.IN, (of, listed))
        case {"op": "is", "entity_type": str(type_), "in": {"entity": entity}}:
            is_type = PolicyExpression(PolicyOp.IS, (of,), name=type_)
            return _and(is_type, PolicyExpression(PolicyOp.IN, (of, _entity(entity))))
        case {"op": "is", "entity_type": str(type_)}:
            return PolicyExpression(PolicyOp.IS, (of,), name=type_)
        case _:
            return _unsupported(said)


def _read(tree: Any) -> PolicyExpression:
    match tree:
        case {"Value": value, **rest} if not rest:
            return _value(value)
        case {"Var": str(name), **rest} if not rest:
            return PolicyExpression(PolicyOp.VARIABLE, name=name)
        case {"Set": list(members), **rest} if not rest:
            return PolicyExpression(PolicyOp.SET, tuple(map(_read, members)))
        case {"Record": dict(entries), **rest} if not rest:
            return PolicyExpression(PolicyOp.RECORD, tuple(map(_read, entries.values())), value=tuple(entries))
        case dict() if len(tree) == 1:
            ((name, given),) = tree.items()
            reader = _READERS.get(name)
            return _unsupported(tree) if reader is None else reader(given)
        case _:
            return _unsupported(tree)


def _value(value: Any) -> PolicyExpression:
    match value:
        case bool() | int() | str():
            return PolicyExpression(PolicyOp.LITERAL, value=value)
        case {"__entity": entity}:
            return _entity(entity)
        case _:
            return _unsupported({"Value": value})


def _entity(tree: dict[str, Any]) -> PolicyExpression:
    return PolicyExpression(PolicyOp.ENTITY, value=Uid(tree["type"], tree["id"]))


def _unsupported(tree: Any) -> PolicyExpression:
    """What we have no operator for, with its operands where they can be told."""
    match tree:
        case dict() if len(tree) == 1:
            ((name, given),) = tree.items()
            if isinstance(given, list):
                return PolicyExpression(PolicyOp.UNSUPPORTED, tuple(map(_read, given)), name=name)
            if isinstance(given, dict) and given.keys() == {"left", "right"}:
                return PolicyExpression(PolicyOp.UNSUPPORTED, (_read(given["left"]), _read(given["right"])), name=name)
    return PolicyExpression(PolicyOp.UNSUPPORTED, name=json.dumps(tree, sort_keys=True))


def _and(left: PolicyExpression, right: PolicyExpression) -> PolicyExpression:
    return PolicyExpression(PolicyOp.AND, (left, right))


Reader = Callable[[dict[str, Any]], PolicyExpression]


def _two(op: PolicyOp, *, swapped: bool = False, negated: bool = False) -> Reader:
    def read(given: dict[str, Any]) -> PolicyExpression:
        left, right = _read(given["left"]), _read(given["right"])
        found = PolicyExpression(op, (right, left) if swapped else (left, right))
        return PolicyExpression(PolicyOp.NOT, (found,)) if negated else found

    return read


def _one(op: PolicyOp) -> Reader:
    return lambda given: PolicyExpression(op, (_read(given["arg"]),))


def _attribute(op: PolicyOp) -> Reader:
    return lambda given: PolicyExpression(op, (_read(given["left"]),), name=given["attr"])


def _like(given: dict[str, Any]) -> PolicyExpression:
    pattern = tuple(None if each == "Wildcard" else each["Literal"] for each in given["pattern"])
    return PolicyExpression(PolicyOp.LIKE, (_read(given["left"]),), value=pattern)


def _is(given: dict[str, Any]) -> PolicyExpression:
    of = _read(given["left"])
    found = PolicyExpression(PolicyOp.IS, (of,), name=given["entity_type"])
    return _and(found, PolicyExpression(PolicyOp.IN, (of, _read(given["in"])))) if "in" in given else found


def _if(given: dict[str, Any]) -> PolicyExpression:
    return PolicyExpression(PolicyOp.IF, (_read(given["if"]), _read(given["then"]), _read(given["else"])))


_READERS: dict[str, Reader] = {
    "!": _one(PolicyOp.NOT),
    "neg": _one(PolicyOp.NEG),
    "isEmpty": _one(PolicyOp.IS_EMPTY),
    "==": _two(PolicyOp.EQ),
    "!=": _two(PolicyOp.EQ, negated=True),
    "<": _two(PolicyOp.LT),
    "<=": _two(PolicyOp.LE),
    ">": _two(PolicyOp.LT, swapped=True),
    ">=": _two(PolicyOp.LE, swapped=True),
    "&&": _two(PolicyOp.AND),
    "||": _two(PolicyOp.OR),
    "+": _two(PolicyOp.ADD),
    "-": _two(PolicyOp.SUB),
    "*": _two(PolicyOp.MUL),
    "in": _two(PolicyOp.IN),
    "contains": _two(PolicyOp.CONTAINS),
    "containsAll": _two(PolicyOp.CONTAINS_ALL),
    "containsAny": _two(PolicyOp.CONTAINS_ANY),
    "if-then-else": _if,
    ".": _attribute(PolicyOp.ATTRIBUTE),
    "has": _attribute(PolicyOp.HAS),
    "like": _like,
    "is": _is,
}
"""By the name that Cedar's tree gives an operator."""


def is_about(policy: Policy, entity: str, action: str) -> bool:
    """Whether the policy's scope has the action; any that is not plainly about others does."""
    about = policy.scope[1]
    listed = [each.value for operand in about.operands[1:] for each in (operand, *operand.operands) if each.value]
    if about.op not in {PolicyOp.EQ, PolicyOp.IN}:
        return True
    return Uid(ACTION_TYPE, f"{entity}.{action}") in listed
