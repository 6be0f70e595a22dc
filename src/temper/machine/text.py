"""The text algebra: an expression in the blueprint's own syntax, with no parentheses that it does not need."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from temper.machine.expression import BEFORE, Algebra, Expression, Op, fold, total
from temper.machine.value import SetType, show


class Piece(NamedTuple):
    """Written text and how tightly it binds; an operand that binds less than its place asks is put in parentheses."""

    text: str
    binds: int
    operand: str = ""
    """Under a NOT: the text without it, negated, where there is a nicer way to say it."""


IF, OR, AND, NOT, COMPARE, UNION, MEET, SUM, PRODUCT, SIGN, ATOM = range(11)
"""Python's precedence, from loosest to tightest. `|` binds less than `&`, and `&` less than `+`."""


def text(expression: Expression) -> str:
    """The expression as a blueprint writes it.

    >>> from temper.machine.value import BOOL, INT
    >>> x, y = (Expression(Op.FIELD, INT, name=name) for name in "xy")
    >>> text(Expression(Op.NOT, BOOL, (Expression(Op.EQ, BOOL, (x, Expression(Op.ADD, INT, (x, y)))),)))
    'x != x + y'
    """
    return fold(expression, _TEXT).text


def _at(piece: Piece, level: int) -> str:
    return piece.text if piece.binds >= level else f"({piece.text})"


def _atom(spell: Callable[[Expression], str]) -> Callable[..., Piece]:
    return lambda node, *_: Piece(spell(node), ATOM)


def _left(word: str, level: int) -> Callable[..., Piece]:
    """An operator that groups to the left: only its right operand must bind tighter."""
    return lambda _, a, b: Piece(f"{_at(a, level)} {word} {_at(b, level + 1)}", level)


def _joined(word: str, level: int) -> Callable[..., Piece]:
    return lambda _, *operands: Piece(f" {word} ".join(_at(x, level + 1) for x in operands), level)


def _compared(word: str, opposite: str = "") -> Callable[..., Piece]:
    """A comparison; its operands bind tighter, since Python would chain two of them."""

    def meaning(_: Expression, a: Piece, b: Piece) -> Piece:
        left, right = _at(a, COMPARE + 1), _at(b, COMPARE + 1)
        return Piece(f"{left} {word} {right}", COMPARE, f"{left} {opposite} {right}" if opposite else "")

    return meaning


def _not(_: Expression, of: Piece) -> Piece:
    return Piece(of.operand, COMPARE) if of.operand else Piece(f"not {_at(of, NOT)}", NOT)


def _ordered(word: str, opposite: str) -> Callable[..., Piece]:
    """`a < b`, or `b > a` where a literal would stand on the left."""

    def meaning(node: Expression, a: Piece, b: Piece) -> Piece:
        left, right = _at(a, COMPARE + 1), _at(b, COMPARE + 1)
        if node.operands[0].op is Op.LITERAL and node.operands[1].op is not Op.LITERAL:
            return Piece(f"{right} {opposite} {left}", COMPARE)
        return Piece(f"{left} {word} {right}", COMPARE)

    return meaning


def _called(function: str) -> Callable[..., Piece]:
    return lambda _, *operands: Piece(f"{function}({', '.join(x.text for x in operands)})", ATOM)


def _if(_: Expression, condition: Piece, then: Piece, otherwise: Piece) -> Piece:
    return Piece(f"{_at(then, IF + 1)} if {_at(condition, IF + 1)} else {otherwise.text}", IF)


def _negated(_: Expression, of: Piece) -> Piece:
    return Piece(f"-{_at(of, SIGN)}", SIGN)


def _literal(node: Expression) -> Piece:
    shown = show(node.type, node.value)
    return Piece(shown, SIGN if shown.startswith("-") else ATOM)


def _read(node: Expression, of: Piece) -> Piece:
    variable = node.operands[0].op is Op.VARIABLE
    base = "before" if variable and node.moment == BEFORE else _at(of, ATOM)
    return Piece(f"{base}.{node.name}", ATOM)


def _values(node: Expression) -> str:
    if node.name:
        return node.name
    return str(node.type.of) if isinstance(node.type, SetType) else str(node.type)


def _binder(function: str) -> Callable[..., Piece]:
    def meaning(node: Expression, domain: Piece, condition: Piece, body: Piece | None = None, *default: Piece) -> Piece:
        shown = node.name if body is None else body.text
        where = "" if condition.text == "True" else f" if {_at(condition, OR)}"
        loop = f"{shown} for {node.name} in {_at(domain, OR)}{where}"
        return Piece(f"{function}({loop})" if not default else f"{function}(({loop}), default={default[0].text})", ATOM)

    return meaning


_TEXT: Algebra[Piece] = total(
    {
        Op.LITERAL: _literal,
        Op.FIELD: _atom(lambda node: node.name),
        Op.STATE: _atom(lambda _: "state"),
        Op.SELF: _atom(lambda _: "self"),
        Op.CALLER: _atom(lambda _: "caller"),
        Op.NOW: _atom(lambda _: "now"),
        Op.ARGUMENT: _atom(lambda node: f"args.{node.name}"),
        Op.VARIABLE: _atom(lambda node: node.name),
        Op.READ: _read,
        Op.SOME: lambda _, of: of,
        Op.THE: lambda _, of: of,
        Op.NOT: _not,
        Op.AND: _joined("and", AND),
        Op.OR: _joined("or", OR),
        Op.IF: _if,
        Op.EQ: _compared("==", "!="),
        Op.LT: _ordered("<", ">"),
        Op.LE: _ordered("<=", ">="),
        Op.IN: _compared("in", "not in"),
        Op.ADD: _left("+", SUM),
        Op.SUB: _left("-", SUM),
        Op.MUL: _left("*", PRODUCT),
        Op.DIV: _left("//", PRODUCT),
        Op.MOD: _left("%", PRODUCT),
        Op.NEG: _negated,
        Op.ABS: _called("abs"),
        Op.MIN: _called("min"),
        Op.MAX: _called("max"),
        Op.SET: lambda _, *members: Piece(f"{{{', '.join(x.text for x in members)}}}" if members else "set()", ATOM),
        Op.UNION: _left("|", UNION),
        Op.INTERSECT: _left("&", MEET),
        Op.DIFFERENCE: _left("-", SUM),
        Op.LEN: _called("len"),
        Op.GET: lambda _, of, key: Piece(f"{_at(of, ATOM)}[{key.text}]", ATOM),
        Op.VALUES: _atom(_values),
        Op.INSTANCES: _atom(lambda node: node.name),
        Op.ALL: _binder("all"),
        Op.ANY: _binder("any"),
        Op.COUNT: _binder("count"),
        Op.SUM: _binder("sum"),
        Op.LEAST: _binder("min"),
        Op.GREATEST: _binder("max"),
    }
)
