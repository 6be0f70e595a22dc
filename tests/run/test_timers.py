"""Timers are durable, fire in the order in which they are due, late perhaps and never early."""

from __future__ import annotations

import asyncio
from typing import Any

from support.parcels import PARCELS
from support.running import Running, table_of
from temper.run import Armed

HOUR = 3_600_000
TWO = """
temper: 1
blueprint: two
roles: [person]
types: {Order: "int[0, 9]"}
entities:
  Pot:
    data: {count: Order, first: Order, second: Order}
    states: [on, off]
    final: [off]
    actions:
      light: {by: person, from: new, to: on}
      stir: {by: person, from: on, restart: [long]}
      a: {from: on, set: {count: 9 if count == 9 else count + 1, first: 9 if count == 9 else count + 1}}
      b: {from: on, set: {count: 9 if count == 9 else count + 1, second: 9 if count == 9 else count + 1}}
      put_out: {from: on, to: off}
    timers:
      long: {in: on, after: 20s, do: a}
      short: {in: on, after: 10s, do: b}
      end: {in: on, after: 1h, do: put_out}
"""


def run(test: Any, text: str = PARCELS) -> None:
    async def whole() -> None:
        async with Running(table_of(text)) as running:
            await test(running)
            assert not running.runtime.health()["faults"]

    asyncio.run(whole())


def test_a_timer_fires_when_it_is_due_and_not_before() -> None:
    async def test(running: Running) -> None:
        await running.pass_time(8 * HOUR - 1)
        assert running.state("Office", "Office") == "shut"
        await running.pass_time(1)
        assert running.state("Office", "Office") == "open"
        await running.pass_time(8 * HOUR)
        assert running.state("Office", "Office") == "shut"
        assert running.seen("Office", "Office").seq == 2

    run(test)


def test_an_armed_timer_is_seen() -> None:
    async def test(running: Running) -> None:
        due = 1_000 + 8 * HOUR
        assert running.runtime.timers() == (Armed(("Office", "Office"), "morning", due),)  # type: ignore[arg-type]

    run(test)


def test_what_became_due_meanwhile_fires_after_a_restart() -> None:
    async def test(running: Running) -> None:
        await running.runtime.close()
        running.clock.advance(9 * HOUR)
        await running.open()
        await running.runtime.quiet()
        seen = running.seen("Office", "Office")
        assert (seen.state, seen.clock) == ("open", 1_000 + 9 * HOUR)
        assert seen.timers == (("evening", 1_000 + 17 * HOUR),)

    run(test)


def test_leaving_a_state_disarms() -> None:
    async def test(running: Running) -> None:
        await running.done("Parcel", "p", "pack", {"label": "a"})
        await running.done("Parcel", "p", "send")
        await running.pass_time(59_999)
        assert running.state("Parcel", "p") == "waiting"
        await running.pass_time(1)
        assert running.state("Parcel", "p") == "lost"
        assert running.seen("Parcel", "p").timers == ()

    run(test)


def test_timers_of_one_instance_fire_in_the_order_in_which_they_are_due() -> None:
    async def test(running: Running) -> None:
        await running.done("Pot", "p", "light")
        running.clock.advance(30_000)  # Both are overdue before anybody looks.
        await running.pass_time(0)
        data = running.seen("Pot", "p").data
        assert (data["second"], data["first"]) == (1, 2)
        assert [name for name, _ in running.seen("Pot", "p").timers] == ["end"]

    run(test, TWO)


def test_restart_counts_anew() -> None:
    async def test(running: Running) -> None:
        await running.done("Pot", "p", "light")
        await running.pass_time(15_000)
        await running.done("Pot", "p", "stir")
        await running.pass_time(19_999)
        assert running.seen("Pot", "p").data["first"] == 0
        await running.pass_time(1)
        assert running.seen("Pot", "p").data["first"] == 2

    run(test, TWO)


def test_a_clock_that_goes_back_never_fires_early_and_time_in_a_cell_never_falls() -> None:
    async def test(running: Running) -> None:
        running.clock.set(100_000)
        await running.done("Pot", "p", "light")
        running.clock.set(50_000)
        done = await running.done("Pot", "p", "stir")
        assert done.at == 100_000
        await running.pass_time(59_999)
        assert running.seen("Pot", "p").data["second"] == 0
        await running.pass_time(1)
        assert running.seen("Pot", "p").data["second"] == 1

    run(test, TWO)


def test_many_timers_at_once() -> None:
    async def test(running: Running) -> None:
        for number in range(450):
            await running.done("Pot", f"p{number}", "light")
        await running.pass_time(20_000)
        assert all(running.seen("Pot", f"p{number}").data["count"] == 2 for number in range(450))

    run(test, TWO)
