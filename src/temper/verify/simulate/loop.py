"""An event loop that is all its own: no selector, no threads, no time but what the simulation gives it.

It is what one simulated process runs on. A process that dies is a loop that is never run again: whatever its tasks
would still have done, nobody hears of it.
"""

# ruff: noqa: SLF001 (a loop is told to asyncio by names that begin with an underscore, and by no others)
from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

STEPS_MAX = 1_000_000
"""A process that never comes to rest has a mistake in it; so many callbacks are enough to tell."""


class RestlessError(Exception):
    """A process goes on and on without waiting for anything."""


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Callbacks in the order in which they were asked for, which is all that asyncio promises.

    >>> loop = SimulatedLoop()
    >>> async def answer() -> int:
    ...     await asyncio.sleep(0)
    ...     return 42
    >>> task = loop.create_task(answer())
    >>> loop.run()
    >>> task.result()
    42
    """

    def __init__(self) -> None:
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...], Context | None]] = deque()
        self._timed: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = 0
        self._now = 0.0
        self.is_dead = False
        self.mistakes: list[str] = []
        """What was told to the exception handler: each is a mistake of ours."""

    # What the simulation asks

    def run(self, steps_max: int | None = None) -> None:
        """Run what is ready, all of it or so many callbacks."""
        ready = self._ready
        if not ready:
            return
        left = STEPS_MAX if steps_max is None else steps_max
        events._set_running_loop(self)
        try:
            while ready and left:
                left -= 1
                callback, args, context = ready.popleft()
                if context is None:
                    callback(*args)
                else:
                    context.run(callback, *args)
        finally:
            events._set_running_loop(None)
        if steps_max is None and ready and not left:
            raise RestlessError(f"{STEPS_MAX:,} callbacks ran, and it still is not at rest")

    def run_now(self, callback: Callable[[], object]) -> None:
        """Run this at once, as what comes from outside of the loop does when its turn has come."""
        events._set_running_loop(self)
        try:
            callback()
        finally:
            events._set_running_loop(None)

    @property
    def is_idle(self) -> bool:
        return not self._ready

    def next_due(self) -> float | None:
        """When the next of the loop's own timers is due, in seconds of `time`."""
        while self._timed and self._timed[0][2].cancelled():
            heapq.heappop(self._timed)
        return self._timed[0][0] if self._timed else None

    def pass_to(self, now: float) -> None:
        """Let it be `now`, in seconds, and make ready what is due."""
        self._now = max(self._now, now)
        while (due := self.next_due()) is not None and due <= self._now:
            handle = heapq.heappop(self._timed)[2]
            self.call_soon(_ring, handle)

    def forget(self) -> None:
        """Drop what is left of a process that is dead: it is never run again."""
        self._ready.clear()
        self._timed.clear()

    # What asyncio asks

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> None:
        if not self.is_dead:
            self._ready.append((callback, args, context))

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._order += 1
        if not self.is_dead:
            heapq.heappush(self._timed, (when, self._order, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled handles are left out when their time comes."""

    def time(self) -> float:
        return self._now

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        if self.is_dead:
            coro.close()
            return self.create_future()  # type: ignore[return-value]
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """There are no threads here: it is done at once, and told in its turn."""
        future = self.create_future()
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 (it belongs to whoever asked)
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not self.is_dead and error is not None:
            self.mistakes.append(f"{context['message']}: {type(error).__name__}: {error}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return False


def _ring(handle: asyncio.TimerHandle) -> None:
    """What was made ready may be cancelled before its turn has come."""
    if not handle.cancelled():
        handle._run()
