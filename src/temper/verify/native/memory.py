"""Memory for native code: asked for and given back."""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import suppress

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


class Reserved:
    """Addresses for so many zeros, which take memory once they are touched, and give it back when nobody needs them."""

    def __init__(self, size: int) -> None:
        if sys.platform == "win32":
            raise MemoryError("addresses alone are not given on this system")
        try:
            self._held = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except (OSError, ValueError, OverflowError) as error:
            raise MemoryError(f"addresses for {size:,} bytes") from error
        self.size = size
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._held))
