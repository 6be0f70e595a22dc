"""Many seeds, on as many cores as there are. Seeds have nothing to do with each other."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from temper.machine import Scope, TransitionTable
from temper.verify.simulate.ground import ground
from temper.verify.simulate.run import MOVES_MAX, Ran, run_seed
from temper.verify.simulate.simulation import Counts

CHUNK = 20
"""So many seeds are handed out at once."""
COLLECT_EVERY = 10
KEPT_MAX = 12
"""So many failing runs are kept with their moves; the others are counted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What every seed is to run."""

    table: TransitionTable
    rates: Mapping[str, float]
    scope: Scope | None = None
    moves_max: int = MOVES_MAX
    nodes: int = 1


@dataclass(slots=True)
class Tally:
    """What many runs came to."""

    runs: int = 0
    first: int = 0
    last: int = 0
    counts: Counts = field(default_factory=Counts)
    failed: list[Ran] = field(default_factory=list)
    failures: int = 0
    unmet: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By property: the first seed that did not meet it, and how."""

    def add(self, ran: Ran) -> None:
        """One run more."""
        self.first = ran.seed if not self.runs else min(self.first, ran.seed)
        self.last = max(self.last, ran.seed)
        self.runs += 1
        self.counts.add(ran.counts)
        if ran.failure is not None:
            self.failures += 1
            if len(self.failed) < KEPT_MAX:
                self.failed.append(ran)
        for name, how in ran.unmet.items():
            self.unmet.setdefault(name, (ran.seed, how))


def simulate(
    asked: Asked, seeds: Iterable[int], *, jobs: int | None = None, cluster: str | None = None
) -> Iterator[Ran]:
    """Run every seed; what comes of each, in their order however many work.

    With the address of a Dask `cluster` its workers run them. Raises `ClusterError` if it cannot be used.
    """
    if cluster is not None:
        from temper.verify.simulate.cluster import spread

        yield from spread(asked, _chunks(seeds), cluster)
        return
    workers = jobs or os.cpu_count() or 1
    chunks = _chunks(seeds)
    first = next(chunks, ())
    if not first:
        return
    if workers == 1 or len(first) < CHUNK:
        for chunk in itertools.chain([first], chunks):
            yield from run_seeds(asked, chunk)
        return
    yield from _spread(asked, itertools.chain([first], chunks), workers)


def _chunks(seeds: Iterable[int]) -> Iterator[tuple[int, ...]]:
    left = iter(seeds)
    while chunk := tuple(itertools.islice(left, CHUNK)):
        yield chunk


def run_seeds(asked: Asked, seeds: Iterable[int]) -> Iterator[Ran]:
    """Run them here, one after the other."""
    shared = ground(asked.table, asked.scope, asked.nodes)
    with _unhurried():
        for number, seed in enumerate(seeds, 1):
            if number % COLLECT_EVERY == 0:
                gc.collect()
            yield _without_moves(run_seed(shared, seed, asked.rates, moves_max=asked.moves_max))


def _spread(asked: Asked, chunks: Iterator[tuple[int, ...]], workers: int) -> Iterator[Ran]:
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(asked,)
    )
    try:
        yield from in_order(chunks, lambda chunk: pool.submit(_run, chunk), lambda: 3 * workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Running(Protocol):
    """A chunk of seeds that somebody runs."""

    def result(self) -> list[Ran]:
        """Wait for them."""


def in_order(
    chunks: Iterable[tuple[int, ...]], submit: Callable[[tuple[int, ...]], Running], ahead: Callable[[], int]
) -> Iterator[Ran]:
    """Have each chunk run, so many of them ahead, and hear of them in their order."""
    waiting: deque[Running] = deque()
    for chunk in chunks:
        waiting.append(submit(chunk))
        while len(waiting) > ahead():
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _without_moves(ran: Ran) -> Ran:
    """Only what failed is looked at again."""
    if ran.failure is None:
        ran.moves = []
    return ran


@contextmanager
def _unhurried() -> Iterator[None]:
    """Garbage is collected between runs and not within: each run is small, and leaves everything behind at once."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


_ASKED: list[Asked] = []
"""In a worker: what it is to run."""


def _begin(asked: Asked) -> None:
    _ASKED[:] = [asked]


def _run(seeds: tuple[int, ...]) -> list[Ran]:
    return list(run_seeds(_ASKED[0], seeds))
