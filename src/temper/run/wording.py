"""Records, data and deliveries as JSON text, written piece by piece.

The text of a record is written for every call, and hashed as it stands. To build the data first and to encode it then
takes five times as long, since the encoder must ask of each value what it is; here the declared types say so once, when
a version is staged. `codec.record_to_json` and `delivery_to_json` say what the text has to be, and a law holds the two
together. All text is ASCII, so that any string that Python can hold survives the way through a database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any, TypeAlias

from temper.machine import (
    BoolType,
    EnumType,
    IntType,
    OptionType,
    PrincipalType,
    RefType,
    StrType,
    Type,
    Value,
    to_json,
)

Write: TypeAlias = Callable[[Sequence[Value]], str]
"""Values in the order of their places, as one JSON object by name."""

WritePairs: TypeAlias = Callable[[Sequence[tuple[str, Any]]], str]
"""The same for values that come with their names.

These functions are generated source, as steps are: what they write is fixed but for the values."""

quoted: Callable[[str], str] = encode_basestring_ascii
"""A text as a JSON string."""
_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def text(data: Any) -> str:
    """Any JSON data as text."""
    return _ENCODE(data)


def writer(places: Iterable[tuple[str, Type]]) -> Write:
    """What writes values of these names and types.

    >>> writer([("note", StrType()), ("count", IntType()), ("owner", OptionType(StrType()))])(("a", 3, None))
    '{"note":"a","count":3,"owner":null}'
    """
    named, given = list(places), _Given()
    source = f"lambda values: {given.object(named, [f'values[{at}]' for at in range(len(named))])}"
    return given.function(source)


def pairs_writer(places: Iterable[tuple[str, Type]], otherwise: WritePairs) -> WritePairs:
    """As `writer`, for values that come with their names; `otherwise` writes those that lack some or stand differently.

    >>> write = pairs_writer([("a", IntType()), ("b", IntType())], repr)
    >>> write((("a", 1), ("b", 2))), write((("b", 2),))
    ('{"a":1,"b":2}', "(('b', 2),)")
    """
    named, given = list(places), _Given()
    there = [f"len(pairs) == {len(named)}"]
    there += [f"pairs[{at}][0] == {given.name(name)}" for at, (name, _) in enumerate(named)]
    written = given.object(named, [f"pairs[{at}][1]" for at in range(len(named))])
    return given.function(f"lambda pairs: {written} if {' and '.join(there)} else {given.name(otherwise)}(pairs)")


def member_writer(name: str, type_: Type) -> Callable[[Any], str]:
    """What writes one value with its name, as it stands in an object.

    >>> member_writer("owner", OptionType(StrType()))("ann")
    '"owner":"ann"'
    """
    given = _Given()
    return given.function(f"lambda value: f'{{{given.name(f'{quoted(name)}:')}}}{{{given.value(type_, 'value')}}}'")


class _Given:
    """What the source of a writer reads. Names and texts are bound and never spelled, whatever stands in them."""

    def __init__(self) -> None:
        self._bound: dict[str, Any] = {"__builtins__": {}, "quoted": quoted, "len": len}

    def name(self, value: object) -> str:
        name = f"k{len(self._bound)}"
        self._bound[name] = value
        return name

    def object(self, named: Sequence[tuple[str, Type]], values: Sequence[str]) -> str:
        """An f-string that writes one JSON object out of these values."""
        parts = []
        for at, ((name, type_), value) in enumerate(zip(named, values, strict=True)):
            before = self.name(f"{',' if at else '{'}{quoted(name)}:")
            parts.append(f"{{{before}}}{{{self.value(type_, value)}}}")
        return f"f'{''.join(parts)}}}}}'" if parts else self.name("{}")

    def value(self, type_: Type, value: str) -> str:
        """A value as text, or as an int, which an f-string writes as JSON does."""
        inner = type_.of if isinstance(type_, OptionType) else type_
        if isinstance(inner, StrType | EnumType | PrincipalType | RefType):
            return f"{self.name('null')} if {value} is None else quoted({value})"
        if isinstance(inner, IntType):
            return f"{self.name('null')} if {value} is None else {value}"
        return f"{self.name(value_writer(type_))}({value})"

    def function(self, source: str) -> Callable[[Any], str]:
        made: Callable[[Any], str] = eval(source, self._bound)  # noqa: S307 - our own source, no blueprint text in it
        return made


def keys_text(keys: Iterable[tuple[int, int]]) -> str:
    """Keys of deliveries.

    >>> keys_text([(1, 0), (2, 1)])
    '[[1,0],[2,1]]'
    """
    return f"[{','.join([f'[{place},{round_}]' for place, round_ in keys])}]"


def timers_text(timers: Iterable[tuple[str, int]]) -> str:
    """Armed timers."""
    return f"[{','.join([f'[{quoted(name)},{due}]' for name, due in timers])}]"


def pair_text(pair: tuple[str, str]) -> str:
    """An address."""
    return f"[{quoted(pair[0])},{quoted(pair[1])}]"


def value_writer(type_: Type) -> Callable[[Any], str]:
    """What writes one value. A field of any type may not have been given yet, and is null then."""
    inner = type_.of if isinstance(type_, OptionType) else type_
    if isinstance(inner, StrType | EnumType | PrincipalType | RefType):
        return lambda value: "null" if value is None else quoted(value)
    if isinstance(inner, IntType):
        return lambda value: "null" if value is None else int.__repr__(value)
    if isinstance(inner, BoolType):
        return _WORDS.__getitem__
    return lambda value: _ENCODE(to_json(type_, value))


_WORDS: Mapping[bool | None, str] = {True: "true", False: "false", None: "null"}
