"""What an operator does about effects: pause, limits, breakers, attempts, dead letters."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.durable import all_records, assert_whole
from support.parcels import PARCELS
from support.running import Receiver, Running, failing, table_of, turn
from temper.run import Retryable, Terminal, Waiting
from temper.run.book import AttemptNote
from temper.run.limits import Fuse, Limits, Rate
from temper.run.upkeep import Attempts, EffectSeen, LetterSeen

TABLE = table_of(PARCELS)
ARRIVED = {"outcome": "shipped", "fields": {"code": "c7"}}


def run(test: Any, limits: dict[str, Limits] | None = None, **receivers: Receiver) -> None:
    async def whole() -> None:
        async with Running(TABLE, None, receivers, limits or {}) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            await test(running)
            assert not running.runtime.health()["faults"]
            assert_whole(running.store)

    asyncio.run(whole())


async def again(running: Running) -> None:
    """The process ends and begins again."""
    await running.runtime.close()
    await running.open()
    await running.runtime.quiet()


def waiting(running: Running) -> tuple[Waiting, ...]:
    found = running.runtime.pending()
    assert isinstance(found, tuple)
    return found


def seen(running: Running, effect: str) -> EffectSeen:
    found = running.runtime.effects()
    assert isinstance(found, tuple)
    return next(each for each in found if each.effect == effect)


def letters(running: Running, **given: Any) -> tuple[LetterSeen, ...]:
    found = running.runtime.letters(**given)
    assert isinstance(found, tuple)
    return found


def attempts(running: Running, key: str) -> tuple[AttemptNote, ...]:
    found = running.runtime.attempts(key)
    assert isinstance(found, Attempts)
    return found.attempts


# Pausing


def test_a_paused_effect_is_not_attempted_until_it_is_resumed_also_after_a_restart() -> None:
    ship = Receiver(ARRIVED)

    async def test(running: Running) -> None:
        paused = await running.runtime.pause("ship", by="ann", because="the depot burns")
        assert isinstance(paused, EffectSeen)
        assert paused.paused is not None
        await running.done("Parcel", "p", "send")
        await running.pass_time(10_000)
        await again(running)
        await running.pass_time(10_000)
        assert ship.asked == []
        assert (waiting(running)[0].status, waiting(running)[0].note) == ("paused", "paused by ann: the depot burns")
        resumed = await running.runtime.resume("ship")
        assert isinstance(resumed, EffectSeen)
        assert resumed.paused is None
        await running.runtime.quiet()
        assert running.state("Parcel", "p") == "sent"
        await again(running)
        assert seen(running, "ship").paused is None

    run(test, ship=ship)


def test_an_attempt_under_way_goes_on_while_its_effect_is_paused() -> None:
    gate = asyncio.Event()

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        await running.runtime.pause("ship", by="ann")
        gate.set()
        await running.runtime.quiet()
        assert running.state("Parcel", "p") == "sent"

    run(test, ship=Receiver(ARRIVED, gate=gate))


def test_what_is_no_effect_cannot_be_paused() -> None:
    async def test(running: Running) -> None:
        for answer in (await running.runtime.pause("shipp", by="ann"), await running.runtime.resume("shipp")):
            assert isinstance(answer, Terminal)
            assert "did you mean `ship`?" in answer.message
        assert isinstance(running.runtime.letters(effect="shipp"), Terminal)

    run(test)


# Limits


async def send_many(running: Running, count: int) -> None:
    for number in range(count):
        await running.done("Parcel", f"q{number}", "pack", {"label": "books"})
        await running.done("Parcel", f"q{number}", "send")
    await turn(50)


def test_no_more_attempts_at_once_than_the_operator_allows() -> None:
    gate = asyncio.Event()
    ship = Receiver(ARRIVED, gate=gate)

    async def test(running: Running) -> None:
        await send_many(running, 5)
        assert len(ship.asked) == 2
        held = [each for each in waiting(running) if each.status == "held"]
        assert len(held) == 3
        assert held[0].note == "2 attempts are under way, and the operator allows 2"
        gate.set()
        await running.runtime.quiet()
        assert [asked.id for asked in ship.asked] == ["q0", "q1", "q2", "q3", "q4"]

    run(test, {"ship": Limits(concurrency=2)}, ship=ship)


def test_no_more_attempts_in_a_time_than_the_operator_allows() -> None:
    ship = Receiver(ARRIVED)

    async def test(running: Running) -> None:
        await send_many(running, 5)
        assert len(ship.asked) == 2
        assert waiting(running)[0].note == "the operator allows 2/1s"
        await running.pass_time(999)
        assert len(ship.asked) == 2
        await running.pass_time(1)
        assert len(ship.asked) == 4
        await running.pass_time(1000)
        assert len(ship.asked) == 5

    run(test, {"ship": Limits(rate=Rate(2, 1000))}, ship=ship)


def test_the_operator_makes_a_timeout_shorter_and_never_longer() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        running.clock.advance(1_000)
        await running.runtime.quiet()
        assert waiting(running)[0].note == "no answer within 1 s"
        assert seen(running, "ship").limits[-1] == "each within 1 s"
        assert seen(running, "light").limits[-1] == "each within 5 s"

    limits = {"ship": Limits(timeout=1_000), "light": Limits(timeout=60_000)}
    run(test, limits, ship=Receiver(ARRIVED, gate=asyncio.Event()))


def test_limits_change_while_it_runs() -> None:
    gate = asyncio.Event()
    ship = Receiver(ARRIVED, gate=gate)

    async def test(running: Running) -> None:
        await send_many(running, 3)
        assert len(ship.asked) == 1
        running.runtime.use({"ship": ship}, {"ship": Limits(concurrency=3)})
        await turn()
        assert len(ship.asked) == 3
        gate.set()
        await running.runtime.quiet()

    run(test, {"ship": Limits(concurrency=1)}, ship=ship)


# Breakers


def test_a_breaker_opens_lets_one_through_and_closes() -> None:
    ship = Receiver(ARRIVED, [failing(), failing()])

    async def test(running: Running) -> None:
        await send_many(running, 2)
        opened = seen(running, "ship")
        assert (opened.circuit, opened.said) == ("open", "2 attempts in a row had no answer; the last: no answer")
        await send_many_more(running)
        assert len(ship.asked) == 2
        assert waiting(running)[-1].status == "held"
        assert "the breaker is open: 2 attempts in a row" in waiting(running)[-1].note
        await running.pass_time(29_998)
        assert len(ship.asked) == 2
        gate.clear()
        running.clock.advance(2)
        await turn(20)
        assert len(ship.asked) == 3
        assert seen(running, "ship").circuit == "half-open"
        gate.set()
        await running.runtime.quiet()
        assert seen(running, "ship").circuit == "closed"
        assert len(ship.asked) == 7

    async def send_many_more(running: Running) -> None:
        for number in range(3):
            await running.done("Parcel", f"r{number}", "pack", {"label": "books"})
            await running.done("Parcel", f"r{number}", "send")
        await turn(50)

    gate = ship.gate = asyncio.Event()
    gate.set()
    run(test, {"ship": Limits(fuse=Fuse(2, 30_000))}, ship=ship)


def test_nonsense_is_an_answer_and_opens_no_breaker() -> None:
    async def test(running: Running) -> None:
        await send_many(running, 3)
        assert seen(running, "ship").circuit == "closed"
        assert [running.state("Parcel", f"q{n}") for n in range(3)] == ["lost"] * 3

    run(test, {"ship": Limits(fuse=Fuse(2, 30_000))}, ship=Receiver("nonsense"))


# Attempts and dead letters


def test_each_failed_attempt_is_noted_and_the_journal_has_the_answer() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.pass_time(1_500)
        await again(running)
        (first,) = attempts(running, "1-0")
        assert (first.number, first.end, first.said, first.effect, first.id) == (1, "failed", "no answer", "ship", "p")
        assert letters(running) == ()
        assert isinstance(running.runtime.attempts("7-0"), Terminal)
        assert isinstance(running.runtime.attempts("x"), Terminal)

    run(test, ship=Receiver(ARRIVED, [failing()]))


async def dies(running: Running) -> LetterSeen:
    """A delivery is attempted as often as may be, settles `unknown`, and lies there."""
    await running.done("Parcel", "p", "send")
    await running.pass_time(1_500)
    await running.pass_time(3_000)
    assert running.state("Parcel", "p") == "lost"
    (letter,) = letters(running)
    return letter


def test_a_delivery_that_settled_unknown_is_a_dead_letter() -> None:
    async def test(running: Running) -> None:
        letter = await dies(running)
        assert (letter.key, letter.effect, letter.owner, letter.attempts) == ("1-0", "ship", "Parcel p", 3)
        assert letter.because == "attempt 3 of 3 failed: no answer"
        assert letter.args == {"label": "books", "level": 0}
        await again(running)
        assert letters(running) == (letter,)
        assert letters(running, effect="ring") == ()
        assert letters(running, after="1-0") == ()
        assert seen(running, "ship").letters == 1
        assert [each.number for each in attempts(running, "1-0")] == [1, 2, 3]

    run(test, ship=Receiver(failing()))


def test_a_redrive_asks_once_more_with_the_same_key_and_changes_nothing() -> None:
    ship = Receiver(ARRIVED, [failing(), failing(), failing()])

    async def test(running: Running) -> None:
        letter = await dies(running)
        before = running.seen("Parcel", "p")
        redriven = await running.runtime.redrive(letter.key, by="ann")
        assert isinstance(redriven, LetterSeen)
        assert redriven.redriven_by == "ann"
        await running.runtime.quiet()
        assert len({asked.key for asked in ship.asked}) == 1
        assert [asked.attempt for asked in ship.asked] == [1, 2, 3, 4]
        assert running.seen("Parcel", "p") == before
        late = all_records(running.store)[-1]
        assert (late["rule"], late["outcome"], late["note"]) == ("late", "shipped", "redriven by ann")
        assert "stepped" not in late
        assert letters(running) == ()

    run(test, ship=ship)


def test_a_redrive_that_nobody_answers_leaves_the_letter() -> None:
    ship = Receiver(failing())

    async def test(running: Running) -> None:
        letter = await dies(running)
        await running.runtime.redrive(letter.key, by="ann")
        await running.runtime.quiet()
        (under_way,) = letters(running)
        assert (under_way.redriven_by, under_way.said) == ("ann", "no answer")
        assert isinstance(await running.runtime.dismiss(letter.key), Terminal)
        await running.pass_time(1_500)
        await running.pass_time(3_000)
        assert len(ship.asked) == 6
        (lies,) = letters(running)
        assert (lies.redriven_by, lies.attempts) == ("", 6)
        assert lies.said == "attempt 6 of 6 failed: no answer"
        assert [record["rule"] for record in all_records(running.store)].count("late") == 0

    run(test, ship=ship)


def test_a_redrive_goes_on_after_a_restart() -> None:
    ship = Receiver(ARRIVED, [failing(), failing(), failing(), failing()])

    async def test(running: Running) -> None:
        letter = await dies(running)
        await running.runtime.redrive(letter.key, by="ann")
        await running.runtime.quiet()
        await again(running)
        assert letters(running)[0].redriven_by == "ann"
        await running.pass_time(1_500)
        assert len(ship.asked) == 5
        assert letters(running) == ()

    run(test, ship=ship)


def test_redriving_twice_is_redriving_once() -> None:
    ship = Receiver(ARRIVED, [failing(), failing(), failing()])

    async def test(running: Running) -> None:
        letter = await dies(running)
        await asyncio.gather(*(running.runtime.redrive(letter.key, by="ann") for _ in range(3)))
        await running.runtime.quiet()
        assert len(ship.asked) == 4
        assert isinstance(await running.runtime.redrive(letter.key, by="ann"), Terminal)

    run(test, ship=ship)


def test_at_most_once_is_a_letter_and_never_redriven() -> None:
    ring = Receiver(failing())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "ring")
        await running.runtime.quiet()
        (letter,) = letters(running)
        answer = await running.runtime.redrive(letter.key, by="ann")
        assert isinstance(answer, Terminal)
        assert answer.code == "not-redrivable"
        await running.pass_time(100_000)
        assert len(ring.asked) == 1
        assert isinstance(await running.runtime.dismiss(letter.key), LetterSeen)
        assert letters(running) == ()
        answer = await running.runtime.dismiss(letter.key)
        assert isinstance(answer, Terminal)
        assert answer.code == "no-such-delivery"

    run(test, ring=ring)


def test_what_is_asked_again_is_no_dead_letter() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "flash")
        await running.pass_time(2_000)
        assert [letter.effect for letter in letters(running)] == ["light"]  # `unknown: ignore`
        await running.done("Parcel", "q", "pack", {"label": "books"})

    run(test, light=Receiver("lit", [failing(), failing()]))


@pytest.mark.parametrize("operation", ["pause", "resume", "redrive", "dismiss"])
def test_nothing_is_promised_while_the_store_fails(operation: str) -> None:
    from support.faulty import FaultyStore
    from temper.run import MemoryStore

    async def whole() -> None:
        store = FaultyStore(MemoryStore(), lambda _: "")
        async with Running(TABLE, store, {"ship": Receiver(failing())}) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            letter = await dies(running)
            store.is_full = True
            name = "ship" if operation in {"pause", "resume"} else letter.key
            more = {"by": "ann"} if operation in {"pause", "redrive"} else {}
            answer = await getattr(running.runtime, operation)(name, **more)
            assert isinstance(answer, Retryable)
            assert answer.code == "storage-full"
            store.is_full = False
            running.clock.advance(1_000)
            await turn(20)
            assert letters(running)[0].redriven_by == ""
            assert seen(running, "ship").paused is None

    asyncio.run(whole())
