"""A run of the relation, as verifiers report it and `replay` repeats it."""

from __future__ import annotations

from dataclasses import dataclass

from temper.machine.cell import Address, Args, Cell
from temper.machine.value import Value


@dataclass(frozen=True, slots=True)
class Label:
    """What happened in one step of semantics.md section 3.

    `rule` is call, deliver, settle, perform, fire, environment or reload. `address` is the cell that took it,
    `action` what it did (or `ignore`, `again`, `unhandled`, `refused`, `performed`), `cause` how it came: the
    caller, `shift_traffic.shifted`, the timer's name, the sender.
    """

    rule: str
    address: Address
    action: str
    args: Args = ()
    cause: str = ""
    caller: str | None = None
    roles: tuple[str, ...] = ()
    outcome: str = ""
    fields: Args = ()
    case: int | None = None

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.args)
        return f"{self.address.entity} {self.address.id}: {self.action}({given})" + (
            f" [{self.cause}]" if self.cause else ""
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a step changed in one cell: (name, before, after), `state` first."""

    address: Address
    changes: tuple[tuple[str, Value, Value], ...]


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step with everything it changed and the deliveries that were handed on, as text."""

    label: Label
    changes: tuple[Change, ...]
    handed_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A run from the start. Replaying `steps` with `next` gives the same cells again."""

    steps: tuple[TraceStep, ...]
    final: tuple[Cell, ...]
    loop: int | None = None
    """For an infinite run: how many steps come before those that repeat for ever. None for a finite one.

    Where that is all of them, the run stutters: nothing more has to happen.
    """
