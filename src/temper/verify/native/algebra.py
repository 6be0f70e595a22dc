"""The LLVM algebra: an expression as native code, of which everything that is known beforehand is gone.

An expression becomes a function from what it may read to what it means. Binders are unrolled: within a universe
everything that can be gone through is finite and known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from temper.machine import (
    BEFORE,
    TIME,
    Algebra,
    BoolType,
    DurationType,
    EnumType,
    Expression,
    IntType,
    MapType,
    Op,
    OptionType,
    RefType,
    SetType,
    Type,
    finite_values,
    fold,
    total,
)
from temper.verify.native.domain import Domains
from temper.verify.native.meant import (
    Entries,
    Maybe,
    Meant,
    Members,
    Number,
    aligned,
    chosen,
    equal,
    greatest,
    has,
    index,
    known,
    least,
    members,
    number,
    truth,
)
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer


class View(Protocol):
    """A whole system, as properties read it."""

    def read(self, entity: str, ident: str, name: str) -> Meant:
        """A field, or `state`, of an instance."""
        ...

    def exists(self, entity: str, ident: str) -> Truth: ...


@dataclass(frozen=True)
class Scope:
    """Everything that an expression may read where it stands."""

    writer: Writer
    domains: Domains
    fields: Mapping[str, Meant] = field(default_factory=dict)
    args: Mapping[str, Meant] = field(default_factory=dict)
    state: Meant | None = None
    itself: Meant | None = None
    caller: Meant | None = None
    view: View | None = None
    before: View | None = None
    variables: Mapping[str, Meant] = field(default_factory=dict)

    def mean(self, expression: Expression) -> Meant:
        """What the expression is here."""
        return fold(expression, NATIVE)(self)


Native = Callable[[Scope], Meant]


def _leaf(meaning: Callable[[Expression, Scope], Meant | None]) -> Callable[..., Native]:
    def folded(node: Expression) -> Native:
        def mean(scope: Scope) -> Meant:
            found = meaning(node, scope)
            assert found is not None, f"{node.op} must not be read here"
            return found

        return mean

    return folded


def _plain(meaning: Callable[..., Meant]) -> Callable[..., Native]:
    """An operator whose operands are all meant where it stands itself."""

    def folded(node: Expression, *operands: Native) -> Native:
        return lambda scope: meaning(node, scope, *(operand(scope) for operand in operands))

    return folded


def made(word: Word, lo: int, hi: int) -> Number:
    """A number with its interval; one that is known has no other."""
    return known(word) if isinstance(word, int) else Number(word, lo, hi)


# Numbers.


def _add(_: Expression, scope: Scope, a: Number, b: Number) -> Number:
    return made(scope.writer.add(a.word, b.word), a.lo + b.lo, a.hi + b.hi)


def _subtract(_: Expression, scope: Scope, a: Number, b: Number) -> Number:
    return made(scope.writer.sub(a.word, b.word), a.lo - b.hi, a.hi - b.lo)


def _multiply(_: Expression, scope: Scope, a: Number, b: Number) -> Number:
    corners = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    return made(scope.writer.mul(a.word, b.word), min(corners), max(corners))


def _negate(node: Expression, scope: Scope, a: Number) -> Number:
    return _subtract(node, scope, known(0), a)


def _absolute(_: Expression, scope: Scope, a: Number) -> Number:
    below = scope.writer.compare("slt", a.word, 0)
    word = scope.writer.select(below, scope.writer.sub(0, a.word), a.word)
    return made(word, 0 if a.lo <= 0 <= a.hi else min(abs(a.lo), abs(a.hi)), max(abs(a.lo), abs(a.hi)))


def _divide(_: Expression, scope: Scope, a: Number, b: Number) -> Number:
    if isinstance(a.word, int) and isinstance(b.word, int):
        return known(a.word // b.word if b.word else 0)
    quotient, _rest, is_zero = _divided(scope.writer, a, b)
    widest = max(abs(a.lo), abs(a.hi))
    return made(scope.writer.select(is_zero, 0, quotient), -widest, widest)


def _remainder(_: Expression, scope: Scope, a: Number, b: Number) -> Number:
    if isinstance(a.word, int) and isinstance(b.word, int):
        return known(a.word % b.word if b.word else 0)
    _quotient, rest, is_zero = _divided(scope.writer, a, b)
    return made(scope.writer.select(is_zero, 0, rest), min(b.lo + 1, 0), max(b.hi - 1, 0))


def _divided(writer: Writer, a: Number, b: Number) -> tuple[Word, Word, Truth]:
    """Quotient rounded down, the rest with the divisor's sign, and whether the divisor is 0."""
    is_zero = writer.compare("eq", b.word, 0)
    divisor = writer.select(is_zero, 1, b.word)
    quotient = writer.emit(f"sdiv i64 {a.word}, {divisor}")
    rest = writer.sub(a.word, writer.mul(quotient, divisor))
    uneven = writer.is_not(writer.compare("eq", rest, 0))
    opposite = writer.compare("slt", writer.xor(rest, divisor), 0)
    down = writer.and_(uneven, opposite)
    return (
        writer.select(down, writer.sub(quotient, 1), quotient),
        writer.select(down, writer.add(rest, divisor), rest),
        is_zero,
    )


