"""Answers under idempotency keys: most keys are new, and of those it is known without asking the store.

Whatever is asked all the same in one turn of the loop is one question: it costs the same for one key as for fifty.
"""

from __future__ import annotations

import asyncio
import mmap
import zlib

from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import AnswerRow

SLOTS = 2**23
"""How many bytes the marks have. With a million keys in the store one new key in twenty is taken for an old one."""
READ_AT_ONCE = 200
"""So few keys are read in one turn that no call waits for it noticeably."""


class Lookups:
    """Looks keys up, and remembers that they are there: a Bloom filter, which may doubt a new key and no old one.

    Where other nodes write, too, nobody knows all keys, and the store is always asked.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[str, asyncio.Future[AnswerRow | None]]] = []
        # Anonymous memory: what is never marked is never there, so that a runtime without keys pays nothing for it.
        self._marks = None if store.shared else mmap.mmap(-1, SLOTS)
        self._read_up_to: str | None = ""
        """The last key that was read out of the store; None when all were."""
        self._is_reading = False

    def remember(self, key: str) -> None:
        """The store may have an answer under this key from now on."""
        if self._marks is not None:
            one, other = _slots(key)
            self._marks[one] = self._marks[other] = 1

    def is_new(self, key: str) -> bool:
        """Whether it is certain that the store has no answer under this key."""
        if self._marks is None:
            return False
        if self._read_up_to is not None:
            if not self._is_reading:
                self._read()
            return False
        one, other = _slots(key)
        return not (self._marks[one] and self._marks[other])

    async def answer(self, key: str) -> AnswerRow | None:
        """What was answered under the key. Raises `StoreError` if the store cannot tell."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._look)
        found: asyncio.Future[AnswerRow | None] = loop.create_future()
        self._waiting.append((key, found))
        return await found

    def _read(self) -> None:
        """Mark some more keys, and come back for the rest."""
        assert self._read_up_to is not None, "there is more to read"
        self._is_reading = False
        try:
            rows = self._store.answered(self._read_up_to, READ_AT_ONCE)
        except StoreError:
            return  # Whoever asks next begins again; until then the store is asked.
        for key, _ in rows:
            self.remember(key)
        if len(rows) < READ_AT_ONCE:
            self._read_up_to = None
        else:
            self._read_up_to, self._is_reading = rows[-1][0], True
            asyncio.get_running_loop().call_soon(self._read)

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            rows = self._store.answers([key for key, _ in waiting])
        except StoreError as error:
            for _, found in waiting:
                if not found.done():
                    found.set_exception(error)
            return
        for key, found in waiting:
            if not found.done():
                found.set_result(rows.get(key))


def _slots(key: str) -> tuple[int, int]:
    """Two places for a key, the same in every process: a simulation that is run again must not find other doubts."""
    data = key.encode("utf-8", "surrogatepass")
    first = zlib.crc32(data)
    return first % SLOTS, zlib.crc32(data, first) % SLOTS
