"""One cell or one pending delivery taken from one version into another, or why it has no place there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from temper.machine import (
    Cell,
    Delivery,
    Effecting,
    EnumType,
    Environment,
    Expression,
    Field,
    MapType,
    Message,
    Migration,
    Op,
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
    parts,
    show,
)
from temper.run.obstacle import Obstacle
from temper.run.record import Pending
from temper.run.version import Columns, Version

Handed = Effecting | Message | Spawning


@dataclass(slots=True)
class CellMapper:
    """Takes cells from the old version to the new one; what it has to compile, it compiles once."""

    old: Version
    new: Version
    now: int
    _migrations: Mapping[str, Migration] = field(init=False)
    _compiled: dict[tuple[str, str], Callable[[Environment], Value]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._migrations = {migration.entity: migration for migration in self.new.table.migrate}

    def map(self, cell: Cell) -> Cell | tuple[Obstacle, ...]:
        """The cell in the new version, its timers swept; the same object where nothing is different."""
        entity, where = self.new.live(cell.entity), f"{cell.entity} {cell.id}"
        if entity is None:
            return (Obstacle("entity-gone", f"the version has no {cell.entity}, and this one lives", where),)
        migration = self._migrations.get(cell.entity)
        control = dict(migration.states).get(cell.control, cell.control) if migration else cell.control
        if control not in entity.states:
            message = f"the version has no state `{cell.control}`; map it under `migrate:`"
            return (Obstacle("state-gone", message, where),)
        placed = [self._value(migration, cell, place, where) for place in entity.fields]
        obstacles = tuple(value for value in placed if isinstance(value, Obstacle))
        data = tuple(value for value in placed if not isinstance(value, Obstacle))
        timers = () if obstacles else self._timers(cell, control, data, where)
        if isinstance(timers, Obstacle):
            return (timers,)
        return obstacles or self._touched(cell, cell._replace(control=control, data=data, timers=timers))

    def _touched(self, cell: Cell, mapped: Cell) -> Cell:
        """A cell that is different, or only written differently, is written anew; any other row stays as it lies."""
        old, new = self.old.fields[cell.entity], self.new.fields[cell.entity]
        if mapped == cell and (old.names, old.types) == (new.names, new.types):
            return cell
        return mapped._replace(clock=max(cell.clock, self.now), seq=cell.seq + 1)

    def _value(self, migration: Migration | None, cell: Cell, place: Field, where: str) -> Value | Obstacle:
        """What the field of the new version holds: mapped, kept, or its initial value."""
        expression = dict(migration.data).get(place.name) if migration else None
        columns = self.old.fields[cell.entity]
        if expression is not None:
            return self._mapped(cell, place, expression, where)
        if place.name not in columns.index:
            if place.initial is None and not isinstance(place.type, OptionType):
                message = (
                    f"the new field `{place.name}` has no value for it; give it a default, or map it under `migrate:`"
                )
                return Obstacle("field-unfilled", message, where)
            return place.initial
        index = columns.index[place.name]
        value = cell.data[index]
        is_unset = value is None and place.initial is None
        if same_kind(columns.types[index], place.type) and (is_unset or contains(place.type, value)):
            return value
        shown = show(columns.types[index], value)
        message = f"`{place.name}` is {shown}, which is no {place.type}; map it under `migrate:`"
        return Obstacle("value-out-of-type", message, where)

    def _mapped(self, cell: Cell, place: Field, expression: Expression, where: str) -> Value | Obstacle:
        """A mapping names fields of the old version, which the new blueprint could only guess."""
        columns = self.old.fields[cell.entity]
        for node in parts(expression):
            if node.op is Op.FIELD and not self._is_field(columns, node):
                has = f"is no {node.type}" if node.name in columns.index else "is none of its fields"
                message = f"the mapping of `{place.name}` reads `{node.name}`, which {has} in the version in force"
                return Obstacle("value-out-of-type", message, where)
        evaluate = self._evaluator(cell.entity, f"field {place.name}", self.old, expression)
        fields = dict(zip(columns.names, cell.data, strict=True))
        value = evaluate(Environment(fields, {}, cell.control, cell.id, None, self.now))
        if contains(place.type, value):
            return value
        message = f"the mapping of `{place.name}` gives a value that is no {place.type}"
        return Obstacle("value-out-of-type", message, where)

    @staticmethod
    def _is_field(columns: Columns, node: Expression) -> bool:
        index = columns.index.get(node.name)
        return index is not None and same_kind(columns.types[index], node.type)

    def _timers(
        self, cell: Cell, control: str, data: tuple[Value, ...], where: str
    ) -> tuple[tuple[str, int], ...] | Obstacle:
        """Armed timers stay; those that the version adds or changes are counted from now."""
        armed = dict(cell.timers)
        before = {timer.name: timer for timer in self.old.entities[cell.entity].timers}
        entity = self.new.entities[cell.entity]
        names = [timer.name for timer in entity.timers]
        if gone := [name for name in armed if name not in names]:
            message = f"the timer `{gone[0]}` is armed, and the version has none of that name"
            return Obstacle("timer-gone", message, where)
        timers = []
        for timer in entity.timers:
            if control not in timer.states:
                continue
            if not _counts_as_before(before.get(timer.name), timer, cell.control):
                timers.append((timer.name, self._due(cell, timer, control, data)))
            elif timer.name in armed:
                timers.append((timer.name, armed[timer.name]))
        return tuple(timers)

    def _due(self, cell: Cell, timer: Timer, control: str, data: tuple[Value, ...]) -> int:
        fields = dict(zip(self.new.fields[cell.entity].names, data, strict=True))
        evaluate = self._evaluator(cell.entity, f"timer {timer.name}", self.new, timer.after)
        after = evaluate(Environment(fields, {}, control, cell.id, None, self.now))
        assert isinstance(after, int), "`after:` is a duration"
        return self.now + max(0, after)

    def _evaluator(
        self, entity: str, name: str, version: Version, expression: Expression
    ) -> Callable[[Environment], Value]:
        if (entity, name) not in self._compiled:
            self._compiled[entity, name] = evaluator(version.table, expression)
        return self._compiled[entity, name]


def _counts_as_before(before: Timer | None, after: Timer, control: str) -> bool:
    """Whether the timer is as long as it was, and held already in the instance's state."""
    return before is not None and before.after == after.after and control in before.states


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
