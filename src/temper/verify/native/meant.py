"""What an expression is in native code: numbers with their interval, bits, masks; nothing else is left of a value.

Texts, people, references and members are *codes*: 0 for None, then 1 for the first value of their domain. The
interval of a number is what it can be, whatever the state; by it no computation leaves 64 bits, and ranges that
cannot be left need no check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from temper.machine import INT_MAX, INT_MIN
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer

ELEMENTS_MAX = 64
"""How many values a set is among, at most: one word of bits."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number or a code, from `lo` to `hi`; `among` is told of a few numbers that it is one of."""

    word: Word
    lo: int
    hi: int
    among: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if not INT_MIN <= self.lo <= self.hi <= INT_MAX:
            raise Unsupported("a number that may leave 64 bits on the way")


@dataclass(frozen=True, slots=True)
class Maybe:
    """A bool or number that may be missing. What is missing has some value of its interval all the same."""

    there: Truth
    value: Truth | Number


@dataclass(frozen=True, slots=True)
class Members:
    """A set as a mask: bit 0 stands for `lo`, the last for `hi`."""

    mask: Word
    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.hi - self.lo >= ELEMENTS_MAX:
            raise Unsupported(f"a set of more than {ELEMENTS_MAX} possible members")


@dataclass(frozen=True, slots=True)
class Entries:
    """A map: the value for each key, the first key being `lo`."""

    lo: int
    values: tuple[Meant, ...]
    initial: Meant
    is_endless: bool = False
    """Whether only the keys with another value than the initial one are gone through."""


Meant: TypeAlias = Truth | Number | Maybe | Members | Entries


def known(number: int) -> Number:
    """A number that is known."""
    return Number(number, number, number, frozenset({number}))


def mixed(word: Word, a: Number, b: Number, lo: int, hi: int) -> Number:
    """One of two numbers."""
    if isinstance(word, int):
        return known(word)
    among = None if a.among is None or b.among is None else a.among | b.among
    return Number(word, lo, hi, among)


def truth(meant: Meant) -> Truth:
    """The value as a bool."""
    assert isinstance(meant, bool | str), f"a bool was expected, not {meant}"
    return meant


def number(meant: Meant) -> Number:
    """The value as a number."""
    assert isinstance(meant, Number), f"a number was expected, not {meant}"
    return meant


def members(meant: Meant) -> Members:
    """The value as a set."""
    assert isinstance(meant, Members), f"a set was expected, not {meant}"
    return meant


def index(writer: Writer, meant: Meant) -> Number:
    """An element or key as a number."""
    if isinstance(meant, Number):
        return meant
    if isinstance(meant, bool | str):
        word = writer.as_word(meant)
        return Number(word, 0, 1) if isinstance(word, str) else known(word)
    raise Unsupported("a set or map of what may be missing, of sets or of maps")


def equal(writer: Writer, a: Meant, b: Meant) -> Truth:
    """Whether two values are the same."""
    match a, b:
        case Number(), Number():
            if a.hi < b.lo or b.hi < a.lo:
                return False
            return writer.compare("eq", a.word, b.word)
        case Maybe(), Maybe():
            inner = writer.and_(a.there, b.there, equal(writer, a.value, b.value))
            return writer.or_(inner, writer.is_not(writer.or_(a.there, b.there)))
        case Members(), Members():
            one, other = aligned(writer, a, b)
            return writer.compare("eq", one.mask, other.mask)
        case Entries(), Entries():
            assert len(a.values) == len(b.values), "maps that are compared have the same keys"
            return writer.and_(*(equal(writer, x, y) for x, y in zip(a.values, b.values, strict=True)))
        case ((bool() | str()), (bool() | str())):
            return writer.same(a, b)
        case _:
            raise Unsupported("a comparison of two kinds of values")


def chosen(writer: Writer, condition: Truth, a: Meant, b: Meant) -> Meant:
    """The one or the other."""
    if isinstance(condition, bool):
        return a if condition else b
    match a, b:
        case Number(), Number():
            return mixed(writer.select(condition, a.word, b.word), a, b, min(a.lo, b.lo), max(a.hi, b.hi))
        case Maybe(), Maybe():
            value = chosen(writer, condition, a.value, b.value)
            assert isinstance(value, bool | str | Number), "what may be missing is a bool or a number"
            return Maybe(writer.choose(condition, a.there, b.there), value)
        case Members(), Members():
            one, other = aligned(writer, a, b)
            return Members(writer.select(condition, one.mask, other.mask), one.lo, one.hi)
        case Entries(), Entries():
            pairs = zip(a.values, b.values, strict=True)
            values = tuple(chosen(writer, condition, x, y) for x, y in pairs)
            return Entries(a.lo, values, a.initial, a.is_endless)
        case ((bool() | str()), (bool() | str())):
            return writer.choose(condition, a, b)
        case _:
            raise Unsupported("a choice between two kinds of values")


def aligned(writer: Writer, a: Members, b: Members) -> tuple[Members, Members]:
    """Both over the same elements."""
    lo, hi = min(a.lo, b.lo), max(a.hi, b.hi)
    return spread(writer, a, lo, hi), spread(writer, b, lo, hi)


def spread(writer: Writer, a: Members, lo: int, hi: int) -> Members:
    """The set over more elements."""
    assert lo <= a.lo, "a set is spread, never narrowed"
    return Members(writer.left(a.mask, a.lo - lo) if a.lo != lo else a.mask, lo, max(a.hi, hi))


def has(writer: Writer, of: Members, element: Number) -> Truth:
    """Whether the element is in the set."""
    if isinstance(element.word, int):
        inside = of.lo <= element.word <= of.hi
        return writer.as_truth(writer.right(of.mask, element.word - of.lo)) if inside else False
    found = writer.as_truth(writer.right(of.mask, writer.sub(element.word, of.lo)))
    return writer.and_(found, between(writer, element, of.lo, of.hi))


def between(writer: Writer, a: Number, lo: int, hi: int) -> Truth:
    """Whether the number is in the range; known where its interval says so."""
    above = True if a.lo >= lo else writer.compare("sle", lo, a.word)
    below = True if a.hi <= hi else writer.compare("sle", a.word, hi)
    return writer.and_(above, below)


def least(writer: Writer, a: Number, b: Number) -> Number:
    """The smaller one."""
    below = writer.compare("slt", b.word, a.word)
    return mixed(writer.select(below, b.word, a.word), a, b, min(a.lo, b.lo), min(a.hi, b.hi))


def greatest(writer: Writer, a: Number, b: Number) -> Number:
    """The larger one."""
    above = writer.compare("slt", a.word, b.word)
    return mixed(writer.select(above, b.word, a.word), a, b, max(a.lo, b.lo), max(a.hi, b.hi))