def _several(better: Callable[[Writer, Number, Number], Number]) -> Callable[..., Meant]:
    def meaning(_: Expression, scope: Scope, first: Number, *others: Number) -> Number:
        found = first
        for other in others:
            found = better(scope.writer, found, other)
        return found

    return meaning


def _less(how: str) -> Callable[..., Meant]:
    def meaning(_: Expression, scope: Scope, a: Number, b: Number) -> Truth:
        if (a.hi < b.lo) or (how == "sle" and a.hi <= b.lo):
            return True
        if (b.hi < a.lo) or (how == "slt" and b.hi <= a.lo):
            return False
        return scope.writer.compare(how, a.word, b.word)

    return meaning


# Choices and what may be missing.


def _either(_: Expression, scope: Scope, condition: Meant, a: Meant, b: Meant) -> Meant:
    return chosen(scope.writer, truth(condition), a, b)


def _some(node: Expression, scope: Scope, of: Meant) -> Meant:
    if scope.domains.of(node.type) is not None:
        return of
    if isinstance(of, bool | str | Number) and _is_plain(node.type):
        return Maybe(True, of)
    raise Unsupported(f"a value of type {node.type}")


def _the(node: Expression, scope: Scope, of: Meant) -> Meant:
    return of if scope.domains.of(node.type) is not None or not isinstance(of, Maybe) else of.value


def _is_plain(type_: Type) -> bool:
    return isinstance(type_, OptionType) and isinstance(type_.of, BoolType | IntType | DurationType)


# Sets and maps.


def _in(_: Expression, scope: Scope, element: Meant, of: Meant) -> Truth:
    return has(scope.writer, members(of), index(scope.writer, element))


def _in_folded(node: Expression, element: Native, of: Native) -> Native:
    """A set that is written out is compared with member by member: then its members need no place in a mask."""
    written = node.operands[1]
    if written.op is not Op.SET or not written.operands:
        return lambda scope: _in(node, scope, element(scope), of(scope))
    each = [fold(operand, NATIVE) for operand in written.operands]
    return lambda scope: scope.writer.or_(*(equal(scope.writer, element(scope), other(scope)) for other in each))


def _set(node: Expression, scope: Scope, *elements: Meant) -> Members:
    assert isinstance(node.type, SetType), "a set has a set type"
    lo, hi = scope.domains.span(node.type.of)
    numbers = [index(scope.writer, element) for element in elements]
    is_code = scope.domains.of(node.type.of) is not None
    if not is_code:
        lo, hi = min([lo, *(n.lo for n in numbers)]), max([hi, *(n.hi for n in numbers)])
    mask: Word = 0
    whole = Members(0, lo, hi)
    for each in numbers:
        if isinstance(each.word, str) or lo <= each.word <= hi:
            mask = scope.writer.either(mask, scope.writer.left(1, scope.writer.sub(each.word, whole.lo)))
    return Members(mask, lo, hi)


def _joined(how: Callable[[Writer, Word, Word], Word]) -> Callable[..., Meant]:
    def meaning(_: Expression, scope: Scope, a: Meant, b: Meant) -> Members:
        one, other = aligned(scope.writer, members(a), members(b))
        return Members(how(scope.writer, one.mask, other.mask), one.lo, one.hi)

    return meaning


def _without(writer: Writer, a: Word, b: Word) -> Word:
    return writer.both(a, writer.xor(b, (1 << 64) - 1))


