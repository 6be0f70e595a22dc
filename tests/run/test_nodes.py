"""Several nodes on one database: nobody is told what is not so, nothing is done twice, and the dead are survived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from support.nodes import Database, Node, Nodes
from support.parcels import PARCELS
from support.postgres import Server
from support.running import Receiver, table_of, trusted, turn
from support.tree import ROOT
from temper.machine import Rejected
from temper.run import Admitted, Done, Retryable
from temper.run.record import Pending

TABLE = table_of(PARCELS)
LONG = 1_000
ARRIVED = {"outcome": "shipped", "fields": {"code": "c7"}}
WIDE = table_of(PARCELS.replace("Level: int[0, 5]", f"Level: int[0, {LONG}]"))
SECOND = table_of(
    PARCELS.replace("      raise_level:", "      drop: {by: person, from: packed, to: lost}\n      raise_level:")
)

Test = Callable[[Nodes], Awaitable[None]]


def run(server: Database, test: Test, table: Any = TABLE) -> None:
    async def whole() -> None:
        async with Nodes(table, server) as nodes:
            await test(nodes)
            if nodes.living:
                await nodes.quiet()
                nodes.check()

    asyncio.run(whole())


def test_calls_of_two_nodes_on_one_instance_are_one_line(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        answers = await asyncio.gather(
            *(node.done("Parcel", "p", "raise_level") for _ in range(40) for node in (one, two))
        )
        assert sorted(answer.data["level"] for answer in answers) == list(range(1, 81))
        assert sorted(answer.seq for answer in answers) == list(range(2, 82))
        history = [json.loads(row.body)["seq"] for row in one.runtime.history("Parcel", "p", limit=1000)]
        assert history == list(range(1, 82)), "the numbers of two chains are in the order of what happened"
        assert len({answer.record for answer in answers}) == 80

    run(database, test, WIDE)


def test_calls_of_two_nodes_on_many_instances(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        living = [await nodes.begin(), await nodes.begin(), await nodes.begin()]
        await asyncio.gather(*(living[0].done("Parcel", f"p{i}", "pack", {"label": "a"}) for i in range(10)))
        calls = (living[(i + j) % 3].done("Parcel", f"p{i}", "raise_level") for j in range(12) for i in range(10))
        await asyncio.gather(*calls)
        assert [living[1].seen("Parcel", f"p{i}").data["level"] for i in range(10)] == [12] * 10

    run(database, test, WIDE)


def test_a_key_has_one_answer_on_all_nodes(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        for turn_ in range(10):
            calls = (
                node.done("Parcel", None, "pack", {"label": "a"}, key=f"k{turn_}") for node in (one, two, one, two)
            )
            answers = await asyncio.gather(*calls)
            assert len({answer.id for answer in answers}) == 1
        listed = await one.runtime.list("Parcel")
        assert len(listed.seen) == 10  # type: ignore[union-attr]

    run(database, test)


def test_a_rejection_under_a_key_is_one_on_all_nodes(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        told = await asyncio.gather(*(node.call("Parcel", "p", "pack", {"label": "b"}, key="k") for node in (one, two)))
        assert [getattr(answer, "code", "") for answer in told] == ["wrong-state"] * 2

    run(database, test)


def test_no_rejection_comes_from_what_is_not_so_any_more(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        assert isinstance(await two.call("Parcel", "p", "dim", {"level": 9}), Rejected), "two has it in memory now"
        for _ in range(5):
            await one.done("Parcel", "p", "raise_level")
        # In the memory of two the level is 0; by now it is 5, and cannot be raised.
        rejected = await two.call("Parcel", "p", "raise_level")
        assert isinstance(rejected, Rejected)
        await two.done("Parcel", "p", "dim", {"level": 1})
        # In the memory of one it is still 5.
        assert (await one.done("Parcel", "p", "raise_level")).data["level"] == 2
        for _ in range(3):
            await two.done("Parcel", "p", "raise_level")
        rejected = await one.call("Parcel", "p", "raise_level", key="under a key")
        assert isinstance(rejected, Rejected)

    run(database, test)


def test_ids_on_their_way_are_taken_on_every_node(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        one.runtime._work.courier.carry = lambda _: None  # type: ignore[method-assign]  # what it hands on stays behind
        child = str((await one.done("Parcel", "p", "box_up", {"size": 2})).data["box"])
        taken = await two.call("Box", child, "build", {"size": 1})
        assert isinstance(taken, Rejected)
        assert taken.code == "id-taken"
        await two.done("Parcel", "q", "pack", {"label": "b"})
        await two.done("Parcel", "q", "tell", {"box": child})
        await nodes.pass_time(500)
        assert isinstance(await two.call("Box", child, "close"), Rejected), "the message waits for its receiver"
        await nodes.kill(one)
        await two.beat()
        await nodes.pass_time(500)
        assert two.seen("Box", child).data["fillings"] == 2

    run(database, test)


@pytest.mark.parametrize("sees", ["at a call", "at a beat"])
def test_a_version_that_one_node_loads_is_served_by_all(database: Database, sees: str) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        await two.done("Parcel", "q", "pack", {"label": "a"})
        assert isinstance(await one.runtime.apply(trusted(SECOND)), Admitted)
        if sees == "at a beat":
            await two.beat()
            assert two.runtime.table_hash == one.runtime.table_hash
            await two.done("Parcel", "p", "drop")
        else:
            # It has no such action before it tries to keep something.
            await two.done("Parcel", "q", "raise_level")
        assert two.runtime.table_hash == one.runtime.table_hash
        await two.done("Parcel", "q", "drop")
        assert two.runtime.verdicts.table == two.runtime.table_hash

    run(database, test)


def test_a_node_that_starts_with_another_version_brings_it_to_all(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "send")
        nodes.table = SECOND
        two = await nodes.begin()
        await one.beat()
        assert one.runtime.table_hash == two.runtime.table_hash
        await two.done("Parcel", "q", "pack", {"label": "a"})
        await one.done("Parcel", "q", "drop")
        await nodes.pass_time(120_000)
        assert two.seen("Parcel", "p").state == "lost", "its timer is still the first node's"

    run(database, test)


def test_calls_go_on_while_versions_come_and_go(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        for name in ("p", "q"):
            await one.done("Parcel", name, "pack", {"label": "a"})

        async def calls(node: Node, id_: str) -> None:
            for _ in range(30):
                await node.done("Parcel", id_, "raise_level")

        async def loads(node: Node) -> None:
            for version in (wide_second, WIDE) * 3:
                ended = await node.runtime.apply(trusted(version))
                assert isinstance(ended, Admitted), ended

        wide_second = table_of(
            PARCELS.replace("Level: int[0, 5]", f"Level: int[0, {LONG}]").replace(
                "      raise_level:", "      drop: {by: person, from: packed, to: lost}\n      raise_level:"
            )
        )
        await asyncio.gather(calls(one, "p"), calls(two, "q"), calls(two, "p"), loads(one), loads(two))
        await asyncio.wait_for(heard(one), 20)  # What the other one did last may not be known here yet.

    async def heard(node: Node) -> None:
        while node.seen("Parcel", "p").data["level"] != 60:  # noqa: ASYNC110 (another thread hears of it)
            await asyncio.sleep(0.01)

    run(database, test, WIDE)


def test_what_the_dead_left_is_done_by_the_living(database: Database) -> None:
    ship, other = Receiver(ARRIVED), Receiver(ARRIVED)

    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin({"ship": ship}), await nodes.begin({"ship": other})
        ship.gate = asyncio.Event()
        for i in range(5):
            await one.done("Parcel", f"p{i}", "pack", {"label": "a"})
            await one.done("Parcel", f"p{i}", "send")
        await turn(20)
        assert len(ship.asked) == 5
        await two.beat()
        await turn(20)
        assert other.asked == [], "whoever lives is not robbed of its work"
        await nodes.kill(one)
        await two.beat()
        await nodes.pass_time(100)
        assert [two.seen("Parcel", f"p{i}").state for i in range(5)] == ["sent"] * 5
        assert [ask.key for ask in other.asked] == [ask.key for ask in ship.asked]

    run(database, test)


def test_the_timers_of_the_dead_fire(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "send")
        await nodes.kill(one)
        await nodes.pass_time(120_000)
        assert two.seen("Parcel", "p").state == "waiting", "nobody has noticed yet"
        await two.beat()
        await nodes.pass_time(100)
        assert two.seen("Parcel", "p").state == "lost"

    run(database, test)


def test_a_node_that_leaves_is_no_death(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "send")
        nodes.living.remove(one)
        await one.runtime.close()
        await asyncio.wait_for(told(two), 20)  # It says so, and the other listens.
        await nodes.pass_time(120_000)
        await asyncio.wait_for(lost(two), 20)  # The timer may be heard of only after that.

    async def lost(node: Node) -> None:
        while node.seen("Parcel", "p").state != "lost":  # noqa: ASYNC110 (as above: from another thread)
            await asyncio.sleep(0.01)

    async def told(node: Node) -> None:
        while not node.store.due(10**12, 9):  # noqa: ASYNC110 (another thread will have written it)
            await asyncio.sleep(0.01)

    run(database, test)


def test_at_most_once_is_asked_by_one_node(database: Database) -> None:
    ring, other = Receiver("rung"), Receiver("rung")

    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin({"ring": ring}), await nodes.begin({"ring": other})
        ring.gate = asyncio.Event()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "ring")
        for _ in range(20):
            await turn()
            await asyncio.sleep(0.005)
        assert len(ring.asked) == 1
        await nodes.kill(one)
        await two.beat()
        await nodes.pass_time(10_000)
        assert other.asked == []
        assert two.seen("Parcel", "p").data["code"] == "silence"

    run(database, test)


def test_whoever_was_taken_for_dead_keeps_nothing(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        before = one.store.head()
        nodes.declare_dead(before.slot)
        answer = await one.call("Parcel", "p", "raise_level")
        assert isinstance(answer, Retryable), answer
        assert two.seen("Parcel", "p").data["level"] == 0
        await two.done("Parcel", "p", "raise_level")
        await nodes.pass_time(1_000)
        assert (await one.done("Parcel", "p", "raise_level")).data["level"] == 2, "it has joined anew"

    run(database, test)


def test_an_idle_node_that_was_taken_for_dead_joins_anew(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "send")
        nodes.declare_dead(one.store.head().slot)
        await one.beat()
        await nodes.pass_time(1_000)
        await one.done("Parcel", "q", "pack", {"label": "a"})
        await nodes.pass_time(120_000)
        assert one.seen("Parcel", "p").state == "lost"

    run(database, test)


def test_lanes_stay_in_order_across_nodes(database: Database) -> None:
    """The second request is made by another node, and begins when the first has settled; its fence is higher."""
    one_light, two_light = Receiver("lit"), Receiver("lit")

    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin({"light": one_light}), await nodes.begin({"light": two_light})
        one_light.gate = asyncio.Event()
        for i in range(50):
            await two.done("Parcel", f"other{i}", "pack", {"label": "a"})  # two is far ahead in numbers …
        await two.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "flash")
        await two.done("Parcel", "p", "flash")
        await one.done("Parcel", "p", "flash")
        await turn(20)
        assert len(one_light.asked) == 1
        assert two_light.asked == []
        one_light.gate.set()
        await nodes.pass_time(5_000)
        fences = [ask.fence for ask in (*one_light.asked, *two_light.asked)]
        assert len(fences) == 3
        assert fences == sorted(fences)  # type: ignore[type-var]
        assert list(one.store.pending()) == []

    run(database, test)


def test_a_lane_goes_on_when_the_node_of_its_second_request_is_dead(database: Database) -> None:
    light = Receiver("lit")

    async def test(nodes: Nodes) -> None:
        one, two, three = await nodes.begin({"light": light}), await nodes.begin(), await nodes.begin({"light": light})
        light.gate = asyncio.Event()
        await two.done("Parcel", "p", "pack", {"label": "a"})
        await one.done("Parcel", "p", "flash")
        await two.done("Parcel", "p", "flash")
        await nodes.kill(two)
        await three.beat()
        await turn(20)
        assert len(light.asked) == 1, "three holds the second request, and knows that it is behind the first"
        light.gate.set()
        await nodes.pass_time(5_000)
        assert len(light.asked) == 2
        assert list(one.store.pending()) == []

    run(database, test)


def test_an_empty_store_is_filled_once(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        await asyncio.gather(*(nodes.begin() for _ in range(3)))
        assert len(nodes.living[0].store.versions()) == 1
        assert {node.store.head().slot for node in nodes.living} == {0, 1, 2}

    run(database, test)


def test_a_slot_is_used_again_with_its_chain(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        for turn_ in range(3):
            node = await nodes.begin()
            await node.done("Parcel", f"p{turn_}", "pack", {"label": "a"})
            assert node.store.head().slot == 0
            if turn_ < 2:
                await nodes.kill(node)

    run(database, test)


def test_what_nobody_else_changed_is_answered_from_memory(database: Database) -> None:
    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        loads: list[object] = []
        load = one.store.load
        one.store.load = lambda address: loads.append(address) or load(address)  # type: ignore[method-assign,func-returns-value]
        for _ in range(5):
            assert isinstance(await one.call("Parcel", "p", "raise_level"), Done)
        assert loads == []

    run(database, test)


def test_partitioned_tables_are_tables(postgres: Server) -> None:
    """What the page on growing says, run as it stands there over a store that has been served from."""
    page = (ROOT / "docs" / "how-to" / "serve-from-several-nodes.md").read_text(encoding="utf-8")
    statements = page.partition("```sql\n")[2].partition("```")[0]

    async def test(nodes: Nodes) -> None:
        node = await nodes.begin()
        await node.done("Parcel", "p", "pack", {"label": "a"}, key="first")
        nodes.living.remove(node)
        await node.runtime.close()
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(f"SET search_path = {nodes.schema}")
            connection.execute(statements.encode())
        one, two = await nodes.begin(), await nodes.begin()
        again = await one.done("Parcel", "p", "pack", {"label": "a"}, key="first")
        assert again.repeated
        for i, node in enumerate((one, two, one, two)):
            await node.done("Parcel", "p", "raise_level", key=f"k{i}")
        assert len(one.runtime.history("Parcel", "p", limit=10)) == 5  # type: ignore[arg-type]

    run(postgres, test)


def test_what_is_being_delivered_is_not_delivered_once_more(database: Database) -> None:
    """A node that adopts notes takes up everything from the store again, also what it is just delivering."""

    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await one.done("Box", "b", "build", {"size": 5})
        await one.done("Parcel", "p", "pack", {"label": "a"})
        work = one.runtime._work
        carry, times = work.courier.carry, iter(range(3))

        def again(pending: Pending) -> None:
            carry(pending)
            if next(times, None) is not None:
                work.stop()
                work.resume()

        work.courier.carry = again  # type: ignore[method-assign]
        await one.done("Parcel", "p", "tell", {"box": "b"})
        await nodes.pass_time(2_000)
        assert one.seen("Box", "b").data["fillings"] == 1

    run(database, test)
