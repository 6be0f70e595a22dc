"""Who made, archived and loaded what, in a file of its own: JSON Lines, each with the hash of everything before it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temper.run.journal import chained
from temper.run.store.rows import GENESIS

SEPARATORS = (",", ":")


@dataclass(frozen=True, slots=True)
class Audited:
    """One thing that was done."""

    at: int
    by: str
    what: str
    tenant: str
    note: str = ""

    def body(self) -> str:
        """Its text, which is hashed."""
        told = {"at": self.at, "by": self.by, "what": self.what, "tenant": self.tenant, "note": self.note}
        return json.dumps(told, separators=SEPARATORS)


class AuditBrokenError(Exception):
    """A line of the file is missing, cut short or altered; the text says which."""


class Audit:
    """The file. A line that a crash cut short was acknowledged to nobody, and is taken away."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, audited: Audited) -> None:
        """Durable when it returns. Raises `OSError`, or `AuditBrokenError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole, chain, size = self._end()
        body = audited.body()
        line = json.dumps({"hash": chained(chain, body), "body": body}, separators=SEPARATORS) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if not whole:
                os.ftruncate(descriptor, size)
            os.lseek(descriptor, size, os.SEEK_SET)
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> Iterator[dict[str, Any]]:
        """Everything, oldest first, checked on the way. Raises `AuditBrokenError`."""
        chain = GENESIS
        for number, line in enumerate(self._lines(), 1):
            chain, body = _checked(number, line, chain)
            yield json.loads(body)

    def _end(self) -> tuple[bool, str, int]:
        """Whether the file ends with a whole line, the hash of that line, and how long the whole lines are."""
        chain, size = GENESIS, 0
        for number, line in enumerate(self._lines(), 1):
            chain, _ = _checked(number, line, chain)
            size += len(line)
        return not self.path.exists() or self.path.stat().st_size == size, chain, size

    def _lines(self) -> Iterator[bytes]:
        if self.path.exists():
            yield from (line for line in self.path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))


def _checked(number: int, line: bytes, chain: str) -> tuple[str, str]:
    try:
        told = json.loads(line)
        chain_, body = str(told["hash"]), str(told["body"])
    except (ValueError, KeyError, TypeError):
        raise AuditBrokenError(f"line {number} is no line of an audit") from None
    if chained(chain, body) != chain_:
        raise AuditBrokenError(f"line {number} is not what was written, or one before it is missing")
    return chain_, body
