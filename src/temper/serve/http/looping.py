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
COLLECT_AFTER = 10_000
"""So few new objects are looked through at a time that no call waits for it noticeably: for some four milliseconds."""
SETTLED_MAX = 200_000
"""So many may have settled since the last time that all of them were looked through, before the next quiet moment."""


def run_server(main: Coroutine[Any, Any, End]) -> End:
    """Run a server in this process until it ends."""
    sys.setswitchinterval(SWITCH_SECONDS)
    collect_all()
    gc.set_threshold(COLLECT_AFTER)
    gc.callbacks.append(_settle)
    with asyncio.Runner(loop_factory=quicker_loop()) as runner:
        return runner.run(main)


def _settle(phase: str, _: dict[str, int]) -> None:
    """What outlives its first look is mostly instances, which have no cycles, and is left alone from then on.

    There may be millions of them; to look through them in the middle of things takes longer than any call may. What
    does get lost in a cycle later is found by `collect_when_quiet`.
    """
    if phase == "stop":
        gc.freeze()


def collect_when_quiet() -> None:
    """Look through everything, if much has settled since the last time; for when nobody waits for an answer."""
    if gc.get_freeze_count() > _settled + SETTLED_MAX:
        collect_all()


def collect_all() -> None:
    """Look through everything once."""
    global _settled  # noqa: PLW0603 (there is one collector in a process)
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _settled = gc.get_freeze_count()


_settled = 0


def quicker_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The quicker loop, where there is one for the platform."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
