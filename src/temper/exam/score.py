"""The whole exam: every fault of a blueprint judged, on as many cores as there are, told in the order of the text."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from temper.exam.fault import Fault
from temper.exam.faults import faults
from temper.exam.judge import Exam, Killed, Outcome, Survived, Undecided, judge

JOBS_FROM = 8
"""Fewer faults than this are judged where we are: another process takes its time to start."""
OVER = "the budget was over before it was tried"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A fault and what became of it."""

    fault: Fault
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Score:
    """Every judgement in the order of the text."""

    judgements: tuple[Judgement, ...]
    seconds: float

    def count(self, kind: type[Outcome]) -> int:
        return sum(isinstance(each.outcome, kind) for each in self.judgements)

    @property
    def killed(self) -> int:
        return self.count(Killed)

    @property
    def survived(self) -> int:
        return self.count(Survived)

    @property
    def percent(self) -> int | None:
        """Killed of those that were killed or survived, rounded down; None if there were none."""
        told = self.killed + self.survived
        return self.killed * 100 // told if told else None


class Told(Protocol):
    """Who hears how far the exam is: how many of how many faults are judged, and how many survived so far."""

    def __call__(self, done: int, total: int, survived: int, /) -> None: ...


def examine(
    exam: Exam,
    *,
    kinds: Iterable[str] = (),
    seconds_max: float = float("inf"),
    jobs: int | None = None,
    told: Told | None = None,
) -> Score:
    """Judge every fault, or those of the kinds named, within a budget for all of them.

    How many work makes no difference to what is said; what the budget leaves out is undecided.
    """
    began = monotonic()
    asked = set(kinds)
    listed = [fault for fault in faults(exam.read) if not asked or fault.kind in asked]
    workers = min(jobs or os.cpu_count() or 1, max(1, len(listed) // JOBS_FROM))
    until = began + seconds_max
    judged = _here(exam, listed, until) if workers == 1 else _spread(exam, listed, until, workers)
    done: list[Judgement] = []
    for fault, outcome in zip(listed, judged, strict=True):
        done.append(Judgement(fault, outcome))
        if told is not None:
            told(len(done), len(listed), sum(isinstance(each.outcome, Survived) for each in done))
    return Score(tuple(done), monotonic() - began)


def _here(exam: Exam, listed: Iterable[Fault], until: float) -> Iterator[Outcome]:
    for fault in listed:
        yield Undecided(OVER) if monotonic() >= until else judge(exam, fault)


def _spread(exam: Exam, listed: list[Fault], until: float, workers: int) -> Iterator[Outcome]:
    """Judged in other processes, told in order. A process is started anew and not copied, as solvers have threads."""
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(exam,)
    )
    try:
        waiting: list[Future[Outcome]] = [pool.submit(_judge, fault, until - monotonic()) for fault in listed]
        for future in waiting:
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_EXAMS: list[tuple[Exam, float]] = []
"""In a worker: the exam that it is to judge faults of, and when it began."""


def _begin(exam: Exam) -> None:
    _EXAMS[:] = [(exam, monotonic())]


def _judge(fault: Fault, seconds_left: float) -> Outcome:
    """In a worker. Its clock began when it was started, which is when the faults were handed out."""
    exam, began = _EXAMS[0]
    return Undecided(OVER) if monotonic() - began >= seconds_left else judge(exam, fault)
