"""What policies compute with, as solver terms: Cedar's values, each of a kind that is known beforehand.

Texts are codes (`shapes.Texts`); a member of an enum stays the place in its list until it meets another text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import z3

from temper.machine import (
    BoolType,
    DurationType,
    EnumType,
    IntType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    Type,
)
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, Unencodable, few, has_spare, literal

TRUE, FALSE = z3.BoolVal(True), z3.BoolVal(False)


@dataclass(frozen=True, slots=True)
class Truth:
    term: z3.BoolRef


@dataclass(frozen=True, slots=True)
class Number:
    term: z3.ExprRef


@dataclass(frozen=True, slots=True)
class Text:
    term: z3.ExprRef
    """The code of the text."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A text that is one of a few: `term` is the code of it in its own list."""

    members: tuple[tuple[str, int], ...]
    term: z3.ExprRef


@dataclass(frozen=True, slots=True)
class Named:
    """An entity of a known type: `term` is the code of its id, and `name` the id if it is known."""

    type: str
    term: z3.ExprRef
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A set that has each of these values if the term before it holds."""

    members: tuple[tuple[z3.BoolRef, PolicyTerm], ...]


@dataclass(frozen=True, slots=True)
class Endless:
    """A set of texts, or else of numbers, without a bound."""

    texts: bool
    array: z3.ExprRef


@dataclass(frozen=True, slots=True)
class Attributes:
    """A record, or what is known of an entity: for each name whether it is there, and its value."""

    entries: Mapping[str, Attribute]


PolicyTerm: TypeAlias = Truth | Number | Text | Choice | Named | Listed | Endless | Attributes
Attribute: TypeAlias = "tuple[z3.BoolRef, PolicyTerm] | Unencodable"
"""Whether it is there, and its value; or that the solver does not take it on."""


# Terms that stay small.


def both(*terms: z3.BoolRef) -> z3.BoolRef:
    """The conjunction, without what is plainly so."""
    left = [term for term in terms if not z3.is_true(term)]
    if any(z3.is_false(term) for term in left):
        return FALSE
    return TRUE if not left else left[0] if len(left) == 1 else z3.And(left)


def any_of(terms: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """The disjunction, without what plainly is not so."""
    left = [term for term in terms if not z3.is_false(term)]
    if any(z3.is_true(term) for term in left):
        return TRUE
    return FALSE if not left else left[0] if len(left) == 1 else z3.Or(left)


def negated(term: z3.BoolRef) -> z3.BoolRef:
    """The negation."""
    return FALSE if z3.is_true(term) else TRUE if z3.is_false(term) else z3.Not(term)


def alike(left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
    """Equality of two terms of one sort, decided where both are numbers or the same term."""
    if left.eq(right):
        return TRUE
    if z3.is_int_value(left) and z3.is_int_value(right):
        return z3.BoolVal(left.as_long() == right.as_long())
    return left == right


# From the blueprint's values.


def seen(type_: Type, term: Term, texts: Texts, *, unset: bool = False) -> tuple[z3.BoolRef, PolicyTerm]:
    """A value as policies see it: whether it is there, and what it is. With `unset` it may never have been set.

    Raises `Unencodable` where the solver does not take it on. What policies do not see must not be asked for.
    """
    match type_:
        case OptionType(of) if has_spare(of):
            return negated(alike(term[0], z3.IntVal(NOTHING))), _value(of, term, texts)
        case OptionType(of):
            return term[0], _value(of, term[1:], texts)
        case DurationType() if unset:
            return z3.FreshBool("set"), _value(type_, term, texts)
        case PrincipalType() | RefType() if unset:
            return negated(alike(term[0], z3.IntVal(NOTHING))), _value(type_, term, texts)
        case _:
            return TRUE, _value(type_, term, texts)


def _value(type_: Type, term: Term, texts: Texts) -> PolicyTerm:
    match type_:
        case BoolType():
            return Truth(term[0])
        case IntType() | DurationType():
            return Number(term[0])
        case EnumType(_, members):
            return Choice(tuple((name, _place(type_, name, texts)) for name in members), term[0])
        case StrType() | PrincipalType() | RefType():
            return Text(term[0])
        case SetType(of):
            return _set(of, term, texts)
    raise Unencodable(f"{type_} in a policy")


def _set(of: Type, term: Term, texts: Texts) -> PolicyTerm:
    values = few(of)
    if values is not None:
        listed = (
            (there, _value(of, literal(of, each, texts), texts)) for there, each in zip(term, values, strict=True)
        )
        return Listed(tuple(listed))
    if isinstance(of, EnumType):
        raise Unencodable(f"a set of {of}, which has many members")
    return Endless(not isinstance(of, IntType | DurationType), term[0])


def _place(type_: EnumType, name: str, texts: Texts) -> int:
    code = literal(type_, name, texts)[0]
    assert z3.is_int_value(code), "a member's place is a number"
    return int(code.as_long())


# What can be asked of them.


def code(value: Text | Choice, texts: Texts) -> z3.ExprRef:
    """The code of a text."""
    if isinstance(value, Text):
        return value.term
    if z3.is_int_value(value.term):
        names = {place: name for name, place in value.members}
        return z3.IntVal(texts.code(names[value.term.as_long()]) if value.term.as_long() in names else NOTHING)
    found: z3.ExprRef = z3.IntVal(NOTHING)
    for name, place in value.members:
        found = z3.If(value.term == place, texts.code(name), found)
    return found


def same(left: PolicyTerm, right: PolicyTerm, texts: Texts) -> z3.BoolRef:
    """That two values are the same. Values of different kinds are not."""
    match left, right:
        case (Truth(a), Truth(b)) | (Number(a), Number(b)) | (Text(a), Text(b)):
            return alike(a, b)
        case Choice(mine, a), Choice(others, b):
            if mine == others:
                return alike(a, b)
            places = dict(others)
            return any_of(both(alike(a, _int(at)), alike(b, _int(places[name]))) for name, at in mine if name in places)
        case (Choice(members, a), Text(b)) | (Text(b), Choice(members, a)):
            return any_of(both(alike(b, _int(texts.code(name))), alike(a, _int(place))) for name, place in members)
        case Named(mine, a), Named(other, b):
            return alike(a, b) if mine == other else FALSE
        case (Listed() | Endless(), Listed() | Endless()):
            if isinstance(left, Endless) and isinstance(right, Endless) and left.texts == right.texts:
                return left.array == right.array
            return both(within(left, right, texts), within(right, left, texts))
        case Attributes(mine), Attributes(others):
            return both(*(_same_entry(mine.get(name), others.get(name), texts) for name in {**mine, **others}))
        case _:
            return FALSE


def _int(value: int) -> z3.ExprRef:
    return z3.IntVal(value)


def _same_entry(mine: Attribute | None, other: Attribute | None, texts: Texts) -> z3.BoolRef:
    for each in (mine, other):
        if isinstance(each, Unencodable):
            raise each
    assert not isinstance(mine, Unencodable)
    assert not isinstance(other, Unencodable)
    there, here = (each[0] if each else FALSE for each in (mine, other))
    neither = both(negated(there), negated(here))
    if mine is None or other is None:
        return neither
    return any_of([neither, both(there, here, same(mine[1], other[1], texts))])


def member(of: Listed | Endless, value: PolicyTerm, texts: Texts) -> z3.BoolRef:
    """That a set has the value."""
    match of:
        case Listed(members):
            return any_of(both(there, same(each, value, texts)) for there, each in members)
        case Endless(True, array):
            return z3.Select(array, code(value, texts)) if isinstance(value, Text | Choice) else FALSE
        case Endless(_, array):
            return z3.Select(array, value.term) if isinstance(value, Number) else FALSE


def within(of: Listed | Endless, whole: Listed | Endless, texts: Texts) -> z3.BoolRef:
    """That every member of the one is one of the other."""
    if isinstance(of, Listed):
        return both(*(any_of([negated(there), member(whole, each, texts)]) for there, each in of.members))
    return z3.IsSubset(of.array, _as_array(whole, texts=texts, of_texts=of.texts))


def apart(left: Listed | Endless, right: Listed | Endless, texts: Texts) -> z3.BoolRef:
    """That two sets have no member in common."""
    if isinstance(left, Listed):
        return both(*(negated(both(there, member(right, each, texts))) for there, each in left.members))
    if isinstance(right, Listed):
        return apart(right, left, texts)
    if left.texts != right.texts:
        return TRUE
    return z3.SetIntersect(left.array, right.array) == z3.EmptySet(z3.IntSort())


def is_empty(of: Listed | Endless) -> z3.BoolRef:
    """That a set has no member."""
    if isinstance(of, Listed):
        return both(*(negated(there) for there, _ in of.members))
    return of.array == z3.EmptySet(z3.IntSort())


def _as_array(of: Listed | Endless, *, texts: Texts, of_texts: bool) -> z3.ExprRef:
    """Those members of the set that are texts, or else those that are numbers."""
    empty = z3.EmptySet(z3.IntSort())
    if isinstance(of, Endless):
        return of.array if of.texts == of_texts else empty
    found = empty
    for there, each in of.members:
        if of_texts and isinstance(each, Text | Choice):
            found = z3.If(there, z3.SetAdd(found, code(each, texts)), found)
        if not of_texts and isinstance(each, Number):
            found = z3.If(there, z3.SetAdd(found, each.term), found)
    return found


def chosen(condition: z3.BoolRef, then: PolicyTerm, otherwise: PolicyTerm, texts: Texts) -> PolicyTerm:
    """One of two values. Raises `Unencodable` where they are of kinds that do not go together."""
    match then, otherwise:
        case Truth(a), Truth(b):
            return Truth(z3.If(condition, a, b))
        case Number(a), Number(b):
            return Number(z3.If(condition, a, b))
        case Choice(mine, a), Choice(others, b) if mine == others:
            return Choice(mine, z3.If(condition, a, b))
        case (Text() | Choice(), Text() | Choice()):
            return Text(z3.If(condition, code(then, texts), code(otherwise, texts)))
        case Named(mine, a, name), Named(other, b, another) if mine == other:
            return Named(mine, z3.If(condition, a, b), name if name == another else None)
        case Listed(mine), Listed(others):
            first = ((both(condition, there), each) for there, each in mine)
            rest = ((both(negated(condition), there), each) for there, each in others)
            return Listed((*first, *rest))
        case Endless(of_texts, array), Endless(others, another) if of_texts == others:
            return Endless(of_texts, z3.If(condition, array, another))
        case _:
            raise Unencodable("a choice between values of different kinds")
