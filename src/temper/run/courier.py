"""Messages, spawns and refusals on their way: the machine delivers them itself, each applied exactly once.

A delivery is a durable row until the record that consumes it deletes the row, in one transaction. So it is
carried at least once and applied exactly once, whatever crashes in between.
"""

from __future__ import annotations

from collections.abc import Iterable

from temper.machine import NEW, Address, Message, Spawning
from temper.run.alarms import Alarms
from temper.run.driver import Driver
from temper.run.engine import Delivered
from temper.run.record import Pending, Record, receiver_of
from temper.run.store.protocol import StoreError

RETRY_MILLISECONDS = 1000
AWAITED_MILLISECONDS = 50
"""When to look again whether another node has made the receiver, whose spawn it carries."""


class Courier:
    """Carries deliveries to their receivers; messages to a child that is not born yet wait for it."""

    def __init__(self, driver: Driver, alarms: Alarms) -> None:
        self._driver, self._alarms = driver, alarms
        self._expected: dict[Address, tuple[int, int]] = {}
        self._waiting: dict[Address, list[Pending]] = {}
        self.knows = False
        """Whether everything has been taken up that was pending at the start; before that the store is asked."""

    def is_expected(self, address: Address) -> bool:
        """Whether a spawn is on its way that will make this instance. Raises `StoreError` if that cannot be told."""
        if self.knows or address in self._expected or self._driver.instance(address).cell.control != NEW:
            return address in self._expected
        row = self._driver.world.store.spawn_of(address)
        if row is not None and self._driver.shared is None:
            self._expected[address] = (row.place, row.round)
        return row is not None

    def knows_all(self) -> None:
        """Nothing is pending any more that was not told of, unless other nodes hand something on as well."""
        self.knows = self._driver.shared is None

    def expect(self, deliveries: Iterable[Pending]) -> None:
        """Note the children before anything is carried, so that no message arrives ahead of its receiver."""
        for pending in deliveries:
            if isinstance(pending.delivery, Spawning):
                self._expected[pending.delivery.child] = pending.key

    def carry(self, pending: Pending) -> None:
        """Deliver now, or when its time or its receiver has come."""
        if pending.not_before > self._driver.world.clock.now():
            self._alarms.at(pending.not_before, lambda: self._arrive(pending))
        else:
            self._arrive(pending)

    def recorded(self, record: Record) -> None:
        """A child was born or refused: what waited for it goes on."""
        expected = self._expected.get(record.address)
        if expected is not None and expected in record.consumed:
            del self._expected[record.address]
            for pending in self._waiting.pop(record.address, ()):
                self.carry(pending)

    def stop(self) -> None:
        """Forget everything; the store has it."""
        self._expected.clear()
        self._waiting.clear()
        self.knows = False

    def _wait(self, pending: Pending, receiver: Address) -> None:
        """Until the child is born: here, which is told, or on another node, which has to be looked for."""
        if receiver in self._expected:
            self._waiting.setdefault(receiver, []).append(pending)
        else:
            due = self._driver.world.clock.now() + AWAITED_MILLISECONDS
            self._alarms.at(due, lambda: self._arrive(pending))

    def _arrive(self, pending: Pending) -> None:
        receiver = receiver_of(pending.delivery)
        try:
            if isinstance(pending.delivery, Message) and self.is_expected(receiver):
                self._wait(pending, receiver)
                return
            self._driver.enter(receiver, Delivered(pending), pending.trace)
        except StoreError:
            due = self._driver.world.clock.now() + RETRY_MILLISECONDS
            self._alarms.at(due, lambda: self._arrive(pending))
