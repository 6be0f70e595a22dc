"""What a journal left behind: for a version that is to go on from it, or for one that goes on as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from temper.pipeline import Live

if TYPE_CHECKING:
    from temper.machine import Certificate, TransitionTable
    from temper.run import Store
    from temper.run.store.opening import Place


@dataclass(frozen=True, slots=True)
class LastVersion:
    """The version that a journal was last served under. `at` is when it was loaded, in milliseconds since 1970."""

    number: int
    hash: str
    at: int
    table: TransitionTable
    certificate: Certificate | None
    """What was decided about it, if that was kept in a form that is still read."""

    @property
    def when(self) -> str:
        """When it was loaded, in words."""
        from temper.machine import TIME, to_json

        return str(to_json(TIME, self.at))


def what_lives(store: Place, table_hash: str) -> Live | None:
    """The versions and instances in a journal that was last served under another version; None if there is none.

    What cannot be read here is said by whoever opens the journal to serve from it.
    """
    with _opened(store) as opened:
        if opened is None:
            return None
        from temper.run import lineage_of, live_images, stage
        from temper.run.store.protocol import StoreError

        try:
            lineage = lineage_of(opened)
            if not lineage or stage(lineage[-1]).hash == table_hash:
                return None
            return Live(lineage, live_images(stage(lineage[-1]), opened))
        except StoreError:
            return None


def last_version(store: Place) -> LastVersion | None:
    """The version in force in a journal, with what was decided about it; None if there is none."""
    with _opened(store) as opened:
        if opened is None:
            return None
        from temper.machine import table_from_json
        from temper.run.store.protocol import StoreError
        from temper.verify import certificate_from_line

        try:
            rows = opened.versions()
            if not rows:
                return None
            last, kept = rows[-1], opened.certificate(rows[-1].hash)
        except StoreError:
            return None
        certificate = None if kept is None else certificate_from_line(kept.body)
        return LastVersion(last.number, last.hash, last.at, table_from_json(json.loads(last.body)), certificate)


@contextmanager
def _opened(store: Place) -> Iterator[Store | None]:
    """The journal for reading; None if there is none that can be read."""
    if not store.is_database and not Path(store.text).is_file():
        yield None
        return
    from temper.run.store.opening import open_store
    from temper.run.store.protocol import StoreError

    try:
        opened = open_store(store, read_only=True)
    except StoreError:
        yield None
        return
    try:
        yield opened
    finally:
        opened.close()
