"""Memory for native code: asked for, given back, and how much of it there is."""

from __future__ import annotations

import ctypes
import mmap
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
HUGE_PAGE = 1 << 21


def allocate(address: int, size: int) -> int:
    """Memory of that size, with what was at the address, which is given back; 0 for none."""
    ctypes.pythonapi.PyMem_RawRealloc.restype = ctypes.c_void_p
    found = ctypes.pythonapi.PyMem_RawRealloc(ctypes.c_void_p(address), ctypes.c_size_t(size))
    if not found:
        raise MemoryError(f"{size:,} bytes for the states of a search")
    return int(found)


def zeros(size: int) -> int:
    """Memory of that size, all zeros."""
    ctypes.pythonapi.PyMem_RawCalloc.restype = ctypes.c_void_p
    found = ctypes.pythonapi.PyMem_RawCalloc(ctypes.c_size_t(1), ctypes.c_size_t(size))
    if not found:
        raise MemoryError(f"{size:,} bytes for the table of a search")
    return int(found)


def free(address: int) -> None:
    """Give it back."""
    ctypes.pythonapi.PyMem_RawFree(ctypes.c_void_p(address))


def prefer_huge_pages(address: int, size: int) -> None:
    """Ask for large pages, as far as the system has them: what is read here and there finds its page sooner."""
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    begin = -(-address // HUGE_PAGE) * HUGE_PAGE
    length = (address + size) // HUGE_PAGE * HUGE_PAGE - begin
    if advice is not None and length > 0:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), ctypes.c_int(advice))


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
