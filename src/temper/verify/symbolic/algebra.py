"""The solver's algebra: an expression as solver terms, under the agreement law with every other algebra.

A meaning is a function of what the expression can see, because a binder over few values means its body once for each
of them. Over endlessly many values a quantifier takes its place; what would have to be counted there is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

import z3

from temper.machine import (
    BEFORE,
    Algebra,
    Expression,
    IntType,
    MapType,
    Op,
    OptionType,
    RefType,
    SetType,
    Type,
    fold,
    initial,
    total,
)
from temper.verify.symbolic.shapes import (
    Term,
    Texts,
    Unencodable,
    as_type,
    common,
    either,
    equal,
    few,
    get,
    has,
    has_spare,
    items_of,
    literal,
    one_sort,
    size,
    with_member,
    within,
)


class View(Protocol):
    """A system, as expressions read it: what does not exist reads as its defaults, in state `new`."""

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`."""
        ...

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        """That the instance exists."""
        ...

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What an expression can see. What it must not read need not be there."""

    texts: Texts
    fields: Mapping[str, Term] = field(default_factory=dict)
    args: Mapping[str, Term] = field(default_factory=dict)
    state: Term = ()
    self: Term = ()
    caller: Term = ()
    now: Term = ()
    view: View | None = None
    before: View | None = None
    variables: Mapping[str, Term] = field(default_factory=dict)

    def bind(self, name: str, value: Term) -> Sight:
        """This sight with one more variable."""
        return replace(self, variables={**self.variables, name: value})


Meaning: TypeAlias = Callable[[Sight], Term]
MEANINGS_MAX = 4_096
_MEANINGS: dict[int, tuple[Expression, Meaning]] = {}
"""What was folded before, by the expression's own number; it is held, since the number stays its own only as long."""


def meaning(expression: Expression, sight: Sight) -> Term:
    """What the expression means where so much is seen. Raises `Unencodable` for what the solver does not take on."""
    known = _MEANINGS.get(id(expression))
    if known is None:
        if len(_MEANINGS) >= MEANINGS_MAX:
            _MEANINGS.clear()
        known = _MEANINGS[id(expression)] = expression, fold(expression, ALGEBRA)
    return known[1](sight)


def truth(expression: Expression, sight: Sight) -> z3.BoolRef:
    """What a condition means."""
    return meaning(expression, sight)[0]


def _plainly(of: Callable[..., z3.ExprRef]) -> Callable[..., Meaning]:
    """An operator whose operands and whose result are one term each."""

    def node_meaning(_: Expression, *operands: Meaning) -> Meaning:
        return lambda sight: (of(*(operand(sight)[0] for operand in operands)),)

    return node_meaning


def _literal(node: Expression) -> Meaning:
    return lambda sight: literal(node.type, node.value, sight.texts)


def _read(node: Expression, of: Meaning) -> Meaning:
    reference = node.operands[0].type
    assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"

    def read(sight: Sight) -> Term:
        view = sight.before if node.moment == BEFORE else sight.view
        assert view is not None, "only properties follow references, and they see a system"
        return view.read(reference.entity, of(sight)[0], node.name)

    return read


def _instances(node: Expression) -> Meaning:
    def instances(sight: Sight) -> Term:
        assert sight.view is not None, "only properties see instances, and they see a system"
        return sight.view.existing(node.name)

    return instances


def _some(node: Expression, of: Meaning) -> Meaning:
    return of if has_spare(node.operands[0].type) else lambda sight: (z3.BoolVal(True), *of(sight))


def _the(node: Expression, of: Meaning) -> Meaning:
    type_ = node.operands[0].type
    is_plain = not isinstance(type_, OptionType) or has_spare(type_.of)
    return of if is_plain else lambda sight: of(sight)[1:]


def _if(node: Expression, condition: Meaning, then: Meaning, otherwise: Meaning) -> Meaning:
    _, mine, other = (operand.type for operand in node.operands)
    return lambda sight: either(
        condition(sight)[0], as_type(then(sight), mine, node.type), as_type(otherwise(sight), other, node.type)
    )


