"""Slicing: data that nothing reads is not told apart.

A place (a field, or a parameter of something on its way) is read if its value can make a difference to anything but
itself: to a guard, a case, a property, a delay, a policy, to whom a message goes, to what the world does, to whether a
value fits where it is written, or to another place that is read. What is left is read by nothing: two states that
differ there alone can do the same, to states that differ there alone again. So one value stands for all of them.

What a violation says is read off the real run, and whether there is one depends on places that are read: a value that
may leave its range or size, or an `int` that may leave the universe, is read by the check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from temper.machine import NEW as UNBORN
from temper.machine import (
    Action,
    DeliveryKind,
    Entity,
    Expression,
    Gate,
    MapType,
    Op,
    Parameter,
    RefType,
    Request,
    Send,
    Spawn,
    Target,
    Template,
    TransitionTable,
    Type,
    Universe,
    Update,
    fits,
    has_check,
    is_within,
    parts,
    within,
)


class Place(NamedTuple):
    """A field of an entity, or a parameter of an action (`of` is `Entity.action`) or of an effect."""

    kind: str
    of: str
    name: str

    def __str__(self) -> str:
        return f"{self.of}.{self.name}" if self.kind == FIELD else f"{self.name} of {self.of}"


FIELD, PARAM, REQUEST = "field", "param", "request"


def unread(table: TransitionTable, universe: Universe) -> frozenset[Place]:
    """Every place that holds different values in different states, and that nothing reads.

    >>> from temper.machine import universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> unread(empty, universe(empty))
    frozenset()
    """
    return _Reading(table, universe).unread()


def unread_said(places: Iterable[Place]) -> str:
    """The places in words: `Deploy.service and service of probe`."""
    shown = sorted(map(str, places))
    listed = shown[-1] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
    return f"{listed} {'is' if len(shown) == 1 else 'are'} read by nothing"


@dataclass
class _Reading:
    """Who reads what: `flows` leads from a place to those whose values come to it; `roots` are read in any case."""

    table: TransitionTable
    universe: Universe
    flows: dict[Place, set[Place]] = field(default_factory=dict)
    roots: set[Place] = field(default_factory=set)

    def unread(self) -> frozenset[Place]:
        for entity in self.table.entities:
            self._entity(entity)
        self._effects()
        self._properties()
        needed, waiting = set(self.roots), list(self.roots)
        while waiting:
            for place in self.flows.get(waiting.pop(), ()):
                if place not in needed:
                    needed.add(place)
                    waiting.append(place)
        return frozenset(place for place in self.flows if place not in needed)

    def _entity(self, entity: Entity) -> None:
        self._checked(Place(FIELD, entity.name, each.name) for each in entity.fields if self._is_bounded(each.type))
        for timer in entity.timers:
            self.roots |= _fields(entity, timer.after)
        for action in entity.actions:
            self._action(entity, action)
        if entity.world or self.table.policies:
            self._checked(Place(FIELD, entity.name, each.name) for each in entity.fields)
            for action in entity.actions:
                if entity.world or action.gate in {Gate.ROLES, Gate.POLICY}:
                    self._checked(Place(PARAM, f"{entity.name}.{action.name}", each.name) for each in action.params)

    def _checked(self, places: Iterable[Place]) -> None:
        self.roots.update(places)

    def _is_bounded(self, type_: Type) -> bool:
        return within(type_, self.universe.unbounded) is not None

    def _action(self, entity: Entity, action: Action) -> None:
        scene = _Scene(entity, action)
        for guard in (action.guard, *(case.guard for case in action.cases)):
            if guard is not None:
                self.roots |= scene.reads(guard)
        for updates in (action.updates, *(case.updates for case in action.cases)):
            self._updates(scene, updates)
        for case in action.cases:
            for template in case.deliveries:
                self._template(scene, template)

    def _updates(self, scene: _Scene, updates: tuple[Update, ...]) -> None:
        keyed = Counter(update.name for update in updates if update.key is not None)
        for update in updates:
            place = Place(FIELD, scene.entity.name, update.name)
            reads = scene.reads(update.value)
            if update.key is not None:
                reads |= scene.reads(update.key)
            self.flows.setdefault(place, set()).update(reads)
            if scene.may_not_fit(update) or keyed[update.name] > 1:
                self.roots |= reads

    def _template(self, scene: _Scene, template: Template) -> None:
        owner = scene.entity
        if isinstance(template, Spawn) and template.into:
            self.flows.setdefault(Place(FIELD, owner.name, template.into), set())
        if isinstance(template, Send):
            self.roots |= scene.reads(template.to)
        kind, of, params = self._receiver(template)
        types = {param.name: param.type for param in params}
        for name, value in template.args:
            place = Place(kind, of, name)
            self.flows.setdefault(place, set()).update(scene.reads(value))
            if scene.is_checked(types[name], value):
                self.roots |= scene.reads(value)
            if self._is_bounded(types[name]):
                self.roots.add(place)
        self._targets(owner, template, kind, of, types)

    def _receiver(self, template: Template) -> tuple[str, str, tuple[Parameter, ...]]:
        if isinstance(template, Request):
            return REQUEST, template.effect, self.table.effect(template.effect).params
        action = self.table.entity(template.entity).action(template.action)
        return PARAM, f"{template.entity}.{template.action}", action.params

    def _targets(self, owner: Entity, template: Template, kind: str, of: str, types: dict[str, Type]) -> None:
        """What comes back goes, by name, to the parameters of what is called then."""
        if not isinstance(template, Request):
            self._filled(owner, template.refused, kind, of, types)
            return
        for outcome, target in template.then:
            told = {each.name: each.type for each in self.table.effect(template.effect).outcome(outcome).fields}
            self._filled(owner, target, kind, of, types, told)

    def _filled(
        self,
        owner: Entity,
        target: Target,
        kind: str,
        of: str,
        types: dict[str, Type],
        told: dict[str, Type] | None = None,
    ) -> None:
        actions = {action.name: action for action in owner.actions}
        for action in (actions[name] for name in target if name in actions):
            for param in action.params:
                place = Place(PARAM, f"{owner.name}.{action.name}", param.name)
                given = (told or {}).get(param.name) or types.get(param.name)
                if given is None:
                    continue
                if param.name not in (told or {}):
                    self.flows.setdefault(place, set()).add(Place(kind, of, param.name))
                if not is_within(given, param.type):
                    self.roots.add(place)

    def _effects(self) -> None:
        """Where the world is part of the search, what gets there counts, and what is told of it.

        So does, of an idempotent effect, whether two late requests are the same: then they are one.
        """
        for effect in self.table.effects:
            if effect.performs is None or not self.universe.world:
                continue
            told = [value for outcome in effect.outcomes for _, value in outcome.told]
            nodes = [node for value in (*told, *(value for _, value in effect.performs.args)) for node in parts(value)]
            read = {node.name for node in nodes if node.op is Op.ARGUMENT}
            merges = effect.delivery is DeliveryKind.IDEMPOTENT
            names = (param.name for param in effect.params if merges or param.name in read)
            self._checked(Place(REQUEST, effect.name, name) for name in names)

    def _properties(self) -> None:
        for property_ in self.table.properties:
            for whole in (property_.whenever, property_.body):
                for node in () if whole is None else parts(whole):
                    if node.op is Op.READ:
                        of = node.operands[0].type
                        assert isinstance(of, RefType), "a READ needs a reference"
                        self.roots.add(Place(FIELD, of.entity, node.name))
                    elif node.op is Op.ARGUMENT and property_.on is not None:
                        self.roots.add(Place(PARAM, ".".join(property_.on), node.name))


@dataclass(frozen=True)
class _Scene:
    """An action, as its expressions see it."""

    entity: Entity
    action: Action

    def reads(self, expression: Expression) -> set[Place]:
        of = f"{self.entity.name}.{self.action.name}"
        arguments = {Place(PARAM, of, node.name) for node in parts(expression) if node.op is Op.ARGUMENT}
        return arguments | _fields(self.entity, expression)

    def is_checked(self, type_: Type, value: Expression) -> bool:
        """Whether the value may not fit in the type."""
        types = {each.name: each.type for each in self.entity.fields}
        params = {param.name: param.type for param in self.action.params}
        unborn = UNBORN in self.action.sources
        return has_check(type_) and not fits(value, type_, fields=types, params=params, unborn=unborn)

    def may_not_fit(self, update: Update) -> bool:
        declared = next(each.type for each in self.entity.fields if each.name == update.name)
        return any(self.is_checked(type_, value) for type_, value in _written(declared, update))


def _fields(entity: Entity, expression: Expression) -> set[Place]:
    return {Place(FIELD, entity.name, node.name) for node in parts(expression) if node.op is Op.FIELD}


def _written(declared: Type, update: Update) -> Iterator[tuple[Type, Expression]]:
    if update.key is None:
        yield declared, update.value
    else:
        assert isinstance(declared, MapType), "only a map is updated by key"
        yield declared.key, update.key
        yield declared.value, update.value
