"""What a tenant owes whose journal is closed: looked at without opening it for more than that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from temper.run.book import letters
from temper.run.store.protocol import StoreError
from temper.run.store.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Resting:
    """Whether something is pending, when its next timer is due, and why it cannot be told if it cannot."""

    owes: bool = False
    due: int | None = None
    failed: str = ""


def rests(path: Path) -> Resting:
    """How a journal stands. One that is not there yet owes nothing."""
    if not path.is_file():
        return Resting()
    try:
        store = SqliteStore(path, identity="", read_only=True)
        try:
            owes = bool(store.pending(0, 1)) or any(note.redriven_by for _, note in letters(store))
            return Resting(owes, store.next_due())
        finally:
            store.close()
    except StoreError as wrong:
        return Resting(failed=str(wrong))
