"""What a counterexample shows of the rows that made it: who did what, from which data, the last first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from temper.machine import (
    Address,
    Certificate,
    Entity,
    Finding,
    Label,
    Proved,
    Refuted,
    Trace,
    TransitionTable,
    Value,
    absent,
)

OCCASIONS_MAX = 6
"""How many rows of a run are looked at, from its end: a repair further back than this is hardly the smallest."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One row taken in the run: the instance's data and state before, and what the call brought along."""

    entity: str
    action: str
    case: int | None
    control: str
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    args: Mapping[str, Value]
    caller: str | None
    id: str

    @property
    def name(self) -> str:
        return f"{self.entity}.{self.action}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A refutation, and what its run touched: rows, and effects whose answers or late requests were part of it."""

    finding: Finding
    trace: Trace
    occasions: tuple[Occasion, ...]
    labels: tuple[Label, ...]

    @property
    def touched(self) -> tuple[str, ...]:
        """`Entity.action` of each row that was taken, the last first, once."""
        return tuple(dict.fromkeys(occasion.name for occasion in self.occasions))

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities that took part, those of the last steps first."""
        return tuple(dict.fromkeys(label.address.entity for label in reversed(self.labels)))

    @property
    def effects(self) -> tuple[str, ...]:
        """The effects that were settled or performed."""
        causes = (label.cause.split() for label in self.labels if label.rule in {"settle", "perform"})
        return tuple(dict.fromkeys(cause[0].partition(".")[0] for cause in causes if cause))


def evidence(table: TransitionTable, finding: Finding) -> Evidence | None:
    """What is known of a refuted finding; None if it has no run to show."""
    verdict = finding.verdict
    if not isinstance(verdict, Refuted) or verdict.trace is None:
        return None
    trace = verdict.trace
    taken = tuple(_occasions(table, trace))
    last_first: dict[tuple[str, str, int | None], Occasion] = {}
    for occasion in reversed(taken):
        last_first.setdefault((occasion.entity, occasion.action, occasion.case), occasion)
    labels = tuple(step.label for step in trace.steps)
    return Evidence(finding, trace, tuple(last_first.values())[:OCCASIONS_MAX], labels)


def wanted(table: TransitionTable, certificate: Certificate) -> tuple[Occasion, ...]:
    """Every row that was taken in a run that shows something to be possible: what a repair should not keep from it."""
    traces = (each.verdict.trace for each in certificate.findings if isinstance(each.verdict, Proved))
    return tuple(occasion for trace in traces if trace is not None for occasion in _occasions(table, trace))


def _occasions(table: TransitionTable, trace: Trace) -> Iterator[Occasion]:
    """The rows of the run in order; the data of each instance follows from what the steps say they changed."""
    known: dict[Address, dict[str, Value]] = {}
    for step in trace.steps:
        label, entity = step.label, table.entity(step.label.address.entity)
        state = known.setdefault(label.address, _initial(table, entity, label.address))
        before = dict(state)
        for change in step.changes:
            place = known.setdefault(
                change.address, _initial(table, table.entity(change.address.entity), change.address)
            )
            place.update({name: after for name, _, after in change.changes})
        if any(action.name == label.action for action in entity.actions):
            control = str(before.pop("state"))
            after = {name: value for name, value in state.items() if name != "state"}
            args = dict(label.args)
            yield Occasion(
                entity.name, label.action, label.case, control, before, after, args, label.caller, label.address.id
            )


def _initial(table: TransitionTable, entity: Entity, address: Address) -> dict[str, Value]:
    cell = absent(table, address)
    state = entity.states[0] if entity.single else cell.control
    return {"state": state, **{field.name: value for field, value in zip(entity.fields, cell.data, strict=True)}}
