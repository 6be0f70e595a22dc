"""Bounds: whether an `int` without a range, somewhere inside a value, is still within the universe."""

from __future__ import annotations

from collections.abc import Callable

from temper.machine.value import INT, FrozenMap, IntType, MapType, OptionType, SetType, Type, Value

Fits = Callable[[Value], bool]


def within(type_: Type, unbounded: tuple[int, int]) -> Fits | None:
    """A check that every `int` without a range inside a value is within the bounds; None if there is none to check."""
    lo, hi = unbounded
    match type_:
        case IntType() if type_ == INT:
            return lambda value: isinstance(value, int) and lo <= value <= hi
        case OptionType(of):
            inner = within(of, unbounded)
            return None if inner is None else lambda value: value is None or inner(value)
        case SetType(of):
            return _set_within(within(of, unbounded))
        case MapType(key, item):
            return _map_within(within(key, unbounded), within(item, unbounded))
        case _:
            return None


def _set_within(members: Fits | None) -> Fits | None:
    return None if members is None else lambda value: isinstance(value, frozenset) and all(map(members, value))


def _map_within(keys: Fits | None, items: Fits | None) -> Fits | None:
    if keys is None and items is None:
        return None
    return lambda value: (
        isinstance(value, FrozenMap)
        and all((keys is None or keys(k)) and (items is None or items(v)) for k, v in value.items())
    )
