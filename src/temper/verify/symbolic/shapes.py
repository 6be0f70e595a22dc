"""Values as solver terms: each type has a shape, a fixed row of solver sorts, and a value is a row of terms.

| type                                         | shape                                                             |
| -------------------------------------------- | ----------------------------------------------------------------- |
| `bool`                                       | one truth value                                                   |
| `int`, `duration`, `time`                    | one integer, without a bound                                      |
| enum                                         | the member's place in the list; `new`, if it comes first, is -1     |
| `str`, `principal`, a reference, `json`      | the code of a text: two are equal if and only if the texts are     |
| `T | None`                                   | as T, where -1 is no value of it; else whether it is there, and T  |
| `set[T]`, few values of T                    | a truth value for each of them                                    |
| `set[T]`                                     | an array from T to truth values, and how many are true            |
| `map[K, V]`, few keys                        | the shape of V for each of them                                   |
| `map[K, V]`                                  | for each sort in the shape of V an array from K                   |

Texts are compared and nothing else, so a code is as good as the text. A principal, reference, time or json that was
never set is `NOTHING`; a duration that was never set reads as 0, as in every algebra.
"""

from __future__ import annotations

from typing import TypeAlias

import z3

from temper.machine import (
    INT,
    NEW,
    BoolType,
    DurationType,
    EnumType,
    FrozenMap,
    IntType,
    JsonType,
    MapType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TimeType,
    Type,
    Value,
    contains,
    finite_values,
    initial,
)

Term: TypeAlias = tuple[z3.ExprRef, ...]
"""A value: one solver term for each sort of its type's shape."""

FEW = 128
"""Up to so many values a set or map lists them one by one."""
NOTHING = -1
"""The code of None, where the type has no value with it."""

TextType: TypeAlias = StrType | PrincipalType | RefType | JsonType


class Unencodable(Exception):  # noqa: N818 - it is an answer, no error
    """The solver does not take on this; `because` says what."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


class Texts:
    """Codes for the texts that are written somewhere; every other number is some text that nobody wrote."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def code(self, text: str) -> int:
        return self.codes.setdefault(text, len(self.codes))


def few(type_: Type) -> tuple[Value, ...] | None:
    """The values of a type that are listed one by one."""
    if isinstance(type_, IntType) and type_.hi - type_.lo >= FEW:
        return None
    values = finite_values(type_)
    return values if values is not None and len(values) <= FEW else None


def sorts(type_: Type) -> tuple[z3.SortRef, ...]:
    """The shape of a type. Raises `Unencodable` for a set or map of what has no single sort."""
    match type_:
        case BoolType():
            return (z3.BoolSort(),)
        case OptionType(of):
            return sorts(of) if has_spare(of) else (z3.BoolSort(), *sorts(of))
        case SetType(of):
            values = few(of)
            if values is not None:
                return (z3.BoolSort(),) * len(values)
            return z3.ArraySort(one_sort(of), z3.BoolSort()), z3.IntSort()
        case MapType(key, item):
            keys = few(key)
            if keys is None:
                return tuple(z3.ArraySort(one_sort(key), sort) for sort in sorts(item))
            return sorts(item) * len(keys)
        case _:
            return (z3.IntSort(),)


def has_spare(type_: Type) -> bool:
    """Whether `NOTHING` is no value of the type, so that it can stand for None."""
    if isinstance(type_, EnumType):
        return _first(type_.members) == 0
    return isinstance(type_, StrType | PrincipalType | RefType | JsonType)


def _first(members: tuple[str, ...]) -> int:
    """The code of the first member. Where that is the state `new`, the states that come after it begin at 0."""
    return NOTHING if members[0] == NEW else 0


def one_sort(type_: Type) -> z3.SortRef:
    """The sort of what a set can hold or a map can have for a key. Raises `Unencodable`."""
    if isinstance(type_, SetType | MapType) or len(sorts(type_)) != 1:
        raise Unencodable(f"a set or map of {type_}")
    return sorts(type_)[0]


def variable(name: str, type_: Type) -> Term:
    """A value of which nothing is known but its shape."""
    return tuple(z3.Const(f"{name}.{at}", sort) for at, sort in enumerate(sorts(type_)))


def literal(type_: Type, value: Value, texts: Texts) -> Term:
    """The value as a term. None stands for what was never set, where the type has no None.

    The control state of what does not exist yet is no member of its type, and has the code of None as well.
    """
    match type_:
        case BoolType():
            return (z3.BoolVal(bool(value)),)
        case EnumType(_, members):
            return (z3.IntVal(members.index(str(value)) + _first(members) if value in members else NOTHING),)
        case StrType() | PrincipalType() | RefType() | JsonType():
            return (z3.IntVal(NOTHING if value is None else texts.code(str(value))),)
        case IntType() | DurationType():
            return (z3.IntVal(value or 0),)
        case TimeType():
            return (z3.IntVal(NOTHING if value is None else value),)
        case OptionType(of) if has_spare(of):
            return literal(of, value, texts)
        case OptionType(of):
            held = literal(of, initial(of) if value is None else value, texts)
            return (z3.BoolVal(value is not None), *held)
        case SetType(of):
            assert isinstance(value, frozenset)
            return _set_literal(of, value, texts)
        case MapType():
            assert isinstance(value, FrozenMap)
            return _map_literal(type_, value, texts)


