"""The page of every rejection shows what the step really says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.tables import action, arg, data, deploy_table, entity, eq, field, number, op, params, table
from temper.machine import (
    INT,
    REJECTIONS,
    STR,
    Address,
    Call,
    Case,
    Cause,
    Cell,
    FrozenMap,
    IntType,
    MapType,
    Op,
    Rejected,
    Update,
    absent,
    step,
)

PAGES = Path(__file__).parents[2] / "docs" / "diagnostics"
DEPLOY = deploy_table()
BOB = frozenset({"approver"})
DRAFT = Cell("Deploy", "d1", "draft", ("api", "ann", frozenset({"bob"}), 0, "unseen"))
VOTES = MapType(STR, IntType(0, 3))
POLL = table(
    entity(
        "Poll",
        action(
            "vote",
            by=("approver",),
            sources=("open",),
            takes=params(first=STR, second=STR, points=INT),
            updates=(
                Update("votes", arg("first", STR), arg("points", INT)),
                Update("votes", arg("second", STR), number(1)),
            ),
        ),
        action(
            "close",
            by=("approver",),
            sources=("open",),
            cases=(
                Case(eq(field("seen", INT), number(1)), (), "closed"),
                Case(op(Op.LT, IntType(), number(5), field("seen", INT)), (), "closed"),
            ),
        ),
        fields=(data("votes", VOTES), data("seen", INT)),
        states=("open", "closed"),
    )
)
OPEN = Cell("Poll", "p1", "open", (FrozenMap(), 3))


def person(name: str, **args: object) -> Call:
    return Call(Cause.PERSON, name, args, 10, "bob", BOB)


SHOWN = {
    "bad-args": step(DEPLOY, absent(DEPLOY, Address("Deploy", "d1")), person("propose", service=7)),
    "wrong-state": step(DEPLOY, DRAFT, person("start")),
    "denied": step(DEPLOY, DRAFT._replace(control="approved"), person("start")),
    "guard-false": step(DEPLOY, DRAFT, person("approve")),
    "no-case": step(POLL, OPEN, person("close")),
    "same-key-twice": step(POLL, OPEN, person("vote", first="red", second="red", points=2)),
    "out-of-range": step(POLL, OPEN, person("vote", first="red", second="blue", points=9)),
    "unknown-action": step(DEPLOY, DRAFT, person("aprove")),
}


def test_every_rejection_is_shown() -> None:
    assert set(SHOWN) == set(REJECTIONS)


@pytest.mark.parametrize("code", sorted(set(REJECTIONS) - {"unknown-action"}))
def test_the_page_shows_the_rejection(code: str) -> None:
    answer = SHOWN[code]
    assert isinstance(answer, Rejected)
    assert answer.code == code
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert block == said(answer)


def said(answer: Rejected) -> str:
    return "".join(f"{line}\n" for line in (answer.message, *(f"  {name}: {value}" for name, value in answer.facts)))
