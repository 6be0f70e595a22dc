"""Group commit: whatever arrives while one transaction is on its way to the disk goes into the next.

One transaction is under way at a time. What waits for it hears how it ended, all at once and in order; if it
failed, so did everything gathered behind it, because that was computed from what is now not true.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from temper.run.engine import Command
from temper.run.journal import Journal
from temper.run.store.protocol import ConflictError, FencedError, Store, StoreError, StoreUnsureError
from temper.run.store.rows import Batch, Noted, PendingRow
from temper.run.world import Later

PART = 24
"""So many records are worth a transaction of their own when nothing is being written."""

End: TypeAlias = StoreError | None
"""How a transaction ended: None when it is durable."""


@dataclass(slots=True, eq=False)
class Gathering:
    """Everybody who waits for one transaction, and what is to be done when it is durable."""

    number: int
    commands: list[Command] = field(default_factory=list)
    is_work: bool = False
    """Whether it holds more than calls, so that somebody has to take that up again if it is lost."""
    _waiting: list[Callable[[End], None]] = field(default_factory=list)
    _ended: bool = False
    _end: End = None

    async def wait(self) -> End:
        """How it ended. Everybody has a future of their own, so whoever goes away cancels nobody else's."""
        if self._ended:
            return self._end
        waiter: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._waiting.append(lambda end: None if waiter.done() else waiter.set_result(end))
        return await waiter

    def then(self, tell: Callable[[End], None]) -> None:
        """Call this when it has ended, in one pass with everybody else who waits: no task need wake up for it."""
        assert not self._ended, "whoever waits came before the end"
        self._waiting.append(tell)

    def end(self, end: End) -> None:
        """Tell everybody who waits."""
        self._ended, self._end = True, end
        for tell in self._waiting:
            try:
                tell(end)
            except Exception as error:
                # Our own mistake: it must be seen, and it must not keep the others from being told.
                told = {"message": "the end of a transaction was not heard", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)


class Committer:
    """Sends what the journal gathered to the store, one batch after the other.

    `durable` is called with the commands of a batch that was kept, `failed` once when one was not; the
    committer then stands still until `begin` gives it a new journal.
    """

    def __init__(
        self,
        store: Store,
        *,
        durable: Callable[[list[Command]], None],
        failed: Callable[[StoreError], None],
        later: Later | None = None,
    ) -> None:
        self._store = store
        self._durable, self._failed, self._later = durable, failed, later
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[tuple[Batch, Gathering] | None] = queue.SimpleQueue()
        self._under_way: Gathering | None = None
        self._going: Collection[tuple[int, int]] = ()
        self._noting: Mapping[int, Noted] = {}
        self._given_up: End = None
        self._scheduled = False
        self._number = 0
        self._stopped = True
        self._lost_work = False
        self.records_lost = 0
        """How many records the last transaction held; they are lost if it failed."""
        self._writing: threading.Thread | None = None
        if store.blocks:
            self._writing = threading.Thread(target=self._write, name="temper-journal", daemon=True)
            self._writing.start()

    def begin(self, journal: Journal) -> None:
        """Start, or start anew behind a failure."""
        assert self._under_way is None, "a new journal begins when nothing is under way"
        self.journal, self.durable_head, self._sent = journal, journal.head, journal.head
        self.gathering = self._gather()
        self._stopped = False

    @property
    def durable_number(self) -> int:
        """Gatherings up to this number are durable."""
        return (self._under_way or self.gathering).number - 1

    def give_up(self, error: StoreError) -> None:
        """Behave as if a transaction had failed, for who learns in another way that none can be kept.

        What is on its way may be kept all the same; then what is gathered behind it is the one that fails.
        """
        if self._stopped:
            return
        if self._under_way is not None:
            self._given_up = error
        else:
            self._finish(self.gathering, error)

    def flush(self) -> Gathering:
        """See to it that what is gathered gets on its way; the gathering tells when it is there."""
        if not self._scheduled and self._under_way is None:
            self._scheduled = True
            self._loop.call_soon(self._send)
        return self.gathering

    def hurry(self) -> None:
        """Between two calls: write a good part of a turn while the rest of it is computed, and not after it."""
        if self._under_way is None and self._writing is not None and self.journal.records >= PART:
            self._send()

    @property
    def is_work_lost(self) -> bool:
        """Whether what was just lost holds more than calls."""
        return self._lost_work

    def consumes(self, key: tuple[int, int]) -> bool:
        """Whether a delivery that the store still has is consumed by what is on its way to it."""
        return key in self._going or self.journal.consumes(key)

    def as_noted(self, row: PendingRow) -> PendingRow:
        """A delivery as the store has it, with the book-keeping that is on its way there."""
        noted = self.journal.noted(row.place) or self._noting.get(row.place)
        return row if noted is None or noted.round != row.round else row._replace(**noted._asdict())

    def latest(self) -> Gathering | None:
        """What to wait for so that everything computed so far is durable; None if it is."""
        return self.gathering if not self.journal.is_empty else self._under_way

    def close(self) -> None:
        """End the writing thread; what is under way is finished first."""
        self._stopped = True
        if self._writing is not None:
            self._jobs.put(None)
            self._writing.join()

    def _gather(self) -> Gathering:
        self._number += 1
        return Gathering(self._number)

    def _send(self) -> None:
        self._scheduled = False
        if self._stopped or self._under_way is not None or self.journal.is_empty:
            return
        gathering, batch = self.gathering, self.journal.take()
        self._sent, self.records_lost = batch.head, len(batch.records)
        self._under_way, self.gathering = gathering, self._gather()
        self._going, self._noting = batch.consumed, batch.noted
        if self._writing is not None:
            self._jobs.put((batch, gathering))
        elif self._later is not None:
            self._later(lambda: self._finish(gathering, self._commit(batch)))
        else:
            self._finish(gathering, self._commit(batch))

    def _write(self) -> None:
        """The writing thread: the only one that changes the store."""
        while (job := self._jobs.get()) is not None:
            batch, gathering = job
            end = self._commit(batch)
            try:
                self._loop.call_soon_threadsafe(self._finish, gathering, end)
            except RuntimeError:
                return  # The loop is gone, and with it everybody who could be told.

    def _commit(self, batch: Batch) -> End:
        try:
            self._store.commit(batch)
        except StoreError as error:
            return self._end_of_failed(batch, error)
        return None

    def _end_of_failed(self, batch: Batch, error: StoreError) -> End:
        """A commit that reports a failure may have reached the disk; the store itself knows, if it can be asked."""
        if isinstance(error, ConflictError | FencedError):
            return error
        try:
            self._store.recover()
            return None if self._store.kept(batch) else error
        except StoreError as silent:
            return StoreUnsureError(f"{error}, and it cannot be opened again to see what it kept: {silent}")

    def _finish(self, gathering: Gathering, end: End) -> None:
        self._under_way, self._going, self._noting = None, (), {}
        given_up, self._given_up = self._given_up, None
        if end is not None:
            behind, self._stopped = self.gathering, True
            self._lost_work = gathering.is_work or behind.is_work
            self._failed(end)
            for lost in (gathering, behind):
                lost.end(end)
            return
        self.durable_head = self._sent
        if self._writing is not None and given_up is None and not self.journal.is_empty:
            # The next transaction gets on its way first: it is written while those of this one are answered.
            self._send()
        try:
            self._durable(gathering.commands)
        finally:
            gathering.end(None)
        if given_up is not None:
            self.give_up(given_up)
        elif self._writing is None and not self.journal.is_empty:
            # Without a thread this goes through the loop, lest a long chain of steps become a deep recursion.
            self.flush()
