"""A new version takes over everything that lives, or stays out with the whole list of reasons."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.durable import assert_whole
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of, trusted, turn
from temper.machine import Certified
from temper.run import Admitted, NotAdmitted, Retryable, SeededChance, World, open_runtime

ARRIVED = {"outcome": "shipped", "fields": {"code": "c7"}}
MIGRATE = """
migrate:
  Parcel:
    states: {packed: wrapped}
    data: {name: label, heavy: "level >= 2"}
"""


def changed(*edits: tuple[str, str], text: str = PARCELS) -> str:
    for before, after in edits:
        assert before in text, before
        text = text.replace(before, after)
    return text


def certified(*edits: tuple[str, str], text: str = PARCELS) -> Certified:
    return trusted(table_of(changed(*edits, text=text)))


RENAMED = (
    ("states: [packed, waiting", "states: [wrapped, waiting"),
    ("waits: [packed, sent", "waits: [wrapped, sent"),
    ("to: packed", "to: wrapped"),
    ("from: packed", "from: wrapped"),
    ("      label: str\n      code", "      name: str\n      heavy: bool\n      code"),
    ("set: {label: args.label, watchers", "set: {name: args.label, watchers"),
    ("with: [label, level]", "with: {label: name, level: level}"),
    ("with: [label]", "with: {label: name}"),
    ("with: {label: label}", "with: {label: name}"),
    ("set: {label: args.reason}", "set: {name: args.reason}"),
)


DROP = ("      raise_level:", "      drop: {by: person, from: packed, to: lost}\n      raise_level:")


def run(test: Any, **receivers: Receiver) -> None:
    async def whole() -> None:
        async with Running(table_of(PARCELS), None, receivers) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            await test(running)
            assert not running.runtime.health()["faults"]
            assert_whole(running.store)

    asyncio.run(whole())


def codes(ended: object) -> list[str]:
    assert isinstance(ended, NotAdmitted), ended
    return sorted({obstacle.code for obstacle in ended.obstacles})


def test_a_version_that_adds_something_is_taken_as_it_is() -> None:
    async def test(running: Running) -> None:
        before = running.runtime.table_hash
        ended = await running.runtime.apply(certified(DROP))
        assert isinstance(ended, Admitted)
        assert (ended.cells, ended.deliveries) == (0, 0)
        assert running.runtime.table_hash == ended.hash != before
        assert (await running.done("Parcel", "p", "drop")).state == "lost"

    run(test)


def test_states_and_fields_are_mapped() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "q", "pack", {"label": "bricks"})
        for _ in range(3):
            await running.done("Parcel", "q", "raise_level")
        ended = await running.runtime.apply(certified(*RENAMED, ("entities:\n", MIGRATE + "entities:\n")))
        assert isinstance(ended, Admitted), ended
        assert ended.cells == 2
        p, q = running.seen("Parcel", "p"), running.seen("Parcel", "q")
        assert (p.state, p.data["name"], p.data["heavy"]) == ("wrapped", "books", False)
        assert (q.state, q.data["name"], q.data["heavy"]) == ("wrapped", "bricks", True)
        assert (await running.done("Parcel", "q", "dim", {"level": 1})).data["level"] == 1
        await running.runtime.close()
        running.certified = certified(*RENAMED, ("entities:\n", MIGRATE + "entities:\n"))
        await running.open()
        assert running.state("Parcel", "p") == "wrapped"

    run(test)


def test_without_a_mapping_every_obstacle_is_named_and_the_old_version_serves_on() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "q", "pack", {"label": "a"})
        before, head = running.runtime.table_hash, running.store.head()
        ended = await running.runtime.apply(certified(*RENAMED))
        assert codes(ended) == ["state-gone"]
        assert isinstance(ended, NotAdmitted)
        assert [obstacle.where for obstacle in ended.obstacles] == ["Parcel p", "Parcel q"]
        assert running.runtime.table_hash == before
        assert running.store.head() == head
        await running.done("Parcel", "p", "raise_level")

    run(test)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([("level: Level\n      box", "level: int[1, 5]\n      box")], ["value-out-of-type"]),
        (
            [
                ("note: json | None", "note: json | None\n      from_whom: principal"),
                ('watchers: "{caller}"}', 'watchers: "{caller}", from_whom: caller}'),
            ],
            ["field-unfilled"],
        ),
        ([("note: json | None", "note: json | None\n      from_whom: principal | None")], []),
        ([("note: json | None", "note: json | None\n      size: int[1, 9] = 3")], []),
        ([("waits: [packed, sent, rung]", "waits: [sent, rung]")], ["does-not-move"]),
        (
            [
                ("roles: [person]", "roles: [person]\nproperties:\n  heavy: {for: p in Parcel, always: p.level >= 1}"),
                ("from: new\n        set: {label: args.label,", "from: new\n        set: {level: 1, label: args.label,"),
            ],
            ["invariant-violated"],
        ),
        (
            [
                ("roles: [person]", "roles: [person]\ngrandfathered: {heavy: old ones are light}\nproperties:\n  heavy: {for: p in Parcel, always: p.level >= 1}"),
                ("from: new\n        set: {label: args.label,", "from: new\n        set: {level: 1, label: args.label,"),
            ],
            [],
        ),
        ([("entities:\n", "migrate: {Parcel: {data: {level: weight}}}\nentities:\n"), DROP], ["value-out-of-type"]),
        (
            [
                ("entities:\n", "migrate: {Parcel: {data: {level: note}}}\nentities:\n"),
                ("      note: json | None\n", ""),
                ("      annotate: {by: person, params: {note: json}, from: packed, set: {note: args.note}}\n", ""),
            ],
            ["value-out-of-type"],
        ),
        ([("      morning:", "      dawn:")], ["timer-gone"]),
    ],
)  # fmt: skip
def test_what_stands_in_the_way(edits: list[tuple[str, str]], expected: list[str]) -> None:
    async def test(running: Running) -> None:
        ended = await running.runtime.apply(certified(*edits))
        if expected:
            assert codes(ended) == expected
        else:
            assert isinstance(ended, Admitted), ended

    run(test)


def test_pending_deliveries_go_on_under_the_new_version() -> None:
    ship = Receiver(ARRIVED, gate=asyncio.Event())

    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        edits = (
            (
                "do: [{effect: ship,",
                "do: [{effect: ring, with: [label], then: {rung: ignore, unknown: ignore}}, {effect: ship,",
            ),
            (
                "then: {shipped: arrive, declined: again, unknown: lose}",
                "then: {shipped: landed, declined: again, unknown: lose}",
            ),
            (
                "      lose: {",
                "      landed: {params: {code: str}, from: waiting, set: {code: \"'landed'\"}, to: sent}\n      lose: {",
            ),
        )
        ended = await running.runtime.apply(certified(*edits))
        assert isinstance(ended, Admitted), ended
        assert ended.deliveries == 1
        assert ship.gate is not None
        ship.gate.set()
        await running.runtime.quiet()
        assert running.seen("Parcel", "p").data["code"] == "landed"
        assert len(ship.asked) == 1

    run(test, ship=ship)


@pytest.mark.parametrize(
    "edits",
    [
        [("outcomes: {shipped: {code: str}, declined: {}}", "outcomes: {shipped: {code: str}, declined: {}, lost: {}}"),
         ("declined: again, unknown: lose}", "declined: again, lost: lose, unknown: lose}")],
        [("params: {label: str, level: Level}", "params: {label: str}"), ("with: [label, level]", "with: [label]")],
        [("delivery: keyed", "delivery: idempotent")],
    ],
)  # fmt: skip
def test_an_effect_that_may_have_been_asked_does_not_change(edits: list[tuple[str, str]]) -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "send")
        await turn()
        assert codes(await running.runtime.apply(certified(*edits))) == ["delivery-unplaced"]
        await running.pass_time(10)
        assert [waiting.status for waiting in running.runtime.pending()] == ["parked"]  # type: ignore[union-attr]

    run(test)


def test_a_message_on_its_way_keeps_its_action() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "insist", {"box": "later"})
        await running.runtime.quiet()
        edits = (("      fill:\n", "      stuff:\n"), ("action: fill", "action: stuff"))
        assert codes(await running.runtime.apply(certified(*edits))) == ["delivery-unplaced"]
        await running.done("Box", "later", "build", {"size": 1})
        await running.pass_time(60_000)
        assert running.seen("Box", "later").data["fillings"] == 1
        assert isinstance(await running.runtime.apply(certified(*edits)), Admitted)

    run(test)


def test_timers_that_are_added_or_changed_count_from_now() -> None:
    async def test(running: Running) -> None:
        await running.pass_time(3_600_000)
        now = running.clock.now()
        edits = (
            ("morning: {in: shut, after: 8h, do: open}", "morning: {in: shut, after: 2h, do: open}"),
            ("      too_long:", "      stale: {in: packed, after: 7d, do: expire}\n      too_long:"),
            ("      cancel:", "      expire: {from: packed, to: lost}\n      cancel:"),
        )
        assert isinstance(await running.runtime.apply(certified(*edits)), Admitted)
        assert running.seen("Office", "Office").timers == (("morning", now + 7_200_000),)
        assert running.seen("Parcel", "p").timers == (("stale", now + 7 * 86_400_000),)
        await running.pass_time(7 * 86_400_000)
        assert running.state("Parcel", "p") == "lost"

    run(test)


def test_a_single_entity_that_is_added_begins_now() -> None:
    async def test(running: Running) -> None:
        desk = "  Desk:\n    single: true\n    states: [free]\n    waits: [free]\n    actions: {wipe: {by: person, from: free}}\n"
        ended = await running.runtime.apply(certified(("  Office:\n", desk + "  Office:\n")))
        assert isinstance(ended, Admitted)
        await running.done("Desk", "Desk", "wipe")

    run(test)


def test_an_entity_with_instances_does_not_go() -> None:
    async def test(running: Running) -> None:
        await running.runtime.close()
        world = World(running.clock, SeededChance(1), running.store)
        small = trusted(
            table_of(
                "temper: 1\nblueprint: parcels\nentities:\n  Box:\n    states: [on]\n    waits: [on]\n    actions: {make: {from: new, to: on}}\n"
            )
        )
        ended = await open_runtime(world, small)
        assert codes(ended) == ["entity-gone"]
        await running.open()

    run(test)


def test_a_process_that_begins_with_a_new_version_admits_it_first() -> None:
    async def test(running: Running) -> None:
        await running.runtime.close()
        running.certified = certified(DROP)
        await running.open()
        assert (await running.done("Parcel", "p", "drop")).state == "lost"
        assert len(running.runtime.versions()) == 2
        assert len(running.runtime.lineage()) == 2

    run(test)


def test_calls_wait_for_a_version_that_is_being_loaded() -> None:
    async def test(running: Running) -> None:
        new = certified(DROP)
        loading = asyncio.create_task(running.runtime.apply(new))
        await asyncio.sleep(0)
        answer = await running.call("Parcel", "p", "drop")
        assert not isinstance(answer, Retryable)
        assert isinstance(await loading, Admitted)
        assert running.state("Parcel", "p") == "lost"

    run(test)


def test_images_are_the_distinct_states_of_what_lives() -> None:
    async def test(running: Running) -> None:
        for number in range(3):
            await running.done("Parcel", f"p{number}", "pack", {"label": "books"})
        await running.done("Parcel", "p0", "send")
        images = {(image.cell.entity, image.cell.control): image for image in running.runtime.live_images()}
        assert images["Parcel", "packed"].count == 3
        assert images["Parcel", "waiting"].count == 1
        assert len(images["Parcel", "waiting"].pending) == 1
        assert set(images) == {("Parcel", "packed"), ("Parcel", "waiting"), ("Office", "shut")}

    run(test)


def test_whoever_waits_under_a_key_while_a_version_is_loaded_hears_of_the_new_one() -> None:
    async def test(running: Running) -> None:
        loading = asyncio.create_task(running.runtime.apply(certified(DROP)))
        calls = [asyncio.create_task(running.call("Parcel", "p", "drop", {}, key="k")) for _ in range(3)]
        answers = await asyncio.gather(*calls)
        assert isinstance(await loading, Admitted)
        assert [getattr(answer, "state", None) for answer in answers] == ["lost"] * 3

    run(test)
