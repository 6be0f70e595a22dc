"""The door to expressions: a scalar's text, read in its place, as a typed expression."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from temper.language.check.findings import Findings, article
from temper.language.check.place import Place
from temper.language.check.reading import Reading, Rule
from temper.language.python import Parsed, parse_python
from temper.language.syntax import Text
from temper.machine import BOOL, Expression, IntType, Op, OptionType, Type, contains, fold
from temper.report import Diagnostic, Help

DEPTH_MAX = 80
"""How deep a typed expression may nest. It is somewhat deeper than its text: `x in s` can stand for five levels."""


def read_expression(text: Text, expected: Type, place: Place, findings: Findings) -> Expression | None:
    """The expression of a scalar, fitted to a type; None after a finding."""
    parsed = _parse(text, findings)
    return None if parsed is None else read_node(parsed, parsed.body, place, findings, expected)


def read_stored(text: Text, expected: Type, place: Place, findings: Findings) -> Expression | None:
    """The same for a value that is written or passed on: a literal must lie in the declared range."""
    found = read_expression(text, expected, place, findings)
    bare = expected.of if isinstance(expected, OptionType) else expected
    literal = found.operands[0] if found is not None and found.op is Op.SOME else found
    if literal is None or literal.op is not Op.LITERAL or not isinstance(bare, IntType):
        return found
    if literal.value is not None and not contains(bare, literal.value):
        findings.add(
            "literal-out-of-range",
            f"{literal.value} is not in {bare}, which {place.what} needs",
            literal.span,
            reason=f"outside {bare.lo} to {bare.hi}",
            labels=place.because,
        )
        return None
    return found


def read_any(text: Text, place: Place, findings: Findings, hint: Type | None = None) -> Expression | None:
    """The expression of a scalar, of whatever type it has."""
    parsed = _parse(text, findings)
    if parsed is None:
        return None
    reading = _reading(parsed, place, findings)
    return _bounded(reading, reading.infer(parsed.body, hint))


def read_guard(text: Text, place: Place, findings: Findings) -> Expression | None:
    """A guard, a premise or a property: an expression that must be a bool."""
    parsed = _parse(text, findings)
    if parsed is None:
        return None
    reading = _reading(parsed, place, findings)
    found = _bounded(reading, reading.infer_plain(parsed.body, BOOL))
    if found is None or found.type == BOOL:
        return found
    helps = _compared(reading) if isinstance(found.type, IntType) else ()
    labels = tuple(label for inner in (found, *found.operands) for label in reading.label(inner))
    reading.add(
        "guard-not-boolean",
        f"{place.what} is {article(found.type)}, but it must be a bool",
        parsed.body,
        reason=f"this is {article(found.type)}",
        labels=tuple(dict.fromkeys(labels)),
        notes=("nothing but a bool is read as true or false; compare it",),
        helps=helps,
    )
    return None


def _compared(reading: Reading) -> tuple[Help, ...]:
    """The comparison that a number was probably meant to be: `a - b` is how other languages ask `b <= a`."""
    body = reading.parsed.body
    if isinstance(body, ast.BinOp) and isinstance(body.op, ast.Sub):
        meant = f"{reading.parsed.written(body.right)} <= {reading.parsed.written(body.left)}"
        return reading.instead(body, meant, f"did you mean `{meant}`?")
    return reading.instead(body, f"{reading.parsed.written(body)} != 0")


def read_node(parsed: Parsed, node: ast.expr, place: Place, findings: Findings, expected: Type) -> Expression | None:
    """One node of a scalar that is parsed already."""
    reading = _reading(parsed, place, findings)
    return _bounded(reading, reading.read(node, expected))


def _bounded(reading: Reading, found: Expression | None) -> Expression | None:
    """The expression, unless it nests deeper than a table may: everybody below goes through it recursively."""
    if found is None or _depth(found) <= DEPTH_MAX:
        return found
    reading.add(
        "expression-too-large",
        f"an expression nests at most {DEPTH_MAX} levels deep, and this is one of {_depth(found)}",
        reading.parsed.body,
        reason="too deep",
        helps=(Help("split it: into cases, into several properties, or into a field that is kept up to date"),),
    )
    return None


def _depth(expression: Expression) -> int:
    return fold(expression, dict.fromkeys(Op, lambda _, *inner: 1 + max(inner, default=0)))


def _parse(text: Text, findings: Findings) -> Parsed | None:
    parsed = parse_python(text)
    if isinstance(parsed, Diagnostic):
        findings.put(parsed)
        return None
    return parsed


def _reading(parsed: Parsed, place: Place, findings: Findings) -> Reading:
    return Reading(parsed, place, findings, _rules(), place.variables)


def _rules() -> Mapping[type[ast.expr], Rule]:
    # Loops read types, types have bounds, and bounds are expressions: the circle is closed here, once.
    from temper.language.check.rules import RULES

    return RULES
