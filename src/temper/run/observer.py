"""Whoever watches a runtime at work: told what goes on, asked for nothing, and nothing rests on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, cast

from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import Batch


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt of an effect that is over. `end` is `answered` or `failed`; `said` is why it failed."""

    effect: str
    key: str
    entity: str
    id: str
    number: int
    started: int
    ended: int
    end: str
    said: str = ""
    trace: str = ""
    """Where the delivery stands in a trace (`trace_context`)."""
    waited_until: int = 0
    """Before when it was not to be made, because others had failed."""


class Observer(Protocol):
    """What is told. None of it may raise, and none may take long."""

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        """A transaction is durable. Told by the thread that writes, which is the only one."""

    def commit_failed(self, error: StoreError) -> None:
        """A transaction was not kept, or nobody knows. Told by the thread that writes."""

    def fired(self, late: int) -> None:
        """A timer fired, so many milliseconds after it was due."""

    def tried(self, tried: Tried) -> None:
        """An attempt is over."""


class Observers:
    """Several as one; with none it is nobody.

    >>> Observers().fired(3)
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._all = tuple(observers)

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        for each in self._all:
            each.committed(batch, seconds, flush_seconds)

    def commit_failed(self, error: StoreError) -> None:
        for each in self._all:
            each.commit_failed(error)

    def fired(self, late: int) -> None:
        for each in self._all:
            each.fired(late)

    def tried(self, tried: Tried) -> None:
        for each in self._all:
            each.tried(tried)


NOBODY = Observers()


def observed(store: Store, observer: Observer) -> Store:
    """The same store, whose commits are timed and told."""
    return store if observer is NOBODY else cast("Store", _Observed(store, observer))


class _Observed:
    """Everything but `commit` is the store's own."""

    def __init__(self, store: Store, observer: Observer) -> None:
        self._store, self._observer = store, observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, batch: Batch) -> None:
        began = perf_counter()
        try:
            self._store.commit(batch)
        except StoreError as error:
            self._observer.commit_failed(error)
            raise
        self._observer.committed(batch, perf_counter() - began, getattr(self._store, "flush_seconds", None))
