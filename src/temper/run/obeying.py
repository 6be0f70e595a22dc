"""What durable records ask for, and whoever carries it out."""

from __future__ import annotations

from typing import Protocol

from temper.run.engine import Append, Attempt, Carry, Command, Reply, Schedule
from temper.run.record import Pending, Record
from temper.run.tracing import Tracer


class Obeys(Protocol):
    """Whoever carries out what a durable record asks for."""

    def attempt(self, pending: Pending) -> None: ...

    def carry(self, pending: Pending) -> None: ...

    def schedule(self, due: int) -> None: ...

    def recorded(self, record: Record) -> None: ...

    def resume(self) -> None:
        """Start again from what the store has."""

    def stop(self) -> None:
        """Forget what is not durable."""


def obey(command: Command, obeys: Obeys, tracer: Tracer | None) -> None:
    """Have it carried out; the record that it comes from is durable."""
    match command:
        case Append(record):
            if record.made or record.consumed:
                obeys.recorded(record)
            if record.trace and tracer is not None:
                tracer.recorded(record)
        case Attempt(pending):
            obeys.attempt(pending)
        case Carry(pending):
            obeys.carry(pending)
        case Schedule(_, due):
            obeys.schedule(due)
        case Reply():
            pass
