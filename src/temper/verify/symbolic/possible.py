"""Which values an expression may have where not everything is known: an algebra, under the law of all algebras.

A value of which a little is known is a set of those that it may be, or `ANY` where they are too many to list. What
comes out is never too few: whatever the unknown is, the value of the expression is in it.

Of instances only some are told apart. The id of each is its own; all others are `ELSEWHERE`, of which two may be the
same or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Protocol, TypeAlias

from temper.machine import (
    Algebra,
    BoolType,
    DurationType,
    Expression,
    FrozenMap,
    IntType,
    MapType,
    Op,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    Type,
    Value,
    finite_values,
    fold,
    initial,
    total,
)

Values: TypeAlias = frozenset[Value] | None
"""What a value may be."""

ANY: Values = None
ELSEWHERE = "#elsewhere"
"""Some instance that is not told apart from others."""
MANY = 24
"""So many values are listed, and no more."""
CHOICES_MAX = 600
"""So many combinations of operands are gone through."""
TRUE: Values = frozenset({True})
FALSE: Values = frozenset({False})
EITHER: Values = frozenset({True, False})


class Glance(Protocol):
    """What is known of a system."""

    def read(self, entity: str, ident: Value, name: str) -> Values:
        """What a field of an instance, or its `state`, may be. Of `ELSEWHERE` little is known."""
        ...

    def known(self, type_: RefType, ident: str) -> Value:
        """What an id that is written in the table stands for."""
        ...


@dataclass(frozen=True, slots=True)
class Guess:
    """What an expression can see. What is not there may be anything."""

    fields: Mapping[str, Values] = field(default_factory=dict)
    args: Mapping[str, Values] = field(default_factory=dict)
    state: Values = ANY
    self: Values = ANY
    glance: Glance | None = None
    variables: Mapping[str, Values] = field(default_factory=dict)


def possible(expression: Expression, guess: Guess) -> Values:
    """What the value of the expression may be.

    >>> from temper.machine import BOOL, INT
    >>> x, five = Expression(Op.FIELD, INT, name="x"), Expression(Op.LITERAL, INT, value=5)
    >>> less = Expression(Op.LT, BOOL, (x, five))
    >>> sorted(possible(less, Guess({"x": frozenset({3, 7})}))), possible(less, Guess({"x": frozenset({3})}))
    ([False, True], frozenset({True}))
    """
    return fold(expression, ALGEBRA)(guess)


def truth(expression: Expression | None, guess: Guess) -> frozenset[Value]:
    """Whether a condition may hold, and whether it may not. None is what always holds."""
    found = TRUE if expression is None else possible(expression, guess)
    assert found is not None, "a condition is true or false"
    return found


def listed(values: Iterable[Value]) -> Values:
    """So many values, or any at all where they are too many."""
    found = frozenset(values)
    return found if len(found) <= MANY else ANY


def of_type(type_: Type) -> Values:
    """Every value of a type, or any at all where they are too many."""
    if isinstance(type_, IntType) and type_.hi - type_.lo >= MANY:
        return ANY
    values = finite_values(type_)
    return ANY if values is None else listed(values)


def either(*several: Values) -> Values:
    """What is in one of them."""
    found: set[Value] = set()
    for values in several:
        if values is None:
            return ANY
        found |= values
    return listed(found)


Meaning: TypeAlias = Callable[[Guess], Values]


def _unknown(type_: Type) -> Values:
    """A value of which only the type is known; an expression may leave the range of its type, so numbers may be any."""
    return EITHER if isinstance(type_, BoolType) else ANY


def _plainly(of: Callable[..., Value]) -> Callable[..., Meaning]:
    """An operator of values."""

    def node_meaning(node: Expression, *operands: Meaning) -> Meaning:
        def plainly(guess: Guess) -> Values:
            known = []
            size = 1
            for operand in operands:
                values = operand(guess)
                if values is None or _is_vague(values):
                    return _unknown(node.type)
                size *= len(values)
                known.append(values)
            return _unknown(node.type) if size > CHOICES_MAX else listed(of(*chosen) for chosen in product(*known))

        return plainly

    return node_meaning


def _is_vague(values: frozenset[Value]) -> bool:
    """Whether it may be an instance that is not told apart."""
    return ELSEWHERE in values


def _eq(_: Expression, left: Meaning, right: Meaning) -> Meaning:
    def eq(guess: Guess) -> Values:
        mine, others = left(guess), right(guess)
        if mine is None or others is None or len(mine) * len(others) > CHOICES_MAX:
            return EITHER
        same = {one == other for one, other in product(mine, others)}
        return EITHER if _is_vague(mine & others) else frozenset(same)

    return eq


def _and(_: Expression, *operands: Meaning) -> Meaning:
    def every(guess: Guess) -> Values:
        found = TRUE
        for operand in operands:
            values = operand(guess)
            if values == FALSE:
                return FALSE
            found = EITHER if values != TRUE else found
        return found

    return every


def _or(_: Expression, *operands: Meaning) -> Meaning:
    def some(guess: Guess) -> Values:
        found = FALSE
        for operand in operands:
            values = operand(guess)
            if values == TRUE:
                return TRUE
            found = EITHER if values != FALSE else found
        return found

    return some


def _if(node: Expression, condition: Meaning, then: Meaning, otherwise: Meaning) -> Meaning:
    def branch(guess: Guess) -> Values:
        holds = condition(guess)
        if holds == TRUE:
            return then(guess)
        return otherwise(guess) if holds == FALSE else _or_any(node, either(then(guess), otherwise(guess)))

    return branch


def _literal(node: Expression) -> Meaning:
    def literal(guess: Guess) -> Values:
        match node.type:
            case RefType() as type_ if node.value is not None:
                return ANY if guess.glance is None else frozenset({guess.glance.known(type_, node.value)})
            case SetType(RefType() | PrincipalType()) | OptionType(RefType()) if node.value:
                return ANY
            case _:
                return frozenset({node.value})

    return literal


def _field(node: Expression) -> Meaning:
    def own(guess: Guess) -> Values:
        return _or_any(node, _given(node, guess.fields.get(node.name)))

    return own


def _or_any(node: Expression, values: Values) -> Values:
    return _unknown(node.type) if values is None else values


def _given(node: Expression, values: Values) -> Values:
    """A duration that was never given reads as 0."""
    if values is not None and isinstance(node.type, DurationType):
        return frozenset(value or 0 for value in values)
    return values


def _argument(node: Expression) -> Meaning:
    return lambda guess: _or_any(node, guess.args.get(node.name))


def _variable(node: Expression) -> Meaning:
    return lambda guess: _or_any(node, guess.variables.get(node.name))


def _read(node: Expression, of: Meaning) -> Meaning:
    reference = node.operands[0].type
    assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"
    entity = reference.entity

    def read(guess: Guess) -> Values:
        idents, glance = of(guess), guess.glance
        if idents is None or glance is None:  # it may be anyone
            return _unknown(node.type)
        found = either(*(glance.read(entity, ident, node.name) for ident in idents))
        return _unknown(node.type) if found is None else _given(node, found)

    return read


def _same(_: Expression, of: Meaning) -> Meaning:
    return of


def _the(_: Expression, of: Meaning) -> Meaning:
    """Where it is read, it is not None: a condition before it said so."""

    def the(guess: Guess) -> Values:
        values = of(guess)
        return ANY if values is None else values - {None}

    return the


def _nothing_known(node: Expression, *_: Meaning) -> Meaning:
    return lambda _: _unknown(node.type)


def _values_of(node: Expression) -> Meaning:
    assert isinstance(node.type, SetType), f"VALUES has a set type, not {node.type}"
    values = finite_values(node.type.of) or ()
    every = frozenset({frozenset(values)}) if len(values) <= MANY else ANY
    return lambda _: every


def _set(node: Expression, *members: Meaning) -> Meaning:
    if isinstance(node.type, SetType) and isinstance(node.type.of, RefType | PrincipalType) and members:
        return lambda _: ANY
    return _plainly(lambda *chosen: frozenset(chosen))(node, *members)


def _get(node: Expression, of: Meaning, key: Meaning) -> Meaning:
    type_ = node.operands[0].type
    assert isinstance(type_, MapType), f"GET needs a map, not {type_}"
    start = initial(type_.value)

    def got(entries: Value, under: Value) -> Value:
        assert isinstance(entries, FrozenMap), "a map's value is its entries"
        return entries.get(under, start)

    return _plainly(got)(node, of, key)


# Binders: over a domain of which every member is known.


def _rounds(domain: Expression, of: Meaning, name: str, guess: Guess) -> list[Guess] | None:
    """What each round sees; None where the domain is not known."""
    members: Iterable[Value]
    keys = finite_values(domain.type.key) if isinstance(domain.type, MapType) else None
    if keys is not None:
        members = keys
    else:
        values = of(guess)
        if values is None or len(values) != 1:
            return None
        (whole,) = values
        assert isinstance(whole, frozenset | FrozenMap), "a domain is a set or a map"
        members = whole
    found = [replace(guess, variables={**guess.variables, name: frozenset({member})}) for member in members]
    return found if len(found) <= MANY else None


def _all(node: Expression, domain: Meaning, condition: Meaning, body: Meaning) -> Meaning:
    return _quantified(node, domain, _not(condition), body, _or, _and)


def _any(node: Expression, domain: Meaning, condition: Meaning, body: Meaning) -> Meaning:
    return _quantified(node, domain, condition, body, _and, _or)


def _not(of: Meaning) -> Meaning:
    return lambda guess: frozenset(not value for value in of(guess) or (True, False))


def _quantified(
    node: Expression,
    domain: Meaning,
    condition: Meaning,
    body: Meaning,
    inner: Callable[..., Meaning],
    outer: Callable[..., Meaning],
) -> Meaning:
    one = inner(node, condition, body)

    def quantified(guess: Guess) -> Values:
        rounds = _rounds(node.operands[0], domain, node.name, guess)
        if rounds is None:
            return EITHER
        return outer(node, *(lambda _, each=each: one(each) for each in rounds))(guess)

    return quantified


def _summed(node: Expression, domain: Meaning, condition: Meaning, body: Meaning | None = None) -> Meaning:
    def summed(guess: Guess) -> Values:
        rounds = _rounds(node.operands[0], domain, node.name, guess)
        sums: Values = frozenset({0})
        for each in rounds or ():
            more = ANY if sums is None else _addends(each, condition, body)
            if sums is None or more is None:
                return ANY
            sums = listed(int(so_far) + int(value) for so_far, value in product(sums, more))  # type: ignore[arg-type]
        return ANY if rounds is None else sums

    return summed


def _addends(guess: Guess, condition: Meaning, body: Meaning | None) -> Values:
    """What one round may add."""
    holds = condition(guess)
    value = frozenset({1}) if body is None else body(guess)
    if holds == TRUE:
        return value
    return frozenset({0}) if holds == FALSE else either(frozenset({0}), value)


_PLAIN: dict[Op, Callable[..., Value]] = {
    Op.NOT: lambda of: not of,
    Op.LT: lambda a, b: a < b,
    Op.LE: lambda a, b: a <= b,
    Op.IN: lambda member, of: member in of,
    Op.ADD: lambda a, b: a + b,
    Op.SUB: lambda a, b: a - b,
    Op.MUL: lambda a, b: a * b,
    Op.DIV: lambda a, b: a // b if b else 0,
    Op.MOD: lambda a, b: a % b if b else 0,
    Op.NEG: lambda of: -of,
    Op.ABS: abs,
    Op.MIN: min,
    Op.MAX: max,
    Op.UNION: lambda a, b: a | b,
    Op.INTERSECT: lambda a, b: a & b,
    Op.DIFFERENCE: lambda a, b: a - b,
    Op.LEN: len,
}

ALGEBRA: Algebra[Meaning] = total(
    {
        **{op: _plainly(of) for op, of in _PLAIN.items()},
        Op.LITERAL: _literal,
        Op.FIELD: _field,
        Op.ARGUMENT: _argument,
        Op.VARIABLE: _variable,
        Op.READ: _read,
        Op.STATE: lambda _: lambda guess: guess.state,
        Op.SELF: lambda _: lambda guess: guess.self,
        Op.CALLER: _nothing_known,
        Op.NOW: _nothing_known,
        Op.INSTANCES: _nothing_known,
        Op.SOME: _same,
        Op.THE: _the,
        Op.AND: _and,
        Op.OR: _or,
        Op.IF: _if,
        Op.EQ: _eq,
        Op.SET: _set,
        Op.GET: _get,
        Op.VALUES: _values_of,
        Op.ALL: _all,
        Op.ANY: _any,
        Op.COUNT: _summed,
        Op.SUM: _summed,
        Op.LEAST: _nothing_known,
        Op.GREATEST: _nothing_known,
    }
)
