"""A disk that keeps only what it must: what was synced, and of the rest what chance leaves of it, sector by sector."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from support.vfs import OK

SECTOR, PAGE = 512, 4096

Fault = Callable[[str, str], int]
"""Told what is about to happen (`write`, `sync`, `truncate`, `read`) to which file; gives the code with which it fails."""


class Platter:
    """One file: as every process sees it, as it surely is on the disk, and what of it is on its way there."""

    def __init__(self, content: bytes = b"") -> None:
        self.seen, self._kept = bytearray(content), bytes(content)
        self._dirty: dict[int, list[bytes]] = {}
        """Every state that a page has had since it was synced last."""

    def write(self, offset: int, data: bytes) -> None:
        self.seen.extend(bytes(max(0, offset + len(data) - len(self.seen))))
        self.seen[offset : offset + len(data)] = data
        for page in range(offset // PAGE, (offset + len(data) - 1) // PAGE + 1):
            self._dirty.setdefault(page, []).append(self._page(page))

    def truncate(self, size: int) -> None:
        del self.seen[size:]
        self.seen.extend(bytes(size - len(self.seen)))

    def synced(self) -> None:
        """What was written since the last sync, and nothing else, is on the disk."""
        kept = bytearray(self._kept[: len(self.seen)].ljust(len(self.seen), b"\0"))
        for page in self._dirty:
            kept[page * PAGE : (page + 1) * PAGE] = self._page(page)
        self._kept, self._dirty = bytes(kept[: len(self.seen)]), {}

    def dropped(self) -> None:
        """A sync has failed: the system takes the pages for clean from now on, and never writes them."""
        self._dirty = {}

    def left(self, chance: random.Random | None) -> bytes:
        """After a power failure: of each sector some state that it has had, and one of the lengths; without chance, what must be."""
        if chance is None:
            return self._kept
        kept = bytearray(self._kept.ljust(len(self.seen), b"\0"))
        for page, states in self._dirty.items():
            for at in range(0, PAGE, SECTOR):
                whole = page * PAGE + at
                choices = [bytes(kept[whole : whole + SECTOR]), *(state[at : at + SECTOR] for state in states)]
                kept[whole : whole + SECTOR] = chance.choice(choices)
        return bytes(kept[: chance.choice([len(self._kept), len(self.seen)])])

    def _page(self, page: int) -> bytes:
        return bytes(self.seen[page * PAGE : (page + 1) * PAGE])


class Disk:
    """Follows every file that SQLite writes, so that at any moment it can be said what a power failure would leave."""

    def __init__(self, fault: Fault = lambda what, name: OK) -> None:
        self.fault = fault
        self.files: dict[str, Platter] = {}
        self.log: list[tuple[str, str, tuple[Any, ...]]] = []
        """Everything that happened, to be gone through again: what, to which file, with what."""

    def say(self, what: object) -> None:
        """Note in the log what somebody was told."""
        self.log.append(("say", "", (what,)))

    def goes_through(self) -> Iterator[tuple[Disk, list[Any]]]:
        """The disk after each thing that happened, and what had been said by then."""
        again, said = Disk(), list[Any]()
        for what, name, given in self.log:
            if what == "say":
                said.append(given[0])
            else:
                again.do(what, name, *given)
                yield again, said

    def left(self, folder: Path, chance: random.Random | None = None) -> None:
        """Lay the files down as a power failure leaves them."""
        self._lay(folder, {name: file.left(chance) for name, file in self.files.items()})

    def seen(self, folder: Path) -> None:
        """Lay the files down as a process that is killed leaves them."""
        self._lay(folder, {name: bytes(file.seen) for name, file in self.files.items()})

    def _lay(self, folder: Path, files: dict[str, bytes]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)

    def do(self, what: str, name: str, *given: Any) -> None:
        """Let it happen to the file."""
        self.log.append((what, name, given))
        if what == "delete":
            self.files.pop(name, None)
        else:
            getattr(self.files.setdefault(name, Platter()), what)(*given)

    # As SQLite's watcher

    def writes(self, name: str, offset: int, data: bytes) -> int:
        return self._unless_it_fails("write", name, offset, data)

    def truncates(self, name: str, size: int) -> int:
        return self._unless_it_fails("truncate", name, size)

    def syncs(self, name: str) -> int:
        if failed := self.fault("sync", name):
            self.do("dropped", name)
        return failed

    def synced(self, name: str) -> None:
        self.do("synced", name)

    def deletes(self, name: str) -> None:
        self.do("delete", name)

    def has_read(self, name: str, offset: int, data: bytes) -> bytes | int:
        return self.fault("read", name) or data

    def _unless_it_fails(self, what: str, name: str, *given: Any) -> int:
        failed = self.fault(what, name)
        if failed == OK:
            self.do(what, name, *given)
        return failed
