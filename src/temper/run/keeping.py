"""Putting away what is old: finished instances, records, answers. Each in small transactions between those of calls.

An instance that is final, with nothing pending and no timer armed, can only reject. One whose id is merely taken
rejects the same, so putting it away is one more record, and no run can tell the difference. Records leave the store
when they lie in a file of the archive. All of it can be killed anywhere, and goes on from where it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TypeVar

from temper.machine import NEW, Address
from temper.run.answer import Problem, Retryable
from temper.run.archive import ArchiveBrokenError, is_all_here, standing, standing_end, write_part
from temper.run.calls import CLOSING, failed, troubled
from temper.run.committer import Gathering
from temper.run.cut import Cut, Walk, cut_note, cut_of
from temper.run.driver import Driver
from temper.run.retention import Retention
from temper.run.retiring import Retired
from temper.run.store.protocol import ConflictError, Store, StoreError
from temper.run.store.rows import RecordRow
from temper.run.store.shared import SharedStore

AT_ONCE = 200
"""How much is put away in one transaction, so that no call waits long behind it."""
PART_MAX = 100_000
"""How many records one file of the archive holds at most."""
PAGE = 1_000
EVERY_MILLISECONDS = 3_600_000

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Tidied:
    """How much was put away, and where the store is cut now."""

    instances: int
    records: int
    answers: int
    cut: int


@dataclass(frozen=True, slots=True)
class Portion:
    """What a file holds that may leave the store: where it is cut, and where it will be, step by step."""

    steps: list[Cut]
    records: int


class Keeping:
    """Puts away what is older than the operator wants to keep.

    Where several nodes write, each looks for itself and none minds if another was first.
    """

    def __init__(self, driver: Driver, retention: Retention, folder: Path | None) -> None:
        assert folder is not None or retention.records is None, "what leaves the journal goes somewhere"
        self._driver, self.retention, self.folder = driver, retention, folder
        self._alone = asyncio.Lock()

    async def tidy(self) -> Tidied | Problem:
        """Do all of it now. What was done stays done if it ends with a problem."""
        async with self._alone:
            try:
                instances = await self._instances()
                records = await self._records() if self.retention.records is not None else 0
                answers = await self._answers() if self.retention.answers is not None else 0
                return Tidied(instances, records, answers, cut_of(self._store).number)
            except _StoppedError as stopped:
                return stopped.problem
            except StoreError as error:
                return failed(error)

    async def every_hour(self, tell: Callable[[Problem], None] = lambda _: None) -> None:
        """Do it now and then, for as long as the task runs; `tell` hears why it could not be done."""
        clock = self._driver.world.clock
        while True:
            if not isinstance(done := await self.tidy(), Tidied):
                tell(done)
            await clock.wait_until(clock.now() + EVERY_MILLISECONDS)

    @property
    def _store(self) -> Store:
        return self._driver.world.store

    # Instances

    async def _instances(self) -> int:
        count = 0
        for entity, age in self.retention.finished.items():
            rows = self._finished(entity, self._driver.world.clock.now() - age)
            while found := await self._aside(partial(_some, rows)):
                owing = await self._aside(self._owing)
                count += await self._retired([address for address in found if address not in owing])
        return count

    def _finished(self, entity: str, before: int) -> Iterator[Address]:
        """Instances that have been final since before a time, as far as their rows tell; the engine looks again."""
        declared = self._driver.version.live(entity)
        final = frozenset(declared.final if declared is not None else ())
        for row in self._store.all_cells(entity):
            if row.control in final and row.control != NEW and row.clock < before:
                yield row.address

    def _owing(self) -> frozenset[Address]:
        """Instances from or to which something is pending."""
        found, place = set(), 0
        while rows := self._store.pending(place, PAGE):
            found |= {Address(row.owner_entity, row.owner_id) for row in rows}
            found |= {Address(row.receiver_entity, row.receiver_id) for row in rows}
            place = rows[-1].place
        return frozenset(found)

    async def _retired(self, addresses: Sequence[Address]) -> int:
        """How many were put away; if another node was faster, none, and the next look takes up the rest."""
        try:
            count = sum(map(self._retire, addresses))
            await self._durable()
        except ConflictError:
            return 0
        return count

    def _retire(self, address: Address) -> bool:
        entered = self._driver.enter(address, Retired())
        if entered is None:
            raise _StoppedError(self._why_not())
        return entered.is_recorded

    # Records

    async def _records(self) -> int:
        """Archive what is old, part by part; the last record stays, so that the store shows where its chain ends.

        Where several nodes write, each looks for itself. Nobody writes any more below what is archived, the file that
        stands counts for all of them, and a cut is made only by whoever knows where the store was cut before.
        """
        count = 0
        try:
            while portion := await self._aside(self._archived):
                for before, step in pairwise(portion.steps):
                    await self._cut(step, before.number)
                count += portion.records
        except ConflictError:
            pass  # Another node was first; whatever is left is found the next time.
        return count

    def _archived(self) -> Portion | None:
        cut = cut_of(self._store)
        try:
            return self._archive(cut)
        except ArchiveBrokenError:
            self._assert_uncut(cut)
            raise

    def _assert_uncut(self, cut: Cut) -> None:
        """What was read is all that was there, unless another node let some of it leave meanwhile."""
        if cut_of(self._store) != cut:
            raise ConflictError("another node is putting records away")

    def _archive(self, cut: Cut) -> Portion | None:
        """Write the next file, and say in which steps its records may leave the store. Runs beside the loop."""
        assert self.retention.records is not None, "records are kept for ever"
        assert self.folder is not None, "records go into it"
        head = self._store.head()
        before = self._driver.world.clock.now() - self.retention.records
        shared = self._driver.shared
        end = head.record if shared is None else self._closed_off(shared, self.folder, cut, before)
        if held := list(standing(self.folder, cut, self._store)):
            return Portion([cut, *held[AT_ONCE - 1 : -1 : AT_ONCE], held[-1]], len(held))
        old = self._old(cut.number, end, before)
        first = next(old, None)
        if first is None:
            return None
        steps, walk, count = [cut], Walk(cut), 0

        def noticed() -> Iterator[RecordRow]:
            nonlocal count
            for row in chain([first], old):
                count += 1
                if walk.follows(row) and count % AT_ONCE == 0:
                    steps.append(walk.cut)
                yield row
            self._assert_uncut(cut)

        write_part(self.folder, noticed(), cut, head.identity, head.slot)
        return Portion(steps if steps[-1] == walk.cut else [*steps, walk.cut], count)

    def _closed_off(self, shared: SharedStore, folder: Path, cut: Cut, before: int) -> int:
        """See to it that nobody writes among what is to be archived; the first number that is not.

        A node that lags behind may number a record below those that others wrote long ago.
        """
        if not is_all_here(folder, cut):
            cure = "name a folder that all nodes share, or let one node alone put records away"
            raise ArchiveBrokenError(f"{folder} lacks what was archived up to record {cut.number}: {cure}")
        last = standing_end(folder, cut)
        for row in () if last else self._old(cut.number, shared.furthest()[0], before):
            last = row.number
        if last:
            shared.close_off(last)
        return last + 1

    def _old(self, number: int, end: int, before: int) -> Iterator[RecordRow]:
        """The records behind a number, up to the first that is kept, and no more than a file is to hold."""
        count = 0
        while page := self._store.records(None, number, PAGE):
            for row in page:
                if count == PART_MAX or row.at >= before or row.number >= end:
                    return
                count += 1
                yield row
            number = page[-1].number

    async def _cut(self, cut: Cut, behind: int) -> None:
        """One transaction: the records up to there leave the store, and it notes where it was cut."""
        if not self._driver.takes:
            raise _StoppedError(self._why_not())
        self._driver.journal.cut(cut.number, behind)
        await self._kept(self._driver.keep(*cut_note(cut)))

    # Answers

    async def _answers(self) -> int:
        assert self.retention.answers is not None, "answers are kept for ever"
        before, count, after = self._driver.world.clock.now() - self.retention.answers, 0, ""
        while rows := await self._aside(partial(self._store.answered, after, PAGE)):
            after = rows[-1][0]
            old = [key for key, at in rows if at < before]
            for start in range(0, len(old), AT_ONCE):
                if not self._driver.takes:
                    raise _StoppedError(self._why_not())
                self._driver.journal.forget(old[start : start + AT_ONCE])
                await self._kept(self._driver.committer.flush())
            count += len(old)
        return count

    # Waiting

    async def _aside(self, look: Callable[[], Seen]) -> Seen:
        """A long look happens in a thread, so that calls go on."""
        return await asyncio.to_thread(look) if self._store.blocks else look()

    async def _durable(self) -> None:
        if (error := await self._driver.durable()) is not None:
            raise error

    async def _kept(self, gathering: Gathering | None) -> None:
        if gathering is None:
            raise _StoppedError(self._why_not())
        if (error := await gathering.wait()) is not None:
            raise error

    def _why_not(self) -> Retryable:
        return CLOSING if self._driver.trouble is None else troubled(self._driver.trouble)


class _StoppedError(Exception):
    """Nothing is taken just now."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _some(rows: Iterator[Address]) -> list[Address]:
    return list(islice(rows, AT_ONCE))