def _length(node: Expression, scope: Scope, of: Meant) -> Number:
    if isinstance(of, Entries):
        return _sum(scope, [(condition, known(1)) for _, condition in _elements(node.operands[0], scope, of)])
    found = members(of)
    return made(scope.writer.popcount(found.mask), 0, found.hi - found.lo + 1)


def _get(_: Expression, scope: Scope, of: Meant, key: Meant) -> Meant:
    assert isinstance(of, Entries), "only a map has values under keys"
    at = index(scope.writer, key)
    if isinstance(at.word, int):
        inside = of.lo <= at.word < of.lo + len(of.values)
        return of.values[at.word - of.lo] if inside else of.initial
    found = of.initial
    for number_, value in enumerate(of.values, of.lo):
        if at.lo <= number_ <= at.hi:
            found = chosen(scope.writer, scope.writer.compare("eq", at.word, number_), value, found)
    return found


def _every(node: Expression, scope: Scope) -> Members:
    assert isinstance(node.type, SetType), "VALUES has a set type"
    values = finite_values(node.type.of)
    assert values is not None, "only finite types are gone through"
    found = scope.domains.constant(node.type, frozenset(values))
    return members(found)


def _instances(node: Expression, scope: Scope) -> Members:
    assert scope.view is not None, "only properties go through instances"
    ids = scope.domains.universe.ids_of(node.name)
    lo, hi = scope.domains.span(RefType(node.name))
    mask: Word = 0
    for ident in ids:
        there = scope.writer.as_word(scope.view.exists(node.name, ident))
        place = scope.domains.code(RefType(node.name), ident) - lo
        mask = scope.writer.either(mask, scope.writer.left(there, place))
    return Members(mask, lo, hi)


# Other instances.


def _state(node: Expression, scope: Scope) -> Meant | None:
    _is_of_states(node, scope)
    return scope.state


def _is_of_states(node: Expression, scope: Scope) -> None:
    """Codes of control states are those of the type that the language gives them, and of no other."""
    if not isinstance(node.type, EnumType) or node.type.name not in scope.domains.states:
        raise Unsupported(f"a control state of the type {node.type}")


def _read(node: Expression, scope: Scope, of: Meant) -> Meant:
    reference = node.operands[0].type
    assert isinstance(reference, RefType), f"a READ needs a reference, not {reference}"
    view = scope.before if node.moment == BEFORE else scope.view
    assert view is not None, "only properties read other instances"
    if node.name == "state":
        _is_of_states(node, scope)
    at = number(of)
    found = view.read(reference.entity, "", node.name)
    for ident in scope.domains.universe.ids_of(reference.entity):
        code = scope.domains.code(reference, ident)
        if at.lo <= code <= at.hi:
            is_it = scope.writer.compare("eq", at.word, code)
            found = chosen(scope.writer, is_it, view.read(reference.entity, ident, node.name), found)
    return found


# Binders.


def _elements(domain: Expression, scope: Scope, of: Meant) -> list[tuple[Meant, Truth]]:
    """Everything that may be in the domain, and whether it is."""
    if isinstance(of, Entries):
        assert isinstance(domain.type, MapType), "only a map has entries"
        return [
            (
                _element(domain.type.key, key),
                scope.writer.is_not(equal(scope.writer, value, of.initial)) if of.is_endless else True,
            )
            for key, value in enumerate(of.values, of.lo)
        ]
    assert isinstance(domain.type, SetType), "what is gone through is a set or a map"
    found = members(of)
    return [
        (_element(domain.type.of, at), scope.writer.as_truth(scope.writer.right(found.mask, at - found.lo)))
        for at in range(found.lo, found.hi + 1)
    ]


def _element(type_: Type, at: int) -> Meant:
    return bool(at) if isinstance(type_, BoolType) else known(at)


Each = list[tuple[Truth, Meant]]


def _binder(gather: Callable[[Scope, Each], Meant]) -> Callable[..., Native]:
    """Domain, condition and body, the last two with the variable bound; `gather` gets (counts, body) of each."""

    def folded(node: Expression, domain: Native, condition: Native, body: Native | None = None) -> Native:
        return lambda scope: gather(scope, _each(node, scope, domain, condition, body))

    return folded


