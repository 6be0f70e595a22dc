"""The transition table for people: one line a row, and below it what the row hands on and who calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from temper.machine import (
    NEW,
    Action,
    Case,
    Entity,
    Gate,
    Request,
    Send,
    Spawn,
    Template,
    TransitionTable,
    templates,
    text,
)

if TYPE_CHECKING:
    from temper.machine.expression import Expression

WIDTH = 46


def table_lines(table: TransitionTable) -> Iterator[str]:
    """Every entity with its rows, such as `shifting --watch--> watching`."""
    for number, entity in enumerate(table.entities):
        if number:
            yield ""
        yield from _entity_lines(table, entity)


def mermaid_lines(table: TransitionTable) -> Iterator[str]:
    """The same as a Mermaid state diagram, one composite state per entity."""
    yield "stateDiagram-v2"
    for entity in table.entities:
        yield f"  state {entity.name} {{"
        seen: set[str] = set()
        for action, case, source, target in rows(entity):
            here, there = ("[*]" if source == NEW else _node(entity, source)), _node(entity, target)
            guard = f" [{text(case.guard)}]" if case.guard else ""
            line = f"    {here} --> {there}: {action.name}{guard}".replace(";", ",")
            if line not in seen:
                seen.add(line)
                yield line
        if entity.single:
            yield f"    [*] --> {_node(entity, entity.states[0])}"
        yield from (f"    {_node(entity, state)} --> [*]" for state in entity.final)
        yield from (f"    {_node(entity, state)}: {state}" for state in entity.states)
        yield "  }"


def rows(entity: Entity) -> Iterator[tuple[Action, Case, str, str]]:
    """Every row: its action, its case, and the state it leads from and to."""
    for action in entity.actions:
        for case in action.cases:
            for source in action.sources:
                yield action, case, source, source if case.target is None else case.target


def callers(table: TransitionTable) -> dict[tuple[str, str], list[str]]:
    """By (entity, action): which outcomes, timers, messages, spawns and refusals of the machine call it."""
    found: dict[tuple[str, str], list[str]] = {}

    def note(entity: str, names: tuple[str, ...], why: str) -> None:
        for name in names:
            known = found.setdefault((entity, name), [])
            if why not in known:
                known.append(why)

    for entity, action, _, _, template in templates(table):
        match template:
            case Request(effect=effect, then=then):
                for outcome, target in then:
                    note(entity.name, target, f"{effect}.{outcome} of {action.name}")
            case Send():
                note(template.entity, (template.action,), f"message from {entity.name}.{action.name}")
                note(entity.name, template.refused, f"refusal of {template.entity}.{template.action}")
            case Spawn():
                note(template.entity, (template.action,), f"spawn by {entity.name}.{action.name}")
                note(entity.name, template.refused, f"refusal of {template.entity}.{template.action}")
    for entity in table.entities:
        for timer in entity.timers:
            note(entity.name, timer.target, f"timer {timer.name}")
    return found


def _entity_lines(table: TransitionTable, entity: Entity) -> Iterator[str]:
    marks = [word for word, holds in (("single", entity.single), ("world", entity.world)) if holds]
    yield f"{entity.name}{' (' + ', '.join(marks) + ')' if marks else ''}"
    for field in entity.fields:
        yield f"  {field.name}: {field.type}"
    called = callers(table)
    for action in entity.actions:
        for case in action.cases:
            for source in action.sources:
                yield _row_line(action, case, source, source if case.target is None else case.target)
            yield from (f"      {line}" for line in _below(action, case, called.get((entity.name, action.name), [])))
    for timer in entity.timers:
        yield f"  timer {timer.name} in {', '.join(timer.states)} after {text(timer.after)}: {' | '.join(timer.target)}"
    for word, listed in (("waits", entity.waits), ("final", entity.final)):
        if listed:
            yield f"  {word}: {', '.join(listed)}"


def _row_line(action: Action, case: Case, source: str, target: str) -> str:
    arrow = f"  {source} --{action.name}--> {target}"
    before, after = (None if guard is None else _condition(guard) for guard in (action.guard, case.guard))
    if after is not None and action.updates:
        # A case reads what the common `set` leaves behind, so the two must not read as one condition.
        before, after = "; ".join((*([before] if before else []), f"after set: {after}")), None
    because = " and ".join(guard for guard in (before, after) if guard)
    return f"{arrow.ljust(WIDTH)}  when {because}" if because else arrow


def _condition(guard: Expression) -> str:
    written = text(guard)
    return f"({written})" if " or " in written or " if " in written else written


def _below(action: Action, case: Case, called: list[str]) -> Iterator[str]:
    match action.gate:
        case Gate.ROLES:
            yield f"by {', '.join(action.roles)}"
        case Gate.POLICY:
            yield "by policy"
        case Gate.ENVIRONMENT:
            yield "by the environment"
        case Gate.MACHINE:
            pass
    if called:
        yield f"called by {', '.join(called)}"
    updates = (*action.updates, *case.updates)
    for update in updates:
        place = update.name if update.key is None else f"{update.name}[{text(update.key)}]"
        yield f"set {place} = {text(update.value)}"
    yield from map(_template_line, case.deliveries)
    if case.restarts:
        yield f"restart {', '.join(case.restarts)}"


def _template_line(template: Template) -> str:
    given = ", ".join(f"{name}={text(value)}" for name, value in template.args)
    match template:
        case Request():
            then = ", ".join(f"{outcome} → {' | '.join(target)}" for outcome, target in template.then)
            return f"do {template.effect}({given}){' replaces' if template.replaces else ''}: {then}"
        case Send():
            refused = " | ".join(template.refused)
            return f"send {template.entity}.{template.action}({given}) to {text(template.to)}, refused → {refused}"
        case Spawn():
            into = f" as {template.into}" if template.into else ""
            refused = " | ".join(template.refused)
            return f"spawn {template.entity}.{template.action}({given}){into}, refused → {refused}"


def _node(entity: Entity, state: str) -> str:
    return f"{entity.name}_{state}"
