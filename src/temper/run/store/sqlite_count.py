"""How many instances live in a journal, asked of the file beside whoever writes it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from temper.machine import NEW
from temper.run.store.protocol import StoreError


def count_instances(path: Path) -> int:
    """Without those whose id alone is still taken. Raises `StoreError`."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            found: int = opened.execute("SELECT count(*) FROM cells WHERE control != ?", (NEW,)).fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    return found
