"""Handlers written in Python, in processes of their own: one that spins, leaks or dies harms nobody.

A process makes one attempt at a time. One that is given up, or answers nonsense, or has taken much of its memory is
ended, and the next attempt has a fresh one. The code of handlers is never loaded into the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from temper.run.handlers import child
from temper.run.handlers.broken import HandlersBrokenError
from temper.run.handlers.ending import end, kill_group
from temper.run.handlers.wire import ANSWER_BYTES_MAX
from temper.run.world import Ask, AttemptFailedError

MEMORY_BYTES = 1 << 30
"""How much address space a process has unless the operator says otherwise."""
IDLE_MAX = 4
"""How many processes wait for the next attempt; more are started when they are needed, and ended after it."""
ATTEMPTS_MAX = 1_000
"""After so many a process is replaced: what it leaks, it leaks no further."""
LOAD_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class _Process:
    process: asyncio.subprocess.Process
    attempts: int = 0

    async def exchange(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Send a frame and wait for the next one. Raises `AttemptFailedError` if there is none."""
        assert self.process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(framed(frame))
            await self.process.stdin.drain()
        return await self.read()

    async def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None, "it is a pipe"
        try:
            size = int.from_bytes(await self.process.stdout.readexactly(4), "big")
            if size > ANSWER_BYTES_MAX:
                raise AttemptFailedError(f"the answer is longer than {ANSWER_BYTES_MAX:,} bytes")
            told: dict[str, Any] = json.loads(await self.process.stdout.readexactly(size))
        except asyncio.IncompleteReadError:
            raise AttemptFailedError(f"the handler's process {_ended(await self.process.wait())}") from None
        return told

    async def kill(self) -> None:
        await end(self.process)


@dataclass(slots=True, eq=False)
class PythonProcesses:
    """The processes of one file or entry point, started when they are needed."""

    source: str
    memory_bytes: int = MEMORY_BYTES
    _idle: list[_Process] = field(default_factory=list)
    _busy: set[_Process] = field(default_factory=set)
    _closed: bool = False

    def names(self) -> list[str]:
        """The effects that are handled, found out in a process that ends again. Raises `HandlersBrokenError`."""
        path = Path(self.source.partition(":")[0] if not self.source.endswith(".py") else self.source)
        try:
            ended = subprocess.run(  # noqa: S603 (our own interpreter, our own file)
                _command(),
                input=framed(self._first(only_names=True)),
                capture_output=True,
                timeout=LOAD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HandlersBrokenError(path, f"it does not come to its end within {LOAD_SECONDS:g} s") from None
        if len(ended.stdout) < 4:
            raise HandlersBrokenError(path, f"loading it {_ended(ended.returncode)}")
        told = json.loads(ended.stdout[4 : 4 + int.from_bytes(ended.stdout[:4], "big")])
        if "broken" in told:
            raise HandlersBrokenError(path, told["broken"])
        return list(told["names"])

    async def ask(self, name: str, ask: Ask) -> object:
        """One attempt, in a process that does nothing else meanwhile."""
        process = self._idle.pop() if self._idle else await self._started()
        self._busy.add(process)
        told: dict[str, Any] | None = None
        try:
            told = await process.exchange({"name": name, **asdict(ask)})
            process.attempts += 1
        finally:
            self._busy.discard(process)
            if told is not None and self._is_good(process, told):
                self._idle.append(process)
            else:
                await process.kill()
        if "raised" in told:
            raise AttemptFailedError(f"the handler raised {told['raised']}")
        return told["said"]

    def retire(self) -> None:
        """Keep no process for a next attempt; what is under way goes on."""
        self._closed = True
        for process in self._idle:
            kill_group(process.process)
        self._idle.clear()

    async def aclose(self) -> None:
        """End every process."""
        self._closed = True
        processes, self._idle = [*self._idle, *self._busy], []
        for process in processes:
            await process.kill()

    def _is_good(self, process: _Process, told: dict[str, Any]) -> bool:
        spent = told.get("spent") or told.get("peak", 0) > self.memory_bytes // 2 or process.attempts >= ATTEMPTS_MAX
        return not spent and not self._closed and len(self._idle) < IDLE_MAX

    def _first(self, *, only_names: bool = False) -> dict[str, Any]:
        return {"source": self.source, "path": sys.path, "memory": self.memory_bytes, "only_names": only_names}

    async def _started(self) -> _Process:
        pipe = asyncio.subprocess.PIPE
        process = _Process(
            await asyncio.create_subprocess_exec(*_command(), stdin=pipe, stdout=pipe, start_new_session=True)
        )
        try:
            told = await process.exchange(self._first())
        except BaseException:
            await process.kill()
            raise
        if "broken" in told:
            await process.kill()
            raise AttemptFailedError(f"{self.source}: {told['broken']}")
        return process


@dataclass(frozen=True, slots=True)
class ProcessHandler:
    """One effect's function in these processes."""

    processes: PythonProcesses
    name: str
    way: str = "python"

    async def __call__(self, ask: Ask) -> object:
        return await self.processes.ask(self.name, ask)

    def retire(self) -> None:
        """Other handlers take over."""
        self.processes.retire()

    async def aclose(self) -> None:
        """End the processes; the handlers of one file have them together."""
        await self.processes.aclose()


def python_handlers(source: str, memory_bytes: int = MEMORY_BYTES) -> dict[str, ProcessHandler]:
    """A handler for each function of a file, or for the one function that `module:function` names (under "")."""
    processes = PythonProcesses(source, memory_bytes)
    return {name: ProcessHandler(processes, name) for name in processes.names()}


def framed(frame: dict[str, Any]) -> bytes:
    """A frame as it goes through a pipe."""
    body = json.dumps(frame).encode()
    return len(body).to_bytes(4, "big") + body


def _command() -> list[str]:
    # Without the folder of the file on its path: a handler that imports `http` means the one of the library.
    return [sys.executable, "-P", str(child.__file__)]


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with {code}"
