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
    of = wanted.of if isinstance(wanted, SetType) else None
    found = {
        member: reading.infer(member, of) for member in node.elts if of is not None or not is_open(reading, member)
    }
    if None in found.values():
        return None
    if of is None:
        of = _common_type(reading, node, found)
    if of is None:
        return None
    members = [_member(reading, member, found.get(member), of) for member in node.elts]
    whole = [member for member in members if member is not None]
    if len(whole) < len(members):
        return None
    return Expression(Op.SET, SetType(of), tuple(whole), span=reading.span(node))


def _common_type(reading: Reading, node: ast.Set, found: dict[ast.expr, Expression | None]) -> Type | None:
    """The type of the members, where the place says nothing: what those make together that have one."""
    of: Type | None = None
    for member, one in found.items():
        assert one is not None
        bare = one.type.of if isinstance(one.type, OptionType) else one.type
        joined = bare if of is None else join(of, bare)
        if joined is None:
            reading.add(
                "type-mismatch",
                f"a set holds one type, but here are {article(of)} and {article(one.type)}",
                member,
                reason=f"this is {article(one.type)}",
                labels=reading.label(one),
            )
            return None
        of = joined
    if of is None:
        reading.add("type-unclear", "nothing here says of which type these members are", node, reason="a set of what?")
    return of


def _member(reading: Reading, node: ast.expr, read: Expression | None, of: Type) -> Expression | None:
    found = reading.infer(node, of) if read is None else read
    if found is None:
        return None
    if is_opaque(found.type):
        refuse_opaque(reading, found, node)
        return None
    return reading.fit(found, of, node)


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
