"""One durable fact, and one pending delivery: what the journal says happened, never what to compute again."""

from __future__ import annotations

from typing import NamedTuple

from temper.machine import Address, Args, Delivery, Effecting, Message, Refusal, Spawning, Value


class Pending(NamedTuple):
    """A delivery that waits. `place` orders lanes and fences; `round` counts how often it was asked again.

    `claimed` says that an `at_most_once` effect may have been attempted; what follows is book-keeping.
    """

    place: int
    round: int
    delivery: Delivery
    claimed: bool = False
    attempts: int = 0
    not_before: int = 0
    note: str = ""
    trace: str = ""
    """Where it stands in a trace (`trace_context`), seen from what made it; empty if nobody follows it."""

    @property
    def key(self) -> tuple[int, int]:
        return self.place, self.round


class Record(NamedTuple):
    """What one step changed, and on whose behalf. `absorb` needs nothing else.

    `data` is given whole where an instance begins or a version maps it, else `changes` holds (index, value) of
    the fields that differ. `timers` is None where they stay. A record that is not `stepped` leaves the cell's
    control, data and seq alone: a message was refused, a delivery is asked again, an answer was ignored.
    """

    number: int
    at: int
    table: str
    address: Address
    rule: str
    cause: str = ""
    caller: str | None = None
    roles: tuple[str, ...] = ()
    action: str = ""
    args: Args = ()
    gate: str = ""
    case: int | None = None
    stepped: bool = False
    before: str = ""
    control: str = ""
    seq: int = 0
    data: tuple[Value, ...] | None = None
    changes: tuple[tuple[int, Value], ...] = ()
    timers: tuple[tuple[str, int], ...] | None = None
    made: tuple[Pending, ...] = ()
    consumed: tuple[tuple[int, int], ...] = ()
    withdrawn: tuple[tuple[int, int], ...] = ()
    effect: str = ""
    outcome: str = ""
    fields: Args = ()
    note: str = ""
    """Why: the rejection behind a refusal, what nonsense an answer said, why a call is unhandled."""
    unhandled: bool = False
    burnt: bool = False
    """The id was given to a spawn whose constructor rejected: it stays `new` for ever."""
    trace: str = ""
    """Where it stands in a trace (`trace_context`), seen from what it comes from. Nothing rests on it."""


def owner_of(delivery: Delivery) -> Address:
    """Whose delivery it is: who handed it on."""
    return delivery.of.owner if isinstance(delivery, Refusal) else delivery.owner


def receiver_of(delivery: Delivery) -> Address:
    """Whose cell it will step. An effect and a refusal come back to their owner."""
    match delivery:
        case Effecting():
            return delivery.owner
        case Message():
            return delivery.receiver
        case Spawning():
            return delivery.child
        case Refusal():
            return delivery.of.owner


def kind_of(delivery: Delivery) -> str:
    """`effect`, `message`, `spawn` or `refusal`."""
    match delivery:
        case Effecting():
            return "effect"
        case Message():
            return "message"
        case Spawning():
            return "spawn"
        case Refusal():
            return "refusal"


def first_of_lanes(effects: tuple[Pending, ...]) -> tuple[Pending, ...]:
    """The pending effects that may be attempted now: of each effect the first."""
    if len(effects) < 2:
        return effects
    firsts: dict[str, Pending] = {}
    for pending in effects:
        assert isinstance(pending.delivery, Effecting), "lanes hold effects"
        firsts.setdefault(pending.delivery.effect, pending)
    return tuple(firsts.values())
