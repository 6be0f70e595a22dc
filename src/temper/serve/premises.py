"""Where a server with a journal in a file keeps what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Premises:
    """The journal, and two folders beside it.

    >>> Premises(Path("deploy/journal.sqlite")).archive.name
    'journal.archive'
    """

    store: Path

    @property
    def archive(self) -> Path:
        """Records that have left the journal."""
        return self.store.with_name(f"{self.store.stem}.archive")

    @property
    def backups(self) -> Path:
        return self.store.with_name(f"{self.store.stem}.backups")
