"""Handlers of effects: functions that say which effect they handle, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

MARK = "__temper_effect__"
Function = TypeVar("Function", bound=Callable[..., Any])


def effect(name: str) -> Callable[[Function], Function]:
    """Let a function in a `handlers.py` handle the effect of this name. It stays the function that it is.

    >>> @effect("shift_traffic")
    ... def shift(service: str, percent: int) -> str:
    ...     return "shifted"
    >>> shift("web", 5)
    'shifted'
    """

    def mark(function: Function) -> Function:
        setattr(function, MARK, name)
        return function

    return mark


def outcome(name: str, **fields: Any) -> dict[str, Any]:
    """An outcome with its fields, as a handler answers it.

    >>> outcome("declined", reason="frozen")
    {'outcome': 'declined', 'fields': {'reason': 'frozen'}}
    """
    return {"outcome": name, "fields": fields}
