"""Policies as people write them, for whoever has to be told which part of one decides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from temper.machine.policy_tree import (
    Policy,
    PolicyAlgebra,
    PolicyExpression,
    PolicyOp,
    every_policy_op,
    fold_policy,
)

VARIABLES = ("principal", "action", "resource")


def policy_text(policy: Policy) -> str:
    """The whole policy in one line.

    >>> lead = PolicyExpression(PolicyOp.LITERAL, value=True)
    >>> policy_text(Policy("p", True, (lead, lead, lead), (PolicyExpression(PolicyOp.NOT, (lead,)),)))
    'forbid(principal, action, resource) when { !true };'
    """
    scope = ", ".join(_scope(each, name) for each, name in zip(policy.scope, VARIABLES, strict=True))
    said = "".join(f" when {{ {expression_text(each)} }}" for each in policy.conditions)
    return f"{'forbid' if policy.forbids else 'permit'}({scope}){said};"


def conditions_text(policy: Policy) -> str:
    """What the policy asks beside its scope; empty if nothing.

    >>> conditions_text(Policy("p", True, (), (PolicyExpression(PolicyOp.VARIABLE, name="context"),)))
    'context'
    """
    return " && ".join(
        _bracketed(each) if len(policy.conditions) > 1 else expression_text(each) for each in policy.conditions
    )


def expression_text(expression: PolicyExpression) -> str:
    """An expression as Cedar writes it."""
    return fold_policy(expression, _TEXT)


def _scope(said: PolicyExpression, name: str) -> str:
    return name if said.op is PolicyOp.LITERAL else expression_text(said)


def _bracketed(node: PolicyExpression) -> str:
    return _wrapped(expression_text(node), node)


def _wrapped(text: str, node: PolicyExpression) -> str:
    return f"({text})" if node.op in _LOOSE else text


_LOOSE = frozenset(
    {
        PolicyOp.AND,
        PolicyOp.OR,
        PolicyOp.IF,
        PolicyOp.EQ,
        PolicyOp.LT,
        PolicyOp.LE,
        PolicyOp.IN,
        PolicyOp.IS,
        PolicyOp.HAS,
        PolicyOp.LIKE,
        PolicyOp.ADD,
        PolicyOp.SUB,
        PolicyOp.MUL,
    }
)
"""What is put in brackets inside of something else."""


def _infix(sign: str) -> Callable[..., str]:
    def text(node: PolicyExpression, left: str, right: str) -> str:
        return f"{_wrapped(left, node.operands[0])} {sign} {_wrapped(right, node.operands[1])}"

    return text


def _joined(sign: str, op: PolicyOp) -> Callable[..., str]:
    """Several of one kind need no brackets between them."""

    def text(node: PolicyExpression, left: str, right: str) -> str:
        mine = left if node.operands[0].op is op else _wrapped(left, node.operands[0])
        return f"{mine} {sign} {_wrapped(right, node.operands[1])}"

    return text


def _called(name: str) -> Callable[..., str]:
    return lambda node, of, *given: f"{_wrapped(of, node.operands[0])}.{name}({', '.join(given)})"


def _not(node: PolicyExpression, of: str) -> str:
    inner = node.operands[0]
    if inner.op is PolicyOp.EQ:
        left, right = inner.operands
        return f"{_bracketed(left)} != {_bracketed(right)}"
    return f"!{_wrapped(of, inner)}"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name, ensure_ascii=False)


def _attribute(node: PolicyExpression, of: str) -> str:
    mine = _wrapped(of, node.operands[0])
    return f"{mine}.{node.name}" if _name(node.name) == node.name else f"{mine}[{_name(node.name)}]"


def _pattern(node: PolicyExpression) -> str:
    parts = (
        "*" if each is None else json.dumps(each, ensure_ascii=False)[1:-1].replace("*", "\\*") for each in node.value
    )
    return f'"{"".join(parts)}"'


def _unsupported(node: PolicyExpression, *operands: str) -> str:
    return f"{node.name}({', '.join(operands)})" if operands else node.name


_TEXT: PolicyAlgebra[str] = every_policy_op(
    {
        PolicyOp.LITERAL: lambda node: json.dumps(node.value, ensure_ascii=False),
        PolicyOp.ENTITY: lambda node: str(node.value),
        PolicyOp.VARIABLE: lambda node: node.name,
        PolicyOp.ATTRIBUTE: _attribute,
        PolicyOp.HAS: lambda node, of: f"{_wrapped(of, node.operands[0])} has {_name(node.name)}",
        PolicyOp.LIKE: lambda node, of: f"{_wrapped(of, node.operands[0])} like {_pattern(node)}",
        PolicyOp.IS: lambda node, of: f"{_wrapped(of, node.operands[0])} is {node.name}",
        PolicyOp.IN: _infix("in"),
        PolicyOp.NOT: _not,
        PolicyOp.AND: _joined("&&", PolicyOp.AND),
        PolicyOp.OR: _joined("||", PolicyOp.OR),
        PolicyOp.IF: lambda _, condition, then, otherwise: f"if {condition} then {then} else {otherwise}",
        PolicyOp.EQ: _infix("=="),
        PolicyOp.LT: _infix("<"),
        PolicyOp.LE: _infix("<="),
        PolicyOp.ADD: _infix("+"),
        PolicyOp.SUB: _infix("-"),
        PolicyOp.MUL: _infix("*"),
        PolicyOp.NEG: lambda node, of: f"-{_wrapped(of, node.operands[0])}",
        PolicyOp.SET: lambda _, *members: f"[{', '.join(members)}]",
        PolicyOp.RECORD: lambda node, *values: (
            "{" + ", ".join(f"{_name(name)}: {value}" for name, value in zip(node.value, values, strict=True)) + "}"
        ),
        PolicyOp.CONTAINS: _called("contains"),
        PolicyOp.CONTAINS_ALL: _called("containsAll"),
        PolicyOp.CONTAINS_ANY: _called("containsAny"),
        PolicyOp.IS_EMPTY: _called("isEmpty"),
        PolicyOp.UNSUPPORTED: _unsupported,
    }
)
"""How every operator is written."""
