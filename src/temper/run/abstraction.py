"""α of semantics.md section 4: the state of the relation that a store stands for. It reads nothing but the store."""

from __future__ import annotations

from dataclasses import dataclass, field

from temper.machine import NEW, Address, Cell, Delivery
from temper.run.codec import Versions, cell_from_row, pending_from_row
from temper.run.store.protocol import Store

Key = tuple[int, int]
"""A delivery: its place, and how often it was asked again."""


@dataclass(slots=True)
class Abstracted:
    """A state σ of the relation, concrete in its times: the version in force, every cell, everything pending."""

    table: str = ""
    """The hash of the version in force; empty before there is one."""
    cells: dict[Address, Cell] = field(default_factory=dict)
    pending: dict[Key, Delivery] = field(default_factory=dict)
    """By place and round; of a lane, the lower place comes first."""
    burnt: set[Address] = field(default_factory=set)


def abstracted(store: Store, versions: Versions) -> Abstracted:
    """α: rows as they lie, under the version in force; attempts, claims, waits, marks and answers are no state."""
    loaded = store.versions()
    if not loaded:
        return Abstracted()
    version = versions[loaded[-1].hash]
    rows = [row for entity in version.entities for row in store.all_cells(entity)]
    place, pending = 0, dict[Key, Delivery]()
    while waiting := store.pending(place):
        pending |= {(row.place, row.round): pending_from_row(version, row).delivery for row in waiting}
        place = waiting[-1].place
    cells = {row.address: cell_from_row(version, row) for row in rows if row.control != NEW}
    return Abstracted(version.hash, cells, pending, {row.address for row in rows if row.burnt})