def _eq(node: Expression, left: Meaning, right: Meaning) -> Meaning:
    mine, other = (operand.type for operand in node.operands)
    both = common(mine, other)
    return lambda sight: (equal(both, as_type(left(sight), mine, both), as_type(right(sight), other, both)),)


def _in(node: Expression, member: Meaning, of: Meaning) -> Meaning:
    mine, set_ = node.operands[0].type, node.operands[1].type
    assert isinstance(set_, SetType), f"IN needs a set, not {set_}"
    return lambda sight: (has(set_, of(sight), as_type(member(sight), mine, set_.of)),)


def _set(node: Expression, *members: Meaning) -> Meaning:
    type_ = node.type
    assert isinstance(type_, SetType), f"SET has a set type, not {type_}"
    for operand in node.operands:
        _hold(operand.type, type_.of)

    def display(sight: Sight) -> Term:
        found = literal(type_, frozenset(), sight.texts)
        for operand, member in zip(node.operands, members, strict=True):
            there = z3.BoolVal(True)
            found = with_member(type_, found, as_type(member(sight), operand.type, type_.of), there=there)
        return found

    return display


def _hold(member: Type, of: Type) -> None:
    """Asserts that a set that lists its values has a place for every value that the member may have."""
    listed, given = few(of), few(member)
    if listed is not None and (given is None or not set(given) <= set(listed)):
        raise Unencodable(f"a member of {member} in a set of {of}")


def _sets(of: Callable[[z3.BoolRef, z3.BoolRef], z3.BoolRef]) -> Callable[..., Meaning]:
    def node_meaning(node: Expression, left: Meaning, right: Meaning) -> Meaning:
        type_ = node.type
        assert isinstance(type_, SetType), f"{node.op} has a set type, not {type_}"
        mine, other = (operand.type for operand in node.operands)
        both = common(mine, other)
        shown = node.operands[1]
        if shown.op is Op.SET and few(type_.of) is None and node.op is not Op.INTERSECT:
            return _one_by_one(type_, mine, left, shown, there=node.op is Op.UNION)

        def combined(sight: Sight) -> Term:
            a, b = as_type(left(sight), mine, both), as_type(right(sight), other, both)
            assert isinstance(both, SetType)
            return as_type(_combined(both, a, b, of), both, type_)

        return combined

    return node_meaning


def _one_by_one(type_: SetType, mine: Type, left: Meaning, shown: Expression, *, there: bool) -> Meaning:
    """Members that are written out come or go one by one, so that it stays known how many there are."""
    members = [(operand.type, fold(operand, ALGEBRA)) for operand in shown.operands]

    def changed(sight: Sight) -> Term:
        found = as_type(left(sight), mine, type_)
        for have, member in members:
            found = with_member(type_, found, as_type(member(sight), have, type_.of), there=z3.BoolVal(there))
        return found

    return changed


def _combined(type_: SetType, a: Term, b: Term, of: Callable[[z3.BoolRef, z3.BoolRef], z3.BoolRef]) -> Term:
    if few(type_.of) is not None:
        return tuple(of(mine, other) for mine, other in zip(a, b, strict=True))
    place = z3.FreshConst(one_sort(type_.of), "member")
    members = z3.Lambda([place], of(z3.Select(a[0], place), z3.Select(b[0], place)))
    return members, size(members)


def _len(node: Expression, of: Meaning) -> Meaning:
    type_ = node.operands[0].type
    if isinstance(type_, SetType) and few(type_.of) is not None:
        return lambda sight: (_sum(z3.If(there, 1, 0) for there in of(sight)),)
    if isinstance(type_, SetType) and _is_counted(node.operands[0]):
        return lambda sight: of(sight)[1:]
    if isinstance(type_, MapType) and few(type_.key) is not None:
        start = initial(type_.value)

        def length(sight: Sight) -> Term:
            plain = literal(type_.value, start, sight.texts)
            items = items_of(type_, of(sight))
            return (_sum(z3.If(equal(type_.value, item, plain), 0, 1) for item in items),)

        return length
    raise Unencodable(f"the length of {type_}")


