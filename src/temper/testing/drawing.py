"""JSON values of a type as Hypothesis draws them: from the whole type, its ends, and a step beyond them."""

from __future__ import annotations

from typing import Any, assert_never

from hypothesis import strategies as st

from temper.machine import (
    INT_MAX,
    INT_MIN,
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
    finite_values,
    key_text,
)


def values_of(type_: Type, ids: tuple[str, ...], people: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """What somebody may send for a parameter of the type; what is not of it is rejected, and that is compared, too."""
    match type_:
        case BoolType():
            return st.booleans()
        case IntType(lo, hi):
            beyond = [max(lo - 1, INT_MIN), lo, hi, min(hi + 1, INT_MAX)]
            return st.sampled_from(beyond) | st.integers(lo, hi)
        case EnumType():
            return st.sampled_from([str(value) for value in finite_values(type_) or ()])
        case StrType():
            return st.sampled_from(["", "a", "b"]) | st.text(max_size=8)
        case PrincipalType():
            return st.sampled_from(people)
        case RefType():
            return st.sampled_from(ids)
        case OptionType(of):
            return st.none() | values_of(of, ids, people)
        case SetType(of):
            return st.lists(values_of(of, ids, people), max_size=4)
        case MapType(key, item):
            keys = [key_text(key, value) for value in finite_values(key) or ()]
            return st.dictionaries(st.sampled_from(keys or list(ids)), values_of(item, ids, people), max_size=3)
        case DurationType():
            return st.integers(0, 10_000_000)
        case TimeType():
            return st.integers(0, 4_000_000_000_000)
        case JsonType():
            return st.dictionaries(st.sampled_from("ab"), st.integers(0, 3) | st.text(max_size=3), max_size=2)
        case _:
            assert_never(type_)
