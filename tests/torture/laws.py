"""What must be true of the store by itself: the hash chain, replay, and the law of refinement over the whole journal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from temper.machine import table_from_json
from temper.run import Store, abstracted, departure, stage
from temper.run.abstraction import Abstracted
from temper.run.archive import broken_record
from temper.run.replaying import unexplained
from temper.run.store.rows import RecordRow

PAGE = 5_000


def broken_laws(store: Store) -> list[str]:
    """What does not hold, in words; nothing if everything does."""
    versions = {row.hash: stage(table_from_json(json.loads(row.body))) for row in store.versions()}
    found = []
    if (broken := broken_record(store)) is not None:
        found.append(f"the hash chain is broken at record {broken}")
    if (left := departure(Abstracted(), every_record(store), abstracted(store, versions), versions)) is not None:
        found.append(f"the journal is no run of the relation: record {left.record}, {left.because}")
    try:
        odd = unexplained(store, versions, versions[store.versions()[-1].hash])
    except KeyError as missing:
        return [*found, f"the journal cannot be replayed: {missing} is consumed, and was not there"]
    return [*found, *(f"{address} is not what its records say" for address in odd)]


def every_record(store: Store) -> Iterator[RecordRow]:
    """In the order of their numbers, page by page: there may be a million."""
    after = 0
    while rows := store.records(None, after, PAGE):
        yield from rows
        after = rows[-1].number
