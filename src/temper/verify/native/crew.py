"""Workers that run native code side by side, each in a thread: a call that goes out of Python lets the others run.

Who asks them waits until all are done, whatever happens meanwhile: the memory they work on must not change under them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from threading import Condition, Thread

JOBS_MAX = 8
"""More workers than this are hired if somebody asks for them, and not unasked."""

Work = Callable[[int], int]
"""What the worker of that number does, and what it says at the end."""


class _Task:
    """Something that every worker is to do once."""

    def __init__(self, work: Work, jobs: int) -> None:
        self.work = work
        self.busy = jobs
        self.said = [0] * jobs
        self.failed: list[BaseException] = []


class Crew:
    """So many workers, waiting until there is something to do."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._turn = Condition()
        self._task: _Task | None = None
        self._is_over = False
        self.threads = [
            Thread(target=self._serve, args=(me,), name=f"temper-search-{me}", daemon=True) for me in range(jobs)
        ]
        for thread in self.threads:
            thread.start()

    def go(self, work: Work) -> list[int]:
        """Let every worker do it, and give what each says. Ctrl-C is raised when all are done, and not before."""
        task = _Task(work, self.jobs)
        interrupted: KeyboardInterrupt | None = None
        while self._task is not task or task.busy:
            try:
                with self._turn:
                    self._task = task
                    self._turn.notify_all()
                    self._turn.wait_for(lambda: task.busy == 0)
            except KeyboardInterrupt as interrupt:
                interrupted = interrupt
        if interrupted is not None:
            raise interrupted
        if task.failed:
            raise task.failed[0]
        return task.said

    def leave(self) -> None:
        """Nothing more is to be done."""
        with self._turn:
            self._is_over = True
            self._turn.notify_all()

    def _serve(self, me: int) -> None:
        seen: _Task | None = None
        while True:
            with self._turn:
                self._turn.wait_for(lambda seen=seen: self._is_over or self._task is not seen)  # type: ignore[misc]
                if self._is_over:
                    return
                seen = self._task
            assert seen is not None, "a task is there when somebody is woken for it"
            try:
                seen.said[me] = seen.work(me)
            except Exception as failed:  # noqa: BLE001 -- told to whoever asked, by `go`
                seen.failed.append(failed)
            with self._turn:
                seen.busy -= 1
                self._turn.notify_all()


def pausing() -> int:
    """The address of what gives the processor to somebody else for a moment; 0 if this system has nothing like it."""
    for library, name in (("c", "sched_yield"), ("kernel32", "SwitchToThread")):
        try:
            found = ctypes.CDLL(None if library == "c" else library)
            return ctypes.cast(getattr(found, name), ctypes.c_void_p).value or 0
        except (OSError, AttributeError, TypeError):
            continue
    return 0


def processors() -> int:
    """How many workers do something at once here, as far as this process may use the machine."""
    import os

    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(count, JOBS_MAX) if pausing() else 1
