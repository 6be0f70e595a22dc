"""JSON text that is written piece by piece is the text that an encoder would write, whatever the values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from temper.machine import (
    BOOL,
    DURATION,
    INT,
    JSON,
    PRINCIPAL,
    STR,
    TIME,
    EnumType,
    FrozenMap,
    MapType,
    OptionType,
    RefType,
    SetType,
    Type,
    Value,
    to_json,
)
from temper.run.version import columns
from temper.run.wording import keys_text, pair_text, text, timers_text

MOOD = EnumType("Mood", ("calm", "cross"))
WORDS = st.text(st.characters(codec=None), max_size=8)  # any text that Python can hold, halves of surrogate pairs too
INTS = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[Type, st.SearchStrategy[Value]] = {
    BOOL: st.booleans(),
    INT: INTS,
    STR: WORDS,
    PRINCIPAL: WORDS,
    RefType("Box"): WORDS,
    MOOD: st.sampled_from(MOOD.members),
    DURATION: st.integers(0, 10**12),
    TIME: st.integers(0, 10**12),
    JSON: st.sampled_from(["{}", "[1,2]", '"a"', "null"]),
    SetType(INT): st.frozensets(st.integers(0, 9)),
    MapType(MOOD, INT): st.dictionaries(st.sampled_from(MOOD.members), st.integers(1, 9)).map(FrozenMap),
}
TYPED = st.sampled_from(list(VALUES)).flatmap(
    lambda type_: st.tuples(st.sampled_from([type_, OptionType(type_)]), VALUES[type_] | st.none())
)


@given(st.lists(TYPED, max_size=6))
def test_values_are_written_as_an_encoder_would(typed: list[tuple[Type, Value]]) -> None:
    names = [f"n{at} % \u00e9" for at in range(len(typed))]
    made = columns(zip(names, (type_ for type_, _ in typed), strict=True))
    expected = {name: to_json(type_, value) for name, (type_, value) in zip(names, typed, strict=True)}
    values = tuple(value for _, value in typed)
    assert made.write(values) == text(expected) == text(made.encode(values))
    pairs = tuple(zip(names, values, strict=True))
    assert made.write_pairs(pairs) == text(expected)
    assert made.write_pairs(pairs[1:]) == text({name: expected[name] for name in names[1:]})
    assert made.write_pairs(pairs[::-1]) == text({name: expected[name] for name in reversed(names)})


@given(st.lists(st.tuples(INTS, INTS)), st.lists(st.tuples(WORDS, INTS)), st.tuples(WORDS, WORDS))
def test_so_are_keys_timers_and_addresses(keys, timers, pair) -> None:
    assert keys_text(keys) == text(keys)
    assert timers_text(timers) == text(timers)
    assert pair_text(pair) == text(pair)
