"""From the systems of a run to a trace that people read: what each step changed and what it handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from temper.machine import (
    Address,
    Args,
    Cell,
    Change,
    Delivery,
    Effecting,
    Message,
    Refusal,
    Spawning,
    Step,
    System,
    Trace,
    TraceStep,
    TransitionTable,
    Value,
    absent,
)
from temper.verify.text import value_text


def trace_of(table: TransitionTable, start: System, steps: Sequence[Step], loop: int | None = None) -> Trace:
    """The run from `start` through the steps as a trace; those from number `loop` (from 0) on repeat for ever."""
    systems = (start, *(step.system for step in steps))
    told = tuple(
        TraceStep(step.label, tuple(_changes(table, before, step.system)), _handed_on(before, step.system))
        for before, step in zip(systems, steps, strict=False)
    )
    return Trace(told, systems[-1].cells, loop)


def _changes(table: TransitionTable, before: System, after: System) -> Iterator[Change]:
    known = before.view
    for cell in after.cells:
        old = known.get(cell.address)
        if old is not cell and old != cell:
            changes = tuple(_differences(table, old or absent(table, cell.address), cell))
            if changes:
                yield Change(cell.address, changes)


def _differences(table: TransitionTable, old: Cell, new: Cell) -> Iterator[tuple[str, Value, Value]]:
    if old.control != new.control:
        yield "state", old.control, new.control
    for field, before, after in zip(table.entity(new.entity).fields, old.data, new.data, strict=True):
        if before != after:
            yield field.name, before, after


def _handed_on(before: System, after: System) -> tuple[str, ...]:
    """What is pending after and was not before. Counters are left out: they tell places, not deliveries."""
    new = Counter(map(_bare, after.pending))
    new.subtract(map(_bare, before.pending))
    return tuple(delivery_text(delivery) for delivery, count in new.items() for _ in range(count))


def _bare(delivery: Delivery) -> Delivery:
    match delivery:
        case Effecting():
            return delivery._replace(seq=0, round=0, performed=())
        case Message():
            return delivery._replace(seq=0, round=0)
        case Spawning():
            return delivery._replace(seq=0)
        case Refusal(of, reason, _):
            bare = of._replace(seq=0, round=0) if isinstance(of, Message) else of._replace(seq=0)
            return Refusal(bare, reason, 0)


def delivery_text(delivery: Delivery) -> str:
    """A delivery in one line.

    >>> from temper.machine import Site
    >>> owner, site = Address("Deploy", "d1"), Site("Deploy", "start", 0, 0)
    >>> delivery_text(Effecting(owner, site, "shift", (("percent", 5),), 0, 0))
    'shift(percent=5)'
    """
    match delivery:
        case Effecting(effect=effect, args=args):
            return f"{effect}({_args(args)})"
        case Message(receiver=receiver, action=action, args=args):
            return f"{action}({_args(args)}) to {_address(receiver)}"
        case Spawning(child=child, action=action, args=args):
            return f"{action}({_args(args)}) of a new {_address(child)}"
        case Refusal(of=of):
            return f"the refusal of {delivery_text(of)}"


def _args(args: Args) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in args)


def _address(address: Address) -> str:
    return address.entity if address.entity == address.id else f"{address.entity} {address.id}"
