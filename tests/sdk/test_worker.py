"""Workers against a real server: whatever becomes of them, nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.serving import Running, serving, table_of, uncertified
from support.tree import ROOT
from temper.run import Ask, AttemptFailedError
from temper.sdk import AsyncClient, Worker

DOORS = """\
temper: 1
blueprint: doors
roles: [clerk]
effects:
  ring:
    params: {times: int}
    outcomes: {rung: {loudness: int}}
    delivery: keyed
    timeout: 2m
  knock:
    outcomes: {heard: {}}
    delivery: at_most_once
    timeout: 20s
entities:
  Door:
    data: {loudness: int}
    states: [shut, ringing, knocking, open, unsure]
    final: [open, unsure]
    waits: [shut]
    actions:
      build: {by: clerk, from: new, to: shut}
      bell:
        by: clerk
        from: shut
        to: ringing
        do: [{effect: ring, with: {times: 3}, then: {rung: opened, unknown: lost}}]
      knock:
        by: clerk
        from: shut
        to: knocking
        do: [{effect: knock, then: {heard: heard, unknown: lost}}]
      opened: {params: {loudness: int}, from: ringing, set: {loudness: args.loudness}, to: open}
      heard: {from: knocking, to: open}
      lost: {from: [ringing, knocking], to: unsure}
"""
RUNG = {"outcome": "rung", "fields": {"loudness": 7}}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(uncertified(table_of(DOORS)), tmp_path, principals=(("ann", ("clerk",)),)) as running:
        yield running


def begun(running: Running, action: str, *ids: str) -> None:
    for id_ in ids:
        running.ask("ann", "call", entity="Door", id=id_, action="build")
        running.ask("ann", "call", entity="Door", id=id_, action=action)


def state(running: Running, id_: str) -> str:
    return str(running.ask("ann", "get", entity="Door", id=id_)["state"])


@contextmanager
def working(running: Running, **handlers: Callable[[Ask], Awaitable[object]]) -> Iterator[list[str]]:
    """A worker in a thread of its own while the body runs."""
    told: list[str] = []
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def work() -> None:
        async with AsyncClient(running.url, running.tokens["wim"]) as client:
            await Worker(client, handlers, tell=told.append).run(stop)

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()))
    thread.start()
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(stop.set)
        ended(running, lambda: not thread.is_alive())
        loop.close()


def ended(running: Running, true: Callable[[], bool]) -> None:
    """Wait until it has stopped: it may be waiting for work, by the server's clock."""

    def passed() -> bool:
        running.run(_clock(running, 5_000))
        return true()

    until(passed)


def until(true: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(600):
        if true():
            return
        waiting.wait(0.05)
    raise AssertionError("it does not come to that")


def test_a_worker_makes_attempts_side_by_side(running: Running) -> None:
    barrier: list[str] = []

    async def ring(ask: Ask) -> object:
        barrier.append(ask.id)
        while len(barrier) < 3:  # noqa: ASYNC110 (the others)
            await asyncio.sleep(0.01)
        return RUNG

    begun(running, "bell", "a", "b", "c")
    with working(running, ring=ring) as told:
        until(lambda: all(state(running, id_) == "open" for id_ in "abc"))
        until(lambda: len(told) == 3)
    assert told[0].startswith(("1-0-1 ring of Door", "2-0-1 ring of Door", "3-0-1 ring of Door"))


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        (AttemptFailedError("the bell is broken"), "the bell is broken"),
        (KeyError("x"), "the handler raised KeyError: 'x'"),
    ],
)
def test_what_fails_is_told(running: Running, wrong: Exception, because: str) -> None:
    async def knock(ask: Ask) -> object:
        raise wrong

    begun(running, "knock", "a")
    with working(running, knock=knock):
        until(lambda: state(running, "a") == "unsure")
    (letter,) = running.ask("ann", "letters")["letters"]
    assert because in letter["because"]


def test_a_worker_that_hears_that_its_lease_is_lost_ends_the_attempt(running: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr("temper.sdk.worker.BEATS", 300)
    ended = threading.Event()
    begun_ = threading.Event()

    async def ring(ask: Ask) -> object:
        begun_.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return RUNG

    begun(running, "bell", "a")
    with working(running, ring=ring) as told:
        assert begun_.wait(10)
        running.run(_clock(running, 300_000))
        assert ended.wait(10)
        until(lambda: any("the lease is lost" in each for each in told))
        running.ask("operator", "pause", effect="ring")
    assert state(running, "a") == "ringing"


async def _clock(running: Running, milliseconds: int) -> None:
    running.clock.advance(milliseconds)


# A worker in a process of its own, killed in the middle of an attempt

HANDLERS = """\
import os, time
import temper

@temper.effect("ring")
def bell(times, ask):
    open("begun", "a").write(f"ring {ask.attempt}\\n")
    if ask.attempt == 1:
        time.sleep(60)
    return temper.outcome("rung", loudness=times)

@temper.effect("knock")
def door(ask):
    open("begun", "a").write(f"knock {ask.attempt}\\n")
    time.sleep(60)
"""


def started(running: Running, folder: Path) -> subprocess.Popen[str]:
    (folder / "handlers.py").write_text(HANDLERS, encoding="utf-8")
    command = [sys.executable, "-m", "temper", "worker", "handlers.py", "--server", running.url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TEMPER_TOKEN": running.tokens["wim"]}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def attempted(folder: Path) -> list[str]:
    path = folder / "begun"
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def test_a_worker_that_is_killed_harms_nobody(running: Running, tmp_path: Path) -> None:
    begun(running, "bell", "a")
    begun(running, "knock", "b")
    first = started(running, tmp_path)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "working on knock, ring of doors; end it with Ctrl-C\n"
        until(lambda: sorted(attempted(tmp_path)) == ["knock 1", "ring 1"])
    finally:
        first.kill()
        first.communicate()
    running.run(_clock(running, 31_000))
    running.quiet()
    assert state(running, "b") == "unsure"  # It may be asked once, and nobody knows whether it was.
    running.run(_clock(running, 2_000))
    second = started(running, tmp_path)
    try:
        until(lambda: state(running, "a") == "open")
    finally:
        second.send_signal(signal.SIGTERM)
        ended(running, lambda: second.poll() is not None)
        output = second.communicate(timeout=30)[0]
    assert second.returncode == 0
    assert "1-0-2 ring of Door a: rung" in output
    assert sorted(attempted(tmp_path)) == ["knock 1", "ring 1", "ring 2"]
    ends = [each["end"] for each in running.ask("ann", "attempts", key="1-0")["attempts"]]
    assert ends == ["lost", "answered"]
