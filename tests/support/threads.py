"""A server in a thread of its own, so that a test can ask it as a client does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

SECONDS_MAX = 30

Main = Callable[[threading.Event, asyncio.Event], Coroutine[Any, Any, None]]
"""Serves: sets the first when it is ready, and ends when the second is set."""


@contextmanager
def in_a_thread(loop: asyncio.AbstractEventLoop, main: Main) -> Iterator[None]:
    """Run this in the loop, in a thread, while the body runs."""
    ready, stop = threading.Event(), asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(main(ready, stop))
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(SECONDS_MAX), "the server does not start"
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(SECONDS_MAX)
        assert not thread.is_alive(), "the server does not end"
