"""Which word was meant."""

from __future__ import annotations

import pytest

from temper.report import suggest

KEYS = ["doc", "by", "params", "from", "when", "set", "cases", "to", "do", "send", "spawn", "restart"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("whne", "when"),
        ("form", "from"),
        ("From", "from"),
        ("WHEN", "when"),
        ("param", "params"),
        ("case", "cases"),
        ("restrat", "restart"),
        ("spwan", "spawn"),
        ("xyz", None),
        ("fenced", None),
        ("", None),
        ("w" * 1_000_000, None),
    ],
)
def test_the_nearest_word_is_meant(word: str, meant: str | None) -> None:
    assert suggest(word, KEYS) == meant


def test_case_goes_before_swapped_letters_and_these_before_likeness() -> None:
    assert suggest("Ab", ["ba", "ab"]) == "ab"
    assert suggest("seen_godo", ["seen_goo", "seen_good"]) == "seen_good"
    assert suggest("seen-good", ["seen_godo", "seen_good"]) == "seen_good"


def test_of_equals_the_first() -> None:
    assert suggest("stat", ["stab", "star"]) == "stab"
    assert suggest("anything", []) is None
