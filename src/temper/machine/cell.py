"""The moving parts, as immutable values: a cell, a call, deliveries, and what a step gives back.

They are named tuples and not dataclasses because the engine and the search make millions of them a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from temper.machine.value import Value

Args: TypeAlias = tuple[tuple[str, Value], ...]
"""Arguments of a delivery as (name, value) pairs, in the order of the parameters."""


class Address(NamedTuple):
    """One instance: ids are unique within their entity, and compared for equality only."""

    entity: str
    id: str


class Site(NamedTuple):
    """Where in the table a delivery was handed on: `entity.action`, case and position, counted from 0."""

    entity: str
    action: str
    case: int
    position: int


class Cell(NamedTuple):
    """One instance: its control state, its data in field order, its armed timers, its last `now`, its steps."""

    entity: str
    id: str
    control: str
    data: tuple[Value, ...]
    timers: tuple[tuple[str, int], ...] = ()
    """(timer, due) of each armed timer, in declared order. Due is in milliseconds, as `clock` is."""
    clock: int = 0
    seq: int = 0

    @property
    def address(self) -> Address:
        return Address(self.entity, self.id)


class Cause(StrEnum):
    """Who is behind a call. The machine's calls were authorised by the call that caused them."""

    PERSON = "person"
    MACHINE = "machine"
    ENVIRONMENT = "environment"


class Call(NamedTuple):
    """One invocation. `fresh` gives the ids that spawns of this call take, first come first served."""

    cause: Cause
    action: str
    args: Mapping[str, Value]
    now: int
    caller: str | None = None
    roles: frozenset[str] = frozenset()
    fresh: tuple[str, ...] = ()


class Effecting(NamedTuple):
    """A pending request of an effect. Lanes (owner, effect) are ordered by (seq, position of the site)."""

    owner: Address
    site: Site
    effect: str
    args: Args
    stamp: int
    seq: int
    round: int = 0
    """How often `again` has issued it anew, in the same place."""
    performed: tuple[Args, ...] = ()
    """Ghost, for verifiers: told values at each perform (`()` where nothing is told); never set by the runtime."""


class Message(NamedTuple):
    """A pending message to an instance."""

    owner: Address
    site: Site
    receiver: Address
    action: str
    args: Args
    stamp: int
    seq: int
    round: int = 0


class Spawning(NamedTuple):
    """A pending new instance: `child` does not exist until its constructor applied."""

    owner: Address
    site: Site
    child: Address
    action: str
    args: Args
    stamp: int
    seq: int


class Refusal(NamedTuple):
    """A rejected message or spawn on its way back to its owner."""

    of: Message | Spawning
    reason: str
    stamp: int


Delivery: TypeAlias = Effecting | Message | Spawning | Refusal


class Applied(NamedTuple):
    """The call was applied: the cell after, what it hands on, which case it took, and who let it through."""

    cell: Cell
    deliveries: tuple[Delivery, ...]
    case: int
    permitted_by: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The call changed nothing. `code` is one of `REJECTIONS`; `facts` say why in this case."""

    code: str
    message: str
    facts: tuple[tuple[str, str], ...] = ()


REJECTIONS = {
    "unknown-action": "the entity has no such action",
    "bad-args": "an argument is missing, unknown or not of its type",
    "wrong-state": "the action does not start in the instance's state",
    "denied": "no role or policy permits it, or a policy forbids it",
    "guard-false": "the guard `when` does not hold",
    "no-case": "none of the cases matches",
    "same-key-twice": "two updates of one `set` write the same key of a map",
    "out-of-range": "a value would leave its declared range or size",
}

Answer: TypeAlias = Applied | Rejected
"""What a step gives back. A rejection is an answer, too."""
