"""How much memory a search may take, and how much this process has, as far as the system tells."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

BYTES_DEFAULT = 4 << 30
"""How much a search may take where the system does not tell how much is free."""
GROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Where Linux says what a container may use and what it uses, in its second and its first way."""


def bytes_allowed() -> int:
    """Half of what is free now, so that the machine never swaps on our account."""
    free_now = [each for each in (_available(), *_group()) if each is not None]
    return min(free_now) // 2 if free_now else BYTES_DEFAULT


def _available() -> int | None:
    """What the system could give, as it says itself."""
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _group() -> list[int]:
    """What a container leaves to this process."""
    found: list[int] = []
    for most, used in GROUP_FILES:
        with suppress(OSError, ValueError):
            folder = Path("/sys/fs/cgroup")
            limit = int((folder / most).read_text(encoding="ascii"))
            if limit < sys.maxsize // 2:
                found.append(max(0, limit - int((folder / used).read_text(encoding="ascii"))))
    return found


def bytes_text(size: int) -> str:
    """A size as people say it.

    >>> bytes_text(3 << 29), bytes_text(100)
    ('1.5 GiB', '100 bytes')
    """
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def bytes_used() -> int:
    """The memory of this process now, in bytes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class Room:
    """So many bytes more than this process has when somebody first asks; unsaid, half of what is free then."""

    def __init__(self, most: int | None) -> None:
        self._asked = most
        self._before: int | None = None
        self.most = most or 0

    def is_spent(self) -> bool:
        """Whether the process has grown by more."""
        if self._before is None:
            self._before = bytes_used()
            self.most = bytes_allowed() if self._asked is None else self._asked
        return bytes_used() - self._before > self.most
