"""Fairness (semantics.md section 5), as what a state owes and what a step pays.

A run is fair if nothing that it owes from some point on stays unpaid for ever. Four things can be owed:

- F1: each pending delivery is taken. For mail it is enough to look at equal mail together: whatever is taken
  again and again is taken oldest first. In a lane only the first request settles, and one that asks `again` keeps
  its place, so a lane is paid by a request that leaves it for good, or, if nobody waits behind, by any settlement.
- F2: each armed timer fires, is disarmed or is armed anew.
- F3: an action under `assuming:` that stays callable on an instance is taken on it.
- F4: what is settled again and again, at one site of one instance, has the assumed outcome again and again.

The first three are weak: a state in which the thing is not owed is as good as a step that pays it. The fourth is
strong: it is asked by each settlement, and only the outcome keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from temper.machine import (
    AGAIN,
    Address,
    Cut,
    Effecting,
    Mail,
    Property,
    Request,
    Site,
    Step,
    System,
    TransitionTable,
    lane_of,
    templates,
)


@dataclass(frozen=True, slots=True)
class LaneDebt:
    """F1: the requests of one owner on one effect are settled."""

    owner: Address
    effect: str


@dataclass(frozen=True, slots=True)
class MailDebt:
    """F1: this message, spawn or refusal is delivered."""

    mail: Mail


@dataclass(frozen=True, slots=True)
class TimerDebt:
    """F2: the timer does not stay armed as it is."""

    address: Address
    timer: str


@dataclass(frozen=True, slots=True)
class CallDebt:
    """F3: the action, which somebody may call, is taken."""

    address: Address
    action: str


Debt: TypeAlias = LaneDebt | MailDebt | TimerDebt | CallDebt
"""What a state owes. Each is its own type, so that no two kinds of the same address and name are mistaken."""


@dataclass(frozen=True, slots=True)
class Insistence:
    """F4: whoever asks here again and again gets this outcome again and again."""

    owner: Address
    site: Site
    outcome: str


class Fairness:
    """What is owed and paid under some `assuming:`."""

    def __init__(self, table: TransitionTable, assuming: Iterable[tuple[str, str]]) -> None:
        entities = {entity.name for entity in table.entities}
        assumed = frozenset(assuming)
        self.actions = frozenset(pair for pair in assumed if pair[0] in entities)
        self.outcomes = assumed - self.actions
        requests = {
            Site(entity.name, action.name, case, position): template
            for entity, action, case, position, template in templates(table)
            if isinstance(template, Request)
        }
        self.effects = {site: request.effect for site, request in requests.items()}
        self.replacing = frozenset(site for site, request in requests.items() if request.replaces)

    def debts(self, system: System, steps: Iterable[Step | Cut]) -> Iterator[Debt]:
        """Everything that is owed in the system; `steps` are those that lead out of it."""
        for request in system.effects:
            yield LaneDebt(*lane_of(request))
        for mail in system.mail:
            yield MailDebt(mail)
        for cell in system.cells:
            for name, _ in cell.timers:
                yield TimerDebt(cell.address, name)
        if self.actions:
            yield from self._callable(steps)

    def _callable(self, steps: Iterable[Step | Cut]) -> Iterator[CallDebt]:
        for step in steps:
            label = step.label
            applied = label.rule in {"call", "environment"} and label.case is not None
            if applied and (label.address.entity, label.action) in self.actions:
                yield CallDebt(label.address, label.action)

    def paid(self, before: System, step: Step) -> Iterator[Debt]:
        """What the step pays, owed or not."""
        label, timing = step.label, step.timing
        match timing.consumed:
            case None:
                pass
            case Effecting() as request:
                if label.action != AGAIN or _is_alone(before, request):
                    yield LaneDebt(*lane_of(request))
            case mail:
                yield MailDebt(mail)
        for delivery in timing.handed_on if label.action != AGAIN else ():
            if isinstance(delivery, Effecting) and delivery.site in self.replacing:
                yield LaneDebt(*lane_of(delivery))
        if timing.fired:
            yield TimerDebt(label.address, timing.fired)
        for name, _ in timing.armed:
            yield TimerDebt(label.address, name)
        if label.case is not None and (label.address.entity, label.action) in self.actions:
            yield CallDebt(label.address, label.action)

    def asked(self, step: Step) -> Iterator[Insistence]:
        """The assumed outcomes that the step, a settlement, might have had."""
        request = step.timing.consumed
        if isinstance(request, Effecting):
            for effect, outcome in self.outcomes:
                if effect == request.effect:
                    yield Insistence(request.owner, request.site, outcome)

    def kept(self, step: Step) -> Iterator[Insistence]:
        """The assumed outcome that the step did have."""
        return (asked for asked in self.asked(step) if asked.outcome == step.label.outcome)


def assumed_by(properties: Iterable[Property]) -> tuple[tuple[str, str], ...]:
    """Everything under `assuming:` of these properties, once each."""
    return tuple(dict.fromkeys(pair for property_ in properties for pair in property_.assuming))


def _is_alone(system: System, request: Effecting) -> bool:
    """Whether nothing waits behind the request in its lane."""
    return sum(lane_of(other) == lane_of(request) for other in system.effects) == 1
