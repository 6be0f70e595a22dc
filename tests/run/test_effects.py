"""Effects: asked when durable, in lanes, as often as their kind allows; settled once, by an outcome they declare."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from support.parcels import PARCELS
from support.running import Receiver, Running, failing, table_of, turn
from temper.run import AttemptFailedError, Waiting

TABLE = table_of(PARCELS)
SHIPPED = {"outcome": "shifted", "fields": {}}
ARRIVED = {"outcome": "shipped", "fields": {"code": "c7"}}


def run(test: Any, **receivers: Receiver) -> None:
    async def whole() -> None:
        async with Running(TABLE, None, receivers) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            await test(running)
            assert not running.runtime.health()["faults"]
            assert running.runtime.first_broken_record() is None

    asyncio.run(whole())


def waiting(running: Running) -> tuple[Waiting, ...]:
    found = running.runtime.pending()
    assert isinstance(found, tuple)
    return found


def records(running: Running, rule: str) -> list[dict[str, Any]]:
    bodies = [json.loads(row.body) for row in running.store.records()]
    return [body for body in bodies if body["rule"] == rule]


def test_an_outcome_comes_back_with_its_fields() -> None:
    ship = Receiver(ARRIVED)

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        seen = running.seen("Parcel", "p")
        assert (seen.state, seen.data["code"]) == ("sent", "c7")
        (asked,) = ship.asked
        assert (asked.effect, asked.args, asked.attempt, asked.entity, asked.id) == (
            "ship", {"label": "books", "level": 0}, 1, "Parcel", "p",
        )  # fmt: skip
        assert waiting(running) == ()

    run(test, ship=ship)


def test_failed_attempts_are_repeated_with_the_same_key_and_then_unknown() -> None:
    ship = Receiver(failing())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        assert [asked.attempt for asked in ship.asked] == [1]
        assert (waiting(running)[0].status, waiting(running)[0].attempts) == ("waiting", 1)
        assert waiting(running)[0].note == "no answer"
        await running.pass_time(999)
        assert len(ship.asked) == 1
        await running.pass_time(501)  # What failed together is spread: by up to half of the wait.
        assert len(ship.asked) == 2
        await running.pass_time(3000)
        assert [asked.attempt for asked in ship.asked] == [1, 2, 3]
        assert len({asked.key for asked in ship.asked}) == 1
        assert running.state("Parcel", "p") == "lost"
        assert "attempt 3 of 3 failed: no answer" in records(running, "settle")[0]["note"]

    run(test, ship=ship)


@pytest.mark.parametrize(("later", "waits"), [(60_000, 60_000), (10**12, 3_600_000)])
def test_a_receiver_that_asks_to_be_left_alone_is_left_alone(later: int, waits: int) -> None:
    ship = Receiver(ARRIVED, [AttemptFailedError("busy", later=later)])

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        running.clock.advance(waits - 1)
        await running.runtime.quiet()
        assert len(ship.asked) == 1
        await running.pass_time(1)
        assert len(ship.asked) == 2

    run(test, ship=ship)


def test_attempts_are_counted_across_restarts() -> None:
    ship = Receiver(failing())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        await running.pass_time(1500)
        await running.runtime.close()
        await running.open()
        await running.runtime.quiet()
        assert len(ship.asked) == 2
        await running.pass_time(3000)
        assert len(ship.asked) == 3
        assert running.state("Parcel", "p") == "lost"

    run(test, ship=ship)


def test_no_answer_in_time_is_a_failed_attempt() -> None:
    ship = Receiver(ARRIVED, gate=asyncio.Event())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        running.clock.advance(4_999)
        await turn()
        assert waiting(running)[0].status == "attempting"
        running.clock.advance(1)
        await running.runtime.quiet()
        assert waiting(running)[0].note == "no answer within 5 s"

    run(test, ship=ship)


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("arrived", "names the outcome `arrived`"),
        (None, "an answer is"),
        (["shipped"], "an answer is"),
        ({"outcome": 7}, "an answer is"),
        ({"outcome": "shipped"}, "has the fields code"),
        ({"outcome": "shipped", "fields": {"code": 7}}, "the field `code` is wrong"),
        ({"outcome": "shipped", "fields": {"code": "c", "more": 1}}, "has the fields code"),
        ({"outcome": "shipped", "fields": [1]}, "has the fields code"),
    ],
)
def test_nonsense_is_unknown_and_kept(said: object, note: str) -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        assert running.state("Parcel", "p") == "lost"
        (settled,) = records(running, "settle")
        assert settled["outcome"] == "unknown"
        assert note in settled["note"]

    run(test, ship=Receiver(said))


def test_a_handler_that_raises_is_a_failed_attempt() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        assert waiting(running)[0].note == "the handler raised KeyError: 'x'"
        await running.pass_time(1500)
        assert running.state("Parcel", "p") == "sent"

    run(test, ship=Receiver(ARRIVED, [KeyError("x")]))


def test_again_asks_once_more_with_a_new_key_after_a_while() -> None:
    ship = Receiver(ARRIVED, ["declined", "declined"])

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        assert len(ship.asked) == 1
        await running.pass_time(4500)
        assert running.state("Parcel", "p") == "sent"
        assert len({asked.key for asked in ship.asked}) == 3
        assert [asked.attempt for asked in ship.asked] == [1, 1, 1]

    run(test, ship=ship)


def test_without_a_handler_a_delivery_is_parked_until_there_is_one() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        (parked,) = waiting(running)
        assert (parked.status, parked.what, parked.owner, parked.attempts) == ("parked", "ship", "Parcel p", 0)
        assert "no handler" in parked.note
        assert running.runtime.health()["parked"] == 1
        running.runtime.use({"ship": Receiver(ARRIVED)})
        await running.runtime.quiet()
        assert running.state("Parcel", "p") == "sent"

    run(test)


def test_a_parked_delivery_goes_on_after_a_restart_with_a_handler() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.close()
        running.handlers = {"ship": Receiver(ARRIVED)}
        await running.open()
        await running.runtime.quiet()
        assert running.state("Parcel", "p") == "sent"

    run(test)


def test_a_lane_asks_one_after_the_other_in_order() -> None:
    gate = asyncio.Event()
    light = Receiver("lit", gate=gate)

    async def test(running: Running) -> None:
        for _ in range(3):
            await running.done("Parcel", "p", "flash")
            await running.done("Parcel", "p", "raise_level")
        await turn()
        assert [asked.args["level"] for asked in light.asked] == [0]
        assert [delivery.status for delivery in waiting(running)] == ["attempting", "behind", "behind"]
        gate.set()
        await running.runtime.quiet()
        assert [asked.args["level"] for asked in light.asked] == [0, 1, 2]
        fences = [asked.fence for asked in light.asked]
        assert None not in fences
        assert fences == sorted(set(fences))  # type: ignore[type-var]

    run(test, light=light)


def test_asked_again_stays_ahead_of_younger_requests() -> None:
    light = Receiver("lit", ["declined"])

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "flash")
        await running.done("Parcel", "p", "raise_level")
        await running.done("Parcel", "p", "flash")
        await running.pass_time(1500)
        assert [asked.args["level"] for asked in light.asked] == [0, 0, 1]
        assert light.asked[0].fence == light.asked[1].fence

    run(test, light=light)


def test_replaces_withdraws_and_a_late_answer_changes_nothing() -> None:
    gate = asyncio.Event()
    light = Receiver("lit", gate=gate)

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "dim", {"level": 1})
        await turn()
        await running.done("Parcel", "p", "dim", {"level": 2})
        await running.done("Parcel", "p", "dim", {"level": 3})
        await turn()
        assert [asked.args["level"] for asked in light.asked] == [1, 2, 3]
        assert [delivery.args for delivery in waiting(running)] == [{"level": 3}]
        gate.set()
        await running.runtime.quiet()
        assert [record["outcome"] for record in records(running, "late")] == ["lit", "lit"]
        assert running.seen("Parcel", "p").data["code"] == "lit"
        assert waiting(running) == ()

    run(test, light=light)


def test_what_is_withdrawn_is_not_asked_again() -> None:
    light = Receiver("lit", [failing()])

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "dim", {"level": 1})
        await running.runtime.quiet()
        await running.done("Parcel", "p", "dim", {"level": 2})
        await running.pass_time(10_000)
        assert [asked.args["level"] for asked in light.asked] == [1, 2]

    run(test, light=light)


def test_at_most_once_is_asked_once() -> None:
    ring = Receiver(failing())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "ring")
        await running.pass_time(100_000)
        assert len(ring.asked) == 1
        assert running.seen("Parcel", "p").data["code"] == "silence"

    run(test, ring=ring)


def test_a_claim_that_outlives_its_process_is_unknown() -> None:
    ring = Receiver("rung", gate=asyncio.Event())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "ring")
        await turn()
        assert len(ring.asked) == 1
        await running.runtime.close()
        assert [row.claimed for row in running.store.pending()] == [1]
        await running.open()
        await running.runtime.quiet()
        assert len(ring.asked) == 1
        assert running.seen("Parcel", "p").data["code"] == "silence"
        assert "outlived its process" in records(running, "settle")[0]["note"]

    run(test, ring=ring)


def test_keyed_is_asked_again_with_the_same_key_after_a_restart() -> None:
    gate = asyncio.Event()
    ship = Receiver(ARRIVED, gate=gate)

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        await running.runtime.close()
        gate.set()
        await running.open()
        await running.runtime.quiet()
        assert len(ship.asked) == 2
        assert ship.asked[0].key == ship.asked[1].key
        assert running.state("Parcel", "p") == "sent"

    run(test, ship=ship)


def test_an_outcome_that_nobody_takes_marks_the_instance() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        running.clock.advance(60_000)  # The timer cancels, and then the answer comes.
        await turn(50)
        assert running.state("Parcel", "p") == "lost"
        gate.set()
        await running.pass_time(10_000)
        seen = running.seen("Parcel", "p")
        assert seen.state == "lost"
        assert len(seen.unhandled) == 1
        assert "ship." in seen.unhandled[0]
        assert waiting(running) == ()

    gate = asyncio.Event()
    run(test, ship=Receiver(ARRIVED, gate=gate))
