"""One writing process per store: an advisory lock on a file beside it, which the system drops when we die."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from temper.run.store.protocol import StoreInUseError


def lock_file(path: Path) -> int:
    """Lock `<path>.lock` for as long as the descriptor is open; `StoreInUseError` if another process has it."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreInUseError(f"{path} is in use by another process") from error
    return descriptor


def unlock_file(descriptor: int) -> None:
    """Give the lock back."""
    os.close(descriptor)
