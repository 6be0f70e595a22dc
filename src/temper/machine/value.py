"""Types and their values: what a field can hold, where it starts, and how it is written as JSON.

Values are immutable and hashable, and of plain Python types, so that the hot path needs no wrapper:

| type                               | value                                                      |
| ---------------------------------- | ---------------------------------------------------------- |
| `bool`, `int`                      | `bool`, `int`                                              |
| enum, `str`, `principal`, an entity | `str` (a member, a text, a principal's name, an id)        |
| `T | None`                         | the value of `T`, or `None`                                |
| `set[T]`                           | `frozenset`                                                |
| `map[K, V]`                        | `FrozenMap` of the entries that differ from V's initial value |
| `duration`, `time`                 | `int`, milliseconds (a time since the epoch, UTC)          |
| `json`                             | `str`, the canonical JSON text                             |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeAlias, assert_never

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1
SET_MAX = 1000
"""How many members a `set[T]` may have when its type does not say."""


@dataclass(frozen=True, slots=True)
class BoolType:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class IntType:
    lo: int = INT_MIN
    hi: int = INT_MAX

    def __str__(self) -> str:
        return "int" if (self.lo, self.hi) == (INT_MIN, INT_MAX) else f"int[{self.lo}, {self.hi}]"


@dataclass(frozen=True, slots=True)
class EnumType:
    """A named list of members. The control states of `Deploy` are the enum called `Deploy.state`."""

    name: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class StrType:
    def __str__(self) -> str:
        return "str"


@dataclass(frozen=True, slots=True)
class PrincipalType:
    def __str__(self) -> str:
        return "principal"


@dataclass(frozen=True, slots=True)
class RefType:
    """A reference to an instance of `entity`; its value is the instance's id."""

    entity: str

    def __str__(self) -> str:
        return self.entity


@dataclass(frozen=True, slots=True)
class DurationType:
    def __str__(self) -> str:
        return "duration"


@dataclass(frozen=True, slots=True)
class TimeType:
    def __str__(self) -> str:
        return "time"


@dataclass(frozen=True, slots=True)
class JsonType:
    def __str__(self) -> str:
        return "json"


@dataclass(frozen=True, slots=True)
class OptionType:
    of: Type

    def __str__(self) -> str:
        return f"{self.of} | None"


@dataclass(frozen=True, slots=True)
class SetType:
    of: Type
    size_max: int = SET_MAX

    def __str__(self) -> str:
        return f"set[{self.of}]" if self.size_max == SET_MAX else f"set[{self.of}, {self.size_max}]"


@dataclass(frozen=True, slots=True)
class MapType:
    key: Type
    value: Type

    def __str__(self) -> str:
        return f"map[{self.key}, {self.value}]"


Type: TypeAlias = (
    BoolType
    | IntType
    | EnumType
    | StrType
    | PrincipalType
    | RefType
    | DurationType
    | TimeType
    | JsonType
    | OptionType
    | SetType
    | MapType
)

BOOL, INT, STR, PRINCIPAL = BoolType(), IntType(), StrType(), PrincipalType()
DURATION, TIME, JSON = DurationType(), TimeType(), JsonType()


class FrozenMap(dict[Any, Any]):
    """The entries of a total map that differ from the initial value of its value type.

    Leaving the others out makes equal maps equal values. Use `get(key, initial)` and `put`.

    >>> FrozenMap().put(1, "yes", initial="no").put(1, "no", initial="no")
    FrozenMap({})
    """

    __slots__ = ("_hash",)

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none, because it changes
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash(frozenset(self.items()))
            return self._hash

    def put(self, key: Value, value: Value, *, initial: Value) -> FrozenMap:
        """This map with `value` under `key`."""
        entries = dict(self)
        if value == initial:
            entries.pop(key, None)
        else:
            entries[key] = value
        return FrozenMap(entries)

    def __repr__(self) -> str:
        return f"FrozenMap({dict.__repr__(self)})"

    def __reduce__(self) -> tuple[type[FrozenMap], tuple[dict[Any, Any]]]:
        return FrozenMap, (dict(self),)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a FrozenMap never changes; use `put`")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = __ior__ = _refuse


Value: TypeAlias = bool | int | str | frozenset[Any] | FrozenMap | None


