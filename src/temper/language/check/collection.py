"""Set literals, and a map's value under a key."""

from __future__ import annotations

import ast

from temper.language.check.comparison import refuse_opaque
from temper.language.check.findings import article
from temper.language.check.openness import is_open
from temper.language.check.reading import Reading, is_opaque, join
from temper.machine import Expression, MapType, Op, OptionType, SetType, Type


def read_set(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:
    """`{a, b}`."""
    assert isinstance(node, ast.Set)
    wanted = hint.of if isinstance(hint, OptionType) else hint
    of = wanted.of if isinstance(wanted, SetType) else _first_type(reading, node)
    if of is None:
        return None
    members = [_member(reading, member, of) for member in node.elts]
    whole = [member for member in members if member is not None]
    if len(whole) < len(members):
        return None
    return Expression(Op.SET, SetType(of), tuple(whole), span=reading.span(node))


def _first_type(reading: Reading, node: ast.Set) -> Type | None:
    """The type of the members, where the place says nothing: what those make together that have one."""
    found: Type | None = None
    for member in node.elts:
        if is_open(reading, member):
            continue
        one = reading.infer(member)
        if one is None:
            return None
        joined = one.type if found is None else join(found, one.type)
        if joined is None:
            reading.add(
                "type-mismatch",
                f"a set holds one type, but here are {article(found)} and {article(one.type)}",
                member,
                reason=f"this is {article(one.type)}",
                labels=reading.label(one),
            )
            return None
        found = joined
    if found is None:
        reading.add("type-unclear", "nothing here says of which type these members are", node, reason="a set of what?")
    return found


def _member(reading: Reading, node: ast.expr, of: Type) -> Expression | None:
    found = reading.read(node, of)
    if found is not None and is_opaque(found.type):
        refuse_opaque(reading, found, node)
        return None
    return found


def read_subscript(reading: Reading, node: ast.expr, hint: Type | None) -> Expression | None:  # noqa: ARG001 - a rule
    """`m[k]`: a map has a value under every key of its type."""
    assert isinstance(node, ast.Subscript)
    of = reading.infer_plain(node.value)
    if of is None:
        return None
    if not isinstance(of.type, MapType):
        reading.add(
            "not-a-map",
            f"only a map is asked by key, but `{reading.parsed.written(node.value)}` is {article(of.type)}",
            node.value,
            reason=f"this is {article(of.type)}",
            labels=reading.label(of),
        )
        return None
    key = reading.read(node.slice, of.type.key)
    return None if key is None else Expression(Op.GET, of.type.value, (of, key), span=reading.span(node))
