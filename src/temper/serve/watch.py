"""Following a blueprint's files by looking at their times: it works on every file system and needs no guest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from temper.pipeline import Read, read
from temper.report import Diagnostic

LOOK_SECONDS = 0.25
"""How often the files are looked at. A change counts when two looks agree: editors write in several steps."""

Stamp = tuple[tuple[str, int, int], ...]


async def follow(path: Path, *, look_seconds: float = LOOK_SECONDS) -> AsyncIterator[Read | Diagnostic]:
    """The files each time they have changed and come to rest, or why they cannot be read."""
    known = last = stamp(path)
    before: object = read(path)
    while True:
        await asyncio.sleep(look_seconds)
        seen = stamp(path)
        if seen == last and seen != known:
            known = seen
            found = await asyncio.to_thread(read, path)
            if found != before:
                before = found
                yield found
        last = seen


def stamp(path: Path) -> Stamp:
    """Name, time and size of every file that belongs to the blueprint at `path`."""
    if path.is_dir():
        files = [each for each in path.iterdir() if each.suffix in {".yaml", ".yml", ".json", ".cedar"}]
    else:
        files = [path, *path.parent.glob("*.cedar")]
    return tuple(sorted(filter(None, map(_file_stamp, files))))


def _file_stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size
