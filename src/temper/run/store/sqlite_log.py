"""The write-ahead log that a process left behind, taken over before anybody sees what stands in it.

A process that was killed may have written to its log what it never synced. The next one sees it, in the system's
memory, and a power failure would take it away again. So the log is synced and brought into the database first. That
mends what a failed sync left, too: the system takes such pages for clean and never writes them; here they are written
anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from pathlib import Path

from temper.run.store.protocol import StoreCorruptError

HEADER, FRAME = 32, 24
BIG_ENDIAN = 0x377F0683


def take_over(connection: sqlite3.Connection, path: Path) -> None:
    """Sync what the log holds and bring it in. Raises `StoreCorruptError` if a part of it was damaged.

    Who reads an older state meanwhile keeps a part from being brought in; that part is synced all the same.
    """
    try:
        frames = int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
        log = path.with_name(f"{path.name}-wal")
        if (broken := broken_frame(log, frames)) is not None:
            what = f"{log} is damaged at frame {broken}, and what was acknowledged behind it cannot be read"
            raise StoreCorruptError(f"{what}; keep the files as they are, and go back to a backup")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
            raise
        # The log is synced before the database is found to have no room; whoever writes will hear of that.


def broken_frame(log: Path, frames: int) -> int | None:
    """The frame at which the log is damaged, if it is, where SQLite found so many good ones.

    A power failure may leave the last transaction in pieces. But the one after it begins only when it is synced: where
    behind the first broken frame one goes on from the end of a transaction, the disk has lost what it had.
    """
    with contextlib.suppress(FileNotFoundError), log.open("rb") as opened:
        magic, _, page_size, _, *_ = struct.unpack(">8I", opened.read(HEADER).ljust(HEADER, b"\0"))
        opened.seek(16)
        salts, order = opened.read(8), ">" if magic == BIG_ENDIAN else "<"
        before: bytes = b""
        opened.seek(HEADER + frames * (FRAME + page_size))
        while len(frame := opened.read(FRAME + page_size)) == FRAME + page_size:
            head = frame[:FRAME]
            is_end = before[8:16] == salts and before[4:8] != bytes(4)
            if is_end and head[8:16] == salts and _checksum(before[16:], head[:8] + frame[FRAME:], order) == head[16:]:
                return frames + 1
            before = head
    return None


def _checksum(before: bytes, data: bytes, order: str) -> bytes:
    """As the log's format has it: two sums over pairs of numbers, going on from those of the frame before."""
    one, two = struct.unpack(">2I", before)
    numbers = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(numbers[::2], numbers[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return struct.pack(">2I", one, two)
