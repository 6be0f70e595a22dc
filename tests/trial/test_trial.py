"""Trying a blueprint out: one person is everybody, and what is decided is what the runtime decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from support.tree import ROOT
from temper.cli.main import main
from temper.corpus import Result, keep, read_corpus, rerun, scenarios_folder
from temper.pipeline import build
from temper.trial import Principal, Trial, read_principal
from temper.trial.trial import NO_ANSWER

DEPLOY = ROOT / "examples" / "deploy"
ANN, BOB, CID = (
    read_principal(text) for text in ("ann: engineer", "bob: engineer, approver", "cid: approver, operator")
)


def trial(test: Callable[[Trial], Awaitable[None]], path: Path = DEPLOY) -> None:
    async def whole() -> None:
        table = build(path).table
        assert table is not None
        async with await Trial.begin(table) as begun:
            await test(begun)

    asyncio.run(whole())


async def approved(begun: Trial) -> None:
    for said in (
        await begun.act("Deploy", "d1", "propose", {"service": "web"}, ANN),
        await begun.act("Deploy", "d1", "approve", {}, BOB),
        await begun.act("Deploy", "d1", "approve", {}, CID),
        await begun.act("Deploy", "d1", "start", {}, ANN),
    ):
        assert said.kind == "applied", said


def test_callers_the_outside_and_time_are_played() -> None:
    async def test(begun: Trial) -> None:
        await approved(begun)
        again = await begun.act("Deploy", "d1", "approve", {}, ANN)
        assert again.kind == "rejected"
        assert "wrong-state" in again.text
        (attempt,) = begun.attempts()
        assert attempt.outcomes == ("shifted", "declined", NO_ANSWER)
        assert (await begun.answer(attempt, NO_ANSWER, {})).text == "shift_traffic for Deploy d1: no answer"
        assert begun.attempts() == (), "it is tried again, but not at once"
        assert "later it is 2026-01-01T00:00:0" in (await begun.pass_to_next()).text
        (second,) = begun.attempts()
        assert second.ask.attempt == 2
        assert list(second.fields("declined")) == ["reason"]
        await begun.answer(second, "declined", {"reason": "no"})
        assert (await begun.answer(second, "shifted", {})).text.endswith("does not wait any more")
        (seen,) = await begun.instances()
        assert f"→ {seen.state}" in begun.history("Deploy", "d1")[-1]

    trial(test)


def test_what_can_be_done_and_why_not() -> None:
    async def test(begun: Trial) -> None:
        (make,) = begun.options("Deploy", None, ANN)
        assert (make.action, make.because) == ("propose", None)
        await begun.act("Deploy", "d1", "propose", {"service": "web"}, ANN)
        why = {each.action: each.because and each.because.code for each in begun.options("Deploy", "d1", ANN)}
        assert why["approve"] == "denied"
        assert why["start"] == "wrong-state"
        assert begun.options("Deploy", "d1", BOB)[0].because is None
        assert begun.params("Deploy", "propose") == {"service": {"type": "string"}}
        nonsense = await begun.act("Deploy", "d2", "propose", {"servce": "web"}, ANN)
        assert nonsense.kind == "rejected"

    trial(test)


def test_time_passes_as_far_as_it_is_told() -> None:
    async def test(begun: Trial) -> None:
        assert begun.next_due() is None
        assert (await begun.pass_to_next()).text == "nothing is going to happen by itself"
        assert (await begun.pass_time(90_000)).text == "90s later it is 2026-01-01T00:01:30.000Z"
        await approved(begun)
        await begun.answer(begun.attempts()[0], "shifted", {})
        (seen,) = await begun.instances()
        await begun.pass_time(86_400_000)
        (later,) = await begun.instances()
        assert later.state != seen.state, "a timer has fired, or an attempt has run out of time"

    trial(test)


def test_a_single_entity_is_there_from_the_beginning() -> None:
    async def test(begun: Trial) -> None:
        assert [(seen.entity, seen.id) for seen in await begun.instances()] == [("Arbiter", "Arbiter")]
        client = read_principal("ann: operator, client")
        await begun.act("Node", "n1", "join", {}, client)
        assert [seen.id for seen in await begun.instances()] == ["n1", "Arbiter"]

    trial(test, ROOT / "examples" / "failover")


def test_what_was_tried_is_a_scenario_that_is_taken_again(tmp_path: Path) -> None:
    async def test(begun: Trial) -> None:
        await approved(begun)
        await begun.answer(begun.attempts()[0], "shifted", {})
        keep(scenarios_folder(tmp_path), begun.scenario("Deploy", "d1", "tried", "2026-01-01T00:00:00Z"))
        (scenario,) = read_corpus(tmp_path / "deploy.yaml", "deploy").scenarios
        assert len(scenario.steps) == 5
        assert rerun(begun.table, scenario).result is Result.PASSES

    trial(test)


def test_a_principal_is_read_as_it_is_written() -> None:
    assert str(read_principal(" ann :b,a ")) == "ann: a, b"
    assert read_principal("ann") == Principal("ann", frozenset())
    with pytest.raises(ValueError, match="say who acts"):
        read_principal(": engineer")


def test_a_trial_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(DEPLOY)]) != 0
    assert "a trial has a screen" in capsys.readouterr().err
    assert main(["try", str(DEPLOY), "--as", ": engineer"]) != 0
    assert "say who acts" in capsys.readouterr().err
