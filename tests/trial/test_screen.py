"""The screen of a trial, worked with its keys as a person does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, RichLog, Static

from support.tree import ROOT
from temper.corpus import Scenario
from temper.pipeline import build
from temper.trial import Trial, TrialScreen, read_principal
from temper.trial.screen import question_of

Test = Callable[[TrialScreen, "Pilot[None]", list[Scenario]], Awaitable[None]]


def screen(test: Test, example: str = "deploy", who: str = "ann: engineer, approver, operator") -> None:
    async def whole() -> None:
        table = build(ROOT / "examples" / example).table
        assert table is not None
        kept: list[Scenario] = []

        def keep(scenario: Scenario) -> str:
            kept.append(scenario)
            return f"kept as {scenario.name}.yaml"

        async with await Trial.begin(table) as trial:
            app = TrialScreen(trial, read_principal(who), keep, "2026-01-01T00:00:00Z")
            async with app.run_test(size=(200, 45)) as pilot:
                await test(app, pilot, kept)

    asyncio.run(whole())


def cells(app: TrialScreen, name: str) -> list[list[str]]:
    table = app.query_one(f"#{name}", DataTable)
    return [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]


def said(app: TrialScreen) -> list[str]:
    return [line.text.rstrip() for line in app.query_one("#log", RichLog).lines]


async def typed(app: TrialScreen, pilot: Pilot[None], *values: str) -> None:
    """Fill in the form that is open; an empty text leaves what stands there."""
    await pilot.pause()
    for value, field in zip(values, app.screen.query(Input), strict=True):
        if value:
            field.value = value
        await pilot.press("enter")
    await app.workers.wait_for_complete()
    await pilot.pause()


async def choose(app: TrialScreen, pilot: Pilot[None], action: str) -> None:
    """Call an action of the instance that is shown."""
    table = app.query_one("#options", DataTable)
    table.focus()
    table.move_cursor(row=[row[1] for row in cells(app, "options")].index(action))
    await pilot.press("enter")
    await pilot.pause()


async def become(app: TrialScreen, pilot: Pilot[None], who: str) -> None:
    await pilot.press("p")
    await typed(app, pilot, who)


def test_a_deploy_from_nothing_to_a_scenario() -> None:
    async def test(app: TrialScreen, pilot: Pilot[None], kept: list[Scenario]) -> None:
        assert "press n" in said(app)[0]
        await pilot.press("n")
        await typed(app, pilot, "", "web")
        assert cells(app, "instances") == [["Deploy", "d1", "draft"]]
        assert said(app)[-1] == "propose applied by ann: Deploy d1 is draft"
        await choose(app, pilot, "approve")
        assert "guard-false" in said(app)[-1], "whoever proposed it may not approve it"
        for who in ("bob: approver", "cid: approver, engineer"):
            await become(app, pilot, who)
            await choose(app, pilot, "approve")
            await app.workers.wait_for_complete()
        await choose(app, pilot, "start")
        await app.workers.wait_for_complete()
        assert cells(app, "attempts") == [["shift_traffic", "Deploy d1", "service=web, percent=5", "1"]]
        await pilot.press("o", "enter")
        await pilot.pause()
        await pilot.press("down", "enter")
        await typed(app, pilot, "not today")
        assert said(app)[-1] == "shift_traffic for Deploy d1: declined"
        assert cells(app, "attempts") == [["shift_traffic", "Deploy d1", "service=web, percent=0", "1"]], "it reverts"
        await pilot.press("s")
        await typed(app, pilot, "mine")
        assert said(app)[-1] == "kept as mine.yaml"
        assert [step.action for step in kept[0].steps][:4] == ["propose", "approve", "approve", "start"]
        assert "Deploy d1 is" in str(app.query_one("#shown", Static).render())

    screen(test)


def test_time_passes_and_what_is_no_time_is_said() -> None:
    async def test(app: TrialScreen, pilot: Pilot[None], kept: list[Scenario]) -> None:
        del kept
        await pilot.press("t")
        await typed(app, pilot, "soon")
        assert "no length of time" in said(app)[-1]
        await pilot.press("t")
        await typed(app, pilot, "5m")
        assert app.sub_title.startswith("2026-01-01T00:05:00")
        await pilot.press("space")
        assert said(app)[-1] == "nothing is going to happen by itself"
        await pilot.press("s")
        assert said(app)[-1] == "there is nothing to keep yet"

    screen(test)


def test_escape_changes_nothing() -> None:
    async def test(app: TrialScreen, pilot: Pilot[None], kept: list[Scenario]) -> None:
        before = said(app)
        for key in ("n", "t", "p"):
            await pilot.press(key)
            await pilot.pause()
            await pilot.press("escape")
            await app.workers.wait_for_complete()
        assert (said(app), cells(app, "instances"), kept) == (before, [], [])

    screen(test)


def test_why_something_cannot_be_done_stands_beside_it() -> None:
    async def test(app: TrialScreen, pilot: Pilot[None], kept: list[Scenario]) -> None:
        del kept
        await pilot.pause()
        assert cells(app, "instances") == [["Arbiter", "Arbiter", "free"]]
        rows = {row[1]: (row[0], row[3]) for row in cells(app, "options")}
        assert rows["expire"] == ("✗", "only in held")
        assert "may not call" in rows["ask"][1] or "nobody calls" in rows["ask"][1]

    screen(test, "failover", "ann: operator")


@pytest.mark.parametrize(
    ("schema", "hint", "value"),
    [
        ({"enum": ["low", "high"]}, "low | high", "low"),
        ({"type": "integer", "minimum": 1, "maximum": 3}, "a whole number from 1 to 3", "1"),
        ({"type": "boolean"}, "True | False", "False"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "a text, or None", ""),
        ({"type": "array", "items": {"type": "string"}}, "a, b, c", ""),
        ({"type": "object"}, "as JSON", "{}"),
    ],
)
def test_a_parameter_is_asked_for_by_its_type(schema: dict[str, object], hint: str, value: str) -> None:
    question = question_of("x", schema)
    assert (question.hint, question.value) == (hint, value)
