"""Policies as typed trees of our own, and `fold_policy`, the only traversal of what they say.

Cedar decides; these trees are for whoever wants to know what it decides, and why, without asking it of every request.
Unlike an expression of a blueprint one of a policy may fail, and then the whole call is denied (`policy_decision`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")


class Uid(NamedTuple):
    """An entity as Cedar names it: `Role::"lead"` is `Uid("Role", "lead")`."""

    type: str
    id: str

    def __str__(self) -> str:
        return f'{self.type}::"{self.id}"'


class PolicyOp(StrEnum):
    """Every operator of a policy, with its operands in order and, after a bar, what `name` or `value` holds.

    `!=`, `>` and `>=` do not exist: they are written under `NOT`, or with the operands swapped.
    """

    LITERAL = "literal"  # | value: a bool, an int or a text
    ENTITY = "entity"  # | value: a `Uid`
    VARIABLE = "variable"  # | name: principal, action, resource or context
    ATTRIBUTE = "attribute"  # of | name
    HAS = "has"  # of | name
    LIKE = "like"  # text | value: literal parts, None for each `*`
    IS = "is"  # entity | name: the type
    IN = "in"  # entity, entity or set of entities
    NOT = "not"
    AND = "and"
    OR = "or"
    IF = "if"  # condition, then, else
    EQ = "eq"
    LT = "lt"
    LE = "le"
    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    NEG = "neg"
    SET = "set"  # the members
    RECORD = "record"  # the values | value: their names
    CONTAINS = "contains"  # set, member
    CONTAINS_ALL = "containsAll"  # set, set
    CONTAINS_ANY = "containsAny"
    IS_EMPTY = "isEmpty"
    UNSUPPORTED = "unsupported"  # what is known of the operands | name: how Cedar's own tree calls it


@dataclass(frozen=True, slots=True)
class PolicyExpression:
    """One node: its operator, its operands, and what the operator needs besides."""

    op: PolicyOp
    operands: tuple[PolicyExpression, ...] = ()
    name: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One `permit` or `forbid`. `scope` is what stands in its round brackets, each as a condition."""

    name: str
    """Its `@id`, or else where it stands: `file.cedar#1`, counted from 0."""
    forbids: bool
    scope: tuple[PolicyExpression, PolicyExpression, PolicyExpression]
    """On the principal, the action and the resource."""
    conditions: tuple[PolicyExpression, ...]
    """As `when` says them; `unless` is one under `NOT`."""

    @property
    def whole(self) -> PolicyExpression:
        """The scope and all conditions in one, read from left to right: what comes later is not asked in vain."""
        found, *rest = (*self.scope, *self.conditions)
        for each in rest:
            found = PolicyExpression(PolicyOp.AND, (found, each))
        return found


PolicyAlgebra = Mapping[PolicyOp, Callable[..., Result]]
"""From operator to meaning: `meaning(expression, *folded_operands)`."""


def fold_policy(expression: PolicyExpression, algebra: PolicyAlgebra[Result]) -> Result:
    """What the expression means in the algebra: operands first, then the operator.

    >>> size = every_policy_op(dict.fromkeys(PolicyOp, lambda _, *operands: 1 + sum(operands)))
    >>> fold_policy(PolicyExpression(PolicyOp.NOT, (PolicyExpression(PolicyOp.LITERAL, value=True),)), size)
    2
    """
    folded = (fold_policy(operand, algebra) for operand in expression.operands)
    return algebra[expression.op](expression, *folded)


def every_policy_op(algebra: dict[PolicyOp, Callable[..., Result]]) -> PolicyAlgebra[Result]:
    """The algebra, after asserting that it gives every operator a meaning."""
    missing = [op.value for op in PolicyOp if op not in algebra]
    assert not missing, f"an algebra must cover every operator; this one lacks {', '.join(missing)}"
    return algebra


def policy_parts(expression: PolicyExpression) -> Iterator[PolicyExpression]:
    """The expression and everything in it, outermost first."""
    yield expression
    for operand in expression.operands:
        yield from policy_parts(operand)
