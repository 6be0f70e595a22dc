"""Why a step of a trace is no step of this table: what is gone, who rejects it now, or which value is another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from temper.machine import (
    NEW,
    Action,
    Address,
    Call,
    Cause,
    Cell,
    Change,
    Entity,
    Label,
    Rejected,
    Step,
    System,
    TraceStep,
    TransitionTable,
    Universe,
    absent,
    next_steps,
    step,
)
from temper.report import Span
from temper.verify.diagnose import row_span
from temper.verify.explicit.tracing import delivery_text, trace_of
from temper.verify.text import value_text

ANSWERS = ("", "ignore", "again", "unhandled", "refused")
"""What stands in the place of an action where none was called."""
NOBODY = tuple(f"?{number}" for number in range(1, 33))
"""Ids for what a call would spawn, where only its rejection matters."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The step (from 1) that cannot be taken, the reason in one sentence, and the place in the blueprint, if any."""

    at: int
    because: str
    span: Span | None = None


def parting(table: TransitionTable, system: System, told: TraceStep, at: int, *, universe: Universe) -> Parting:
    """Why nothing that follows from the system is the told step."""
    gone = next(_gone(table, told), None)
    if gone is not None:
        return Parting(at, *gone)
    span = _span(table, told.label)
    steps = [(each, _told(table, system, each)) for each in _steps(table, system, universe) if _is_alike(each, told)]
    if steps:
        same = [pair for pair in steps if pair[0].label.action == told.label.action]
        taken, other = (same or steps)[0]
        because = f"{_otherwise(told, other)}{'' if same else _declined(table, system, told.label)}"
        return Parting(at, because, (_span(table, taken.label) if same else span) or span)
    return Parting(at, _missing(table, system, told.label), span)


def _gone(table: TransitionTable, told: TraceStep) -> Iterator[tuple[str, Span | None]]:
    """Names of the trace that the table does not know."""
    entities = {entity.name: entity for entity in table.entities}
    for address in (told.label.address, *(change.address for change in told.changes)):
        if address.entity not in entities:
            yield f"there is no entity `{address.entity}`", None
            return
    entity = entities[told.label.address.entity]
    action = _action(entity, told.label)
    if action is None and told.label.action not in ANSWERS:
        yield f"{entity.name} has no action `{told.label.action}`", entity.span
    for change in told.changes:
        changed = entities[change.address.entity]
        known = {"state", *(field.name for field in changed.fields)}
        for name, *values in change.changes:
            if name not in known:
                yield f"{changed.name} has no field `{name}`", changed.span
            for state in values if name == "state" else ():
                if state not in {*changed.states, NEW}:
                    yield f"{changed.name} has no state `{value_text(state)}`", changed.span


def _steps(table: TransitionTable, system: System, universe: Universe) -> Iterator[Step]:
    return (each for each in next_steps(table, system, universe) if isinstance(each, Step))


def _told(table: TransitionTable, system: System, taken: Step) -> TraceStep:
    return trace_of(table, system, (taken,)).steps[0]


def _is_alike(taken: Step, told: TraceStep) -> bool:
    """Whether it is the same occasion: the same call, answer, message or timer of the same instance."""
    ours, theirs = taken.label, told.label
    same = (ours.rule, ours.address, ours.cause, ours.fields) == (
        theirs.rule,
        theirs.address,
        theirs.cause,
        theirs.fields,
    )
    asked = ours.rule not in {"call", "environment"} or (ours.action, ours.args) == (theirs.action, theirs.args)
    return same and asked


def _otherwise(told: TraceStep, ours: TraceStep) -> str:
    """The first thing in which two steps of one occasion differ."""
    if told.label.action != ours.label.action:
        return f"it comes to {_named(ours.label)}, where the trace has {_named(told.label)}"
    if told.label.args != ours.label.args:
        return f"the arguments of `{ours.label.action}` are ({_args(ours)}), where the trace has ({_args(told)})"
    for moment, place, now, then in _differences(told.changes, ours.changes):
        return f"{place} {moment} {now}, where the trace has {then}"
    if told.label.case != ours.label.case:
        return f"`{ours.label.action}` takes case {ours.label.case}, where the trace takes case {told.label.case}"
    if told.handed_on != ours.handed_on:
        return f"it hands on {_listed(ours.handed_on)}, where the trace has {_listed(told.handed_on)}"
    return "it leads to another system than the trace tells of"