def _is_counted(set_: Expression) -> bool:
    """Whether it is known how many members the set has: what is stored is, and what comes or goes one by one."""
    match set_.op:
        case Op.UNION | Op.DIFFERENCE:
            return _is_counted(set_.operands[0]) and set_.operands[1].op is Op.SET
        case Op.IF:
            return all(map(_is_counted, set_.operands[1:]))
        case op:
            return op in {Op.FIELD, Op.ARGUMENT, Op.READ, Op.LITERAL, Op.SET}


def _get(node: Expression, of: Meaning, key: Meaning) -> Meaning:
    map_, have = node.operands[0].type, node.operands[1].type
    assert isinstance(map_, MapType), f"GET needs a map, not {map_}"
    return lambda sight: get(map_, of(sight), as_type(key(sight), have, map_.key))


def _values(node: Expression) -> Meaning:
    type_ = node.type
    assert isinstance(type_, SetType), f"VALUES has a set type, not {type_}"
    values = few(type_.of)
    if values is not None:
        return lambda sight: literal(type_, frozenset(values), sight.texts)
    if not isinstance(type_.of, IntType):
        raise Unencodable(f"every value of {type_.of}")
    value = z3.FreshInt("value")
    every = z3.Lambda([value], within(type_.of, (value,)))
    return lambda _: (every,)


# Binders.

Member: TypeAlias = tuple[Term, z3.BoolRef]
"""A member that a domain may have, and whether it has it."""


def _members(type_: Type, domain: Term, texts: Texts) -> list[Member] | None:
    """What a binder goes through, one by one; None where that is endless."""
    match type_:
        case SetType(of) if (values := few(of)) is not None:
            return [(literal(of, value, texts), there) for value, there in zip(values, domain, strict=True)]
        case MapType(key, _) if (values := few(key)) is not None:
            return [(literal(key, value, texts), z3.BoolVal(True)) for value in values]
    return None


def _endless(type_: Type, domain: Term, texts: Texts) -> tuple[Term, z3.BoolRef]:
    """A member of a domain without end, under a name of its own, and that it is one."""
    match type_:
        case SetType(of):
            place = (z3.FreshConst(one_sort(of), "each"),)
            return place, z3.Select(domain[0], place[0])
        case MapType(key, item):
            place = (z3.FreshConst(one_sort(key), "each"),)
            start = literal(item, initial(item), texts)
            return place, z3.Not(equal(item, get(type_, domain, place), start))
    raise Unencodable(f"going through {type_}")


def _quantified(node: Expression, domain: Meaning, condition: Meaning, body: Meaning) -> Meaning:
    is_all = node.op is Op.ALL

    def one(sight: Sight, member: Term, there: z3.BoolRef) -> z3.BoolRef:
        inner = sight.bind(node.name, member)
        met = z3.And(there, condition(inner)[0])
        return z3.Implies(met, body(inner)[0]) if is_all else z3.And(met, body(inner)[0])

    def quantified(sight: Sight) -> Term:
        through = domain(sight)
        members = _members(node.operands[0].type, through, sight.texts)
        if members is not None:
            parts = [one(sight, member, there) for member, there in members]
            return (z3.And(parts) if is_all else z3.Or(parts),)
        member, there = _endless(node.operands[0].type, through, sight.texts)
        quantifier = z3.ForAll if is_all else z3.Exists
        return (quantifier(list(member), one(sight, member, there)),)

    return quantified


def _counted(of: Callable[[Sequence[tuple[z3.BoolRef, z3.ExprRef]], z3.ExprRef], z3.ExprRef]) -> Callable[..., Meaning]:
    """A binder that makes a number of what is met: pairs of whether a member is met, and what its body is."""

    def node_meaning(node: Expression, domain: Meaning, condition: Meaning, *rest: Meaning) -> Meaning:
        def counted(sight: Sight) -> Term:
            type_ = node.operands[0].type
            members = _members(type_, domain(sight), sight.texts)
            if members is None:
                raise Unencodable(f"{node.op} over {type_}")
            met = []
            for member, there in members:
                inner = sight.bind(node.name, member)
                body = rest[0](inner)[0] if rest else z3.IntVal(1)
                met.append((z3.And(there, condition(inner)[0]), body))
            return (of(met, rest[1](sight)[0] if len(rest) > 1 else z3.IntVal(0)),)

        return counted

    return node_meaning


