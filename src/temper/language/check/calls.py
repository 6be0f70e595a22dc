"""Functions: `len`, `abs`, `min`, `max`, `set()`, and the loops under `all any count sum min max`."""

from __future__ import annotations

import ast

from temper.language.check.comparison import refuse_opaque
from temper.language.check.comprehension import read_loop
from temper.language.check.findings import article, did_you_mean, listed
from temper.language.check.reading import Reading, fits, is_opaque
from temper.machine import DURATION, INT, Expression, IntType, Op, OptionType, SetType, Type

FUNCTIONS = ("abs", "all", "any", "count", "len", "max", "min", "set", "sum")
_LOOPS = frozenset({"all", "any", "count", "sum", "min", "max"})


def read_call(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """A call of one of the functions that there are."""
    assert isinstance(node, ast.Call)
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS:
        written = reading.parsed.written(node.func)
        reading.add(
            "unknown-function",
            f"there is no function `{written}`",
            node.func,
            reason="not a function of the language",
            notes=(f"there is {listed(FUNCTIONS)}",),
            helps=did_you_mean(reading.span(node.func), written, FUNCTIONS),
        )
        return None
    if name in _LOOPS and node.args and isinstance(node.args[0], ast.GeneratorExp):
        return read_loop(reading, node, name, node.args[0])
    if name in {"min", "max"}:
        return _extreme(reading, node, name, hint)
    if name in {"all", "any", "count", "sum"}:
        _wants_loop(reading, node, name)
        return None
    if name == "set":
        return _empty(reading, node, hint)
    return _of_one(reading, node, name)


def _wants_loop(reading: Reading, node: ast.Call, name: str) -> None:
    body = "x" if name == "count" else "…"
    reading.add(
        "wrong-call",
        f"`{name}` goes through a loop: `{name}({body} for x in … if …)`",
        node,
        reason="a loop is missing here",
    )


def _empty(reading: Reading, node: ast.Call, hint: Type | None) -> Expression | None:
    if node.args or node.keywords:
        reading.add(
            "wrong-call",
            "`set()` is the empty set and takes nothing; members are written `{a, b}`",
            node,
            reason="takes nothing",
        )
        return None
    wanted = hint.of if isinstance(hint, OptionType) else hint
    if isinstance(wanted, SetType):
        return Expression(Op.SET, SetType(wanted.of), span=reading.span(node))
    if hint is None:
        reading.add("type-unclear", "nothing here says what this empty set could hold", node, reason="a set of what?")
    else:
        reading.add(
            "type-mismatch", f"{reading.place.what} needs {article(hint)} here, not a set", node, reason="a set"
        )
    return None


def _of_one(reading: Reading, node: ast.Call, name: str) -> Expression | None:
    if len(node.args) != 1 or node.keywords:
        reading.add("wrong-call", f"`{name}` takes one operand", node, reason=f"here are {len(node.args)}")
        return None
    found = reading.infer_plain(node.args[0])
    if found is None:
        return None
    wanted, what = (SetType, "a set") if name == "len" else (IntType, "an int")
    if not isinstance(found.type, wanted):
        reading.add(
            "type-mismatch",
            f"`{name}` takes {what}, but `{reading.parsed.written(node.args[0])}` is {article(found.type)}",
            node.args[0],
            reason=f"this is {article(found.type)}",
            labels=reading.label(found),
        )
        return None
    return Expression(Op.LEN if name == "len" else Op.ABS, INT, (found,), span=reading.span(node))


def _extreme(reading: Reading, node: ast.Call, name: str, hint: Type | None) -> Expression | None:
    if len(node.args) < 2 or node.keywords:
        reading.add(
            "wrong-call",
            f"`{name}` takes two or more operands, or a loop with a default",
            node,
            reason="too few operands" if len(node.args) < 2 else "`default=` goes with a loop",
            notes=(f"a loop is written `{name}((… for x in …), default=…)`",),
        )
        return None
    operands: list[Expression] = []
    for argument in node.args:
        found = reading.infer_plain(argument, hint)
        if found is None:
            return None
        if not is_number(reading, name, found, argument, operands):
            return None
        operands.append(found)
    return Expression(
        Op.MIN if name == "min" else Op.MAX, _wide(operands[0].type), tuple(operands), span=reading.span(node)
    )


def is_number(reading: Reading, name: str, found: Expression, node: ast.expr, others: list[Expression]) -> bool:
    """Whether an operand is an int or a duration like the others, or a finding."""
    if is_opaque(found.type):
        refuse_opaque(reading, found, node)
        return False
    alike = isinstance(found.type, IntType) or found.type == DURATION
    if alike and all(fits(found.type, other.type) for other in others):
        return True
    reading.add(
        "type-mismatch",
        f"`{name}` compares ints, or durations, but `{reading.parsed.written(node)}` is {article(found.type)}",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
    )
    return False


def _wide(type_: Type) -> Type:
    return INT if isinstance(type_, IntType) else type_