def _declined(table: TransitionTable, system: System, label: Label) -> str:
    """Why the instance does not take the action that the machine called in the trace, if it would reject it."""
    if label.action in ANSWERS:
        return ""
    cell = system.cell(label.address) or absent(table, label.address)
    answer = step(table, cell, Call(Cause.MACHINE, label.action, dict(label.args), 0, fresh=NOBODY))
    return f"; it would be rejected: {why_rejected(answer)}" if isinstance(answer, Rejected) else ""


def _differences(told: Iterable[Change], ours: Iterable[Change]) -> Iterator[tuple[str, str, str, str]]:
    """(`becomes` or `was`, place, value here, value in the trace) of each value that differs."""
    theirs, mine = _values(told), _values(ours)
    for part, moment in ((1, "becomes"), (0, "was")):
        for key in dict.fromkeys((*mine, *theirs)):
            now, then = (of[key][part] if key in of else "what it was" for of in (mine, theirs))
            if now != then:
                address, name = key
                yield moment, f"`{name}` of {_place(address)}", now, then


def _values(changes: Iterable[Change]) -> dict[tuple[Address, str], tuple[str, str]]:
    return {
        (change.address, name): (value_text(before), value_text(after))
        for change in changes
        for name, before, after in change.changes
    }


def _missing(table: TransitionTable, system: System, label: Label) -> str:
    """Why an occasion does not come at all."""
    cell = system.cell(label.address) or absent(table, label.address)
    match label.rule:
        case "call" | "environment":
            return _rejected(table, cell, label)
        case "fire":
            armed = ", ".join(name for name, _ in cell.timers) or "none"
            return f"the timer `{label.cause}` cannot fire here; armed is {armed}"
        case "perform":
            return f"nothing is pending or late that performs `{label.action}`"
        case _:
            pending = _listed(tuple(map(delivery_text, system.pending)))
            return f"`{label.cause}` does not come here; pending is {pending}"


def _rejected(table: TransitionTable, cell: Cell, label: Label) -> str:
    """What the instance says to the call."""
    cause = Cause.PERSON if label.rule == "call" else Cause.ENVIRONMENT
    call = Call(cause, label.action, dict(label.args), 0, label.caller, frozenset(label.roles), fresh=NOBODY)
    answer = step(table, cell, call)
    if isinstance(answer, Rejected):
        return f"it is rejected: {why_rejected(answer)}"
    return "the scope has no such call: a caller, an id or a value is missing there"


def why_rejected(rejected: Rejected) -> str:
    """What the rejection says, with the values that a condition read."""
    facts = ", ".join(f"{name} = {value}" for name, value in rejected.facts if name not in {"guard", "case"})
    return f"{rejected.message} ({facts})" if facts and rejected.code in _VALUED else rejected.message


_VALUED = {"guard-false", "no-case"}
"""Rejections that rest on what was read; the others say everything in their message."""


def _span(table: TransitionTable, label: Label) -> Span | None:
    entity = next((entity for entity in table.entities if entity.name == label.address.entity), None)
    if entity is None:
        return None
    action = _action(entity, label)
    if action is not None:
        known = label.case is not None and label.case < len(action.cases)
        return row_span(action, label.case if known else None)
    return next((timer.span for timer in entity.timers if timer.name == label.cause), None)


def _action(entity: Entity, label: Label) -> Action | None:
    return next((action for action in entity.actions if action.name == label.action), None)


def _named(label: Label) -> str:
    return f"`{label.action}`" if label.action not in ANSWERS else f"`{label.action or 'nothing'}`"


def _place(address: Address) -> str:
    return address.entity if address.entity == address.id else f"{address.entity} {address.id}"


def _args(told: TraceStep) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in told.label.args)


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join(texts) or "nothing"
