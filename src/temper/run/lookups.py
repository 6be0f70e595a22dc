"""Answers under idempotency keys, looked up together: whatever is asked in one turn of the loop is one question.

A question to a store costs the same for one key as for fifty, and every call under a key begins with one.
"""

from __future__ import annotations

import asyncio

from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import AnswerRow


class Lookups:
    """Gathers keys until the loop has its next turn."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[str, asyncio.Future[AnswerRow | None]]] = []

    async def answer(self, key: str) -> AnswerRow | None:
        """What was answered under the key. Raises `StoreError` if the store cannot tell."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._look)
        found: asyncio.Future[AnswerRow | None] = loop.create_future()
        self._waiting.append((key, found))
        return await found

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
