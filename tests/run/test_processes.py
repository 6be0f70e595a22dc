"""Handlers in processes of their own: what spins, leaks, floods or dies harms nobody but its own attempt."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.parcels import PARCELS
from support.running import Running, table_of
from temper.run import Ask, AttemptFailedError, HandlersBrokenError
from temper.run.handlers.process import IDLE_MAX, ProcessHandler, python_handlers

ASK = Ask("parcels", "ship", {"label": "books"}, "k-1-0", 7, 1, "Parcel", "p", 5.0)
MEMORY = 512 << 20
CODE = """
import asyncio, os, sys, threading, time

LEAKED = []

def pid(label): return os.getpid()
def spin(label):
    open(label, "w").write(str(os.getpid()))
    while True: pass
def leak(label):
    while True: LEAKED.append(bytearray(1 << 20))
def keep(label):
    LEAKED.append(bytearray(300 << 20)); return os.getpid()
def die(label): os._exit(3)
def crash(label): os.kill(os.getpid(), 11)
def leave(label): sys.exit(2)
def flood(label): return "x" * (2 << 20)
def chatter(label): print("hello"); sys.stdout.flush(); os.write(1, b"not a frame"); return "said"
def odd(label): return {1, 2}
async def waits(label):
    await asyncio.sleep(0); return [label, threading.current_thread() is threading.main_thread()]
async def all(ask, label): return [ask.key, ask.fence, ask.attempt, label]
"""


def run(tmp_path: Path, test: Callable[[dict[str, ProcessHandler]], Awaitable[Any]]) -> Any:
    path = tmp_path / "handlers.py"
    path.write_text(CODE, encoding="utf-8")

    async def whole() -> Any:
        handlers = python_handlers(str(path), MEMORY)
        try:
            return await test(handlers)
        finally:
            await handlers["pid"].aclose()

    return asyncio.run(whole())


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_process_is_used_again_and_ended_at_the_end(tmp_path: Path) -> None:
    async def test(handlers: dict[str, ProcessHandler]) -> list[Any]:
        return [await handlers["pid"](ASK) for _ in range(3)]

    (pid,) = set(run(tmp_path, test))
    assert pid != os.getpid()
    assert not is_running(pid)


def test_attempts_at_the_same_time_have_processes_of_their_own(tmp_path: Path) -> None:
    async def test(handlers: dict[str, ProcessHandler]) -> int:
        several = await asyncio.gather(*(handlers["pid"](ASK) for _ in range(IDLE_MAX + 1)))
        assert len(handlers["pid"].processes._idle) <= IDLE_MAX
        return len(set(several))

    assert run(tmp_path, test) == IDLE_MAX + 1


def test_coroutine_functions_and_the_whole_request(tmp_path: Path) -> None:
    async def test(handlers: dict[str, ProcessHandler]) -> list[Any]:
        return [await handlers["waits"](ASK), await handlers["all"](ASK), await handlers["chatter"](ASK)]

    assert run(tmp_path, test) == [["books", True], ["k-1-0", 7, 1, "books"], "said"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leak", "MemoryError"),
        ("die", "process ended with 3"),
        ("crash", "process was ended by SIGSEGV"),
        ("leave", "raised SystemExit: 2"),
        ("flood", "longer than"),
        ("odd", "TypeError"),
    ],
)
def test_what_goes_wrong_is_a_failed_attempt_and_the_next_one_is_fine(tmp_path: Path, name: str, message: str) -> None:
    async def test(handlers: dict[str, ProcessHandler]) -> None:
        with pytest.raises(AttemptFailedError, match=message):
            await handlers[name](ASK)
        assert isinstance(await handlers["pid"](ASK), int)

    run(tmp_path, test)


def test_what_is_given_up_is_killed(tmp_path: Path) -> None:
    async def test(handlers: dict[str, ProcessHandler]) -> int:
        file = tmp_path / "pid"
        spinning = asyncio.create_task(handlers["spin"](replace(ASK, args={"label": str(file)})))
        while not file.exists() or not file.read_text():  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.01)
        spinning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await spinning
        return int(file.read_text())

    assert not is_running(run(tmp_path, test))


def test_a_process_that_has_taken_much_of_its_memory_is_replaced(tmp_path: Path) -> None:
    async def test(handlers: dict[str, ProcessHandler]) -> bool:
        return await handlers["keep"](ASK) != await handlers["pid"](ASK)

    assert run(tmp_path, test)


def test_a_file_that_does_not_come_to_its_end_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "handlers.py"
    path.write_text("while True: pass\n", encoding="utf-8")
    monkeypatch.setattr("temper.run.handlers.process.LOAD_SECONDS", 0.3)
    with pytest.raises(HandlersBrokenError, match="does not come to its end"):
        python_handlers(str(path))


@pytest.mark.parametrize(("effect", "action", "state"), [("ship", "send", "lost"), ("ring", "ring", "packed")])
def test_a_handler_that_dies_settles_as_its_delivery_kind_says(
    tmp_path: Path, effect: str, action: str, state: str
) -> None:
    path = tmp_path / "handlers.py"
    path.write_text(f"import os\ndef {effect}(**args):\n    os._exit(9)\n", encoding="utf-8")

    async def whole() -> None:
        async with Running(table_of(PARCELS), None, dict(python_handlers(str(path)))) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            await running.done("Parcel", "p", action)
            await running.pass_time(1_500)
            await running.pass_time(3_000)
            assert running.state("Parcel", "p") == state
            (letter,) = running.runtime.letters()  # type: ignore[misc]
            assert "the handler's process ended with 9" in letter.because
            assert letter.attempts == (3 if effect == "ship" else 1)

    asyncio.run(whole())


def test_processes_end_when_other_handlers_take_over(tmp_path: Path) -> None:
    path = tmp_path / "handlers.py"
    path.write_text(
        "import os\ndef ship(label, level):\n    return {'outcome': 'shipped', 'fields': {'code': str(os.getpid())}}\n",
        encoding="utf-8",
    )

    async def whole() -> int:
        async with Running(table_of(PARCELS), None, dict(python_handlers(str(path)))) as running:
            await running.done("Parcel", "p", "pack", {"label": "books"})
            await running.done("Parcel", "p", "send")
            await running.runtime.quiet()
            pid = int(running.seen("Parcel", "p").data["code"])
            assert is_running(pid)
            running.runtime.use({})
            for _ in range(500):
                await asyncio.sleep(0.01)
                if not is_running(pid):
                    break
            return pid

    assert not is_running(asyncio.run(whole()))
