"""Whether a value is in its type, and whether it is within the universe."""

from __future__ import annotations

from typing import assert_never

from temper.machine import (
    INT,
    BoolType,
    DurationType,
    EnumType,
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
)
from temper.verify.native.meant import Entries, Maybe, Meant, Members, Number, between, number
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Writer


def fitted(type_: Type, meant: Meant) -> Meant:
    """The value under the type of the place it goes to: a number may go where one may be missing."""
    match type_:
        case OptionType(BoolType() | IntType() | DurationType()) if isinstance(meant, bool | str | Number):
            return Maybe(True, meant)
        case BoolType() | IntType() | DurationType() if isinstance(meant, Maybe):
            raise Unsupported("a value that may be missing where one is wanted")
        case _:
            return meant


def contained(writer: Writer, type_: Type, meant: Meant) -> Truth:
    """Whether the value is in range and size."""
    match type_:
        case BoolType() | EnumType() | StrType() | DurationType():
            return True
        case IntType(lo, hi):
            return between(writer, number(meant), lo, hi)
        case PrincipalType() | RefType() | JsonType() | TimeType():
            code = number(meant)
            return True if code.lo > 0 else writer.compare("ne", code.word, 0)
        case OptionType(of):
            if not isinstance(meant, Maybe):
                return True
            return writer.or_(writer.is_not(meant.there), contained(writer, of, meant.value))
        case SetType(of, size_max):
            assert isinstance(meant, Members), "a set is a mask"
            size = True if meant.hi - meant.lo < size_max else _at_most(writer, meant, size_max)
            return writer.and_(size, *(_among(writer, meant, of.lo, of.hi),) if isinstance(of, IntType) else ())
        case MapType(_, item):
            assert isinstance(meant, Entries), "a map has entries"
            return writer.and_(*(contained(writer, item, value) for value in meant.values))
        case _:
            assert_never(type_)


def within(writer: Writer, type_: Type, meant: Meant, unbounded: tuple[int, int]) -> Truth:
    """Whether every `int` without a range inside the value is within the bounds of the universe."""
    match type_:
        case IntType() if type_ == INT:
            return between(writer, number(meant), *unbounded)
        case OptionType(of) if isinstance(meant, Maybe):
            return writer.or_(writer.is_not(meant.there), within(writer, of, meant.value, unbounded))
        case SetType(of) if of == INT:
            assert isinstance(meant, Members), "a set is a mask"
            return _among(writer, meant, *unbounded)
        case MapType(_, item):
            assert isinstance(meant, Entries), "a map has entries"
            return writer.and_(*(within(writer, item, value, unbounded) for value in meant.values))
        case _:
            return True


def _at_most(writer: Writer, of: Members, size_max: int) -> Truth:
    return writer.compare("sle", writer.popcount(of.mask), size_max)


def _among(writer: Writer, of: Members, lo: int, hi: int) -> Truth:
    """Whether all members are from `lo` to `hi`."""
    outside = sum(1 << (at - of.lo) for at in range(of.lo, of.hi + 1) if not lo <= at <= hi)
    return writer.compare("eq", writer.both(of.mask, outside), 0) if outside else True