def _set_literal(of: Type, members: frozenset[Value], texts: Texts) -> Term:
    values = few(of)
    if values is not None:
        if not all(contains(of, member) for member in members):
            raise Unencodable(f"a set with members that are no {of}")
        return tuple(z3.BoolVal(value in members) for value in values)
    array = z3.K(one_sort(of), z3.BoolVal(False))
    for member in sorted(members, key=repr):
        array = z3.Store(array, literal(of, member, texts)[0], z3.BoolVal(True))
    return array, z3.IntVal(len(members))


def size(members: z3.ExprRef) -> z3.ExprRef:
    """How many members an array of truth values has, of which nothing is known but that equal ones have as many."""
    sort = members.sort()
    return z3.Function(f"size of {sort.domain()}", sort, z3.IntSort())(members)


def _map_literal(type_: MapType, entries: FrozenMap, texts: Texts) -> Term:
    start = initial(type_.value)
    keys = few(type_.key)
    if keys is not None:
        items = [literal(type_.value, entries.get(key, start), texts) for key in keys]
        return tuple(leaf for item in items for leaf in item)
    sort = one_sort(type_.key)
    leaves = [z3.K(sort, leaf) for leaf in literal(type_.value, start, texts)]
    for key, value in sorted(entries.items(), key=repr):
        place, held = literal(type_.key, key, texts)[0], literal(type_.value, value, texts)
        leaves = [z3.Store(array, place, leaf) for array, leaf in zip(leaves, held, strict=True)]
    return tuple(leaves)


# Laws that a term of a type keeps.


def within(type_: Type, term: Term, *, unset: bool = False) -> z3.BoolRef:
    """That the term is a value of the type: within its range, a member, a text. With `unset`, or was never set."""
    least = NOTHING if unset else 0
    match type_:
        case BoolType():
            return z3.BoolVal(True)
        case IntType(lo, hi):
            return z3.And(lo <= term[0], term[0] <= hi)
        case EnumType(_, members):
            return z3.And(min(least, _first(members)) <= term[0], term[0] < len(members) + _first(members))
        case StrType() | PrincipalType() | RefType() | JsonType():
            return least <= term[0]
        case OptionType(of) if has_spare(of):
            return within(of, term, unset=True)
        case OptionType(of):
            return z3.Implies(term[0], within(of, term[1:]))
        case SetType(of, size_max) if (values := few(of)) is not None:
            many = len(values) > size_max
            return z3.Sum([z3.If(there, 1, 0) for there in term]) <= size_max if many else z3.BoolVal(True)
        case SetType(of, size_max):
            return z3.And(term[1] >= 0, term[1] <= size_max, _is_small(one_sort(of), *term))
        case MapType(_, item) if few(type_.key) is not None:
            return z3.And([within(item, each) for each in items_of(type_, term)])
        case _:
            return z3.BoolVal(True)


def in_range(type_: Type, term: Term) -> z3.BoolRef:
    """That what is written stays within the range and size of its type, if it was well typed but for that."""
    if isinstance(type_, SetType) and few(type_.of) is None:
        return term[1] <= type_.size_max
    return within(type_, term, unset=True)


def _is_small(sort: z3.SortRef, members: z3.ExprRef, size: z3.ExprRef) -> z3.BoolRef:
    """That a set of up to two members has no others; of a larger one it is not said how many there are."""
    nobody, there = z3.K(sort, z3.BoolVal(False)), z3.BoolVal(True)
    one, two = (z3.Function(f"{which} of {sort}", members.sort(), sort)(members) for which in ("one", "another"))
    alone = z3.Store(nobody, one, there)
    return z3.And(
        (size == 0) == (members == nobody),
        (size == 1) == (members == alone),
        z3.Implies(size == 2, z3.And(members == z3.Store(alone, two, there), one != two)),
    )


def equal(type_: Type, left: Term, right: Term) -> z3.BoolRef:
    """That two terms of one shape are the same value."""
    if isinstance(type_, OptionType) and not has_spare(type_.of):
        same = equal(type_.of, left[1:], right[1:])
        return z3.And(left[0] == right[0], z3.Implies(left[0], same))
    if isinstance(type_, SetType) and few(type_.of) is None:
        return left[0] == right[0]
    if isinstance(type_, MapType) and few(type_.key) is not None:
        pairs = zip(items_of(type_, left), items_of(type_, right), strict=True)
        return z3.And([equal(type_.value, mine, other) for mine, other in pairs])
    return z3.And([mine == other for mine, other in zip(left, right, strict=True)])


