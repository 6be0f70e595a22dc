"""The process of a server: its event loop, and what it asks of the interpreter for the sake of the slowest calls."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

End = TypeVar("End")

SWITCH_SECONDS = 0.00005
"""How long the thread that computes may go on when the one that writes is ready: what it waits for is an answer."""
COLLECT_AFTER = (20_000, 50, 100)
"""Instances in memory are many and have no cycles; to look through all of them takes longer than a call may."""


def run_server(main: Coroutine[Any, Any, End]) -> End:
    """Run a server in this process until it ends."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    with asyncio.Runner(loop_factory=quicker_loop()) as runner:
        return runner.run(main)


def quicker_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The quicker loop, where there is one for the platform."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
