"""Messages, spawns and refusals: delivered by the machine, each applied exactly once."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest

from support.blueprints import EXAMPLES
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of
from temper.machine import Rejected
from temper.run import Done, MemoryStore, work

TABLE = table_of(PARCELS)


def run(test: Any, table: Any = TABLE, **receivers: Receiver) -> None:
    async def whole() -> None:
        async with Running(table, None, receivers) as running:
            await test(running)
            assert not running.runtime.health()["faults"]

    asyncio.run(whole())


def test_a_message_waits_for_the_child_it_is_for() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "books"})
        done = await running.done("Parcel", "p", "box_up", {"size": 1})
        box = done.data["box"]
        assert box is not None
        await running.runtime.quiet()
        seen = running.seen("Box", box)
        assert (seen.state, seen.data["parcel"], seen.data["labels"], seen.data["fillings"]) == (
            "made",
            "p",
            "books",
            1,
        )

    run(test)


def test_a_spawn_that_is_rejected_comes_back_and_its_id_is_burnt() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "books"})
        done = await running.done("Parcel", "p", "box_up", {"size": 0})
        await running.runtime.quiet()
        seen = running.seen("Parcel", "p")
        assert (seen.data["box"], seen.data["code"]) == (None, "guard-false")
        assert seen.data["label"] == "wrong-state"  # The message that waited was refused, too.
        taken = await running.call("Box", done.data["box"], "build", {"size": 1})
        assert isinstance(taken, Rejected)
        assert taken.code == "id-taken"
        await running.runtime.close()
        await running.open()
        taken = await running.call("Box", done.data["box"], "build", {"size": 1})
        assert isinstance(taken, Rejected)
        assert taken.code == "id-taken"

    run(test)


class Remembering(MemoryStore):
    """Remembers how it was when a spawn was pending, as if the process had died then."""

    kept: MemoryStore

    def commit(self, batch: Any) -> None:
        super().commit(batch)
        if any(row.kind == "spawn" for row in batch.made.values()):
            self.kept = MemoryStore()
            self.kept.__dict__.update(copy.deepcopy({k: v for k, v in self.__dict__.items() if k != "kept"}))


def test_an_id_is_taken_before_its_spawn_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restart there may be a million deliveries in front of it."""
    monkeypatch.setattr(work, "TAKEN_UP_AT_ONCE", 2)

    async def test() -> None:
        store = Remembering()
        async with Running(TABLE, store) as running:
            for number in range(5):
                await running.done("Parcel", f"q{number}", "pack", {"label": "books"})
                await running.done("Parcel", f"q{number}", "send")
            await running.done("Parcel", "p", "pack", {"label": "books"})
            box = (await running.done("Parcel", "p", "box_up", {"size": 1})).data["box"]
        async with Running(TABLE, store.kept) as running:
            taken = await running.call("Box", box, "build", {"size": 3})
            assert isinstance(taken, Rejected), taken
            assert taken.code == "id-taken"
            free = await running.call("Box", "other", "build", {"size": 3})
            assert isinstance(free, Done), free
            await running.runtime.quiet()
            seen = running.seen("Box", box)
            assert (seen.state, seen.data["labels"], seen.data["fillings"]) == ("made", "books", 1)
            assert not running.runtime.health()["faults"]

    asyncio.run(test())


def test_a_refusal_brings_the_reason_the_receiver_and_the_arguments() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "books"})
        await running.done("Parcel", "p", "tell", {"box": "nowhere"})
        await running.runtime.quiet()
        seen = running.seen("Parcel", "p")
        assert (seen.data["code"], seen.data["box"]) == ("wrong-state", "nowhere")

    run(test)


def test_a_refused_message_is_sent_again_until_it_is_taken() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "books"})
        await running.done("Parcel", "p", "insist", {"box": "later"})
        await running.pass_time(3_000)
        await running.done("Box", "later", "build", {"size": 1})
        await running.pass_time(60_000)
        assert running.seen("Box", "later").data["fillings"] == 1
        assert running.runtime.pending() == ()

    run(test)


def test_a_whole_order() -> None:
    async def test(running: Running) -> None:
        order = await running.done("Order", "o", "place")
        await running.runtime.quiet()
        seen = running.seen("Order", "o")
        assert seen.state == "delivered"
        assert running.state("Payment", order.data["payment"]) == "charged"
        assert running.state("Shipment", seen.data["shipment"]) == "shipped"

    run(
        test,
        table_of(EXAMPLES["orders"]),
        charge=Receiver("charged"),
        dispatch=Receiver("collected"),
        refund=Receiver("refunded"),
    )


def test_money_comes_back_when_the_parcel_is_missing() -> None:
    refund = Receiver("refunded", ["unknown"])

    async def test(running: Running) -> None:
        order = await running.done("Order", "o", "place")
        await running.pass_time(10_000)
        assert running.state("Order", "o") == "cancelled"
        assert running.state("Payment", order.data["payment"]) == "refunded"
        assert len(refund.asked) == 2

    run(
        test, table_of(EXAMPLES["orders"]), charge=Receiver("charged"), dispatch=Receiver("out_of_stock"), refund=refund
    )


def test_the_journal_says_who_sent_what_to_whom() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "books"})
        await running.done("Box", "b", "build", {"size": 1})
        await running.done("Parcel", "p", "tell", {"box": "b"})
        await running.runtime.quiet()
        history = running.runtime.history("Box", "b")
        assert isinstance(history, tuple)
        body = json.loads(history[-1].body)
        assert (body["rule"], body["cause"], body["action"], body["args"]) == (
            "deliver",
            "Parcel p",
            "fill",
            {"label": "books"},
        )

    run(test)
