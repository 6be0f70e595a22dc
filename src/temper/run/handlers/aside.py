"""Work that blocks, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run something that blocks aside. Whoever stops waiting leaves the thread behind; it never holds up the exit."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def settle(results: list[Result], error: Exception | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(results[0])
        else:
            ended.set_exception(error)

    def run() -> None:
        results: list[Result] = []
        failed: Exception | None = None
        try:
            results.append(work())
        except Exception as error:
            failed = error
        try:
            loop.call_soon_threadsafe(settle, results, failed)
        except RuntimeError:
            return  # The loop is gone, and with it whoever waited.

    threading.Thread(target=run, name="temper-handler", daemon=True).start()
    return await ended
