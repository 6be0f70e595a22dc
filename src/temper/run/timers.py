"""Armed timers, fired when they are due. They are durable in the rows of their cells; memory holds only an alarm."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from temper.machine import Address
from temper.run.alarms import Alarms
from temper.run.driver import Driver
from temper.run.engine import Fired
from temper.run.store.protocol import StoreError

ROUND = 200
"""How many instances fire before the records are waited for."""
RETRY_MILLISECONDS = 1000


class Timers:
    """Asks the store what is due, and lets it fire in order of due and position."""

    def __init__(self, driver: Driver, alarms: Alarms, start: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._driver, self._alarms, self._start = driver, alarms, start
        self._next: int | None = None
        self._is_firing = False

    @property
    def is_firing(self) -> bool:
        return self._is_firing

    def schedule(self, due: int) -> None:
        """Look again when this is due."""
        if self._next is None or due < self._next:
            self._next = due
            self._alarms.at(due, self._wake)

    def stop(self) -> None:
        self._next = None

    def resume(self) -> None:
        """Look at once what became due while nobody was here."""
        self._wake()

    def _wake(self) -> None:
        self._next = None
        if not self._is_firing:
            self._is_firing = True
            self._start(self._fire())

    async def _fire(self) -> None:
        driver = self._driver
        try:
            while driver.takes and (due := driver.world.store.due(driver.world.clock.now(), ROUND)):
                # A row may be due that memory has fired already; then its record is still on its way.
                fired = [self._fire_all(address) for address in due]
                is_ours = any(fired) or driver.committer.latest() is not None or driver.shared is not None
                assert is_ours, f"a row of {due[0]} differs from memory"
                # What another node was faster with is looked at again; if the store failed, nothing is taken any more.
                await driver.durable()
            coming = driver.world.store.next_due()
        except StoreError:
            coming = driver.world.clock.now() + RETRY_MILLISECONDS
        finally:
            self._is_firing = False
        if coming is not None and driver.takes:
            self.schedule(coming)

    def _fire_all(self, address: Address) -> bool:
        """Everything of one instance that is due, in order; whether there was anything."""
        fired, world = False, self._driver.world
        due = min((due for _, due in self._driver.instance(address).cell.timers), default=0)
        while (entered := self._driver.enter(address, Fired())) is not None and entered.commands:
            if not fired:
                world.observer.fired(max(0, world.clock.now() - due))
            fired = True
        return fired
