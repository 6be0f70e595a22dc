"""The shadow where several nodes write: a chain for each, and numbers that follow what rests on what.

Transactions are followed in the order in which they are kept. That the order of the numbers is a run as well is held
by looking at what each record rests on: the one before of its instance, those that made what it consumes, the load.
"""

from __future__ import annotations

from collections.abc import Mapping

from temper.machine import NEW, Address, Effecting
from temper.run import GENESIS, Batch, Pending, Record, RecordRow, Version
from temper.verify.simulate.database import Database
from temper.verify.simulate.rules import hold, named
from temper.verify.simulate.shadow import Listener, Shadow, linked


class ShadowOfNodes(Shadow):
    """What is true, by the rules, whoever wrote it."""

    def __init__(self, database: Database, taken: Listener, versions: Mapping[str, Version]) -> None:
        super().__init__(database, taken, versions)
        self._database = database
        self._chains: dict[int, tuple[int, str]] = {}
        self._stride = 1
        self._numbers: dict[Address, int] = {}
        self._given: dict[int, int] = {}
        """By place that was ever given: the record that gave it."""
        self._lasts: dict[tuple[Address, str], int] = {}
        self._load = 0

    def committed(self, batch: Batch) -> None:
        self._stride = batch.head.stride
        super().committed(batch)

    def was_there(self, key: tuple[int, int]) -> bool:
        """Whether this delivery was ever durable."""
        return key[0] in self._given

    def _read(self, row: RecordRow) -> Record:
        slot = row.number % self._stride
        number, chain = self._chains.get(slot, (0, GENESIS))
        chain = linked(chain, row.body)
        hold(
            "audit-chain",
            row.number > number and row.hash == chain,
            lambda: f"record {row.number} does not follow record {number} in the chain of slot {slot}",
        )
        self._chains[slot] = row.number, chain
        return self._told(row)

    def _follow(self, record: Record) -> None:
        rests = [self._numbers.get(record.address, 0), self._load]
        rests += [self._given.get(place, 0) for place, _ in (*record.consumed, *record.withdrawn)]
        hold(
            "linear-history",
            record.rule == "late" or record.number > max(rests),
            lambda: f"record {record.number} of {named(record.address)} rests on record {max(rests)}, and is before it",
        )
        super()._follow(record)
        self._numbers[record.address] = record.number
        if record.rule == "load":
            self._load = record.number

    def _is_next(self, pending: Pending, record: Record) -> bool:
        place, delivery = pending.place, pending.delivery
        is_own = place % self._stride == record.number % self._stride and place > record.number
        is_new = place not in self._given
        self._given[place] = record.number
        if isinstance(delivery, Effecting):
            lane = (delivery.owner, delivery.effect)
            is_new = is_new and place > self._lasts.get(lane, 0)
            self._lasts[lane] = place
        return is_own and is_new

    def _is_absent(self, control: str | None) -> bool:
        """What was refused by an instance that is not there yet is written down, so that all nodes go on from it."""
        return control is None or control == NEW

    def _compare_head(self, batch: Batch) -> None:
        head = batch.head
        slot, number = self._database.slots[head.slot], self._chains.get(head.slot, (0, GENESIS))
        hold(
            "audit-chain",
            (slot.record, slot.chain) == number,
            lambda: f"the head of slot {head.slot} is at record {slot.record}, and the last one is {number[0]}",
        )
