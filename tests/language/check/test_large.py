"""Large blueprints cost in proportion to their text, and too large ones are refused at once."""

from __future__ import annotations

import time

import pytest

from temper.language import check, lower, parse
from temper.report import Diagnostic, Source

SECONDS_MAX = 10.0
HEAD = "temper: 1\nblueprint: large\n"


def numbered(pattern: str, count: int, join: str = "") -> str:
    return join.join(pattern.replace("#", str(i)) for i in range(count))


def checked(text: str) -> tuple[Diagnostic, ...]:
    tree, found = parse(Source("large.yaml", HEAD + text))
    assert tree is not None, found[:3]
    started = time.perf_counter()
    blueprint, more = check(tree)
    if blueprint is not None:
        lower(blueprint)
    assert time.perf_counter() - started < SECONDS_MAX
    return more


STATES = f"entities: {{A: {{single: true, states: [{numbered('s#', 5_000, ', ')}]}}}}"
MEMBERS = f"types: {{T: [{numbered('m#', 5_000, ', ')}]}}\nentities: {{A: {{single: true, states: [on]}}}}"
ROWS = f"""
entities:
  A:
    single: true
    states: [{numbered("s#", 900, ", ")}]
    actions:
{numbered("      a#: {from: any}" + chr(10), 200)}
"""


@pytest.mark.parametrize("text", [STATES, MEMBERS, ROWS], ids=["states", "members", "rows"])
def test_too_many_parts(text: str) -> None:
    assert [one.code for one in checked(text)] == ["too-many-parts"]


def test_endless_mistakes_end() -> None:
    fields = numbered("      f#: int" + chr(10), 3_000)
    updates = numbered("u#: v# + 1, ", 3_000)
    found = checked(
        f"entities:\n  A:\n    single: true\n    data:\n{fields}    states: [on]\n    actions:\n"
        f"      go: {{from: on, set: {{{updates}}}}}\n"
    )
    assert len(found) == 100
    assert found[-1].notes[-1] == "only the first 100 findings are shown"


def test_much_that_is_right() -> None:
    fields = numbered("      f#: int" + chr(10), 1_000)
    actions = numbered("      a#: {from: on, when: f# > # and f1 < f2, set: {f#: f# + 1}, to: on}" + chr(10), 1_000)
    assert (
        checked(f"entities:\n  A:\n    single: true\n    data:\n{fields}    states: [on]\n    actions:\n{actions}")
        == ()
    )