def initial(type_: Type) -> Value:
    """The value a field of this type starts with when its declaration names none.

    A principal, reference, time, duration or json has none: its field must be optional, have a
    default or be set by every constructor. Until then it reads as `None`.

    >>> initial(IntType(5, 9)), initial(SetType(STR)), initial(EnumType("Health", ("unseen", "good")))
    (5, frozenset(), 'unseen')
    """
    match type_:
        case BoolType():
            return False
        case IntType(lo, hi):
            return 0 if (lo, hi) == (INT_MIN, INT_MAX) else lo
        case EnumType(_, members):
            return members[0]
        case StrType():
            return ""
        case SetType():
            return frozenset()
        case MapType():
            return FrozenMap()
        case OptionType() | PrincipalType() | RefType() | DurationType() | TimeType() | JsonType():
            return None
        case _:
            assert_never(type_)


def has_initial(type_: Type) -> bool:
    """Whether a field of this type may be declared without a default and left unset."""
    return not isinstance(type_, PrincipalType | RefType | DurationType | TimeType | JsonType)


def contains(type_: Type, value: object) -> bool:
    """Whether `value` is a value of this type, within its range and size.

    >>> contains(IntType(0, 100), 101), contains(IntType(0, 1), True), contains(OptionType(STR), None)
    (False, False, True)
    """
    match type_:
        case BoolType():
            return isinstance(value, bool)
        case IntType(lo, hi):
            return type(value) is int and lo <= value <= hi
        case EnumType(_, members):
            return isinstance(value, str) and value in members
        case StrType() | PrincipalType() | RefType() | JsonType():
            return isinstance(value, str)
        case DurationType() | TimeType():
            return type(value) is int and INT_MIN <= value <= INT_MAX
        case OptionType(of):
            return value is None or contains(of, value)
        case SetType(of, size_max):
            return isinstance(value, frozenset) and len(value) <= size_max and all(contains(of, x) for x in value)
        case MapType(key, item):
            return isinstance(value, FrozenMap) and all(
                contains(key, k) and contains(item, v) for k, v in value.items()
            )
        case _:
            assert_never(type_)


def finite_values(type_: Type) -> tuple[Value, ...] | None:
    """Every value of a type that can be listed (`for r in Node`), in order; None for the others.

    >>> finite_values(IntType(1, 3)), finite_values(STR)
    ((1, 2, 3), None)
    """
    match type_:
        case BoolType():
            return (False, True)
        case IntType(lo, hi) if hi - lo < 100_000:
            return tuple(range(lo, hi + 1))
        case EnumType(_, members):
            return members
        case OptionType(of):
            rest = finite_values(of)
            return None if rest is None else (None, *rest)
        case _:
            return None


UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(text: str) -> int | None:
    """Milliseconds of `90s`, `10m`, `2h`, `7d` or `250ms`; None if the text is no duration.

    >>> parse_duration("10m"), parse_duration("soon")
    (600000, None)
    """
    found = re.fullmatch(r"(-?\d{1,19})(ms|s|m|h|d)", text)
    return int(found[1]) * UNITS[found[2]] if found else None


def show_duration(milliseconds: int) -> str:
    """The shortest exact text: `600000` is `10m`.

    >>> show_duration(600000), show_duration(1500)
    ('10m', '1500ms')
    """
    if milliseconds == 0:
        return "0s"
    return next(f"{milliseconds // size}{unit}" for unit, size in reversed(UNITS.items()) if milliseconds % size == 0)


class NotAValueError(ValueError):
    """JSON that is no value of the type asked for. The text says what was expected and what came."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_TIME, LAST_TIME = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, which ISO 8601 can write; a time outside them is written as its milliseconds."""


def to_json(type_: Type, value: Value) -> Any:
    """The value as JSON data: sets as sorted lists, durations as `10m`, times as ISO 8601 in UTC.

    >>> to_json(SetType(STR), frozenset({"b", "a"})), to_json(DURATION, 90000)
    (['a', 'b'], '90s')
    """
    if value is None:
        return None
    match type_:
        case OptionType(of):
            return to_json(of, value)
        case SetType(of):
            assert isinstance(value, frozenset)
            return sorted((to_json(of, x) for x in value), key=_sort_key)
        case MapType(key, item):
            assert isinstance(value, FrozenMap)
            keys = finite_values(key)
            listed: Iterable[Value] = sorted(value, key=_sort_key) if keys is None else keys
            return {key_text(key, k): to_json(item, value.get(k, initial(item))) for k in listed}
        case DurationType():
            assert isinstance(value, int)
            return show_duration(value)
        case TimeType():
            assert isinstance(value, int)
            return _time_to_text(value) if FIRST_TIME <= value <= LAST_TIME else value
        case JsonType():
            assert isinstance(value, str)
            return json.loads(value)
        case _:
            return value


