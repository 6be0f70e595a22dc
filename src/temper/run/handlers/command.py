"""A command as a handler: the request as JSON on its standard input, the answer as JSON on its standard output.

The argument vector stands in the operator's configuration and nowhere else, so nothing that a caller or a blueprint
says becomes part of it, and no shell reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.run.handlers.ending import end
from temper.run.handlers.toml import TomlFile
from temper.run.handlers.wire import ANSWER_BYTES_MAX, ask_to_json, parsed, shortened, trace_of_ask
from temper.run.world import Ask, AttemptFailedError

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a command sees of our environment without being named under `environment`."""
LIMITED = 'ulimit -v "$1" && ulimit -c 0 && shift && exec "$@"'
"""Bounds itself and becomes the command; the command's words are arguments of it and never part of the script."""


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Runs one argument vector in one folder with an environment that was put together for it."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    memory_bytes: int | None = None
    way: str = "command"

    async def __call__(self, ask: Ask) -> object:
        """One run is one attempt; a run that is given up is killed with everything it started."""
        process = await self._start(ask)
        try:
            answer, errors, code = await _talk(process, json.dumps(ask_to_json(ask)).encode())
        finally:
            if process.returncode is None:
                await end(process)
        if code != 0:
            said = shortened(errors.decode(errors="replace").strip())
            raise AttemptFailedError(f"{self.argv[0]} ended with {code}" + (f": {said}" if said else ""))
        return parsed(answer)

    async def _start(self, ask: Ask) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                *self._words(),
                cwd=self.folder,
                env={**self.environment, **{name.upper(): text for name, text in trace_of_ask(ask).items()}},
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
            )
        except OSError as error:
            raise AttemptFailedError(f"{self.argv[0]} cannot be started: {error.strerror}") from error

    def _words(self) -> tuple[str, ...]:
        if self.memory_bytes is None:
            return self.argv
        return ("/bin/sh", "-c", LIMITED, "sh", str(self.memory_bytes // 1024), *self.argv)


def make(file: TomlFile, place: str, given: Mapping[str, Any], general: Mapping[str, Any]) -> CommandHandler:
    """The handler that `command = [...]` asks for."""
    del general
    argv = argument_vector(file, f"{place} command", given["command"])
    environment = environment_of(file, place, given)
    memory = file.size(given["memory"], f"{place} memory") if "memory" in given else None
    return CommandHandler(argv, file.folder, environment, memory)


def argument_vector(file: TomlFile, place: str, argv: Any) -> tuple[str, ...]:
    """The words of a command; its program's whole path is looked up now, so that what runs later is what was meant."""
    if not isinstance(argv, list) or not argv or not all(isinstance(part, str) for part in argv):
        raise file.broken(f'{place} is a list of texts, such as ["./probe", "--json"]; there is no shell')
    name = argv[0]
    found = shutil.which(str(file.folder / name) if "/" in name else name)
    if found is None:
        raise file.broken(f"{place}: `{name}` is no program that can be run")
    return (found, *argv[1:])


def environment_of(file: TomlFile, place: str, given: Mapping[str, Any]) -> dict[str, str]:
    """What the command sees: what every command does, and the variables that are named."""
    names = file.texts(given.get("environment", []), f"{place} environment", 'names, such as ["ROUTER_TOKEN"]')
    if missing := [name for name in names if name not in os.environ]:
        raise file.broken(f"{place} environment names {missing[0]}, which is not set")
    return {name: os.environ[name] for name in (*INHERITED, *names) if name in os.environ}


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
