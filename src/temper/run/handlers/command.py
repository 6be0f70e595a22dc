"""A command as a handler: the request as JSON on its standard input, the answer as JSON on its standard output.

Never through a shell. The argument vector stands in the operator's configuration and nowhere else, so nothing
that a caller or a blueprint says becomes part of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from temper.run.handlers.wire import ANSWER_BYTES_MAX, ask_to_json, parsed, shortened
from temper.run.world import Ask, AttemptFailedError


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Runs one argument vector in one folder with an environment that was put together for it."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]

    async def __call__(self, ask: Ask) -> object:
        """One run is one attempt; a run that is given up is killed with everything it started."""
        process = await self._start()
        try:
            answer, errors, code = await _talk(process, json.dumps(ask_to_json(ask)).encode())
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code != 0:
            said = shortened(errors.decode(errors="replace").strip())
            raise AttemptFailedError(f"{self.argv[0]} ended with {code}" + (f": {said}" if said else ""))
        return parsed(answer)

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                *self.argv,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
            )
        except OSError as error:
            raise AttemptFailedError(f"{self.argv[0]} cannot be started: {error.strerror}") from error


async def _talk(process: asyncio.subprocess.Process, request: bytes) -> tuple[bytes, bytes, int]:
    assert process.stdin is not None, "it is a pipe"
    assert process.stdout is not None, "it is a pipe"
    assert process.stderr is not None, "it is a pipe"
    answer, errors, _ = await asyncio.gather(
        _read(process.stdout), _read(process.stderr), _write(process.stdin, request)
    )
    return answer, errors, await process.wait()


async def _write(pipe: asyncio.StreamWriter, request: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # A command need not read what it is told.
        pipe.write(request)
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader) -> bytes:
    read = bytearray()
    while chunk := await pipe.read(65_536):
        read += chunk
        if len(read) > ANSWER_BYTES_MAX:
            raise AttemptFailedError(f"it wrote more than {ANSWER_BYTES_MAX:,} bytes")
    return bytes(read)
