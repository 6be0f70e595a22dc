"""Expressions that are known before anything runs: bounds, defaults, constants."""

from __future__ import annotations

import ast

from temper.language.check.findings import Findings
from temper.language.check.place import Place
from temper.language.check.read import read_node
from temper.language.python import Parsed
from temper.machine import INT, INT_MAX, INT_MIN, Environment, Expression, Op, TransitionTable, Value, evaluator, parts

_OPEN = frozenset({Op.FIELD, Op.STATE, Op.SELF, Op.CALLER, Op.NOW, Op.ARGUMENT, Op.READ, Op.INSTANCES})
_EMPTY = TransitionTable("", (), (), (), (), (), ())


def value_of(expression: Expression) -> Value:
    """The value of a closed expression: one that reads nothing."""
    if expression.op is Op.LITERAL:
        value: Value = expression.value
        return value
    assert all(part.op not in _OPEN for part in parts(expression)), "a constant reads nothing"
    return evaluator(_EMPTY, expression)(Environment())


def closed_int(parsed: Parsed, node: ast.expr, place: Place, findings: Findings) -> int | None:
    """The whole number that a closed expression stands for, or None after a finding."""
    found = read_node(parsed, node, place, findings, INT)
    if found is None:
        return None
    value = value_of(found)
    assert isinstance(value, int)
    if not INT_MIN <= value <= INT_MAX:
        findings.add("number-too-large", f"{place.what} does not fit in 64 bits", parsed.span(node), reason="too large")
        return None
    return value
