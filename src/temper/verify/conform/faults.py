"""What one step shows that must never be: properties that do not hold, obligations that are not met, each with why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temper.machine import PropertyKind, Step, System, TransitionTable, holder, step_holder
from temper.verify.explicit.author import violation_text
from temper.verify.obligations import violated
from temper.verify.replay import stuck


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding's name, and why it does not hold."""

    name: str
    because: str


def faults_of(table: TransitionTable, before: System, step: Step | None) -> Iterator[Fault]:
    """What the step shows, or the system in which a run begins where there was none yet."""
    after = before if step is None else step.system
    if step is not None:
        consumed = step.timing.consumed
        yield from (Fault(violated(table, each, consumed), each.message) for each in step.violations)
    for property_ in table.properties:
        if property_.kind is PropertyKind.ALWAYS:
            binding = holder(table, property_)(after.view)
            if binding is not None:
                yield Fault(property_.name, violation_text(table, property_, binding, view=after.view))
        elif property_.kind is PropertyKind.STEP and step is not None and step.label.case is not None:
            label, args = step.label, dict(step.label.args)
            binding = step_holder(table, property_)(before.view, after.view, label.address, label.action, args)
            if binding is not None:
                said = violation_text(table, property_, binding, view=after.view, before=before.view, args=args)
                yield Fault(property_.name, said)
    for name in stuck(table, after):
        entity, _, state = name.partition(":")[2].partition(".")
        yield Fault(name, f"in `{state}` nothing comes to {entity} by itself: no timer is armed, nothing is pending")


def is_reached(table: TransitionTable, name: str, system: System) -> bool:
    """Whether the `possible` of that name is met in the system."""
    return any(
        property_.name == name
        and property_.kind is PropertyKind.POSSIBLE
        and holder(table, property_)(system.view) is not None
        for property_ in table.properties
    )
