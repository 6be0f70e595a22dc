"""What is read beside the loop counts only while nobody has changed it: each race, taken step by step."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.durable import assert_whole
from support.faulty import FaultyStore
from support.parcels import PARCELS
from support.running import Receiver, Running, table_of, trusted, turn
from temper.machine import Address
from temper.run import Admitted, Done, MemoryStore, Response, Retryable, SqliteStore
from temper.run.store.protocol import StoreError
from temper.run.store.rows import Found

TABLE = table_of(PARCELS)
LIT = {"outcome": "lit"}
P = Address("Parcel", "p")
Call = asyncio.Task[Response]


class Watched(MemoryStore):
    """A store that writes down what is asked for together, and can be unable to read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.fails = False

    def instances(self, addresses: Sequence[Address]) -> Mapping[Address, Found]:
        self.asked.append(sorted(address.id for address in addresses))
        if self.fails:
            raise StoreError("it cannot be read")
        return super().instances(addresses)


class Reader:
    """The reader, a step at a time: it looks, and later it tells."""

    def __init__(self) -> None:
        self.steps: deque[Callable[[], None]] = deque()

    async def step(self) -> None:
        await turn()
        self.steps.popleft()()

    async def rest(self, answer: Awaitable[Response]) -> Response:
        """Read whatever is to be read until the answer is there."""
        answering = asyncio.ensure_future(answer)
        while not answering.done():
            await turn()
            while self.steps:
                self.steps.popleft()()
        return await answering


Test = Callable[[Running, Reader, Receiver], Awaitable[None]]


def run(test: Test, store: Any = None, **world: Any) -> None:
    """A parcel `p` whose light is asked for, in a runtime that has just begun and has nothing in memory."""

    async def whole() -> None:
        reader, light = Reader(), Receiver(LIT, gate=asyncio.Event())
        running = Running(TABLE, store or Watched(), {"light": light}, reads=reader.steps.append, **world)
        await running.open()
        for each in ("p", "q", "r"):
            await reader.rest(running.call("Parcel", each, "pack", {"label": each}))
        await reader.rest(running.call("Parcel", "p", "dim", {"level": 3}))
        await running.runtime.close()
        await running.open()
        await turn()
        assert P not in held(running)
        if isinstance(running.store, Watched):
            running.store.asked.clear()
        await test(running, reader, light)
        assert not running.runtime.health()["faults"]
        await running.runtime.close()
        assert_whole(running.store)

    asyncio.run(whole())


def held(running: Running) -> Mapping[Address, Any]:
    return running.runtime._driver._held


def raised(running: Running, id_: str = "p") -> Call:
    return asyncio.ensure_future(running.call("Parcel", id_, "raise_level"))


async def lit(light: Receiver) -> None:
    assert light.gate is not None
    light.gate.set()
    await turn(30)


def done(response: Response) -> Done:
    assert isinstance(response, Done), response
    return response


def test_what_was_written_meanwhile_stays() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        call = raised(running)
        await reader.step()
        await lit(light)
        assert running.seen("Parcel", "p").data["code"] == "lit"
        answer = done(await reader.rest(call))
        assert (answer.seq, answer.data["level"], answer.data["code"]) == (4, 4, "lit")

    run(test)


def test_what_was_written_before_the_reader_looks_is_not_waited_for() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        call = raised(running)
        await turn()
        await lit(light)
        assert done(await call).seq == 4, "memory has it, so nobody waits for the reader"
        await reader.step()
        await reader.step()
        assert held(running)[P].instance.cell.seq == 4

    run(test)


def test_what_was_written_and_forgotten_meanwhile_is_read_again() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        call = raised(running)
        await reader.step()
        running.runtime._driver.readings.overtaken = forgotten = Forgotten(running, light)  # type: ignore[method-assign]
        await lit(light)
        assert forgotten.came
        answer = done(await reader.rest(call))
        assert (answer.seq, answer.data["level"], answer.data["code"]) == (4, 4, "lit")

    class Forgotten:
        """Memory takes the instance in, and lets go of it again before whoever waited has its turn."""

        def __init__(self, running: Running, light: Receiver) -> None:
            self._running, self._light, self.came = running, light, False
            self._overtaken = running.runtime._driver.readings.overtaken

        def __call__(self, address: Address) -> None:
            self._overtaken(address)
            if address == P and not self.came:
                self.came = True
                asyncio.get_running_loop().call_soon(self._forget)

        def _forget(self) -> None:
            for id_ in ("q", "r", "q", "r"):
                self._running.runtime.available("Parcel", id_, caller="ann", roles=frozenset())
            assert P not in held(self._running)

    run(test, instances_max=1)


