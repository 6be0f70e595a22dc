"""Whether a node needs to be told its type: a bare member, None, or an empty set says nothing by itself."""

from __future__ import annotations

import ast

from temper.language.check.reading import Reading
from temper.language.check.reference import resolves


def is_open(reading: Reading, node: ast.expr) -> bool:
    """Whether nothing in the node says of which type it is."""
    match node:
        case ast.Name():
            return not resolves(reading, node)
        case ast.Constant(value=value):
            return value is None
        case ast.Set(elts=members):
            return all(is_open(reading, member) for member in members)
        case ast.Call(func=ast.Name(id="set"), args=[]):
            return True
        case ast.IfExp(body=then, orelse=otherwise):
            return is_open(reading, then) and is_open(reading, otherwise)
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub(), right=right):
            return is_open(reading, left) and is_open(reading, right)
        case _:
            return False
