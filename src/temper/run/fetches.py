"""Instances that calls are about to look at, read together where several nodes write: one question for all of a turn.

What was read after a call had come in may be told to whoever called, without asking again whether it still is so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from temper.machine import Address
from temper.run.store.protocol import StoreError
from temper.run.store.shared import Loaded, SharedStore


class Fetches:
    """Gathers addresses until the loop has its next turn, and asks beside the loop."""

    def __init__(self, shared: SharedStore, loaded: Callable[[Mapping[Address, Loaded]], None]) -> None:
        self._shared, self._loaded = shared, loaded
        self._waiting: dict[Address, asyncio.Future[None]] = {}
        self._asked: asyncio.Task[None] | None = None

    async def fetch(self, address: Address) -> None:
        """Return when the instance was read, after this was asked. Raises `StoreError` if it could not be."""
        if not self._waiting:
            self._asked = asyncio.get_running_loop().create_task(self._ask())
        if address not in self._waiting:
            self._waiting[address] = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._waiting[address])

    async def _ask(self) -> None:
        await asyncio.sleep(0)
        waiting, self._waiting = self._waiting, {}
        try:
            self._loaded(await asyncio.to_thread(self._shared.load_all, list(waiting)))
        except StoreError as error:
            for fetched in waiting.values():
                fetched.set_exception(error)
                fetched.exception()  # Whoever still waits hears it; if nobody does, nobody is missing it.
        else:
            for fetched in waiting.values():
                fetched.set_result(None)
