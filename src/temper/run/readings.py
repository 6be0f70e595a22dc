"""Instances that somebody waits for, read beside the loop: one question for all that are missing at the same time.

What is read beside the loop is old when it arrives. It counts all the same, by this argument:

1. Whatever changes an instance holds it in memory first, and memory lets go of nothing that is not durable.
2. So while memory does not hold an instance, nothing of it is on its way, and what the store has is what it is.
3. A reading counts only if memory has not held the instance, and has not been thrown away, since somebody asked.
   Then 2 was true all that time, whatever moment of it the reader saw: nobody changed the instance, and what was read
   of it, in one statement or in several, is what it is now.

`overtaken` and `forget` are how memory says that it was otherwise. Whoever waited goes on then, and finds the instance
in memory, or reads it in the loop as if nothing had been asked: no answer rests on a reading that does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from temper.machine import Address
from temper.run.store.protocol import Store
from temper.run.store.rows import Found
from temper.run.world import Later

Asked: TypeAlias = dict[Address, "asyncio.Future[None]"]
Looked: TypeAlias = Mapping[Address, Found] | Exception


class Readings:
    """Gathers what is missing while a reading is under way, and reads it next. `take` gets what counts.

    Where neither a thread nor a simulation would read, nothing is asked here, and nobody waits.
    """

    def __init__(self, store: Store, take: Callable[[Address, Found | None], None], later: Later | None) -> None:
        self._store, self._take, self._later = store, take, later
        self._asked: Asked = {}
        """What was asked for and may still count: gathered or under way."""
        self._gathered: Asked = {}
        self._is_under_way = False
        self._reader: ThreadPoolExecutor | None = None
        self.is_beside = store.blocks or later is not None
        """Whether anything is read beside the loop."""

    async def read(self, address: Address) -> None:
        """Return when the instance was read, or need not be any more. Raises `StoreError` if it could not be read."""
        asked = self._asked.get(address)
        if asked is None:
            loop = asyncio.get_running_loop()
            if not self._gathered and not self._is_under_way:
                loop.call_soon(self._begin)
            asked = self._asked[address] = self._gathered[address] = loop.create_future()
        await asyncio.shield(asked)

    def overtaken(self, address: Address) -> None:
        """Memory holds this instance from now on, so a reading of it that is under way does not count."""
        if (asked := self._asked.pop(address, None)) is not None:
            self._gathered.pop(address, None)
            _end(asked)

    def forget(self) -> None:
        """Memory was thrown away, so nothing that was asked for until now counts."""
        for address in list(self._asked):
            self.overtaken(address)

    def close(self) -> None:
        """End the thread that reads; what it is reading is finished first."""
        if self._reader is not None:
            self._reader.shutdown()

    def _begin(self) -> None:
        if self._is_under_way or not self._gathered:
            return
        asked, self._gathered = self._gathered, {}
        self._is_under_way = True
        if self._later is not None:
            self._later(lambda: self._look_apart(asked, self._look(asked)))
            return
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="temper-reader")
        looking = asyncio.get_running_loop().run_in_executor(self._reader, self._look, asked)
        looking.add_done_callback(lambda looked: self._arrived(asked, looked.result()))

    def _look_apart(self, asked: Asked, looked: Looked) -> None:
        """Seeing and telling are two moments, between which anything may happen."""
        assert self._later is not None, "a thread tells by itself"
        self._later(partial(self._arrived, asked, looked))

    def _look(self, asked: Asked) -> Looked:
        """In the reader's thread. Whatever goes wrong is told to whoever waits."""
        try:
            return self._store.instances(list(asked))
        except Exception as error:
            return error

    def _arrived(self, asked: Asked, looked: Looked) -> None:
        self._is_under_way = False
        for address, waiting in asked.items():
            if self._asked.get(address) is not waiting:
                continue  # Memory has had it meanwhile.
            del self._asked[address]
            if not isinstance(looked, Exception):
                try:
                    self._take(address, looked.get(address))
                except Exception as error:
                    _end(waiting, error)
                    continue
            _end(waiting, looked if isinstance(looked, Exception) else None)
        self._begin()


def _end(waiting: asyncio.Future[None], error: Exception | None = None) -> None:
    if error is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(error)
        waiting.exception()  # Whoever still waits hears it; if nobody does, nobody is missing it.
