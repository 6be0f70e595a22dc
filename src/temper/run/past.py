"""An instance as it was at a moment, from the records alone: what lies in the store and what lies in the archive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.machine import NEW, Address, absent
from temper.run.archive import ArchiveBrokenError, archived
from temper.run.codec import Versions, record_from_json
from temper.run.cut import cut_of
from temper.run.engine import Instance, absorb
from temper.run.store.protocol import Store
from temper.run.store.rows import RecordRow, VersionRow

PAGE = 500


@dataclass(frozen=True, slots=True)
class Past:
    """What an instance was: its data as the version of then wrote them, and by which record it had become so."""

    entity: str
    id: str
    state: str
    seq: int
    at: int
    data: dict[str, Any]
    timers: tuple[tuple[str, int], ...]
    record: int
    table: str
    version: int
    """The version in force at that moment; `table` is the one that the record was made under."""
    retired: bool


def instance_at(store: Store, versions: Versions, folder: Path | None, address: Address, moment: int) -> Past | None:
    """The instance at a moment; None if it was not there yet."""
    instance, last = None, None
    for row in records_of(store, folder, address):
        if row.at > moment:
            break
        record = record_from_json(versions, json.loads(row.body))
        if record.rule == "retire":
            return _past(store, versions, instance, last, moment, retired=True)
        before = instance or Instance(absent(versions[record.table].table, address))
        instance, last = absorb(before, record), record
    return _past(store, versions, instance, last, moment, retired=False)


def records_of(store: Store, folder: Path | None, address: Address) -> Iterator[RecordRow]:
    """Every record of an instance, oldest first, wherever it lies. Raises `ArchiveBrokenError`."""
    cut = cut_of(store)
    if cut.number and folder is None:
        raise ArchiveBrokenError(f"records up to {cut.number:,} have left the journal, and nobody said where they lie")
    if cut.number and folder is not None:
        yield from (row for row in archived(folder, cut) if (row.entity, row.id) == tuple(address))
    number = cut.number
    while rows := store.records(address, number, PAGE):
        yield from rows
        number = rows[-1].number


def version_at(store: Store, moment: int) -> VersionRow | None:
    """The version that was in force at a moment."""
    rows = [row for row in store.versions() if row.at <= moment]
    return rows[-1] if rows else None


def _past(
    store: Store, versions: Versions, instance: Instance | None, last: Any, moment: int, *, retired: bool
) -> Past | None:
    if instance is None or last is None or instance.cell.control == NEW:
        return None
    cell, in_force = instance.cell, version_at(store, moment)
    data = versions[last.table].fields[cell.entity].encode(cell.data)
    return Past(
        *(cell.entity, cell.id, cell.control, cell.seq, cell.clock, data, cell.timers),
        record=last.number,
        table=last.table,
        version=0 if in_force is None else in_force.number,
        retired=retired,
    )
