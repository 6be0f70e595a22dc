"""Which constants may be left open, and that the table they leave is every member's."""

from __future__ import annotations

import pytest

from support.families import family_of, member_of
from temper.language import families, parse
from temper.language.passed_on import passed_on
from temper.machine import filled
from temper.report import Source

TEXT = """
temper: 1
blueprint: marks
properties:
  p: {{always: "{body}"}}
roles: [clerk]
constants: {{N: 3, {more}}}
types: {{Node: "{range}"}}
entities:
  Thing:
    single: true
    data: {{some: "{set}", count: "{count}"}}
    states: [on]
    waits: [on]
    actions:
      put: {{by: clerk, params: {{node: Node}}, from: on, when: "{when}", set: {{some: "some | {{args.node}}"}}}}
"""
PLAIN = {
    "range": "int[1, N]",
    "more": "M: 4",
    "set": "set[Node]",
    "count": "int[0, 9]",
    "when": "args.node not in some",
    "body": "Thing.count < 9",
}


def text(**parts: str) -> str:
    return TEXT.format(**{**PLAIN, **parts})


def open_constants(**parts: str) -> tuple[str, ...]:
    found = family_of(text(**parts))
    return () if found is None else tuple(name for name, _ in found.stand_ins)


OPEN: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "the end of a range": ({}, ("N",)),
    "a range of its own": ({"count": "int[0, M]"}, ("N", "M")),
    "a default": ({"count": "int[0, M] = M"}, ("N", "M")),
    "the size of a set": ({"set": "set[Node, N]"}, ("N",)),
    "a literal in a guard": ({"when": "args.node < N and count < M - 1"}, ("N", "M")),
    "a range in a property": ({"body": "all(n <= M for n in int[1, M])"}, ("N", "M")),
    "an unused one is none": ({"range": "int[1, 3]"}, ()),
}
CLOSED: dict[str, dict[str, str]] = {
    "a bound that is worked out": {"range": "int[1, N - 1 + 1]"},
    "a bound that is cut off": {"range": "int[1, min(N, 500)]"},
    "a bound that is right but for one value": {"range": "int[1, N if N != 7 else 1]"},
    "where a range begins": {"count": "int[N, 2000]"},
    "a default that is worked out": {"count": "int[0, 9999] = N + 1"},
    "another constant": {"more": "M: N"},
    "a bound inside of a property": {"body": "all(n < 9 for n in int[1, min(N, 3)])"},
    "a bound inside of a guard": {"when": "any(n in some for n in int[1, N * 1])"},
    "the size of a set, worked out": {"set": "set[Node, N * 1]"},
}


@pytest.mark.parametrize("place", OPEN)
def test_a_constant_that_is_only_passed_on_may_be_left_open(place: str) -> None:
    parts, expected = OPEN[place]
    assert open_constants(**parts) == expected


@pytest.mark.parametrize("place", CLOSED)
def test_a_constant_that_something_is_worked_out_from_may_not(place: str) -> None:
    assert "N" not in open_constants(**CLOSED[place])


DIFFERENT = ("a bound that is cut off", "where a range begins", "a default that is worked out")


@pytest.mark.parametrize("place", DIFFERENT)
def test_where_nobody_looks_at_the_text_comparing_tables_finds_it(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "passed_on", lambda _: ("N",))
    assert open_constants(**CLOSED[place]) == ()


@pytest.mark.parametrize("place", OPEN)
def test_every_member_is_the_table_with_its_values(place: str) -> None:
    written = text(**OPEN[place][0])
    found = family_of(written)
    for number in (1, 2, 3, 5, 7, 11, 30):
        member = member_of(written, N=number)
        if found is not None and member is not None:
            assert filled(found.table, found.of(member)) == member


def test_stand_ins_are_numbers_that_the_blueprint_has_not() -> None:
    found = family_of(text(when="count != 997"))
    assert found is not None
    assert found.stand_ins == (("N", 991),)


def test_members_with_the_bounds_of_other_ranges_are_compared_too() -> None:
    found = family_of(text(count="int[0, 17]"))
    assert found is not None
    assert {dict(found.of(member).items())[997] for member in found.members} == {1, 2, 3, 4, 17}


def test_a_name_is_a_whole_word() -> None:
    tree, _ = parse(Source("a.yaml", text(more="NN: 4", count="int[0, NN - 1]")))
    assert tree is not None
    assert passed_on(tree) == ("N",)
