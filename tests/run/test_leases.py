"""Workers elsewhere: a lease is a durable claim that runs out, and an answer counts only while it lasts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.durable import all_records, assert_whole
from support.faulty import FaultyStore
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of, turn
from temper.machine import Address
from temper.run import Answered, Completed, Failed, Leased, MemoryStore, Retryable, Store, Terminal
from temper.run.leases import LEASE_MILLISECONDS
from temper.run.limits import Fuse, Limits

TABLE = table_of(PARCELS.replace("    delivery: keyed\n    timeout: 5s", "    delivery: keyed\n    timeout: 90s"))
SHIPPED = Answered({"outcome": "shipped", "fields": {"code": "c7"}})
RUNG = Answered("rung")


def run(test: Any, limits: dict[str, Limits] | None = None, store: Store | None = None) -> None:
    async def whole() -> None:
        async with Running(TABLE, store, {"light": Receiver("lit")}, limits) as running:
            for id_ in ("p", "q"):
                await running.done("Parcel", id_, "pack", {"label": "books"})
            await test(running)
            assert not running.runtime.health()["faults"]
            assert_whole(running.store)

    asyncio.run(whole())


async def lease(running: Running, who: str = "wim", effect: str = "ship", limit: int = 1) -> tuple[Leased, ...]:
    found = await running.runtime.lease(who, [effect], limit=limit)
    assert isinstance(found, tuple), found
    return found


async def complete(running: Running, leased: Leased, end: Any = SHIPPED, who: str = "wim") -> Completed:
    answer = await running.runtime.complete(leased.lease, who, end)
    assert isinstance(answer, Completed), answer
    await running.runtime.quiet()
    return answer


async def again(running: Running) -> None:
    await running.runtime.close()
    await running.open()
    await running.runtime.quiet()


def rules(running: Running) -> list[object]:
    return [record["rule"] for record in all_records(running.store)]


def ends(running: Running, key: str) -> list[str]:
    found = running.runtime.attempts(key)
    return [note.end for note in found.attempts]  # type: ignore[union-attr]


def status(running: Running) -> list[str]:
    return [each.status for each in running.runtime.pending()]  # type: ignore[union-attr]


def test_a_worker_is_given_what_has_no_handler_and_settles_it() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        assert await lease(running, effect="light") == ()
        assert await lease(running, effect="nothing") == ()
        (leased,) = await lease(running)
        assert (leased.ask.effect, leased.ask.args, leased.ask.attempt) == ("ship", {"label": "books", "level": 0}, 1)
        assert (leased.milliseconds, leased.ask.timeout_seconds) == (LEASE_MILLISECONDS, 90.0)
        assert status(running) == ["leased"]
        assert await lease(running, "wot") == ()
        answer = await complete(running, leased)
        assert (answer.counts, answer.outcome) == (True, "shipped")
        assert running.state("Parcel", "p") == "sent"
        assert ends(running, "1-0") == ["answered"]
        assert list(running.store.book("lease")) == []

    run(test)


def test_the_same_answer_again_is_harmless() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        await complete(running, leased)
        number = running.store.head().record
        assert (await complete(running, leased)).counts
        assert running.store.head().record == number

    run(test)


def test_a_worker_waits_until_there_is_something_to_do() -> None:
    async def test(running: Running) -> None:
        asked = asyncio.ensure_future(running.runtime.lease("wim", ["ring", "ship"], limit=4, wait_milliseconds=5_000))
        await turn()
        assert not asked.done()
        await running.done("Parcel", "p", "send")
        found = await asked
        assert isinstance(found, tuple)
        assert [each.ask.id for each in found] == ["p"]
        asked = asyncio.ensure_future(running.runtime.lease("wim", ["ship"], wait_milliseconds=5_000))
        await turn()
        running.clock.advance(5_000)
        assert await asked == ()

    run(test)


def test_whoever_waits_is_let_go_when_the_runtime_closes() -> None:
    async def test(running: Running) -> None:
        asked = asyncio.ensure_future(running.runtime.lease("wim", ["ship"], wait_milliseconds=5_000))
        await turn()
        await again(running)
        assert isinstance(await asked, Retryable)

    run(test)


def test_a_failed_attempt_is_made_again_and_says_why() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        answer = await complete(running, leased, Failed("the depot burns"))
        assert (answer.counts, answer.outcome, answer.note) == (True, "failed", "the depot burns")
        assert await lease(running) == ()
        assert (status(running), ends(running, "1-0")) == (["parked"], ["failed"])
        await running.pass_time(1_500)
        (second,) = await lease(running, "wot")
        assert (second.ask.attempt, second.ask.key) == (2, leased.ask.key)
        await complete(running, second, who="wot")
        assert running.state("Parcel", "p") == "sent"

    run(test)


def test_nonsense_from_a_worker_settles_unknown() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        answer = await complete(running, leased, Answered("shiped"))
        assert (answer.outcome, "names the outcome `shiped`" in answer.note) == ("unknown", True)
        assert running.state("Parcel", "p") == "lost"
        assert ends(running, "1-0") == ["unknown"]

    run(test)


def test_a_lease_runs_out_and_another_worker_gets_the_next_attempt() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (first,) = await lease(running)
        await running.pass_time(LEASE_MILLISECONDS - 1)
        assert status(running) == ["leased"]
        await running.pass_time(1)
        assert status(running) == ["parked"]
        await running.pass_time(1_500)
        (second,) = await lease(running, "wot")
        assert second.ask.attempt == 2
        late = await complete(running, first)
        assert (late.counts, late.outcome) == (False, "late")
        assert status(running) == ["leased"]
        assert running.state("Parcel", "p") == "waiting"
        assert rules(running)[-1] == "late"
        assert not (await complete(running, first)).counts
        assert rules(running).count("late") == 1
        assert (await complete(running, second, who="wot")).counts
        assert running.state("Parcel", "p") == "sent"
        assert ends(running, "1-0") == ["late", "answered"]

    run(test)


def test_heartbeats_prolong_a_lease_but_not_beyond_the_timeout() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        for left in (30_000, 30_000, 30_000, 10_000):
            await running.pass_time(20_000)
            assert await running.runtime.heartbeat(leased.lease, "wim") == left
        await running.pass_time(9_999)
        assert status(running) == ["leased"]
        await running.pass_time(1)
        assert status(running) == ["parked"]
        answer = await running.runtime.heartbeat(leased.lease, "wim")
        assert isinstance(answer, Terminal)
        assert answer.code == "lease-lost"

    run(test)


@pytest.mark.parametrize("name", ["1-0-1", "1-0-2", "1-0", "x", "9-9-9", "1-0-" + "9" * 9])
def test_a_lease_of_somebody_else_is_nobodys(name: str) -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await lease(running)
        for answer in (
            await running.runtime.heartbeat(name, "eve"),
            await running.runtime.complete(name, "eve", SHIPPED),
        ):
            assert isinstance(answer, Terminal)
            assert answer.code == "lease-lost"
        assert status(running) == ["leased"]

    run(test)


def test_an_answer_to_another_nodes_lease_is_not_dropped() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        given = dict(running.runtime._work.dispatcher.leased)
        running.runtime._work.dispatcher.leased.clear()
        for answer in (
            await running.runtime.heartbeat(leased.lease, "wim"),
            await running.runtime.complete(leased.lease, "wim", SHIPPED),
        ):
            assert isinstance(answer, Retryable)
            assert answer.code == "lease-elsewhere"
        assert isinstance(await running.runtime.heartbeat(leased.lease, "eve"), Terminal)
        running.runtime._work.dispatcher.leased.update(given)
        assert (await complete(running, leased)).counts

    run(test)


def test_at_most_once_is_leased_once_and_unknown_if_the_worker_is_gone() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "ring")
        (leased,) = await lease(running, effect="ring")
        await again(running)
        assert status(running) == ["leased"]
        await running.pass_time(5_000)
        assert running.seen("Parcel", "p").data["code"] == "silence"
        assert await lease(running, effect="ring") == ()
        late = await complete(running, leased, RUNG)
        assert not late.counts
        assert running.seen("Parcel", "p").data["code"] == "silence"
        assert rules(running)[-1] == "late"

    run(test)


def test_a_lease_outlives_the_server_that_gave_it() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        await again(running)
        assert await lease(running, "wot") == ()
        assert await running.runtime.heartbeat(leased.lease, "wim") == LEASE_MILLISECONDS
        assert (await complete(running, leased)).counts
        assert running.state("Parcel", "p") == "sent"

    run(test)


def test_a_lease_that_ran_out_while_the_server_was_down_has_failed() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        await running.runtime.close()
        running.clock.advance(LEASE_MILLISECONDS)
        await running.open()
        await running.pass_time(1_500)
        (second,) = await lease(running, "wot")
        assert (second.ask.attempt, second.ask.key) == (2, leased.ask.key)
        assert ends(running, "1-0") == ["lost", ""]

    run(test)


def test_what_is_replaced_meanwhile_is_answered_late() -> None:
    async def test(running: Running) -> None:
        running.runtime.use({})
        await running.done("Parcel", "p", "dim", {"level": 1})
        (leased,) = await lease(running, effect="light")
        await running.done("Parcel", "p", "dim", {"level": 2})
        await running.runtime.quiet()
        answer = await running.runtime.heartbeat(leased.lease, "wim")
        assert isinstance(answer, Terminal)
        (newer,) = await lease(running, effect="light")
        assert not (await complete(running, leased, Answered("lit"))).counts
        assert (await complete(running, newer, Answered("lit"))).counts
        assert leased.ask.fence is not None
        assert newer.ask.fence is not None
        assert newer.ask.fence > leased.ask.fence
        assert rules(running)[-2:] == ["late", "settle"]

    run(test)


def test_an_answer_to_what_is_being_replaced_is_late() -> None:
    async def test(running: Running) -> None:
        running.runtime.use({})
        await running.done("Parcel", "p", "dim", {"level": 1})
        (leased,) = await lease(running, effect="light")
        replaced = asyncio.ensure_future(running.done("Parcel", "p", "dim", {"level": 2}))
        while all(each.place == 1 for each in running.runtime._driver.instance(Address("Parcel", "p")).effects):
            await turn(1)
        assert status(running) == ["leased"]  # In memory it is replaced, and the disk does not know it yet.
        answer = await complete(running, leased, Answered("lit"))
        await replaced
        assert (answer.counts, answer.outcome) == (False, "late")
        assert (await complete(running, leased, Answered("lit"))) == Completed(counts=False, outcome="late", note="lit")

    run(test)


def test_pauses_limits_and_breakers_hold_for_workers_too() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.done("Parcel", "q", "send")
        await running.runtime.pause("ship", by="ann")
        assert await lease(running) == ()
        await running.runtime.resume("ship")
        (leased,) = await lease(running, limit=5)
        await complete(running, leased, Failed("no"))
        assert await lease(running, limit=5) == ()  # The breaker is open.
        asked = asyncio.ensure_future(running.runtime.lease("wim", ["ship"], limit=5, wait_milliseconds=20_000))
        await running.pass_time(2_000)
        found = await asked
        assert isinstance(found, tuple)
        assert len(found) == 1  # One is let through.

    run(test, {"ship": Limits(concurrency=1, fuse=Fuse(1, 2_000))})


def test_a_dead_letter_is_redriven_by_a_worker() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        await complete(running, leased, Answered("nonsense"))
        (letter,) = running.runtime.letters()  # type: ignore[misc]
        await running.runtime.redrive(letter.key, by="ann")
        (redriven,) = await lease(running)
        assert (redriven.ask.key, redriven.ask.attempt) == (leased.ask.key, 2)
        await again(running)
        assert (await complete(running, redriven)).counts
        assert running.runtime.letters() == ()
        assert rules(running)[-1] == "late"
        assert running.state("Parcel", "p") == "lost"

    run(test)


def test_a_handler_on_the_server_takes_over() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        running.runtime.use({"ship": Receiver(SHIPPED.said)})
        await running.done("Parcel", "q", "send")
        await running.runtime.quiet()
        assert running.state("Parcel", "q") == "sent"
        assert (await complete(running, leased)).counts

    run(test)


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_lease_that_is_not_durable_is_nobodys(fault: str) -> None:
    fails_at: list[int] = []

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await running.runtime.quiet()
        fails_at.append(store.writes + 1)
        found = await running.runtime.lease("wim", ["ship"])
        assert isinstance(found, Retryable) or fault == "after"
        await running.pass_time(1_000)
        if fault == "before":
            assert len(await lease(running)) == 1
        else:
            assert await lease(running) == ()

    store = FaultyStore(MemoryStore(), lambda write: fault if write in fails_at else "")
    run(test, store=store)


def test_an_answer_that_could_not_be_stored_is_kept_and_may_be_brought_again() -> None:
    fails_at: list[int] = []

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        (leased,) = await lease(running)
        fails_at.append(store.writes + 1)
        answer = await running.runtime.complete(leased.lease, "wim", SHIPPED)
        assert isinstance(answer, Retryable)
        await running.pass_time(1_000)
        assert running.state("Parcel", "p") == "sent"
        assert (await complete(running, leased)).counts
        assert rules(running).count("settle") == 1

    store = FaultyStore(MemoryStore(), lambda write: "before" if write in fails_at else "")
    run(test, store=store)
