"""The end of a process that was started for an attempt, with everything that it has started itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

END_SECONDS = 5.0
"""How long a process that was killed may take to be gone."""


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill it, and whatever is in its group; nothing if it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill it and wait until it is gone. What escaped from its group and holds a pipe open is not waited for."""
    kill_group(process)
    ending = asyncio.ensure_future(_gone(process))
    await asyncio.wait({ending}, timeout=END_SECONDS)
    ending.cancel()


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Read to the end of its pipes: where asyncio has paused reading, it never tells that the process has ended."""
    for stream in (process.stdout, process.stderr):
        with contextlib.suppress(RuntimeError):  # somebody else is still reading it to its end
            while stream is not None and await stream.read(1 << 16):
                continue
    await process.wait()
