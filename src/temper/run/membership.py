"""This node among others: it says that it lives, takes up what the dead left, and follows their versions.

The lease runs by the database's clock and the rhythm by the process's own, not by the world's: they are about
processes that die, and no step reads them.
"""

from __future__ import annotations

import asyncio
import contextlib

from temper.run.driver import Driver
from temper.run.store.protocol import ConflictError, StoreError
from temper.run.store.shared import Beat, Listener, SharedStore
from temper.run.work import Work

BEATS_PER_LEASE = 4
"""So often does a node say that it lives within one lease, so that one that was late is no death."""


class Membership:
    """Keeps a node among the living while the runtime is open."""

    def __init__(self, driver: Driver, work: Work, shared: SharedStore) -> None:
        self._driver, self._work, self._shared = driver, work, shared
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Beat from now on."""
        self._task = asyncio.get_running_loop().create_task(self._live())

    async def close(self) -> None:
        """Beat no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def beat(self) -> None:
        """Say that this node lives, and do what comes of it."""
        driver = self._driver
        try:
            seen = await asyncio.to_thread(self._shared.beat)
        except ConflictError:
            return  # It waited for a lock for too long, and has another try when the next beat is due.
        except StoreError as error:
            # Also when its connection has ended: it would be dead to the others, and deaf, until somebody writes.
            driver.committer.give_up(error)
        else:
            self._take_up(seen)

    def _take_up(self, seen: Beat) -> None:
        driver = self._driver
        driver.journal.witness(seen.record, seen.place)
        if not driver.takes:
            return  # Whatever was adopted is this node's in the store, and taken up with the rest.
        try:
            if seen.in_force != driver.version.hash:
                driver.follow()
            elif seen.notes:
                self._work.stop()
                self._work.resume()
            else:
                if seen.adopted or seen.timers:
                    self._work.adopt(seen.adopted)
                self._work.look_at_pauses()
        except StoreError as error:
            driver.committer.give_up(error)

    async def _live(self) -> None:
        listener: Listener | None = None
        try:
            while True:
                if listener is None:
                    with contextlib.suppress(StoreError):
                        listener = await asyncio.to_thread(self._shared.listener)
                if await self._told(listener) and listener is not None:
                    # What was said is heard by looking; a connection that broke says something as well.
                    listener.close()
                    listener = None
                await self.beat()
        finally:
            if listener is not None:
                listener.close()

    async def _told(self, listener: Listener | None) -> bool:
        """Wait for the next beat; whether another node had something to say before it was due."""
        seconds = self._shared.lease_milliseconds / 1000 / BEATS_PER_LEASE
        if listener is None:
            await asyncio.sleep(seconds)
            return False
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(listener.fileno(), told.set)
        try:
            async with asyncio.timeout(seconds):
                await told.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(listener.fileno())
        return True
