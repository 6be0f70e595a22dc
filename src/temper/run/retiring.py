"""Putting one finished instance away: when that may be, and the record that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from temper.machine import NEW, absent
from temper.run.record import Record
from temper.run.version import Version

if TYPE_CHECKING:
    from temper.run.engine import Instance, Moment


@dataclass(frozen=True, slots=True)
class Retired:
    """The operator keeps finished instances no longer: this one's data go, and its id stays taken."""


def retirement(version: Version, instance: Instance, moment: Moment) -> Record | None:
    """The record that puts it away; None if it is not final or owes something.

    What is final and owes nothing can only reject; as an id that is taken it rejects the same (semantics.md, G8).
    """
    cell, declared = instance.cell, version.entities[instance.cell.entity]
    if declared.single or cell.control not in declared.final or cell.timers or instance.effects or instance.marks:
        return None
    return Record(
        number=moment.number,
        at=max(moment.now, cell.clock),
        table=version.hash,
        address=cell.address,
        rule="retire",
        cause="retention",
        before=cell.control,
        control=NEW,
        seq=cell.seq,
        data=absent(version.table, cell.address).data,
        timers=(),
        burnt=True,
    )
