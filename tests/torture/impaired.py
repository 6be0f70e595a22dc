"""The command line over a disk that fails now and then, or with a planted bug in the engine, or both.

`python -m torture.impaired BUG WRITES up ...` is `temper up ...` where one in so many writes and syncs fails (0: none).
"""

from __future__ import annotations

import contextlib
import random
import sys

from support.planted import bugs, plant
from support.vfs import FULL, IOERR_FSYNC, IOERR_WRITE, OK, Between


class Moody:
    """A disk of which one in so many writes and syncs of the log fails: SQLite is told, and nothing is written."""

    def __init__(self, writes: int) -> None:
        self._writes = writes
        self._chance = random.Random()  # each start of a server meets other faults

    def writes(self, name: str, offset: int, data: bytes) -> int:
        return self._chance.choice((FULL, IOERR_WRITE)) if self._fails(name) else OK

    def syncs(self, name: str) -> int:
        return IOERR_FSYNC if self._fails(name) else OK

    def synced(self, name: str) -> None: ...

    def truncates(self, name: str, size: int) -> int:
        return OK

    def deletes(self, name: str) -> None: ...

    def has_read(self, name: str, offset: int, data: bytes) -> bytes | int:
        return data

    def _fails(self, name: str) -> bool:
        return name.endswith("-wal") and self._chance.randrange(self._writes) == 0


def main(bug: str, writes: str, *words: str) -> int:
    if bug:
        plant(next(each for each in bugs() if each.name == bug).sources())
    from temper.cli import main as temper  # the engine is imported with its bug

    disk = Between(Moody(int(writes))).everything() if int(writes) else contextlib.nullcontext()
    with disk:
        return temper(list(words))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
