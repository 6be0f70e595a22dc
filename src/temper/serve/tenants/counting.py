"""How many instances a tenant has: counted once when it is opened, and followed from there."""

from __future__ import annotations

from temper.run import StoreError
from temper.run.observer import Tried
from temper.run.store.rows import Batch

BORN, PUT_AWAY = '"before":"new"', '"rule":"retire"'
"""As the codec writes a record. Within a text that somebody gave, every quotation mark has a backslash before it."""


class InstanceCount:
    """Observes the runtime. Written by the thread that commits, alone."""

    def __init__(self, number: int) -> None:
        self.number = number

    def committed(self, batch: Batch, seconds: float, flush_seconds: float | None) -> None:
        del seconds, flush_seconds
        for row in batch.records:
            if BORN in row.body:
                self.number += 1
            elif PUT_AWAY in row.body:
                self.number -= 1

    def commit_failed(self, error: StoreError) -> None:
        """Nobody was born."""

    def fired(self, late: int) -> None:
        """Its record is counted, if it has one."""

    def tried(self, tried: Tried) -> None:
        """An attempt makes no instance."""
