"""The workers of a search, with what each has to itself: a desk to work at, and its counts."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from temper.verify.native.crew import Crew, Work, pausing
from temper.verify.native.kernel import Kernel
from temper.verify.native.memory import allocate, free, zeros
from temper.verify.native.monitors import HITS_MAX
from temper.verify.native.together import DESK_FIELDS

GATE_BYTES = 256
"""A cache line to itself, whichever way it lies."""


class Staff:
    """One worker or several. What was counted stays with who counted it."""

    def __init__(self) -> None:
        self._held: list[int] = []
        self._desks: list[Any] = []
        self._owns: list[int] = []
        self._crew: Crew | None = None
        self._lists: list[Any] = []
        self._watched: tuple[int, ...] = ()
        self._kept: list[tuple[bytes, bytes]] = []
        self.gate = self._keep(zeros(GATE_BYTES)) + GATE_BYTES // 2
        self.pause = pausing()

    def __del__(self) -> None:
        if self._crew is not None:
            self._crew.leave()
        for address in self._held:
            free(address)
        self._held = []

    def hire(self, kernel: Kernel) -> tuple[int, int]:
        """As many as the kernel wants: the addresses of what they count in, and of their desks."""
        self.kernel = kernel
        while len(self._owns) < kernel.jobs:
            self._owns.append(self._keep(zeros(8 * kernel.own.size)))
            self._open(len(self._owns) - 1)
        if kernel.jobs > 1 and not self._desks:
            self._desks = [self._desk(kernel) for _ in range(kernel.jobs)]
            self._crew = Crew(kernel.jobs)
        owns = (ctypes.c_uint64 * len(self._owns))(*self._owns)
        desks = (ctypes.c_uint64 * max(1, len(self._desks)))(*map(ctypes.addressof, self._desks))
        self._lists = [owns, desks]
        return ctypes.addressof(owns), ctypes.addressof(desks)

    def go(self, work: Work) -> list[int]:
        """Let every worker do it, and give what each says."""
        ctypes.c_uint64.from_address(self.gate).value = 0
        return [work(0)] if self._crew is None else self._crew.go(work)

    def part(self, name: str, me: int = 0) -> int:
        """The address of a part of what a worker has to itself."""
        return self._owns[me] + 8 * self.kernel.own.at(name)

    def desk(self, name: str, me: int) -> int:
        """A number on a worker's desk."""
        return int(self._desks[me][DESK_FIELDS.index(name)])

    def used(self, me: int) -> int:
        """How many states are in the worker's part of the table."""
        return self.desk("used", me) if self._desks else 0

    def use(self, me: int, states: int) -> None:
        """So many states are in the worker's part of the table."""
        if self._desks:
            self._desks[me][DESK_FIELDS.index("used")] = states

    def incoming(self, owner: int) -> int:
        """How many states are about to be looked up in a worker's part of the table."""
        found = 0
        for me in range(len(self._desks)):
            found += ctypes.c_uint64.from_address(self.desk("counts", me) + 8 * owner).value
        return found

    # What was counted.

    def total(self, name: str) -> int:
        """A count, over all workers."""
        return sum(ctypes.c_uint64.from_address(self.part(name, me)).value for me in range(len(self._owns)))

    def watch(self, monitors: tuple[int, ...]) -> None:
        """From now on these are watched for. What was counted while nothing was is forgotten."""
        self._watched = monitors
        for me in range(len(self._owns)):
            self._open(me)
        for me, (cuts, transitions) in enumerate(self._kept):
            ctypes.memmove(self.part("cuts", me), cuts, len(cuts))
            ctypes.memmove(self.part("transitions", me), transitions, len(transitions))

    def _open(self, me: int) -> None:
        """A monitor that is watched for is open until the worker remembers as much as it can."""
        open_ = (ctypes.c_uint8 * max(1, self.kernel.monitors)).from_address(self.part("open", me))
        ctypes.memset(open_, 0, ctypes.sizeof(open_))
        for monitor in self._watched:
            open_[monitor] = self._hits(me, monitor)[0] < HITS_MAX

    def rest(self) -> tuple[list[list[int]], list[int]]:
        """The first states that met each monitor, and how often each cut was; until `watch`, nothing is met."""
        self._watched, self._kept = (), []
        cuts = [0] * self.kernel.cuts
        for me in range(len(self._owns)):
            self._open(me)
            counts = (ctypes.c_uint64 * max(1, self.kernel.cuts)).from_address(self.part("cuts", me))
            self._kept.append((bytes(counts), ctypes.string_at(self.part("transitions", me), 8)))
            cuts = [before + int(count) for before, count in zip(cuts, counts, strict=False)]
        return [self._first(monitor) for monitor in range(self.kernel.monitors)], cuts

    def has_met(self, monitors: Iterable[int]) -> bool:
        """Whether one of the monitors was met so far."""
        return any(self._hits(me, monitor)[0] for monitor in monitors for me in range(len(self._owns)))

    def _hits(self, me: int, monitor: int) -> Any:
        """How many states a worker remembers for a monitor, and which."""
        at = self.part("hits", me) + 8 * monitor * (HITS_MAX + 1)
        return (ctypes.c_uint64 * (HITS_MAX + 1)).from_address(at)

    def _first(self, monitor: int) -> list[int]:
        """Each worker remembers its first ones, in order: the first of all are among them."""
        found: set[int] = set()
        for me in range(len(self._owns)):
            hits = self._hits(me, monitor)
            found.update(hits[1 : 1 + hits[0]])
        return sorted(found)[:HITS_MAX]

    # Desks.

    def _keep(self, address: int) -> int:
        self._held.append(address)
        return address

    def _desk(self, kernel: Kernel) -> Any:
        """Room for the worst case. What is not written to takes no memory."""
        jobs, entries = kernel.jobs, kernel.entries
        out = self._keep(allocate(0, entries * 8 * kernel.words))
        lying = {
            "out": out,
            "shorts": out if kernel.words == 1 else self._keep(allocate(0, entries * 8)),
            "ends": self._keep(allocate(0, kernel.slice * 8)),
            "lists": self._keep(allocate(0, jobs * entries * 16)),
            "counts": self._keep(zeros(jobs * 8)),
            "news": self._keep(allocate(0, jobs * entries * 8)),
            "new_counts": self._keep(zeros(jobs * 8)),
            "bits": self._keep(zeros(8 * ((entries >> 6) + 1))),
        }
        return (ctypes.c_uint64 * max(32, len(DESK_FIELDS)))(*(lying.get(name, 0) for name in DESK_FIELDS))