def test_what_was_read_before_a_version_was_loaded_does_not_count_after_it() -> None:
    renamed = PARCELS.replace("packed", "wrapped")

    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        del light
        call = raised(running)
        await reader.step()
        new = trusted(table_of(renamed + "migrate:\n  Parcel:\n    states: {packed: wrapped}\n"))
        assert isinstance(await running.runtime.apply(new), Admitted)
        answer = done(await reader.rest(call))
        assert (answer.state, answer.data["level"]) == ("wrapped", 4)
        running.certified = new

    run(test)


def test_what_was_read_before_a_write_failed_does_not_count_after_it() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        store.fault = "before"
        call = raised(running)
        await reader.step()
        await lit(light)
        answer = await call
        assert isinstance(answer, Retryable)
        assert answer.code == "store-failed"
        await reader.step()
        store.fault = ""
        await running.pass_time(3_000)
        again = done(await reader.rest(raised(running)))
        assert (again.seq, again.data["code"]) == (4, "lit")

    class Failing(FaultyStore):
        fault = ""

        def __init__(self) -> None:
            super().__init__(MemoryStore(), lambda _: self.fault)

    store = Failing()
    run(test, store)


def test_what_cannot_be_read_is_told_and_read_the_next_time() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        del light
        store.fails = True
        answers = [await reader.rest(raised(running)), await reader.rest(raised(running, "q"))]
        assert [getattr(answer, "code", "") for answer in answers] == ["store-failed"] * 2
        store.fails = False
        assert done(await reader.rest(raised(running))).data["level"] == 4

    store = Watched()
    run(test, store)


def test_everything_missing_is_one_question_and_what_comes_meanwhile_the_next() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        del light
        calls = [raised(running, id_) for id_ in ("p", "q", "p", "q")]
        await reader.step()
        calls += [raised(running, id_) for id_ in ("r", "q", "s")]
        answers = [await reader.rest(call) for call in calls]
        assert store.asked == [["p", "q"], ["r", "s"]]
        assert [getattr(answer, "seq", None) for answer in answers] == [3, 2, 4, 3, 2, 4, None]

    store = Watched()
    run(test, store)


def test_whoever_goes_away_takes_nobody_along() -> None:
    async def test(running: Running, reader: Reader, light: Receiver) -> None:
        del light
        gone, stays = raised(running), raised(running)
        await turn()
        gone.cancel()
        assert done(await reader.rest(stays)).data["level"] == 4

    run(test)


def test_a_disk_is_read_by_a_thread_and_every_step_is_there(tmp_path: Path) -> None:
    """Far more instances than memory may hold, called from all sides, while their effects settle."""

    async def whole() -> None:
        store = SqliteStore(tmp_path / "j.db", identity="x")
        async with Running(TABLE, store, {"light": Receiver(LIT)}, instances_max=8) as running:
            ids = [f"p{number}" for number in range(60)]
            for id_ in ids:
                await running.done("Parcel", id_, "pack", {"label": id_})
            for each in range(6):
                action, args = ("raise_level", {}) if each else ("dim", {"level": 0})
                for first in range(0, len(ids), 12):
                    wave = ids[first : first + 12]
                    answers = await asyncio.gather(*(running.done("Parcel", id_, action, args) for id_ in wave))
                    assert [answer.data["label"] for answer in answers] == wave
            assert [running.seen("Parcel", id_).data["level"] for id_ in ids] == [5] * len(ids)
            await running.runtime.quiet()
            assert running.runtime.instances_held < len(ids)
            assert running.runtime.first_broken_record() is None
            assert running.runtime.unexplained() == ()

    asyncio.run(whole())
