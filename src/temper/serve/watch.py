"""Following a blueprint's files by looking at their times: it works on every file system and needs no guest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from temper.pipeline import SUFFIXES, Read, read
from temper.report import Diagnostic

LOOK_SECONDS = 0.25
"""How often the files are looked at. A change counts when two looks agree: editors write in several steps."""

FileStamp = tuple[str, int, int]
Stamp = tuple[FileStamp, ...]


async def follow(path: Path, before: Read, *, look_seconds: float = LOOK_SECONDS) -> AsyncIterator[Read | Diagnostic]:
    """The files each time they have changed and come to rest, or why they cannot be read.

    `before` is what was read last: a change that came between that and the first look is not lost.
    """
    known: Stamp | None = None
    last = stamp(path)
    told: object = before
    while True:
        await asyncio.sleep(look_seconds)
        seen = stamp(path)
        if seen == last and seen != known:
            known = seen
            found = await asyncio.to_thread(read, path)
            if found != told:
                told = found
                yield found
        last = seen


def stamp(path: Path) -> Stamp:
    """Name, time and size of every file that belongs to the blueprint at `path`."""
    try:
        if path.is_dir():
            files = [each for each in path.iterdir() if each.suffix in {*SUFFIXES, ".cedar"}]
        else:
            files = [path, *path.parent.glob("*.cedar")]
    except OSError:
        return ()
    return tuple(sorted(filter(None, map(file_stamp, files))))


def file_stamp(path: Path) -> FileStamp | None:
    """Name, time and size of a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size
