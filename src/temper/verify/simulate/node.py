"""One simulated node: a process with a loop that hears of the others, over a database that it shares with them."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from temper.run import Handler, Runtime, World
from temper.verify.simulate.database import NodeStore, SharedDisk, WaitsError
from temper.verify.simulate.disk import ProcessStore, WriteFault
from temper.verify.simulate.loop import SimulatedLoop
from temper.verify.simulate.process import INSTANCES_MAX, Ids, PatientClock, Process


class NodeLoop(SimulatedLoop):
    """A loop that is told when there is something to be read, and whose threads may have to wait for other nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.store: NodeStore | None = None
        self._readers: dict[int, tuple[Callable[..., object], tuple[Any, ...]]] = {}
        self._unread: set[int] = set()
        self._waiting: list[tuple[Callable[..., Any], tuple[Any, ...], asyncio.Future[Any]]] = []

    def add_reader(  # type: ignore[override]
        self, fd: int, callback: Callable[..., Any], *args: Any
    ) -> None:
        self._readers[fd] = callback, args
        if fd in self._unread:
            self.readable(fd)

    def remove_reader(self, fd: Any) -> bool:
        return self._readers.pop(fd, None) is not None

    def readable(self, number: int) -> None:
        """There is something to be read."""
        if number in self._readers:
            self._unread.discard(number)
            callback, args = self._readers[number]
            self.call_soon(callback, *args)
        else:
            self._unread.add(number)

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        self._try(func, args, future)
        return future

    def try_again(self) -> None:
        """Whatever waited for another node is asked once more."""
        waiting, self._waiting = self._waiting, []
        for func, args, future in waiting:
            if not future.done():
                self._try(func, args, future)

    def _try(self, func: Callable[..., Any], args: tuple[Any, ...], future: asyncio.Future[Any]) -> None:
        try:
            result = func(*args)
        except WaitsError:
            self._waiting.append((func, args, future))
        except Exception as error:  # noqa: BLE001 (it belongs to whoever asked)
            future.set_exception(error)
        else:
            future.set_result(result)


class NodeProcess(Process):
    """A process that is one of several."""

    def __init__(self, disk: SharedDisk, ids: Ids, handlers: Mapping[str, Handler], now: int) -> None:
        self.loop: NodeLoop = NodeLoop()  # type: ignore[abstract]  # what asyncio does not ask for is not there
        self.clock = PatientClock(now)
        self.node_store = self.loop.store = NodeStore(disk, self.loop.readable)
        self.store = cast("ProcessStore", self.node_store)
        self.writes: deque[Callable[[], None]] = deque()
        self.reads: deque[Callable[[], None]] = deque()
        self.waits = False
        self.runtime: Runtime | None = None
        later, reads = self.writes.append, self.reads.append
        self._world = World(
            self.clock, ids, self.store, handlers, later=later, reads=reads, instances_max=INSTANCES_MAX
        )

    def run(self, callbacks: int) -> None:
        self.loop.try_again()
        super().run(callbacks)

    def rest(self) -> None:
        self.waits = False
        self.loop.run_now(self.loop.try_again)
        super().rest()

    def write(self, fault: WriteFault) -> None:
        write = self.writes.popleft()
        self.store.fault, self.waits = fault, False
        try:
            self.loop.run_now(write)
        except WaitsError:
            self.writes.appendleft(write)
            self.waits = True
        self.store.fault = WriteFault.NONE

    @property
    def is_resting(self) -> bool:
        """Whether nothing goes on that does not wait for something."""
        return self.loop.is_idle and not self.reads and (not self.writes or self.waits)

    def kill(self) -> None:
        super().kill()
        self.node_store.gone()


@dataclass(slots=True)
class Node:
    """One of the places where a process runs, and how that stands."""

    process: NodeProcess
    skew: int = 0
    """How much its clock goes before the world's."""
    asleep_until: int = 0
    """By the database's time; 0 while it is awake."""
    is_gone: bool = False
    asked: Counter[int] = field(default_factory=Counter)
    """Requests under way with it, by name."""
    heard: int = 0
    """How many transactions had been kept of which it has heard what the others do."""

    @property
    def runs(self) -> bool:
        return not self.is_gone and not self.asleep_until


@dataclass(slots=True)
class Late:
    """The last transaction of a process that is gone, still on its way, with the requests that it may answer."""

    process: NodeProcess
    write: Callable[[], None]
    asked: Counter[int]
