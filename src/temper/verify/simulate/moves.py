"""Moves: everything that is not decided by the runtime itself, as data. A run is a list of them, and nothing else.

A seed draws moves while a run goes on; the same moves played again give the same run. So what is found is made small
by leaving moves out, not by looking for another seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from temper.verify.simulate.disk import WriteFault


@dataclass(frozen=True, slots=True)
class Asks:
    """Somebody calls. `name` tells requests apart; the same name again is the same request once more."""

    name: int
    caller: str
    roles: frozenset[str]
    entity: str
    id: str | None
    action: str
    args: Mapping[str, Any]
    key: str | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What comes of an attempt that is out there: the `number`th open one of the lane, counted round.

    It is performed first if `performs`. Then it is answered with `said`, or fails with `refuses`; with neither
    nobody hears anything, and `lost` says that it will never happen and never be answered.
    """

    entity: str
    id: str
    effect: str
    number: int = 0
    performs: bool = False
    said: object = None
    refuses: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Writes:
    """The next transaction gets to the disk, or does not."""

    fault: WriteFault = WriteFault.NONE


@dataclass(frozen=True, slots=True)
class Runs:
    """The process runs so many callbacks."""

    callbacks: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Time passes; whatever comes of that is done with in the end, unless nothing `rests`."""

    milliseconds: int
    rests: bool = True


@dataclass(frozen=True, slots=True)
class Crashes:
    """The process dies and is started again. What was on its way to the disk is there (`kept`), or not, or torn."""

    write: str = ""
    """`kept`, `torn` or empty."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """The process's clock is set forward or back."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Frees:
    """There is room on the disk again."""


@dataclass(frozen=True, slots=True)
class Deafens:
    """So many times the store cannot be read."""

    reads: int


@dataclass(frozen=True, slots=True)
class Reloads:
    """Another version is loaded: the `number`th of those at hand."""

    number: int


@dataclass(frozen=True, slots=True)
class Halts:
    """An operator has an effect attempted no more, or again."""

    effect: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Hires:
    """From now on an effect has no handler in the process: workers carry it out."""

    effect: str


@dataclass(frozen=True, slots=True)
class Leases:
    """A worker asks for something to do."""

    worker: str
    effect: str


@dataclass(frozen=True, slots=True)
class Prolongs:
    """The worker that has the `number`th open attempt of the lane says that it is still at it."""

    entity: str
    id: str
    effect: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Happens:
    """Something happens out there by itself."""

    entity: str
    action: str
    args: Mapping[str, Any] = field(default_factory=dict)


# Where there are several nodes


@dataclass(frozen=True, slots=True)
class At:
    """What a move does at one node of several: the one of this number."""

    node: int
    move: Move


@dataclass(frozen=True, slots=True)
class Sleeps:
    """A node does nothing for so long, by the database's time, and does not know of it."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Stops:
    """A node dies and is not started again. What was on its way is there (`kept`), or not, or torn, or comes `late`."""

    write: str = ""
    """`kept`, `torn`, `late` or empty."""


@dataclass(frozen=True, slots=True)
class Returns:
    """A node that has died is started again."""


@dataclass(frozen=True, slots=True)
class Haunts:
    """The last transaction of a node that died gets to the database."""


@dataclass(frozen=True, slots=True)
class Severs:
    """The connections of a node to the database end."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """The database dies and is started again: every connection ends, and what is durable stays."""


Move: TypeAlias = (
    At
    | Asks
    | Answers
    | Writes
    | Runs
    | Waits
    | Crashes
    | Jumps
    | Frees
    | Deafens
    | Reloads
    | Happens
    | Halts
    | Hires
    | Leases
    | Prolongs
    | Sleeps
    | Stops
    | Returns
    | Haunts
    | Severs
    | Restarts
)


def is_fault(move: Move) -> bool:
    """Whether it is something that a calm world does not do."""
    match move:
        case At(_, at):
            return is_fault(at)
        case Answers(said=said, refuses=refuses, lost=lost):
            return bool(refuses) or lost or said is None
        case Writes(fault=fault):
            return bool(fault)
        case Crashes() | Jumps() | Frees() | Deafens() | Reloads() | Halts():
            return True
        case Sleeps() | Stops() | Returns() | Haunts() | Severs() | Restarts():
            return True
        case _:
            return False
