"""The shadow: the state that a store stands for, kept beside it and led from record to record by the rules alone.

The law of refinement (semantics.md section 4): every transaction is a run of the relation, one step for each record,
in the order of the records. So each record is held against what its rule makes of the cell, the delivery or the timer
that it names; then the rows must say the same as the records. Nothing of the runtime's memory is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from temper.machine import (
    NEW,
    Address,
    Cell,
    Delivery,
    Effecting,
    Message,
    Refusal,
    Request,
    Spawning,
    Violation,
    absent,
    initial_cells,
)
from temper.run import (
    GENESIS,
    Batch,
    CellMapper,
    Instance,
    Pending,
    PendingRow,
    Record,
    RecordRow,
    Version,
    absorb,
    cell_row,
    map_delivery,
    pending_row,
    record_from_json,
)
from temper.verify.simulate.disk import Rows
from temper.verify.simulate.rules import Expected, Rules, hold, named


class Taken(NamedTuple):
    """One step as a record tells it and the rules explain it."""

    record: Record
    before: Cell
    after: Cell
    case: int | None
    consumed: tuple[Pending, ...] = ()
    withdrawn: tuple[Pending, ...] = ()
    violations: tuple[Violation, ...] = ()
    """What must never happen, whatever the properties say: nobody handled it, or a range was left."""


Listener = Callable[[Taken], None]


class Shadow(Rules):
    """What is true, by the rules. `taken` hears of every step, when it is there."""

    def __init__(self, rows: Rows, taken: Listener, versions: Mapping[str, Version]) -> None:
        super().__init__()
        self._rows, self._taken = rows, taken
        self.versions = versions
        self.marks: dict[Address, tuple[str, ...]] = {}
        self.steps = 0
        self._place = 0
        self._number, self._chain = 0, GENESIS
        self._before_load: Version | None = None

    def committed(self, batch: Batch) -> None:
        """A transaction is durable: follow it, record by record, and look at the rows. Raises `BrokenError`."""
        if batch.version is not None:
            self._before_load, self.version = self.version, self.versions[batch.version.hash]
        touched: set[Address] = set()
        for row in batch.records:
            record = self._read(row)
            if record.address.entity:
                touched.add(record.address)
            self._follow(record)
        self._compare(batch, touched)

    def row(self, key: tuple[int, int]) -> PendingRow | None:
        """The row of a delivery, if it lies there."""
        found = self._rows.pending_at(key[0])
        return found if found is not None and found.round == key[1] else None

    # The records

    def _read(self, row: RecordRow) -> Record:
        """The record of a row, if it is the next one of an unbroken chain."""
        self._number += 1
        self._chain = linked(self._chain, row.body)
        hold(
            "audit-chain",
            row.number == self._number and row.hash == self._chain,
            lambda: f"record {row.number} does not follow record {self._number - 1} in the chain",
        )
        return self._told(row)

    def _told(self, row: RecordRow) -> Record:
        """The record that a row's text tells of, which must be what its columns say."""
        record = record_from_json(self.versions, json.loads(row.body))
        hold(
            "linear-history",
            record.number == row.number and record.address == (row.entity, row.id) and record.at == row.at,
            lambda: f"the row of record {row.number} says otherwise than its text",
        )
        return record

    def _follow(self, record: Record) -> None:
        self.steps += 1
        rule = record.rule
        assert self.version is not None, "a version is loaded with the first record"
        hold(
            "refinement",
            record.table == self.version.hash,
            lambda: f"record {record.number} was decided by a version that is not in force",
        )
        if rule == "load":
            return
        cell = self.cells.get(record.address) or absent(self.version.table, record.address)
        consumed = self._consume(record)
        if rule in {"start", "reload"}:
            self._mapped(record, cell, consumed)
            return
        hold(
            "linear-history",
            record.at >= cell.clock,
            lambda: f"record {record.number} is at {record.at}, before the clock {cell.clock} of its instance",
        )
        if rule == "late":
            self._late(record, cell, consumed)
            return
        withdrawn = tuple(self.pending[place] for place, _ in record.withdrawn if place in self.pending)
        expected = self.explained(record, cell, consumed)
        after = self._moved(record, cell, expected)
        self._hand_on(record, expected, consumed)
        self._taken(Taken(record, cell, after, expected.case, consumed, withdrawn, expected.violations))

    def _consume(self, record: Record) -> tuple[Pending, ...]:
        """The deliveries that the record settles: each is pending, and each is so once."""
        found = []
        for place, round_ in record.consumed:
            pending = self.pending.get(place)
            hold(
                "exactly-once",
                pending is not None and pending.round == round_,
                lambda: f"record {record.number} settles the delivery {place}-{round_}, which is not pending",  # noqa: B023
            )
            assert pending is not None, "it was just looked at"
            found.append(pending)
        return tuple(found)

    # What became of it

    def _moved(self, record: Record, cell: Cell, expected: Expected) -> Cell:
        """The cell as the record leaves it, which must be as the rule does."""
        marks = self.marks.get(record.address, ())
        found = absorb(Instance(cell, (), marks, record.address in self.burnt), record)
        after = found.cell
        hold(
            "refinement",
            after == expected.cell and found.burnt == (expected.burnt or record.address in self.burnt),
            lambda: (
                f"record {record.number} leaves {named(record.address)} otherwise than its rule: "
                + _unlike(after, expected.cell)
            ),
        )
        hold(
            "refinement",
            record.action == expected.action and record.case == expected.case,
            lambda: f"record {record.number} says `{record.action}`, and the rule takes `{expected.action}`",
        )
        if after.control != NEW or found.burnt:
            self.cells[record.address] = after
        if found.burnt:
            self.burnt.add(record.address)
        if found.marks:
            self.marks[record.address] = found.marks
        return after

    def _hand_on(self, record: Record, expected: Expected, consumed: tuple[Pending, ...]) -> None:
        """What it hands on is what the rule hands on, each under a number of its own; what it settles is gone."""
        gone = self._withdrawals(record, expected, consumed)
        hold(
            "refinement",
            set(record.withdrawn) == gone,
            lambda: f"record {record.number} withdraws {sorted(record.withdrawn)}, and the rule {sorted(gone)}",
        )
        for pending in (*consumed, *(self.pending[place] for place, _ in gone)):
            self._drop(pending)
        if expected.again is not None:
            self._asked_again(record, expected.again)
            return
        hold(
            "refinement",
            tuple(pending.delivery for pending in record.made) == self._kept(expected.made),
            lambda: f"record {record.number} hands on otherwise than its rule",
        )
        for pending in record.made:
            hold(
                "linear-history",
                self._is_next(pending, record) and pending.round == 0,
                lambda: f"record {record.number} gives out the number {pending.place} once more",  # noqa: B023
            )
            self._add(pending)

    def _is_next(self, pending: Pending, record: Record) -> bool:  # noqa: ARG002 (of several nodes each gives its own)
        """Whether the number of a delivery is one that comes behind those that were given."""
        return pending.place > self._place

    def _asked_again(self, record: Record, before: Pending) -> None:
        """The same delivery with a new key; an effect in its old place, a message in a new one."""
        hold("refinement", len(record.made) == 1, lambda: f"record {record.number} asks again, and not once")
        made = record.made[0]
        delivery = before.delivery
        if isinstance(delivery, Effecting):
            same: Delivery = delivery._replace(round=delivery.round + 1, stamp=record.at)
            is_right = made.key == (before.place, before.round + 1) and made.delivery == same
        else:
            assert isinstance(delivery, Refusal), "only effects and refused messages are asked again"
            assert isinstance(delivery.of, Message), "a spawn is not asked again"
            same = delivery.of._replace(round=delivery.of.round + 1, stamp=record.at)
            is_right = self._is_next(made, record) and made.delivery == same
        hold("refinement", is_right, lambda: f"record {record.number} asks for something else again")
        self._add(made)

    def _withdrawals(self, record: Record, expected: Expected, consumed: tuple[Pending, ...]) -> set[tuple[int, int]]:
        """What `replaces: true` takes back of the lanes that it asks in."""
        found: set[tuple[int, int]] = set()
        for delivery in expected.made:
            if isinstance(delivery, Effecting) and self._replaces(delivery):
                lane = self.lanes.get((record.address, delivery.effect), ())
                found |= {pending.key for pending in lane if pending not in consumed}
        return found

    def _kept(self, made: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
        """Without requests that a later one of the same step replaces."""
        kept: list[Delivery] = []
        for delivery in made:
            if isinstance(delivery, Effecting) and self._replaces(delivery):
                kept = [d for d in kept if not (isinstance(d, Effecting) and d.effect == delivery.effect)]
            kept.append(delivery)
        return tuple(kept)

    def _replaces(self, delivery: Effecting) -> bool:
        template = self.template(delivery)
        return isinstance(template, Request) and template.replaces

    def _late(self, record: Record, cell: Cell, consumed: tuple[Pending, ...]) -> None:
        changes = record.stepped or record.made or record.withdrawn or consumed or record.timers is not None
        hold("exactly-once", not changes, lambda: f"record {record.number} is late, and changes something all the same")
        self._taken(Taken(record, cell, cell, None))

    def _mapped(self, record: Record, cell: Cell, consumed: tuple[Pending, ...]) -> None:
        """A version is loaded: rule 7 takes cells and deliveries through its mappings, and begins `single` ones."""
        assert self.version is not None, "a version is loaded with the first record"
        before = self._before_load
        if consumed:
            assert before is not None, "nothing is pending before the first version"
            mapped = map_delivery(before, self.version, consumed[0])
            hold("refinement", record.made == (mapped,), lambda: f"record {record.number} maps a delivery wrongly")
            self._drop(consumed[0])
            self._add(record.made[0])
            return
        after = absorb(Instance(cell), record).cell
        if record.rule == "start":
            first = {each.address: each for each in initial_cells(self.table, now=record.at)}
            wanted: object = first.get(record.address)
        else:
            assert before is not None, "nothing lives before the first version"
            wanted = CellMapper(before, self.version, record.at).map(cell)
        hold("refinement", after == wanted, lambda: f"record {record.number} maps {named(record.address)} wrongly")
        self.cells[record.address] = after
        self._taken(Taken(record, cell, after, None))

    def _add(self, pending: Pending) -> None:
        self._place = max(self._place, pending.place)
        self.pending[pending.place] = pending
        delivery = pending.delivery
        if isinstance(delivery, Effecting):
            lane = self.lanes.setdefault((delivery.owner, delivery.effect), [])
            lane.append(pending)
            lane.sort(key=lambda each: each.place)
        elif isinstance(delivery, Spawning):
            self.expected[delivery.child] = pending

    def _drop(self, pending: Pending) -> None:
        del self.pending[pending.place]
        delivery = pending.delivery
        if isinstance(delivery, Effecting):
            self.lanes[delivery.owner, delivery.effect].remove(pending)
        elif isinstance(delivery, Spawning):
            del self.expected[delivery.child]

    # The rows

    def _is_absent(self, control: str | None) -> bool:
        """Whether the store says that the instance is not there."""
        return control is None

    def _compare(self, batch: Batch, touched: set[Address]) -> None:
        """The rows say what the records say."""
        assert self.version is not None, "a version is loaded with the first record"
        rows = self._rows
        strange = [address for address in batch.cells if address not in touched]
        hold("journal-and-rows", not strange, lambda: f"{named(strange[0])} is written and has no record")
        for address in touched:
            cell = self.cells.get(address)
            row = rows.cell(address)
            if cell is None:
                is_absent = self._is_absent(row and row.control)
                hold("journal-and-rows", is_absent, lambda: f"{named(address)} has a row and no record")  # noqa: B023
                continue
            instance = Instance(cell, (), self.marks.get(address, ()), address in self.burnt)
            wanted = cell_row(self.version, instance)
            hold(
                "journal-and-rows",
                row == wanted,
                lambda: f"the row of {named(address)} is {row}, and its records say {wanted}",  # noqa: B023
            )
        there = rows.pending_places()
        hold(
            "journal-and-rows",
            there == self.pending.keys(),
            lambda: f"the deliveries {sorted(there)} lie there, and the records leave {sorted(self.pending)}",
        )
        for place, made in batch.made.items():
            wanted_row = pending_row(self.version, self.pending[place])
            hold(
                "journal-and-rows",
                made[:7] == wanted_row[:7] and made.body == wanted_row.body,
                lambda: f"the row of delivery {place} says otherwise than its record",  # noqa: B023
            )
        self._compare_head(batch)

    def _compare_head(self, batch: Batch) -> None:  # noqa: ARG002 (of several nodes each has its own)
        """The chain ends where the store says."""
        head = self._rows.head()
        hold(
            "audit-chain",
            (head.record, head.chain) == (self._number, self._chain),
            lambda: f"the head is at record {head.record}, and the last one is {self._number}",
        )


def linked(before: str, body: str) -> str:
    """The hash that a record must have: told here once more, lest the journal's own mistake be its own witness.

    >>> linked(GENESIS, "{}")[:8]
    '5508d2b7'
    """
    digest = hashlib.sha256(before.encode())
    digest.update(body.encode())
    return digest.hexdigest()


def _unlike(found: Cell, wanted: Cell) -> str:
    parts = zip(Cell._fields, found, wanted, strict=True)
    return "; ".join(f"{name} is {a}, not {b}" for name, a, b in parts if a != b) or "it is burnt or not"
