"""The moving parts, as immutable values: a cell, a call, deliveries, and what a step gives back.

They are named tuples and not dataclasses because the engine and the search make millions of them a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from temper.machine.value import Value

Args: TypeAlias = tuple[tuple[str, Value], ...]
"""Arguments of a delivery as (name, value) pairs, in the order of the parameters."""

Facts: TypeAlias = tuple[tuple[str, str], ...]
"""What an answer rests on, as (name, text) pairs."""


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


class Rejected:
    """The call changed nothing. `code` is one of `REJECTIONS`; `message` and `facts` say why in this case.

    The search throws most rejections away, so what they say is worked out when it is first asked for.

    >>> Rejected("wrong-state", "`d1` is live").message
    '`d1` is live'
    """

    __slots__ = ("_because", "_told", "code")
    __match_args__ = ("code", "message", "facts")

    def __init__(
        self, code: str, message: str = "", facts: Facts = (), *, because: Callable[[], tuple[str, Facts]] | None = None
    ) -> None:
        self.code = code
        self._because = because
        self._told: tuple[str, Facts] | None = (message, facts) if because is None else None

    @property
    def message(self) -> str:
        """One sentence on why, complete by itself."""
        return self._tell()[0]

    @property
    def facts(self) -> Facts:
        """What it rests on, as (name, text): the state, the guard, the values the guard read."""
        return self._tell()[1]

    def _tell(self) -> tuple[str, Facts]:
        if self._told is None:
            assert self._because is not None, "a rejection is told or can be"
            self._told = self._because()
        return self._told

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rejected):
            return NotImplemented
        return self.code == other.code and self._tell() == other._tell()

    def __hash__(self) -> int:
        return hash((self.code, self._tell()))

    def __repr__(self) -> str:
        return f"Rejected({self.code!r}, {self.message!r}, {self.facts!r})"

    def __reduce__(self) -> tuple[type[Rejected], tuple[str, str, Facts]]:
        return Rejected, (self.code, self.message, self.facts)


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