def from_json(type_: Type, data: Any) -> Value:
    """The value that JSON data stands for. Ranges and sizes are not looked at: that is `contains`.

    Raises `NotAValueError` if the data has the wrong shape. Null is the missing value of `T | None` and nothing else,
    so it is no `json`.

    >>> from_json(SetType(INT), [2, 1, 2])
    frozenset({1, 2})
    """
    match type_:
        case OptionType(of):
            return None if data is None else from_json(of, data)
        case BoolType() if isinstance(data, bool):
            return data
        case IntType() if type(data) is int:
            return data
        case EnumType() | StrType() | PrincipalType() | RefType() if isinstance(data, str):
            return data
        case SetType(of) if isinstance(data, list):
            return frozenset(from_json(of, x) for x in data)
        case MapType(key, item) if isinstance(data, dict):
            start = initial(item)
            pairs = ((_key_from_text(key, k), from_json(item, v)) for k, v in data.items())
            return FrozenMap({k: v for k, v in pairs if v != start})
        case DurationType() if isinstance(data, str) and (length := parse_duration(data)) is not None:
            return length
        case DurationType() if type(data) is int:
            return data
        case TimeType() if isinstance(data, str):
            return _time_from_text(data)
        case TimeType() if type(data) is int:
            return data
        case JsonType() if data is not None:
            return canonical_json(data)
        case _:
            raise NotAValueError(f"expected {_article(str(type_))}, got {_show(data)}")


def canonical_json(data: Any) -> str:
    """One text for equal data: keys sorted, no spaces, no escapes that are not needed.

    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return _CANONICAL.encode(data)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Made once: `json.dumps` makes one for every text that is not written in its own way."""


def key_text(type_: Type, key: Value) -> str:
    """A map's key as the text JSON needs it to be."""
    data = to_json(type_, key)
    return data if isinstance(data, str) else canonical_json(data)


def show(type_: Type, value: Value) -> str:
    """The value as a blueprint would write it: `{ann, bob}`, `10m`, `None`.

    >>> show(SetType(PRINCIPAL), frozenset({"bob", "ann"})), show(OptionType(BOOL), None), show(STR, "a")
    ('{ann, bob}', 'None', '"a"')
    """
    if value is None:
        return "None"
    match type_:
        case OptionType(of):
            return show(of, value)
        case SetType(of):
            assert isinstance(value, frozenset)
            return "{" + ", ".join(show(of, x) for x in sorted(value, key=_sort_key)) + "}" if value else "set()"
        case MapType(key, item):
            assert isinstance(value, FrozenMap)
            shown = (f"{show(key, k)}: {show(item, value[k])}" for k in sorted(value, key=_sort_key))
            return "{" + ", ".join(shown) + "}"
        case StrType():
            return json.dumps(value, ensure_ascii=False)
        case DurationType() | TimeType():
            return str(to_json(type_, value))
        case _:
            return str(value)


def _key_from_text(type_: Type, text: str) -> Value:
    if isinstance(type_, EnumType | StrType | PrincipalType | RefType):
        return text
    try:
        data = json.loads(text)
    except ValueError:
        raise NotAValueError(f"expected {_article(str(type_))} as a key, got {_show(text)}") from None
    return from_json(type_, data)


def _time_to_text(milliseconds: int) -> str:
    return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time_from_text(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotAValueError(f"expected a time such as 2026-01-31T12:00:00Z, got {_show(text)}") from None
    if moment.tzinfo is None:
        raise NotAValueError(f"expected a time with its zone, such as 2026-01-31T12:00:00Z, got {_show(text)}")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _sort_key(value: object) -> tuple[str, Any]:
    if isinstance(value, frozenset):
        return "frozenset", sorted(map(_sort_key, value))
    return type(value).__name__, (value if isinstance(value, int | str) else repr(value))


def _show(data: object) -> str:
    text = json.dumps(data, ensure_ascii=False, default=str) if not isinstance(data, Mapping) else "an object"
    return text if len(text) <= 60 else text[:57] + "..."


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
