"""Bringing the write-ahead log into the database beside the writer, so that no call waits for it.

SQLite would do it inside every commit that finds the log long enough, and whoever waits for that commit would wait
some ten milliseconds more. Here a thread copies while the writer goes on. The log begins anew only when everything in
it is copied, so when it has become long the writer copies the little that is left, after a commit and before the next.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable

ROWS = 4_000
"""After so many written rows the thread looks at the log."""
PAGES_MAX = 24_000
"""So long may the log become before the writer helps, in pages: some 100 MB, which a start reads in half a second."""
PAGES_LEFT = 600
"""So little must be left before it does: about one commit."""


class Checkpointer:
    """Told of every commit by the writer; works in a thread of its own, which starts when there is something to do."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._rows = 0
        self._wanted = threading.Event()
        self._is_left_to_writer = False
        self._stopped = False
        self._thread: threading.Thread | None = None

    def written(self, writer: sqlite3.Connection, rows: int) -> None:
        """After a commit, in the writer's thread. Nothing that fails here touches what is committed."""
        if self._is_left_to_writer:
            self._is_left_to_writer = False
            with contextlib.suppress(sqlite3.Error):
                checkpoint(writer)
        self._rows += rows
        if self._rows >= ROWS:
            self._rows = 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="temper-checkpoint", daemon=True)
                self._thread.start()
            self._wanted.set()

    def stop(self) -> None:
        """End the thread, once it has done what it is doing."""
        self._stopped = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            while not self._stopped:
                self._wanted.wait()
                self._wanted.clear()
                # A disk that is full or fails here fails the writer's next commit, which then says so.
                with contextlib.suppress(sqlite3.Error):
                    self._copy(connection)

    def _copy(self, connection: sqlite3.Connection) -> None:
        length, left = checkpoint(connection)
        while length > PAGES_MAX and left > PAGES_LEFT and not self._stopped:
            before = left
            length, left = checkpoint(connection)
            if left >= before:
                break  # Somebody reads an old state; the log cannot begin anew before they are done.
        self._is_left_to_writer = length > PAGES_MAX


def checkpoint(connection: sqlite3.Connection) -> tuple[int, int]:
    """Copy what can be copied without waiting for anybody: how long the log is, and how much of it is not copied."""
    _, length, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return length, length - copied
