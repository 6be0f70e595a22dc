"""What every blueprint owes without being asked, under names that stay the same from run to run.

| name                                    | what it says                                                     |
| --------------------------------------- | ---------------------------------------------------------------- |
| `range:Deploy.promote`                  | whatever the action writes or passes on stays in its type         |
| `distinct_keys:Deploy.promote`          | the keys of one map in one `set` of the action differ             |
| `handled:Deploy.start.shift_traffic.sick` | this outcome of what the action asked for finds a target        |
| `handled:Job.assign.Worker.take`        | the refusal of what the action sent or spawned finds a target     |
| `handled:Deploy.watched_long_enough`    | the timer finds a target                                          |
| `moves:Deploy.shifting`                 | here something always comes by itself                             |
| `final:Deploy.live`                     | nothing starts here                                               |
| `reachable:Deploy.live`                 | some run gets here                                                |
| `happens:Deploy.approve`                | some run does this                                                |
| `fires:Deploy.approve.draft.1`          | some run takes this case (from 0) from this state                 |

`fires` is only listed for an action with more than one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from temper.machine import (
    IGNORE,
    Action,
    DurationType,
    Entity,
    IntType,
    MapType,
    OptionType,
    Parameter,
    Request,
    SetType,
    Template,
    TransitionTable,
    Type,
    Update,
    Violation,
)


class Row(NamedTuple):
    """One row of the table: an action taken from one state by one of its cases."""

    entity: str
    action: str
    source: str
    case: int

    def __str__(self) -> str:
        return f"{self.entity}.{self.action} from {self.source}, case {self.case}"


def rows(entity: Entity) -> Iterator[tuple[Action, Row]]:
    """Every row of the entity, in written order, with its action."""
    for action in entity.actions:
        for source in action.sources:
            for case in range(len(action.cases)):
                yield action, Row(entity.name, action.name, source, case)


def owed(table: TransitionTable) -> Iterator[str]:
    """Every name that a certificate of the table has to speak of: its properties and what it owes without being asked.

    World entities are left out: whether they are looked at depends on whether anything looks at them.
    """
    yield from (property_.name for property_ in table.properties)
    for entity in table.entities:
        if not entity.world:
            yield from entity_obligations(table, entity)


def entity_obligations(table: TransitionTable, entity: Entity) -> Iterator[str]:
    """Everything that one entity owes."""
    yield from never_violated(table, entity)
    yield from (f"moves:{entity.name}.{state}" for state in moving_states(entity))
    yield from (f"final:{entity.name}.{state}" for state in entity.final)
    yield from (f"reachable:{entity.name}.{state}" for state in entity.states)
    for action, row in rows(entity):
        yield happens(row)
        if has_several_rows(action):
            yield fires(row)


def happens(row: Row) -> str:
    """The name of the obligation that the row's action can happen."""
    return f"happens:{row.entity}.{row.action}"


def fires(row: Row) -> str:
    """The name of the obligation that this very row can fire."""
    return f"fires:{row.entity}.{row.action}.{row.source}.{row.case}"


def has_several_rows(action: Action) -> bool:
    """Whether the action's rows are owed one by one, besides the action itself."""
    return len(action.sources) * len(action.cases) > 1


def moving_states(entity: Entity) -> Iterator[str]:
    """The states in which things have to move by themselves. A world entity owes nothing."""
    if not entity.world:
        yield from (state for state in entity.states if state not in {*entity.final, *entity.waits})


def never_violated(table: TransitionTable, entity: Entity) -> Iterator[str]:
    """The obligations of an entity that a `Violation` refutes."""
    for action in entity.actions:
        if writes_ranges(table, entity, action):
            yield f"range:{entity.name}.{action.name}"
        if any(map(_has_two_keys, (action.updates, *(case.updates for case in action.cases)))):
            yield f"distinct_keys:{entity.name}.{action.name}"
        for case in action.cases:
            for template in case.deliveries:
                yield from (f"handled:{entity.name}.{action.name}.{place}" for place in _answers(template))
    yield from (f"handled:{entity.name}.{timer.name}" for timer in entity.timers)


def violated(violation: Violation) -> str:
    """The name of the obligation that the violation refutes."""
    return f"{_KINDS[violation.kind]}:{violation.where}"


_KINDS = {"unhandled": "handled", "range": "range", "same-key": "distinct_keys"}


def writes_ranges(table: TransitionTable, entity: Entity, action: Action) -> bool:
    """Whether the action writes or passes on anything whose type has a range or a size, or arms a timer."""
    types = {field.name: field.type for field in entity.fields}
    written = {update.name for update in (*action.updates, *(u for case in action.cases for u in case.updates))}
    passed = (
        param.type
        for case in action.cases
        for template in case.deliveries
        for param in _params(table, template)
        if param.name in dict(template.args)
    )
    return bool(entity.timers) or any(map(is_ranged, passed)) or any(is_ranged(types[name]) for name in written)


def is_ranged(type_: Type) -> bool:
    """Whether a well-typed expression could leave the type: numbers, what counts its members, and what holds them."""
    match type_:
        case IntType() | DurationType() | SetType():
            return True
        case OptionType(of):
            return is_ranged(of)
        case MapType(key, value):
            return is_ranged(key) or is_ranged(value)
        case _:
            return False


def _params(table: TransitionTable, template: Template) -> tuple[Parameter, ...]:
    if isinstance(template, Request):
        return table.effect(template.effect).params
    return table.entity(template.entity).action(template.action).params


def _answers(template: Template) -> Iterator[str]:
    if isinstance(template, Request):
        yield from (f"{template.effect}.{outcome}" for outcome, _ in template.then)
    elif template.refused != (IGNORE,):
        yield f"{template.entity}.{template.action}"


def _has_two_keys(updates: tuple[Update, ...]) -> bool:
    keyed = [update.name for update in updates if update.key is not None]
    return len(keyed) != len(set(keyed))
