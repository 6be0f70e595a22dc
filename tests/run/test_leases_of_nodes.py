"""Workers where several nodes serve: whoever gave a lease hears of it, and when that one dies, whoever adopted it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.durable import all_records
from support.nodes import Database, Node, Nodes
from support.parcels import PARCELS
from support.running import table_of
from temper.run import Answered, Completed, Failed, Leased, Retryable, SharedMemory, SharedMemoryStore, Terminal
from temper.run.leases import LEASE_MILLISECONDS

TABLE = table_of(PARCELS.replace("    delivery: keyed\n    timeout: 5s", "    delivery: keyed\n    timeout: 90s"))
SHIPPED = Answered({"outcome": "shipped", "fields": {"code": "c7"}})
RUNG = Answered("rung")


def run(server: Database, test: Any) -> None:
    async def whole() -> None:
        async with Nodes(TABLE, server) as nodes:
            await test(nodes)
            await nodes.quiet()
            nodes.check()
            assert all(not node.runtime.health()["faults"] for node in nodes.living)

    asyncio.run(whole())


async def two_nodes(nodes: Nodes, action: str = "send", count: int = 1) -> tuple[Node, Node]:
    """Two of them, and deliveries that the first is to give out."""
    one, two = await nodes.begin(), await nodes.begin()
    for number in range(count):
        await one.done("Parcel", f"p{number}", "pack", {"label": "books"})
        await one.done("Parcel", f"p{number}", action)
    return one, two


async def leased(node: Node, who: str = "wim", effect: str = "ship", limit: int = 1) -> tuple[Leased, ...]:
    found = await node.runtime.lease(who, [effect], limit=limit)
    assert isinstance(found, tuple), found
    return found


async def counted(node: Node, lease: Leased, end: Any = SHIPPED, who: str = "wim") -> bool:
    answer = await node.runtime.complete(lease.lease, who, end)
    assert isinstance(answer, Completed), answer
    await node.runtime.quiet()
    return answer.counts


def code(answer: object) -> str:
    assert isinstance(answer, Retryable | Terminal), answer
    return answer.code


def test_whoever_did_not_give_the_lease_says_who_is_to_be_asked(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes)
        assert await leased(two) == (), "what one node is to do, no other gives out"
        (given,) = await leased(one)
        assert code(await two.runtime.complete(given.lease, "wim", SHIPPED)) == "lease-elsewhere"
        assert code(await two.runtime.heartbeat(given.lease, "wim")) == "lease-elsewhere"
        assert code(await two.runtime.complete(given.lease, "wot", SHIPPED)) == "lease-lost", "it is none of wot's"
        assert await counted(one, given)
        assert two.seen("Parcel", "p0").state == "sent"
        again = await two.runtime.complete(given.lease, "wim", SHIPPED)
        assert isinstance(again, Completed), "what is over, every node knows"
        assert again.counts

    run(database, test)


@pytest.mark.parametrize(
    ("action", "effect", "end", "state"), [("send", "ship", SHIPPED, "sent"), ("ring", "ring", RUNG, "rung")]
)
def test_a_lease_outlives_the_node_that_gave_it(
    action: str, effect: str, end: Answered, state: str, database: Database
) -> None:
    """Also of what may be asked once: the worker has it, and is asked nothing twice."""

    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes, action)
        (given,) = await leased(one, effect=effect)
        await nodes.kill(one)
        assert code(await two.runtime.complete(given.lease, "wim", end)) == "lease-elsewhere", "nobody has noticed yet"
        await two.beat()
        await nodes.quiet()
        assert await leased(two, "wot", effect) == ()
        left = await two.runtime.heartbeat(given.lease, "wim")
        assert isinstance(left, int)
        assert await counted(two, given, end)
        assert two.seen("Parcel", "p0").state == state
        assert list(two.store.book("lease")) == []

    run(database, test)


def test_a_lease_of_the_dead_runs_out_and_what_comes_later_changes_nothing(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes)
        (first,) = await leased(one)
        await nodes.kill(one)
        await two.beat()
        await nodes.pass_time(LEASE_MILLISECONDS)
        await nodes.pass_time(1_500)
        (second,) = await leased(two, "wot")
        assert (second.ask.attempt, second.ask.key) == (2, first.ask.key)
        assert second.lease != first.lease
        assert code(await two.runtime.heartbeat(first.lease, "wim")) == "lease-lost"
        assert not await counted(two, first)
        assert two.seen("Parcel", "p0").state == "waiting"
        assert await counted(two, second, who="wot")
        assert two.seen("Parcel", "p0").state == "sent"
        assert [record["rule"] for record in all_records(two.store)][-2:] == ["late", "settle"]

    run(database, test)


def test_a_lost_lease_of_what_may_be_asked_once_is_unknown(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes, "ring")
        (given,) = await leased(one, effect="ring")
        await nodes.kill(one)
        await two.beat()
        await nodes.pass_time(LEASE_MILLISECONDS)
        assert two.seen("Parcel", "p0").data["code"] == "silence"
        assert await leased(two, "wot", "ring") == ()
        assert not await counted(two, given, RUNG)
        assert two.seen("Parcel", "p0").data["code"] == "silence"

    run(database, test)


def test_an_answer_to_a_node_that_was_taken_for_dead_does_not_count_twice(database: Database) -> None:
    """It sleeps, another adopts the lease and hears the answer; when it wakes it knows nothing better."""

    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes, count=2)
        given, other = await leased(one, limit=2)
        await fenced(one, two)
        assert await counted(two, given)
        answer = await one.runtime.complete(given.lease, "wim", SHIPPED)
        assert isinstance(answer, Retryable), "whoever is fenced keeps nothing"
        await nodes.pass_time(2_000)
        again = await one.runtime.complete(given.lease, "wim", SHIPPED)
        assert isinstance(again, Completed), again
        assert code(await one.runtime.complete(other.lease, "wim", SHIPPED)) == "lease-elsewhere"
        assert await counted(two, other)
        settled = [record["id"] for record in all_records(two.store) if record["rule"] == "settle"]
        assert sorted(settled) == ["p0", "p1"]

    run(database, test)


async def fenced(one: Node, two: Node) -> None:
    """The second takes the first for dead, though it only sleeps, and adopts what it left."""
    if isinstance(two.store, SharedMemoryStore):
        two.store.database.slots[0].until = -1
    else:
        with two.store._writer.transaction():
            two.store._writer.execute("UPDATE nodes SET until = clock_timestamp() - interval '1s' WHERE slot = 0")
    assert one.store.head().slot == 0
    await two.beat()
    await two.runtime.quiet()


def test_fences_grow_from_node_to_node(database: Database) -> None:
    """A receiver that keeps the highest fence refuses whatever an older worker still does."""

    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes, "flash")
        (first,) = await leased(one, effect="light")
        await nodes.kill(one)
        await two.beat()
        await two.done("Parcel", "p0", "dim", {"level": 2})  # replaces what the first worker still does
        await nodes.quiet()
        (second,) = await leased(two, "wot", "light")
        assert second.ask.fence is not None
        assert first.ask.fence is not None
        assert second.ask.fence > first.ask.fence
        assert not await counted(two, first, Answered("lit"))
        assert await counted(two, second, Answered("lit"), "wot")
        assert two.seen("Parcel", "p0").data["code"] == "lit"

    run(database, test)


def test_more_leases_than_are_adopted_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries and leases are adopted in portions; whoever answers meanwhile is heard in the end."""
    from temper.run.store.postgres import nodes as adopting

    for name in ("ADOPT_PENDING", "ADOPT_NOTES"):
        monkeypatch.setattr(adopting, name, getattr(adopting, name).replace("LIMIT 200", "LIMIT 3"))
    if isinstance(database, SharedMemory):
        database.adopted_max = 3

    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes, count=10)
        given = await leased(one, limit=10)
        assert len(given) == 10
        await nodes.kill(one)
        for _ in range(6):
            await two.beat()
            await nodes.quiet()
        assert await leased(two, "wot", limit=10) == (), "nothing is given out twice"
        for each in given:
            assert await counted(two, each)
        assert all(two.seen("Parcel", f"p{number}").state == "sent" for number in range(10))

    run(database, test)


def test_a_failure_told_to_the_next_node_is_the_next_attempt(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await two_nodes(nodes)
        (given,) = await leased(one)
        await nodes.kill(one)
        await two.beat()
        await nodes.quiet()
        assert await counted(two, given, Failed("the depot burns"))
        await nodes.pass_time(1_500)
        (second,) = await leased(two, "wot")
        assert second.ask.attempt == 2
        assert await counted(two, second, who="wot")

    run(database, test)
