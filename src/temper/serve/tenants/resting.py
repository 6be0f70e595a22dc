"""What a tenant owes whose journal is closed: looked at without opening it for more than that."""

from __future__ import annotations

from dataclasses import dataclass

from temper.run.book import letters
from temper.run.store.opening import Place, open_store
from temper.run.store.protocol import StoreError
from temper.run.store.whole import is_there


@dataclass(frozen=True, slots=True)
class Resting:
    """Whether something is pending, when its next timer is due, and why it cannot be told if it cannot."""

    owes: bool = False
    due: int | None = None
    failed: str = ""


def rests(place: Place) -> Resting:
    """How a journal stands. One that is not there yet owes nothing."""
    try:
        if not is_there(place):
            return Resting()
        store = open_store(place, read_only=True)
        try:
            owes = bool(store.pending(0, 1)) or any(note.redriven_by for _, note in letters(store))
            armed = store.armed(1)
            return Resting(owes, armed[0].due if armed else None)
        finally:
            store.close()
    except StoreError as wrong:
        return Resting(failed=str(wrong))
