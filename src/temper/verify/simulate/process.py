"""One simulated process: a loop, a clock, a store, and the real runtime in it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Mapping

from temper.machine import Certified
from temper.run import Handler, ManualClock, Runtime, World, open_runtime
from temper.verify.simulate.disk import Disk, ProcessStore, WriteFault
from temper.verify.simulate.loop import RestlessError, SimulatedLoop

ASKED_MAX = 100_000
"""So often nobody asks for the time within one move, unless a loop never ends."""


INSTANCES_MAX = 2
"""So few instances stay in memory that others are read beside the loop all the time, as in a large store."""
WRITES_MAX = 5_000
"""So many transactions do not come one out of the other unless it goes on like that for ever."""


class Ids:
    """Ids that are short to read, and no two the same; nobody needs to foresee them."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._fractions = itertools.cycle((0.0, 0.5, 0.25, 0.75, 0.125))

    def id(self) -> str:
        return f"x{next(self._numbers)}"

    def fraction(self) -> float:
        return next(self._fractions)


class PatientClock(ManualClock):
    """A clock that loses its patience with whoever asks it for ever without waiting for anything."""

    def __init__(self, now: int) -> None:
        super().__init__(now)
        self.asked = 0

    def now(self) -> int:
        self.asked += 1
        if self.asked > ASKED_MAX:
            raise RestlessError(f"the time was asked for {ASKED_MAX:,} times within one move")
        return super().now()


class Process:
    """A process that lives until it is killed. `writes` are transactions on their way to the disk.

    `reads` are instances being read beside the loop: the reader looks before some move, and tells before a later one.
    """

    def __init__(self, disk: Disk, ids: Ids, handlers: Mapping[str, Handler], now: int) -> None:
        self.loop = SimulatedLoop()  # type: ignore[abstract]  # what asyncio does not ask for is not there
        self.clock = PatientClock(now)
        self.store = ProcessStore(disk)
        self.writes: deque[Callable[[], None]] = deque()
        self.reads: deque[Callable[[], None]] = deque()
        self.waits = False
        """Whether what is on its way to the disk waits for somebody else."""
        self.runtime: Runtime | None = None
        self._world = World(
            self.clock,
            ids,
            self.store,
            handlers,
            later=self.writes.append,
            reads=self.reads.append,
            instances_max=INSTANCES_MAX,
        )

    def open(self, certified: Certified) -> bool:
        """Begin to serve; whether it could, which takes a disk that answers."""
        opening = self.loop.create_task(open_runtime(self._world, certified))
        self.rest()
        opened = opening.result() if opening.done() else None
        self.runtime = opened if isinstance(opened, Runtime) else None
        return self.runtime is not None

    def run(self, callbacks: int) -> None:
        """Run so many callbacks, if so many are ready."""
        self.loop.run(callbacks)

    def rest(self) -> None:
        """Run until nothing is ready and nothing is on its way to the disk or from it."""
        self.loop.run()
        for _ in range(WRITES_MAX):
            while self.reads:
                self.read()
                self.loop.run()
            if not self.writes or self.waits:
                return
            self.write(WriteFault.NONE)
            self.loop.run()
        raise RestlessError(
            f"{WRITES_MAX:,} transactions came one out of the other in no time: "
            "instances send each other messages for ever, or the runtime spins"
        )

    def write(self, fault: WriteFault) -> None:
        """Let the next transaction get to the disk, or not."""
        self.store.fault = fault
        self.loop.run_now(self.writes.popleft())
        self.store.fault = WriteFault.NONE

    def read(self) -> None:
        """Let the reader take a step, if it has one to take: it looks, or it tells what it saw."""
        if self.reads:
            self.loop.run_now(self.reads.popleft())

    def kill(self) -> None:
        """Nothing that it would still do gets out."""
        self.store.is_dead = self.loop.is_dead = True
        self.loop.run_now(self._end_tasks)
        self.loop.forget()
        self.writes.clear()
        self.reads.clear()

    def _end_tasks(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 (it dies, and says nothing)
            with contextlib.suppress(Exception):
                task.get_coro().close()
