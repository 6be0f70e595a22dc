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
    named = list(places)
    template = "{" + ",".join(f"{quoted(name).replace('%', '%%')}:%s" for name, _ in named) + "}"
    writes = [value_writer(type_) for _, type_ in named]

    def write(values: Sequence[Value]) -> str:
        return template % tuple([one(value) for one, value in zip(writes, values, strict=True)])

    return write


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
