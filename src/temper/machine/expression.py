"""Typed expressions, and `fold`, the only traversal of them.

An expression here has been parsed, resolved and typed: it cannot fail, whatever the values. What it
*means* is said by an algebra, a table from operator to meaning; Python source, solver terms, native
code and printed text are algebras, and the agreement law holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from temper.machine.value import Type
from temper.report import Span

Result = TypeVar("Result")


class Op(StrEnum):
    """Every operator, with its operands in order and, after a bar, what `name` or `value` holds.

    Binders (`ALL` to `GREATEST`) bind the variable `name` in all operands but the domain (and the
    default). `GREATER` and `!=` do not exist: they are written with the operands swapped, or under `NOT`.
    """

    LITERAL = "literal"  # | value
    FIELD = "field"  # own data | name
    STATE = "state"  # own control state
    SELF = "self"  # own id
    CALLER = "caller"
    NOW = "now"
    ARGUMENT = "argument"  # | name
    VARIABLE = "variable"  # bound by a binder or by the `for:` of a property | name
    READ = "read"  # reference | name is the field, or "state"; `moment` is now or before
    SOME = "some"  # T as T | None
    THE = "the"  # T | None as T, where it is known not to be None
    NOT = "not"
    AND = "and"  # two or more operands, left to right
    OR = "or"
    IF = "if"  # condition, then, else
    EQ = "eq"
    LT = "lt"
    LE = "le"
    IN = "in"  # member, set
    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"  # rounds down; by zero it gives 0
    MOD = "mod"  # takes the divisor's sign; by zero it gives 0
    NEG = "neg"
    ABS = "abs"
    MIN = "min"  # two or more operands
    MAX = "max"
    SET = "set"  # the members; none for the empty set
    UNION = "union"
    INTERSECT = "intersect"
    DIFFERENCE = "difference"
    LEN = "len"
    GET = "get"  # map, key
    VALUES = "values"  # every value of a finite type; the type is set[T] | name is what the type is called, if anything
    INSTANCES = "instances"  # every instance that exists | name is the entity
    ALL = "all"  # domain, condition, body | name
    ANY = "any"  # domain, condition, body | name
    COUNT = "count"  # domain, condition | name
    SUM = "sum"  # domain, condition, body | name
    LEAST = "least"  # domain, condition, body, default | name
    GREATEST = "greatest"  # domain, condition, body, default | name


BINDERS = frozenset({Op.ALL, Op.ANY, Op.COUNT, Op.SUM, Op.LEAST, Op.GREATEST})

NOW = "now"
BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Expression:
    """One node: its operator, its type, its operands, and what the operator needs besides.

    `name` names a field, parameter, variable or entity; `value` is a literal's; `moment` tells a `READ`
    of a `step` property whether it sees the system before or after. The span is where it was written and is no
    part of what it is.
    """

    op: Op
    type: Type
    operands: tuple[Expression, ...] = ()
    name: str = ""
    value: Any = None
    moment: str = NOW
    span: Span | None = field(default=None, compare=False, repr=False)


Meaning = Callable[..., Result]
Algebra = Mapping[Op, Callable[..., Result]]
"""From operator to meaning: `meaning(expression, *folded_operands)`."""


def fold(expression: Expression, algebra: Algebra[Result]) -> Result:
    """What the expression means in the algebra: operands first, then the operator.

    >>> from temper.machine.value import BOOL
    >>> size = total(dict.fromkeys(Op, lambda _, *operands: 1 + sum(operands)))
    >>> fold(Expression(Op.NOT, BOOL, (Expression(Op.LITERAL, BOOL, value=True),)), size)
    2
    """
    return algebra[expression.op](expression, *(fold(operand, algebra) for operand in expression.operands))


def total(algebra: dict[Op, Callable[..., Result]]) -> Algebra[Result]:
    """The algebra, after asserting that it gives every operator a meaning."""
    missing = [op.value for op in Op if op not in algebra]
    assert not missing, f"an algebra must cover every operator; this one lacks {', '.join(missing)}"
    return algebra


def parts(expression: Expression) -> Iterator[Expression]:
    """The expression and everything in it, outermost first."""
    gather: Algebra[list[Expression]] = dict.fromkeys(
        Op, lambda node, *inner: [node, *(x for part in inner for x in part)]
    )
    return iter(fold(expression, gather))