def either(condition: z3.BoolRef, then: Term, otherwise: Term) -> Term:
    """One of two values of one shape."""
    return tuple(z3.If(condition, mine, other) for mine, other in zip(then, otherwise, strict=True))


def items_of(type_: MapType, term: Term) -> list[Term]:
    """The values of a map with few keys, in the order of the keys."""
    width = len(sorts(type_.value))
    return [term[at : at + width] for at in range(0, len(term), width)]


# Sets and maps.


def has(type_: SetType, members: Term, member: Term) -> z3.BoolRef:
    """That a set has a member, which is of the set's own type of members."""
    values = few(type_.of)
    if values is None:
        return z3.Select(members[0], member[0])
    codes = [_code(type_.of, value) for value in values]
    return z3.Or([z3.And(_is(member, code), there) for code, there in zip(codes, members, strict=True)])


def with_member(type_: SetType, members: Term, member: Term, *, there: z3.BoolRef) -> Term:
    """The set with the member in it or not. The member is of the set's own type of members."""
    values = few(type_.of)
    if values is None:
        array, many = members
        was = z3.Select(array, member[0])
        more = z3.If(z3.And(there, z3.Not(was)), 1, z3.If(z3.And(was, z3.Not(there)), -1, 0))
        return z3.Store(array, member[0], there), many + more
    codes = [_code(type_.of, value) for value in values]
    return tuple(z3.If(_is(member, code), there, bit) for code, bit in zip(codes, members, strict=True))


def get(type_: MapType, entries: Term, key: Term) -> Term:
    """The value under a key, which is of the map's own type of keys; elsewhere it is the initial one."""
    keys = few(type_.key)
    if keys is None:
        return tuple(z3.Select(array, key[0]) for array in entries)
    found = literal(type_.value, initial(type_.value), Texts())
    for value, item in zip(keys, items_of(type_, entries), strict=True):
        found = either(_is(key, _code(type_.key, value)), item, found)
    return found


def put(type_: MapType, entries: Term, key: Term, value: Term) -> Term:
    """The map with the value under the key, which is of the map's own type of keys."""
    keys = few(type_.key)
    if keys is None:
        return tuple(z3.Store(array, key[0], leaf) for array, leaf in zip(entries, value, strict=True))
    placed = [
        either(_is(key, _code(type_.key, each)), value, item)
        for each, item in zip(keys, items_of(type_, entries), strict=True)
    ]
    return tuple(leaf for item in placed for leaf in item)


def _code(type_: Type, value: Value) -> Term:
    return literal(type_, value, Texts())


def _is(term: Term, code: Term) -> z3.BoolRef:
    if len(term) == 2:  # an optional number: what it would be where it is not there makes no difference
        return z3.And(term[0] == code[0], z3.Implies(term[0], term[1] == code[1]))
    return term[0] == code[0]


# From one type to another.


def as_type(term: Term, have: Type, want: Type) -> Term:
    """The same value in the shape of another type.

    Raises `Unencodable` where a value may be lost on the way: then nothing can be said of it.
    """
    if isinstance(have, SetType) and isinstance(want, SetType):
        return _as_set(term, have, want)
    if isinstance(have, OptionType) and isinstance(want, OptionType) and sorts(have) != sorts(want):
        raise Unencodable(f"{have} as {want}")
    if isinstance(have, MapType) and isinstance(want, MapType) and have != want:
        if (few(have.key), sorts(have)) != (few(want.key), sorts(want)) or initial(have.value) != initial(want.value):
            raise Unencodable(f"{have} as {want}")
        return term
    if sorts(have) != sorts(want):
        raise Unencodable(f"{have} as {want}")
    return term


def _as_set(term: Term, have: SetType, want: SetType) -> Term:
    mine, wanted = few(have.of), few(want.of)
    if mine is None and wanted is None:
        return term
    if mine is None:
        raise Unencodable(f"{have} as {want}")
    if wanted is None:
        found = literal(want, frozenset(), Texts())
        for value, there in zip(mine, term, strict=True):
            found = (
                with_member(want, found, _code(want.of, value), there=there)
                if _is_plain(want.of)
                else _lost(have, want)
            )
        return found
    if not set(mine) <= set(wanted):
        raise Unencodable(f"{have} as {want}")
    places = dict(zip(mine, term, strict=True))
    return tuple(places.get(value, z3.BoolVal(False)) for value in wanted)


def _is_plain(type_: Type) -> bool:
    """Whether the codes of its values do not hang on which texts were written."""
    return isinstance(type_, BoolType | IntType | EnumType | DurationType | TimeType)


def _lost(have: Type, want: Type) -> Term:
    raise Unencodable(f"{have} as {want}")


def common(left: Type, right: Type) -> Type:
    """A type in whose shape both can be compared."""
    if isinstance(left, SetType) and isinstance(right, SetType):
        mine, other = few(left.of), few(right.of)
        if mine is None or other is None or set(other) <= set(mine):
            return left if mine is None or other is not None else right
        if set(mine) <= set(other):
            return right
        return SetType(INT) if isinstance(left.of, IntType) else left
    return left
