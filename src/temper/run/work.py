"""Everything that goes on by itself: what durable records ask for, carried out, and started again from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from temper.machine import Address, Effecting, NotAValueError
from temper.run import book
from temper.run.alarms import Alarms
from temper.run.codec import pending_from_row
from temper.run.courier import Courier
from temper.run.dispatcher import Dispatcher
from temper.run.driver import Driver
from temper.run.leases import Leases
from temper.run.limits import Limits
from temper.run.record import Pending, Record, first_of_lanes
from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import PendingRow
from temper.run.timers import Timers
from temper.run.version import Version
from temper.run.world import Handler

RETRY_MILLISECONDS = 1000
UNREADABLE = (KeyError, NotAValueError)
"""How a row fails to be read that another node wrote under a version which is not followed yet."""
TAKEN_UP_AT_ONCE = 50
"""How many pending deliveries are taken up before others have their turn: a store may hold a million."""


class Work:
    """Courier, dispatcher and timers as one: it obeys the driver and can start again from the store at any time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._tasks: set[asyncio.Task[None]] = set()
        self.alarms = Alarms(driver.world.clock)
        self.courier = Courier(driver, self.alarms)
        self.dispatcher = Dispatcher(driver, self.alarms, self._start, self._offered)
        self.leases = Leases(driver, self.alarms, self.dispatcher)
        self.timers = Timers(driver, self.alarms, self._start)
        self.faults: list[str] = []
        self._resumed = 0
        self._is_taking_up = False

    @property
    def is_busy(self) -> bool:
        """Whether something is going on that does not merely wait for its time."""
        return bool(self._tasks) or self._driver.committer.latest() is not None or self._is_taking_up

    @property
    def has_taken_up(self) -> bool:
        """Whether everything that was pending in the store is on its way."""
        return self._resumed > 0 and not self._is_taking_up

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Those in use."""
        return self.dispatcher.handlers

    def attempt(self, pending: Pending) -> None:
        self.dispatcher.attempt(pending)

    def carry(self, pending: Pending) -> None:
        self.courier.carry(pending)

    def schedule(self, due: int) -> None:
        self.timers.schedule(due)

    def recorded(self, record: Record) -> None:
        self.courier.expect(record.made)
        self.courier.recorded(record)
        self.dispatcher.forget((*record.consumed, *record.withdrawn))

    def use(self, handlers: Mapping[str, Handler], limits: Mapping[str, Limits] | None = None) -> None:
        """Have other handlers from now on, and other limits if they are given."""
        self.dispatcher.use(handlers, limits)

    def stop(self) -> None:
        self._resumed += 1
        self._is_taking_up = False
        self.alarms.clear()
        self.courier.stop()
        self.dispatcher.stop()
        self.leases.stop()
        self.timers.stop()

    def resume(self) -> None:
        """Take up every pending delivery and every armed timer that the store has: the first ones now, the others soon.

        What is handed on from now on comes by itself, so whatever lies behind the last place of now is left alone.
        """
        self._resumed += 1
        driver, store = self._driver, self._driver.world.store
        try:
            if driver.shared is not None:
                driver.journal.witness(*driver.shared.furthest())
            self.dispatcher.recall(book.paused(store))
            redriven = self.dispatcher.letters.recall()
            letters = {pending.key for pending in redriven}
            self.leases.recall(lambda key: key in letters or is_pending(store, key))
        except StoreError as error:
            self._lose_sight(error)
            return
        self._take_up(self._resumed, 0, self._driver.journal.next_place - 1, set())
        for pending in redriven:
            self.dispatcher.attempt(pending)
        self.timers.resume()

    def _lose_sight(self, error: StoreError) -> None:
        """Take nothing until the store can be read: what is read beside inputs may be older than what memory knows.

        Whoever starts again has nothing on its way to the store, so there is only what is gathered to be given up.
        """
        self._driver.committer.give_up(StoreError(str(error)))

    def _take_up(self, resumed: int, after: int, last: int, lanes: set[tuple[Address, str]]) -> None:
        """Take up some deliveries behind a place, and come back for more; nothing if all was stopped meanwhile."""
        if resumed != self._resumed:
            return
        driver = self._driver
        self._is_taking_up = False
        try:
            rows = (driver.shared.ours if driver.shared else driver.world.store.pending)(after, TAKEN_UP_AT_ONCE)
            found = list(self._first([row for row in rows if row.place <= last]))
        except (StoreError, *UNREADABLE) as error:
            if driver.shared is None and not isinstance(error, StoreError):
                raise
            if not after and isinstance(error, StoreError):
                self._lose_sight(error)
                return
            again = partial(self._take_up, resumed, after, last, lanes)
            self.alarms.at(driver.world.clock.now() + RETRY_MILLISECONDS, again)
            return
        self.courier.expect(found)
        for pending in found:
            self._take(pending, lanes)
        if rows and rows[-1].place < last:
            self._is_taking_up = True
            asyncio.get_running_loop().call_soon(self._take_up, resumed, rows[-1].place, last, lanes)
        else:
            self.courier.knows_all()

    def _take(self, pending: Pending, lanes: set[tuple[Address, str]]) -> None:
        delivery = pending.delivery
        if not isinstance(delivery, Effecting):
            self.courier.carry(pending)
        elif (lane := (delivery.owner, delivery.effect)) not in lanes:
            lanes.add(lane)
            self.dispatcher.take_up(pending)

    def look_at_pauses(self) -> None:
        """Pause and resume what other nodes have paused and resumed."""
        paused, dispatcher = book.paused(self._driver.world.store), self.dispatcher
        for effect in self._driver.version.effects:
            if dispatcher.turnstile(effect).paused != paused.get(effect):
                dispatcher.pause(effect, paused.get(effect))

    def adopt(self, rows: Sequence[PendingRow]) -> None:
        """Carry out these deliveries that a node left that died, and whatever timers are this node's."""
        found, lanes = list(self._first(rows)), set[tuple[Address, str]]()
        self.courier.expect(found)
        for pending in found:
            self._take(pending, lanes)
        self.timers.resume()

    def _first(self, rows: Sequence[PendingRow]) -> Iterator[Pending]:
        """Rows as deliveries, without effects that are behind another node's in their lane."""
        driver = self._driver
        for row in rows:
            pending = pending_from_row(driver.version, driver.committer.as_noted(row))
            if driver.shared is None or not isinstance(pending.delivery, Effecting):
                yield pending
                continue
            lanes = driver.shared.effects_of(pending.delivery.owner)
            firsts = first_of_lanes(tuple(pending_from_row(driver.version, other) for other in lanes))
            if any(first.key == pending.key for first in firsts):
                yield pending

    async def close(self) -> None:
        """Stop everything; attempts under way are cut short, which their rows survive."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _offered(self, effect: str) -> None:
        self.leases.wake(effect)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Our own mistake. It must be seen, and it must not take the other lanes down with it.
            self.faults.append(f"{type(error).__name__}: {error}")
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a background task failed", "exception": error}
            )


def all_pending(version: Version, store: Store) -> Iterator[Pending]:
    """Every pending delivery that the store has, by place."""
    place = 0
    while rows := store.pending(place):
        for row in rows:
            yield pending_from_row(version, row)
        place = rows[-1].place


def is_pending(store: Store, key: tuple[int, int]) -> bool:
    """Whether this very delivery waits in the store."""
    return any((row.place, row.round) == key for row in store.pending(key[0] - 1, 1))
