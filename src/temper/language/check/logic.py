"""`and`, `or`, `not` and `if`: what joins conditions, and what each part may rely on."""

from __future__ import annotations

import ast

from temper.language.check.findings import article
from temper.language.check.narrowing import not_none
from temper.language.check.openness import is_open
from temper.language.check.reading import Reading, join
from temper.machine import BOOL, Expression, IntType, Op, OptionType, SetType, Type


def read_condition(reading: Reading, node: ast.expr) -> Expression | None:
    """An expression where a bool is needed."""
    found = reading.infer_plain(node, BOOL)
    if found is None or found.type == BOOL:
        return found
    written = reading.parsed.written(node)
    cure = ""
    if isinstance(found.type, IntType):
        cure = f"{written} != 0"
    elif isinstance(found.type, SetType):
        cure = f"len({written}) > 0"
    reading.add(
        "not-a-bool",
        f"a condition is a bool, but `{written}` is {article(found.type)}",
        node,
        reason=f"this is {article(found.type)}",
        labels=reading.label(found),
        notes=("nothing but a bool is read as true or false; compare it",),
        helps=reading.instead(node, cure) if cure else (),
    )
    return None


def read_bool_op(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:  # noqa: ARG001 - a rule
    """`a and b`, `a or b`: each part knows what the parts before it have settled."""
    assert isinstance(node, ast.BoolOp)
    op = Op.AND if isinstance(node.op, ast.And) else Op.OR
    parts: list[Expression | None] = []
    inner = reading
    for value in node.values:
        part = read_condition(inner, value)
        parts.append(part)
        if part is not None:
            inner = inner.knowing(not_none(part, holds=op is Op.AND))
    whole = [part for part in parts if part is not None]
    return joined(op, whole, node, reading) if len(whole) == len(parts) else None


def joined(op: Op, parts: list[Expression], node: ast.expr, reading: Reading) -> Expression:
    """`parts` under one `and` or `or`; nested ones of the same kind are laid flat, as they would be written."""
    flat = [inner for part in parts for inner in (part.operands if part.op is op else (part,))]
    return Expression(op, BOOL, tuple(flat), span=reading.span(node))


def read_if(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """`a if condition else b`."""
    assert isinstance(node, ast.IfExp)
    condition = read_condition(reading, node.test)
    if condition is None:
        return None
    yes = reading.knowing(not_none(condition, holds=True))
    no = reading.knowing(not_none(condition, holds=False))
    branches = _branches(yes, no, node, hint)
    if branches is None:
        return None
    then, otherwise = (_known(yes, branches[0], hint), _known(no, branches[1], hint))
    type_ = join(then.type, otherwise.type)
    if type_ is None:
        reading.add(
            "type-mismatch",
            f"the two sides of this `if` are {article(then.type)} and {article(otherwise.type)}",
            node.orelse,
            reason=f"this is {article(otherwise.type)}, the other side is {article(then.type)}",
        )
        return None
    first, second = yes.fit(then, type_, node.body), no.fit(otherwise, type_, node.orelse)
    if first is None or second is None:
        return None
    return Expression(Op.IF, type_, (condition, first, second), span=reading.span(node))


def _known(reading: Reading, branch: Expression, hint: Type | None) -> Expression:
    """A side that is known not to be None, as that, unless None is wanted."""
    if branch not in reading.facts or not isinstance(branch.type, OptionType) or isinstance(hint, OptionType):
        return branch
    return Expression(Op.THE, branch.type.of, (branch,), span=branch.span)


def _branches(yes: Reading, no: Reading, node: ast.IfExp, hint: Type | None) -> tuple[Expression, Expression] | None:
    """Both sides. One that says nothing of its type takes that of the other, unless the place has asked for one."""
    if hint is not None:
        then, otherwise = yes.infer(node.body, hint), no.infer(node.orelse, hint)
    elif is_open(yes, node.body) and not is_open(no, node.orelse):
        otherwise = no.infer(node.orelse)
        then = None if otherwise is None else yes.infer(node.body, _widened(node.body, otherwise))
    else:
        then = yes.infer(node.body)
        otherwise = None if then is None else no.infer(node.orelse, _widened(node.orelse, then))
    return None if then is None or otherwise is None else (then, otherwise)


def _widened(node: ast.expr, other: Expression) -> Type:
    """What to ask of a side whose other side is typed: `None` makes the whole optional."""
    if isinstance(node, ast.Constant) and node.value is None and not isinstance(other.type, OptionType):
        return OptionType(other.type)
    return other.type


def read_not(reading: Reading, node: ast.UnaryOp) -> Expression | None:
    """`not a`."""
    found = read_condition(reading, node.operand)
    return None if found is None else negated(found, node, reading)


def negated(found: Expression, node: ast.expr, reading: Reading) -> Expression:
    """The opposite of a condition."""
    return Expression(Op.NOT, BOOL, (found,), span=reading.span(node))
