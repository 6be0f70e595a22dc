"""What every blueprint owes without being asked, under names that stay the same from run to run.

| name                                    | what it says                                                     |
| --------------------------------------- | ---------------------------------------------------------------- |
| `range:Deploy.percent`                  | what is written to the field stays in its type                    |
| `range:shift_traffic.percent`           | what is passed on as this parameter stays in its type             |
| `range:Deploy.watched_long_enough`      | the due time of the timer stays within 64 bits                    |
| `distinct_keys:Deploy.promote`          | the keys of one map in one `set` of the action differ             |
| `handled:Deploy.start.0.0`              | whatever comes back of this delivery (case, position) finds a target |
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
    Action,
    Delivery,
    DurationType,
    Entity,
    Finding,
    IntType,
    MapType,
    OptionType,
    Parameter,
    Proved,
    Refusal,
    Request,
    SetType,
    Site,
    Template,
    TransitionTable,
    Type,
    Update,
    Violation,
    templates,
)

OF_ONE_RUN = frozenset({"final", "reachable", "happens", "fires"})
"""Kinds of obligations that a run shows, or the table alone."""


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


def is_for_all_runs(finding: Finding) -> bool:
    """Whether it is proved of every run, and not seen in one: a `final` state is one by its table alone."""
    kind = finding.name.partition(":")[0]
    return isinstance(finding.verdict, Proved) and finding.verdict.trace is None and kind not in OF_ONE_RUN


def has_several_rows(action: Action) -> bool:
    """Whether the action's rows are owed one by one, besides the action itself."""
    return len(action.sources) * len(action.cases) > 1


def moving_states(entity: Entity) -> Iterator[str]:
    """The states in which things have to move by themselves. A world entity owes nothing."""
    if not entity.world:
        yield from (state for state in entity.states if state not in {*entity.final, *entity.waits})


def never_violated(table: TransitionTable, entity: Entity) -> Iterator[str]:
    """The obligations of an entity that a `Violation` refutes."""
    yield from dict.fromkeys(name for action in entity.actions for name in ranges(table, entity, action))
    for action in entity.actions:
        if any(map(_has_two_keys, (action.updates, *(case.updates for case in action.cases)))):
            yield f"distinct_keys:{entity.name}.{action.name}"
        for number, case in enumerate(action.cases):
            for position in range(len(case.deliveries)):
                yield handled(Site(entity.name, action.name, number, position))
    yield from (f"handled:{entity.name}.{timer.name}" for timer in entity.timers)


def handled(site: Site) -> str:
    """The name of the obligation that whatever comes back of a delivery finds a target."""
    return f"handled:{site.entity}.{site.action}.{site.case}.{site.position}"


def violated(table: TransitionTable, violation: Violation, consumed: Delivery | None) -> str:
    """The name of the obligation that the violation refutes. `consumed` is the delivery that nobody handled."""
    match violation.kind:
        case "unhandled":
            site = _site_of(consumed) or _first_site(table, violation.where)
            return f"handled:{violation.where}" if site is None else handled(site)
        case "range":
            return _range(table, violation)
        case kind:
            assert kind == "same-key", f"there is no violation of kind {kind}"
            return f"distinct_keys:{violation.where}"


def ranges(table: TransitionTable, entity: Entity, action: Action) -> Iterator[str]:
    """What the action may drive out of its range: fields that it writes, what it passes on, timers that it may arm."""
    types = {field.name: field.type for field in entity.fields}
    updates = (*action.updates, *(update for case in action.cases for update in case.updates))
    yield from (f"range:{entity.name}.{update.name}" for update in updates if is_ranged(types[update.name]))
    for case in action.cases:
        for template in case.deliveries:
            receiver, params = _receiver(table, template)
            given = {name for name, _ in template.args}
            yield from (f"range:{receiver}.{p.name}" for p in params if p.name in given and is_ranged(p.type))
    yield from (f"range:{entity.name}.{timer.name}" for timer in entity.timers)


def hidden_by(table: TransitionTable, violation: Violation) -> Iterator[str]:
    """What the call with this violation leaves unseen: it is rejected at the first place that does not fit."""
    entity_name, _, action = violation.where.partition(".")
    if violation.kind != "unhandled":
        entity = table.entity(entity_name)
        yield f"distinct_keys:{violation.where}"
        yield from ranges(table, entity, entity.action(action))


def _range(table: TransitionTable, violation: Violation) -> str:
    """`percent of shift_traffic` is a parameter, everything else a field or timer of the entity."""
    entity, _, action = violation.where.partition(".")
    place = violation.place.removeprefix("a key of ").removeprefix("the due time of timer ").removesuffix("[…]")
    name, of, receiver = place.partition(" of ")
    if not of:
        return f"range:{entity}.{name}"
    sent = (template for case in table.entity(entity).action(action).cases for template in case.deliveries)
    receivers = [_receiver(table, template)[0] for template in sent]
    whole = next((whole for whole in receivers if whole.rpartition(".")[2] == receiver), receiver)
    return f"range:{whole}.{name}"


def _site_of(delivery: Delivery | None) -> Site | None:
    match delivery:
        case None:
            return None
        case Refusal(of=of):
            return of.site
        case _:
            return delivery.site


def _first_site(table: TransitionTable, where: str) -> Site | None:
    """The site of `Deploy.start.shift_traffic.sick`: the first delivery of that action to that receiver."""
    for entity, action, case, position, template in templates(table):
        to = template.effect if isinstance(template, Request) else template.entity
        if where.startswith(f"{entity.name}.{action.name}.{to}."):
            return Site(entity.name, action.name, case, position)
    return None


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


def _receiver(table: TransitionTable, template: Template) -> tuple[str, tuple[Parameter, ...]]:
    """Whom a delivery goes to, as names have it, and what it takes."""
    if isinstance(template, Request):
        return template.effect, table.effect(template.effect).params
    action = table.entity(template.entity).action(template.action)
    return f"{template.entity}.{template.action}", action.params


def _has_two_keys(updates: tuple[Update, ...]) -> bool:
    keyed = [update.name for update in updates if update.key is not None]
    return len(keyed) != len(set(keyed))
