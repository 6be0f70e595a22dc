"""A file of handlers that cannot be used."""

from __future__ import annotations

from pathlib import Path


class HandlersBrokenError(ValueError):
    """What is wrong in a `handlers.py` or a `temper.toml`; the text names the file, the place and the cure."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
