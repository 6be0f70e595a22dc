"""A store that holds every transaction against the law of refinement, as it happens."""

from __future__ import annotations

import json
from typing import Any

from temper.machine import table_from_json
from temper.run import Departure, Store, Version, abstracted, departure, stage
from temper.run.store.rows import Batch, RecordRow


class Refining:
    """Passes everything on, and after each commit looks whether it was a run of the relation."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._versions: dict[str, Version] = {}
        self._seen: set[int] = {row.number for row in self._all_records()}
        self._state = abstracted(store, self.staged())
        self.checked = 0
        self.departed: Departure | None = None
        """The first; told at the end, for whoever commits has no ear for it."""

    @property
    def blocks(self) -> bool:
        return self._store.blocks

    @property
    def shared(self) -> bool:
        return self._store.shared

    def commit(self, batch: Batch) -> None:
        self._store.commit(batch)
        self.check()

    def check(self) -> None:
        """From where it was looked at last, whoever wrote since then."""
        rows = [row for row in self._all_records() if row.number not in self._seen]
        versions = self.staged()
        state = abstracted(self._store, versions)
        self.departed = self.departed or departure(self._state, rows, state, versions)
        self._seen.update(row.number for row in rows)
        self._state = state
        self.checked += len(rows)

    def staged(self) -> dict[str, Version]:
        for row in self._store.versions():
            if row.hash not in self._versions:
                self._versions[row.hash] = stage(table_from_json(json.loads(row.body)))
        return self._versions

    def _all_records(self) -> list[RecordRow]:
        return list(self._store.records(None, 0, 1_000_000))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
