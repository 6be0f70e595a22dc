"""One cell or one pending delivery taken from one version into another, or why it has no place there."""

from __future__ import annotations

from typing import Any

from temper.machine import (
    Cell,
    Delivery,
    Effecting,
    EnumType,
    Environment,
    Field,
    MapType,
    Message,
    Migration,
    OptionType,
    Refusal,
    Request,
    Send,
    Site,
    Spawn,
    Spawning,
    Template,
    Timer,
    Type,
    Value,
    contains,
    evaluator,
    initial,
    show,
)
from temper.run.obstacle import Obstacle
from temper.run.record import Pending
from temper.run.version import Columns, Version

Handed = Effecting | Message | Spawning


def map_cell(
    old: Version, new: Version, migration: Migration | None, cell: Cell, now: int
) -> Cell | tuple[Obstacle, ...]:
    """The cell in the new version, its timers swept; the same object where nothing is different."""
    entity = new.live(cell.entity)
    where = f"{cell.entity} {cell.id}"
    if entity is None:
        return (Obstacle("entity-gone", f"{cell.entity} is gone, and `{cell.id}` lives", where),)
    control = dict(migration.states).get(cell.control, cell.control) if migration else cell.control
    if control not in entity.states:
        return (Obstacle("state-gone", f"there is no state `{cell.control}` any more; map it under `migrate:`", where),)
    data = _map_data(old, new, migration, cell, where)
    if isinstance(data[0], Obstacle) if data else False:
        return data
    timers = _map_timers(old, new, cell, control, data, now)
    if isinstance(timers, Obstacle):
        return (timers,)
    same_form = old.fields[cell.entity].types == new.fields[cell.entity].types
    mapped = cell._replace(control=control, data=data, timers=timers)
    return cell if mapped == cell and same_form and _same_names(old, new, cell.entity) else _touched(mapped, cell, now)


def _touched(mapped: Cell, cell: Cell, now: int) -> Cell:
    return mapped._replace(clock=max(cell.clock, now), seq=cell.seq + 1)


def _same_names(old: Version, new: Version, entity: str) -> bool:
    return old.fields[entity].names == new.fields[entity].names


def _map_data(old: Version, new: Version, migration: Migration | None, cell: Cell, where: str) -> tuple[Any, ...]:
    """The data in the new order, or the obstacles."""
    expressions = dict(migration.data) if migration else {}
    columns = old.fields[cell.entity]
    values: list[Value] = []
    obstacles: list[Obstacle] = []
    for place in new.entities[cell.entity].fields:
        if place.name in expressions:
            given = _evaluated(old, cell, expressions[place.name])
            fits = contains_value(place.type, given)
        elif place.name in columns.index:
            index = columns.index[place.name]
            given = cell.data[index]
            fits = same_kind(columns.types[index], place.type) and contains_value(place.type, given)
            fits = fits or (given is None and place.initial is None)
        else:
            given, fits = place.initial, True
            if given is None and not isinstance(place.type, OptionType):
                message = f"the new field `{place.name}` has no value for it; give it a default or map it"
                obstacles.append(Obstacle("field-unfilled", message, where))
        if not fits:
            obstacles.append(_out_of_type(place, given, where))
        values.append(given)
    return tuple(obstacles) or tuple(values)


def _evaluated(old: Version, cell: Cell, expression: Any) -> Any:
    """The mapping's value over the old data. It was typed against the new blueprint, so it may not fit the old one."""
    fields = dict(zip(old.fields[cell.entity].names, cell.data, strict=True))
    try:
        return evaluator(old.table, expression)(Environment(fields, {}, cell.control, cell.id, None, 0))
    except (KeyError, TypeError, AttributeError, NameError, IndexError) as error:
        return error


def contains_value(type_: Type, value: object) -> bool:
    """`contains`, for values that may be anything."""
    return not isinstance(value, Exception) and contains(type_, value)


def same_kind(old: Type, new: Type) -> bool:
    """Whether a value of one type means the same in the other, range and members aside."""
    old = old.of if isinstance(old, OptionType) else old
    new = new.of if isinstance(new, OptionType) else new
    if isinstance(old, MapType) and isinstance(new, MapType):
        # What a map leaves out reads as its initial value, so that one must not change.
        return (
            same_kind(old.key, new.key) and same_kind(old.value, new.value) and initial(old.value) == initial(new.value)
        )
    if isinstance(old, EnumType):
        return isinstance(new, EnumType)
    if hasattr(old, "of") and hasattr(new, "of"):
        return type(old) is type(new) and same_kind(old.of, new.of)
    return type(old) is type(new)


def _out_of_type(place: Field, given: Any, where: str) -> Obstacle:
    try:
        shown = f"its value {show(place.type, given)}" if not isinstance(given, Exception) else f"its mapping ({given})"
    except (AssertionError, TypeError, AttributeError):
        shown = "its value"
    message = f"`{place.name}` is to be {place.type}, and {shown} is not; map it under `migrate:`"
    return Obstacle("value-out-of-type", message, where)


