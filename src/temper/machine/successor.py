"""What `next_steps` yields: a step to another system, or a cut where the universe ends."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from temper.machine.cell import Delivery
from temper.machine.system import System
from temper.machine.trace import Label

UNHANDLED, RANGE, SAME_KEY = "unhandled", "range", "same-key"


class Violation(NamedTuple):
    """Something that must never happen, whatever the properties say.

    `kind` is `unhandled` (the machine called, and no part of the target fitted), `range` (a value would have left its
    declared range or size) or `same-key` (two updates of one `set` write one key). `where` names the place in the
    table: `Deploy.watch.probe.sick` for an outcome, `Deploy.watched_long_enough` for a timer,
    `Job.assign.worker.take` for a refusal, `Deploy.promote` for an action that would leave a range.
    """

    kind: str
    where: str
    message: str
    place: str = ""
    """For `range`: what the value was to become, as `Rejected.facts` has it: `percent`, `percent of shift_traffic`."""


class Timing(NamedTuple):
    """What the step did to time, for `concrete`."""

    stepped: bool = False
    """Whether the labelled cell's clock moved."""
    consumed: Delivery | None = None
    handed_on: tuple[Delivery, ...] = ()
    armed: tuple[tuple[str, int], ...] = ()
    """(timer, delay) of each timer armed or restarted."""
    fired: str = ""


class Step(NamedTuple):
    """One step of the relation. Where only `violations` happened, `system` is the one before."""

    label: Label
    system: System
    violations: tuple[Violation, ...] = ()
    timing: Timing = Timing()

    @property
    def handed_on(self) -> tuple[Delivery, ...]:
        return self.timing.handed_on


class Cut(NamedTuple):
    """A step that exists and that the universe does not follow.

    `bound` is `spawn`, `int`, `values`, `in-flight` or `late`, `where` the place in the table that met it.
    """

    bound: str
    where: str
    label: Label
    violations: tuple[Violation, ...] = ()


Successor: TypeAlias = Step | Cut