def _total(met: Sequence[tuple[z3.BoolRef, z3.ExprRef]], _: z3.ExprRef) -> z3.ExprRef:
    return _sum(z3.If(there, body, 0) for there, body in met)


def _extreme(
    is_better: Callable[[z3.ExprRef, z3.ExprRef], z3.BoolRef],
) -> Callable[[Sequence[tuple[z3.BoolRef, z3.ExprRef]], z3.ExprRef], z3.ExprRef]:
    def extreme(met: Sequence[tuple[z3.BoolRef, z3.ExprRef]], default: z3.ExprRef) -> z3.ExprRef:
        some, best = z3.BoolVal(False), default
        for there, body in met:
            best = z3.If(z3.And(there, z3.Or(z3.Not(some), is_better(body, best))), body, best)
            some = z3.Or(some, there)
        return best

    return extreme


# Numbers.


def _sum(terms: Iterable[z3.ExprRef]) -> z3.ExprRef:
    return z3.Sum([z3.IntVal(0), *terms])


def divided(a: z3.ExprRef, b: z3.ExprRef) -> z3.ExprRef:
    """Division that rounds down, whatever the signs; by zero it gives 0. The solver's own rounds down for b > 0."""
    return z3.If(b > 0, a / b, z3.If(b < 0, (-a) / (-b), 0))


def remainder(a: z3.ExprRef, b: z3.ExprRef) -> z3.ExprRef:
    """What division leaves, with the divisor's sign; by zero it gives 0."""
    return z3.If(b > 0, a % b, z3.If(b < 0, -((-a) % (-b)), 0))


def _least(*operands: z3.ExprRef) -> z3.ExprRef:
    found, *rest = operands
    for each in rest:
        found = z3.If(each < found, each, found)
    return found


def _greatest(*operands: z3.ExprRef) -> z3.ExprRef:
    found, *rest = operands
    for each in rest:
        found = z3.If(each > found, each, found)
    return found


ALGEBRA: Algebra[Meaning] = total(
    {
        Op.LITERAL: _literal,
        Op.FIELD: lambda node: lambda sight: sight.fields[node.name],
        Op.STATE: lambda _: lambda sight: sight.state,
        Op.SELF: lambda _: lambda sight: sight.self,
        Op.CALLER: lambda _: lambda sight: sight.caller,
        Op.NOW: lambda _: lambda sight: sight.now,
        Op.ARGUMENT: lambda node: lambda sight: sight.args[node.name],
        Op.VARIABLE: lambda node: lambda sight: sight.variables[node.name],
        Op.READ: _read,
        Op.SOME: _some,
        Op.THE: _the,
        Op.NOT: _plainly(z3.Not),
        Op.AND: _plainly(z3.And),
        Op.OR: _plainly(z3.Or),
        Op.IF: _if,
        Op.EQ: _eq,
        Op.LT: _plainly(lambda a, b: a < b),
        Op.LE: _plainly(lambda a, b: a <= b),
        Op.IN: _in,
        Op.ADD: _plainly(lambda a, b: a + b),
        Op.SUB: _plainly(lambda a, b: a - b),
        Op.MUL: _plainly(lambda a, b: a * b),
        Op.DIV: _plainly(divided),
        Op.MOD: _plainly(remainder),
        Op.NEG: _plainly(lambda a: -a),
        Op.ABS: _plainly(lambda a: z3.If(a >= 0, a, -a)),
        Op.MIN: _plainly(_least),
        Op.MAX: _plainly(_greatest),
        Op.SET: _set,
        Op.UNION: _sets(z3.Or),
        Op.INTERSECT: _sets(z3.And),
        Op.DIFFERENCE: _sets(lambda a, b: z3.And(a, z3.Not(b))),
        Op.LEN: _len,
        Op.GET: _get,
        Op.VALUES: _values,
        Op.INSTANCES: _instances,
        Op.ALL: _quantified,
        Op.ANY: _quantified,
        Op.COUNT: _counted(_total),
        Op.SUM: _counted(_total),
        Op.LEAST: _counted(_extreme(lambda a, b: a < b)),
        Op.GREATEST: _counted(_extreme(lambda a, b: a > b)),
    }
)
"""The meaning of every operator, as `expression` defines it."""
