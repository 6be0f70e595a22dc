"""Between SQLite and its files: every write, sync and truncation of this process passes here, and may be made to fail.

A virtual file system of SQLite's own kind, by `ctypes`, in the very library that Python's `sqlite3` uses: the store under
test opens its files as it always does. Needs no compiler and no privileges.
"""

from __future__ import annotations

import _sqlite3
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any, Protocol

OK, FULL = 0, 13
IOERR_READ, IOERR_WRITE, IOERR_FSYNC = 266, 778, 1034


class Watcher(Protocol):
    """Hears of what SQLite does to files, by name, before it is done. Another number than `OK` fails it instead."""

    def writes(self, name: str, offset: int, data: bytes) -> int: ...

    def syncs(self, name: str) -> int: ...

    def synced(self, name: str) -> None:
        """The disk said that it has everything."""

    def truncates(self, name: str, size: int) -> int: ...

    def deletes(self, name: str) -> None: ...

    def has_read(self, name: str, offset: int, data: bytes) -> bytes | int:
        """What is read instead, or how reading fails."""
        ...


OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
MOVE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class FileSystem(Structure):
    """`sqlite3_vfs`, as far as it is the same in every version."""

    _fields_ = [
        ("version", c_int), ("file_size", c_int), ("path_max", c_int), ("next", c_void_p), ("name", c_char_p),
        ("data", c_void_p), ("open", OPEN), ("delete", DELETE), ("rest", c_void_p * 16),
    ]  # fmt: skip


class Methods(Structure):
    """`sqlite3_io_methods`: what can be done to one open file."""

    _fields_ = [
        ("version", c_int), ("close", c_void_p), ("read", MOVE), ("write", MOVE), ("truncate", TRUNCATE),
        ("sync", SYNC), ("rest", c_void_p * 13),
    ]  # fmt: skip


class File(Structure):
    """`sqlite3_file`: whatever it holds, it begins with its methods."""

    _fields_ = [("methods", POINTER(Methods))]


class Between:
    """The file system that is put between; the real one does the work."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._library = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = POINTER(FileSystem)
        self._real = self._library.sqlite3_vfs_find(None)
        self._own = FileSystem.from_buffer_copy(self._real.contents)
        self._own.name, self._own.next = b"between", None
        self._callbacks = [OPEN(self._open), DELETE(self._delete)]
        self._own.open, self._own.delete = self._callbacks
        self._names: dict[int, str] = {}
        self._wrapped: dict[int, tuple[Methods, Methods]] = {}
        self._methods_of: dict[int, Methods] = {}

    @contextmanager
    def everything(self) -> Iterator[None]:
        """Whatever is opened in the body goes through it; all of that must be closed in there as well."""
        self._library.sqlite3_vfs_register(ctypes.byref(self._own), 1)
        try:
            yield
        finally:
            self._library.sqlite3_vfs_register(self._real, 1)
            self._library.sqlite3_vfs_unregister(ctypes.byref(self._own))

    def _open(self, _: int, name: int, file: int, flags: int, out: int) -> int:
        failed: int = self._real.contents.open(ctypes.addressof(self._real.contents), name, file, flags, out)
        if failed == OK and name:
            self._names[file] = Path(ctypes.string_at(name).decode()).name
            opened = ctypes.cast(file, POINTER(File)).contents
            self._methods_of[file], own = self._wrap(opened.methods)
            opened.methods = ctypes.pointer(own)
        return failed

    def _wrap(self, real: Any) -> tuple[Methods, Methods]:
        """The real methods, and ours over them; SQLite has a few kinds of files, each with its own."""
        at = ctypes.addressof(real.contents)
        if at not in self._wrapped:
            own = Methods.from_buffer_copy(real.contents)
            made = [MOVE(self._read), MOVE(self._write), TRUNCATE(self._truncate), SYNC(self._sync)]
            own.read, own.write, own.truncate, own.sync = made
            self._callbacks += made
            self._wrapped[at] = (real.contents, own)
        return self._wrapped[at]

    def _delete(self, _: int, name: bytes, synced: int) -> int:
        self._watcher.deletes(Path(name.decode()).name)
        return int(self._real.contents.delete(ctypes.addressof(self._real.contents), name, synced))

    def _read(self, file: int, buffer: int, amount: int, offset: int) -> int:
        failed: int = self._methods_of[file].read(file, buffer, amount, offset)
        if failed == OK:
            read = self._watcher.has_read(self._names[file], offset, ctypes.string_at(buffer, amount))
            if isinstance(read, int):
                return read
            ctypes.memmove(buffer, read, amount)
        return failed

    def _write(self, file: int, buffer: int, amount: int, offset: int) -> int:
        failed = self._watcher.writes(self._names[file], offset, ctypes.string_at(buffer, amount))
        return failed or int(self._methods_of[file].write(file, buffer, amount, offset))

    def _truncate(self, file: int, size: int) -> int:
        return self._watcher.truncates(self._names[file], size) or int(self._methods_of[file].truncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        failed = self._watcher.syncs(self._names[file]) or int(self._methods_of[file].sync(file, flags))
        if failed == OK:
            self._watcher.synced(self._names[file])
        return failed
