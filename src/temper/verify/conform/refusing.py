"""Why a told step is no step here: what is gone, who rejects it, what does not come."""

from __future__ import annotations

from typing import TypeAlias

from temper.machine import NEW, Entity, Rejected, System, absent, step
from temper.machine.late import possible
from temper.report import Span
from temper.verify.conform.guided import Guided, UntypedError
from temper.verify.conform.told import Told
from temper.verify.diagnose import row_span
from temper.verify.explicit.tracing import delivery_text
from temper.verify.parting import NOBODY, why_rejected

Why: TypeAlias = tuple[str, Span | None]


def why_not(guided: Guided, system: System, told: Told) -> Why:
    """The reason in one sentence, and the place in the blueprint that it rests on, if there is one."""
    table = guided.table
    entity = next((entity for entity in table.entities if entity.name == told.address.entity), None)
    if entity is None:
        return f"there is no entity `{told.address.entity}`", None
    match told.rule:
        case "call" | "environment":
            return _uncalled(guided, system, entity, told)
        case "fire":
            return _unfired(system, entity, told)
        case "settle":
            return _unsettled(guided, system, entity, told)
        case "perform":
            return f"nothing is pending or late that performs `{told.action}`", entity.span
        case _:
            return _undelivered(system, entity, told)


def _uncalled(guided: Guided, system: System, entity: Entity, told: Told) -> Why:
    """What the instance says to the call."""
    table = guided.table
    action = next((action for action in entity.actions if action.name == told.action), None)
    if action is None:
        return f"{entity.name} has no action `{told.action}`", entity.span
    try:
        call = guided.call_of(told)._replace(fresh=NOBODY)
    except UntypedError as wrong:
        return str(wrong), action.span
    cell = system.cell(told.address) or absent(table, told.address)
    if cell.control == NEW and not guided.is_free(system, told.address):
        return f"the id `{told.address.id}` is taken", action.span
    answer = step(table, cell, call)
    assert isinstance(answer, Rejected), "a call that is applied is a step"
    return f"it is rejected: {why_rejected(answer)}", row_span(action, None)


def _unfired(system: System, entity: Entity, told: Told) -> Why:
    timer = next((timer for timer in entity.timers if timer.name == told.cause), None)
    if timer is None:
        return f"{entity.name} has no timer `{told.cause}`", entity.span
    cell = system.cell(told.address)
    armed = ", ".join(name for name, _ in cell.timers) if cell and cell.timers else "none"
    return f"the timer `{told.cause}` cannot fire here; armed is {armed}", timer.span


def _unsettled(guided: Guided, system: System, entity: Entity, told: Told) -> Why:
    effect = next((effect for effect in guided.table.effects if effect.name == told.cause), None)
    if effect is None:
        return f"there is no effect `{told.cause}`", entity.span
    names = [outcome.name for outcome in effect.outcomes] + ["unknown"]
    if told.outcome not in names:
        return f"`{effect.name}` has no outcome `{told.outcome}`; it has {', '.join(names)}", effect.span
    mine = [each for each in system.effects if (each.owner, each.effect) == (told.address, effect.name)]
    if not mine:
        return f"no `{effect.name}` of {place(told)} is pending; {_pending(system)}", effect.span
    if guided.universe.world and not possible(effect, mine[0], told.outcome):
        return f"`{told.outcome}` cannot come after what `{effect.name}` did to the world", effect.span
    try:
        found = guided.steps_told(system, told)
    except UntypedError as wrong:
        return str(wrong), effect.span
    assert not found, "an answer that can be taken is a step"
    return f"`{effect.name}` cannot have said this: what the world tells is another value", effect.span


def _undelivered(system: System, entity: Entity, told: Told) -> Why:
    return f"nothing comes to {place(told)} from {told.cause} here; {_pending(system)}", entity.span


def _pending(system: System) -> str:
    return f"pending is {', '.join(map(delivery_text, system.pending)) or 'nothing'}"


def place(told: Told) -> str:
    """Whose step it is."""
    entity, ident = told.address
    return entity if entity == ident else f"{entity} {ident}"