def _each(node: Expression, scope: Scope, domain: Native, condition: Native, body: Native | None) -> Each:
    found: Each = []
    for element, is_in in _elements(node.operands[0], scope, domain(scope)):
        if is_in is False:
            continue
        inner = replace(scope, variables={**scope.variables, node.name: element})
        counts = scope.writer.and_(is_in, truth(condition(inner)))
        if counts is not False:
            found.append((counts, known(1) if body is None else body(inner)))
    return found


def _all(scope: Scope, each: Each) -> Truth:
    return scope.writer.and_(*(scope.writer.or_(scope.writer.is_not(counts), truth(body)) for counts, body in each))


def _any(scope: Scope, each: Each) -> Truth:
    return scope.writer.or_(*(scope.writer.and_(counts, truth(body)) for counts, body in each))


def _sum(scope: Scope, each: Each) -> Number:
    found = known(0)
    for counts, body in each:
        value = number(chosen(scope.writer, counts, number(body), known(0)))
        found = made(scope.writer.add(found.word, value.word), found.lo + value.lo, found.hi + value.hi)
    return found


def _extreme(better: Callable[[Writer, Number, Number], Number]) -> Callable[..., Native]:
    def folded(node: Expression, domain: Native, condition: Native, body: Native, default: Native) -> Native:
        def mean(scope: Scope) -> Meant:
            writer = scope.writer
            found: Meant = default(scope)
            any_: Truth = False
            for counts, value in _each(node, scope, domain, condition, body):
                better_one = chosen(writer, any_, better(writer, number(found), number(value)), value)
                found = chosen(writer, counts, better_one, found)
                any_ = writer.or_(any_, counts)
            return found

        return mean

    return folded


# Literals and everything that is simply there.


def _now(_: Expression, scope: Scope) -> Meant:
    return scope.domains.constant(TIME, 0)


def _variable(node: Expression, scope: Scope) -> Meant | None:
    return scope.variables.get(node.name)


def _literal(node: Expression, scope: Scope) -> Meant:
    return scope.domains.constant(node.type, node.value)


NATIVE: Algebra[Native] = total(
    {
        Op.LITERAL: _leaf(_literal),
        Op.FIELD: _leaf(lambda node, scope: scope.fields[node.name]),
        Op.STATE: _leaf(_state),
        Op.SELF: _leaf(lambda _, scope: scope.itself),
        Op.CALLER: _leaf(lambda _, scope: scope.caller),
        Op.NOW: _leaf(_now),
        Op.ARGUMENT: _leaf(lambda node, scope: scope.args[node.name]),
        Op.VARIABLE: _leaf(_variable),
        Op.READ: _plain(_read),
        Op.SOME: _plain(_some),
        Op.THE: _plain(_the),
        Op.NOT: _plain(lambda _, scope, a: scope.writer.is_not(a)),
        Op.AND: _plain(lambda _, scope, *of: scope.writer.and_(*of)),
        Op.OR: _plain(lambda _, scope, *of: scope.writer.or_(*of)),
        Op.IF: _plain(_either),
        Op.EQ: _plain(lambda _, scope, a, b: equal(scope.writer, a, b)),
        Op.LT: _plain(_less("slt")),
        Op.LE: _plain(_less("sle")),
        Op.IN: _in_folded,
        Op.ADD: _plain(_add),
        Op.SUB: _plain(_subtract),
        Op.MUL: _plain(_multiply),
        Op.DIV: _plain(_divide),
        Op.MOD: _plain(_remainder),
        Op.NEG: _plain(_negate),
        Op.ABS: _plain(_absolute),
        Op.MIN: _plain(_several(least)),
        Op.MAX: _plain(_several(greatest)),
        Op.SET: _plain(_set),
        Op.UNION: _plain(_joined(Writer.either)),
        Op.INTERSECT: _plain(_joined(Writer.both)),
        Op.DIFFERENCE: _plain(_joined(_without)),
        Op.LEN: _plain(_length),
        Op.GET: _plain(_get),
        Op.VALUES: _leaf(_every),
        Op.INSTANCES: _leaf(_instances),
        Op.ALL: _binder(_all),
        Op.ANY: _binder(_any),
        Op.COUNT: _binder(_sum),
        Op.SUM: _binder(_sum),
        Op.LEAST: _extreme(least),
        Op.GREATEST: _extreme(greatest),
    }
)
"""From operator to native code."""
