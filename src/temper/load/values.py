"""JSON values of a type, drawn by chance: arguments of calls and fields of outcomes that nobody has said."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from temper.machine import (
    BoolType,
    DurationType,
    EnumType,
    IntType,
    JsonType,
    OptionType,
    PrincipalType,
    RefType,
    SetType,
    StrType,
    TimeType,
    Type,
    initial,
    to_json,
)

Living = Callable[[str], str | None]
"""The id of some instance of an entity; None if there is none."""
REACH = 1_000_000
"""How far from zero a number without bounds is drawn."""
NAMES = 1_000


def drawn(type_: Type, chance: random.Random, living: Living = lambda _: None) -> Any:
    """One value, as JSON writes it.

    >>> drawn(IntType(3, 3), random.Random(1))
    3
    """
    match type_:
        case BoolType():
            return chance.random() < 0.5
        case IntType(lo, hi):
            return chance.randint(max(lo, min(-REACH, hi)), min(hi, max(REACH, lo)))
        case EnumType(_, members):
            return chance.choice(members)
        case StrType() | PrincipalType():
            return f"name{chance.randrange(NAMES)}"
        case RefType(entity):
            return living(entity) or "nobody"
        case OptionType(of):
            return drawn(of, chance, living)
        case SetType(of):
            return [drawn(of, chance, living)]
        case DurationType():
            return 60_000
        case TimeType():
            return 0
        case JsonType():
            return {}
        case _:
            return to_json(type_, initial(type_))