def _map_timers(
    old: Version, new: Version, cell: Cell, control: str, data: tuple[Value, ...], now: int
) -> tuple[tuple[str, int], ...] | Obstacle:
    """Armed timers stay; those that the version adds or changes are counted from now."""
    armed = dict(cell.timers)
    before = {timer.name: timer for timer in old.entities[cell.entity].timers}
    entity = new.entities[cell.entity]
    if gone := [name for name in armed if name not in {timer.name for timer in entity.timers}]:
        where = f"{cell.entity} {cell.id}"
        return Obstacle("timer-gone", f"the timer `{gone[0]}` is armed, and the version has none of that name", where)
    timers = []
    for timer in entity.timers:
        if control not in timer.states:
            continue
        if _same_time(before.get(timer.name), timer, cell.control):
            if timer.name in armed:
                timers.append((timer.name, armed[timer.name]))
            continue
        fields = dict(zip(new.fields[cell.entity].names, data, strict=True))
        after = evaluator(new.table, timer.after)(Environment(fields, {}, control, cell.id, None, now))
        assert isinstance(after, int), "`after:` is a duration"
        timers.append((timer.name, now + max(0, after)))
    return tuple(timers)


def _same_time(before: Timer | None, after: Timer, control: str) -> bool:
    """Whether the timer counts as it did: it held in the instance's state, and its length is the same text."""
    return before is not None and before.after == after.after and control in before.states


def map_delivery(old: Version, new: Version, pending: Pending) -> Pending | Obstacle:
    """The pending delivery in the new version; the same object where nothing is different."""
    delivery = pending.delivery
    handed = delivery.of if isinstance(delivery, Refusal) else delivery
    where = f"{handed.owner.entity} {handed.owner.id}"
    problem = _unplaced(old, new, handed)
    if problem:
        return Obstacle("delivery-unplaced", problem, where)
    site = _site(new, handed)
    if site is None:
        at = f"{handed.site.entity}.{handed.site.action}"
        return Obstacle(
            "delivery-unplaced", f"{_what(handed)} was handed on by {at}, which has no such delivery any more", where
        )
    if site == handed.site and _columns(old, handed).types == _columns(new, handed).types:
        return pending
    moved: Any = handed._replace(site=site)
    replaced: Delivery = delivery._replace(of=moved) if isinstance(delivery, Refusal) else moved
    return pending._replace(delivery=replaced)


def _unplaced(old: Version, new: Version, handed: Handed) -> str:
    """What changed that a pending delivery relies on."""
    if isinstance(handed, Effecting):
        before, after = old.effects[handed.effect], new.effects.get(handed.effect)
        if after is None:
            return f"{_what(handed)} is pending, and the version has no such effect"
        same = (before.params, before.delivery, before.fenced) == (after.params, after.delivery, after.fenced)
        ends = [(o.name, o.fields) for o in before.outcomes] == [(o.name, o.fields) for o in after.outcomes]
        return "" if same and ends else f"{_what(handed)} is pending, and its params, outcomes or delivery changed"
    entity = handed.receiver.entity if isinstance(handed, Message) else handed.child.entity
    if new.live(entity) is None or (entity, handed.action) not in new.params:
        return f"{_what(handed)} is pending, and {entity} has no such action any more"
    before_columns, columns = _columns(old, handed), _columns(new, handed)
    fits = before_columns.names == columns.names and all(
        same_kind(before_columns.types[columns.index[name]], columns.types[columns.index[name]])
        and contains(columns.types[columns.index[name]], value)
        for name, value in handed.args
    )
    return "" if fits else f"{_what(handed)} is pending, and its parameters changed"


def _columns(version: Version, handed: Handed) -> Columns:
    match handed:
        case Effecting(effect=effect):
            return version.asks[effect]
        case Message(receiver=address, action=action) | Spawning(child=address, action=action):
            return version.params[address.entity, action]


def _site(new: Version, handed: Handed) -> Site | None:
    """The same site if it still hands on the same, else the only one of that action that does."""
    if _hands_on(new.sites.get(handed.site), handed):
        return handed.site
    here = (handed.site.entity, handed.site.action)
    found = [s for s, template in new.sites.items() if (s.entity, s.action) == here and _hands_on(template, handed)]
    return found[0] if len(found) == 1 else None


def _hands_on(template: Template | None, handed: Handed) -> bool:
    match template, handed:
        case Request(), Effecting():
            return template.effect == handed.effect
        case Send(), Message():
            return (template.entity, template.action) == (handed.receiver.entity, handed.action)
        case Spawn(), Spawning():
            return (template.entity, template.action) == (handed.child.entity, handed.action)
        case _:
            return False


def _what(handed: Handed) -> str:
    return f"the effect `{handed.effect}`" if isinstance(handed, Effecting) else f"`{handed.action}`"
