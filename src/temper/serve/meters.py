"""Counts and times of a server at work, and their text as Prometheus reads it.

Each meter is written by one thread alone, so none needs a lock; whoever reads sees each number whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from temper.run import StoreError
from temper.run.observer import Tried
from temper.run.store.rows import Batch

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0)

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Counts:
    """Numbers that only grow, by label.

    >>> counts = Counts("temper_calls_total", "calls")
    >>> counts.add(action="ship", outcome="applied")
    >>> print("\\n".join(counts.lines()))
    # HELP temper_calls_total calls
    # TYPE temper_calls_total counter
    temper_calls_total{action="ship",outcome="applied"} 1
    """

    name: str
    doc: str
    _found: dict[Labels, int] = field(default_factory=dict)

    def add(self, **labels: str) -> None:
        self.count(tuple(labels.items()))

    def count(self, labels: Labels) -> None:
        """The same with labels that are put together already, in the order in which they are shown."""
        self._found[labels] = self._found.get(labels, 0) + 1

    def lines(self) -> Iterator[str]:
        yield from counted(self.name, self.doc, sorted(self._found.items()))


@dataclass(slots=True)
class Spread:
    """How values are spread: how many were at most each bound, how many in all, and their sum."""

    name: str
    doc: str
    bounds: tuple[float, ...] = SECONDS
    _below: list[int] = field(init=False)
    _sum: float = 0.0

    def __post_init__(self) -> None:
        self._below = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self._below[bisect_left(self.bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.doc, "histogram")
        total = 0
        for bound, number in zip((*map(_number, self.bounds), "+Inf"), tuple(self._below), strict=True):
            total += number
            yield _line(f"{self.name}_bucket", (("le", bound),), total)
        yield _line(f"{self.name}_sum", (), self._sum)
        yield _line(f"{self.name}_count", (), total)


class Meters:
    """What is counted while a server works. It observes the runtime; `called` is told by the service."""

    def __init__(self) -> None:
        self.calls = Counts("temper_calls_total", "calls that were answered, by action and outcome")
        self.call_seconds = Spread("temper_call_seconds", "from a call's arrival at the service to its answer")
        self.refused = Counts("temper_refused_total", "requests that were not begun because too much was under way")
        self.commit_records = Spread("temper_commit_records", "journal records in one transaction", ROWS)
        self.commit_seconds = Spread("temper_commit_seconds", "one transaction, from begin to durable")
        self.flush_seconds = Spread("temper_flush_seconds", "the disk's part of a transaction")
        self.commit_failures = Counts("temper_commit_failures_total", "transactions that were not kept")
        self.lateness = Spread("temper_timer_lateness_seconds", "how long after they were due timers fired")
        self.attempts = Counts("temper_attempts_total", "attempts of effects that are over, by how they ended")
        self.attempt_seconds = Spread("temper_attempt_seconds", "attempts of effects, from begin to end")

    def called(self, entity: str, action: str, outcome: str, seconds: float) -> None:
        self.calls.count((("entity", entity), ("action", action), ("outcome", outcome)))
        self.call_seconds.add(seconds)

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        self.commit_records.add(len(batch.records))
        self.commit_seconds.add(seconds)
        if flush_seconds is not None:
            self.flush_seconds.add(flush_seconds)

    def commit_failed(self, error: StoreError) -> None:
        self.commit_failures.add(error=type(error).__name__)

    def fired(self, late: int) -> None:
        self.lateness.add(late / 1000)

    def tried(self, tried: Tried) -> None:
        self.attempts.add(effect=tried.effect, end=tried.end)
        self.attempt_seconds.add((tried.ended - tried.started) / 1000)

    def lines(self) -> Iterator[str]:
        for meter in (
            *(self.calls, self.call_seconds, self.refused),
            *(self.commit_records, self.commit_seconds, self.flush_seconds, self.commit_failures),
            *(self.lateness, self.attempts, self.attempt_seconds),
        ):
            yield from meter.lines()


def counted(name: str, doc: str, found: Iterable[tuple[Labels, int]]) -> Iterator[str]:
    """The lines of numbers that only grow and that somebody else counts."""
    yield from _head(name, doc, "counter")
    yield from (_line(name, labels, number) for labels, number in found)


def gauge(name: str, doc: str, found: Iterable[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    """The lines of something that goes up and down, as it stands now."""
    yield from _head(name, doc, "gauge")
    yield from (_line(name, tuple(labels.items()), number) for labels, number in found)


def _head(name: str, doc: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {doc}", f"# TYPE {name} {kind}"


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    r"""A label's text: backslash, quote and line end are written with a backslash.

    >>> print(_escaped('a"b\nc'))
    a\"b\nc
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.10g}"
