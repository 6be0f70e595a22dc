"""Bodies are read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temper.serve.body import parse_body
from temper.serve.problem import ProblemError


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "line 1"),
        (b"\xff", "UTF-8"),
        (b'{"a": 1, "a": 2}', '"a" stands in one object twice'),
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b'"\\ud800"', "surrogate"),
        (b"[" * 200_000, "nested"),
        (b"1" * 10_000, "digits"),
        (b"{} {}", "Extra data"),
    ],
)
def test_a_body_that_is_no_json_says_why(body, why) -> None:
    with pytest.raises(ProblemError, match=why) as raised:
        parse_body(body)
    assert raised.value.code == "broken-json"
    assert raised.value.status == 400


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_problem(body) -> None:
    with contextlib.suppress(ProblemError):
        parse_body(body)
