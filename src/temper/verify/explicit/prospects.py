"""Prospects: what an instance can still do from the control state that it is in, read off the table alone.

Guards, data and roles are ignored, so a prospect says at least what can happen. Reductions rest on what it excludes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from temper.machine import (
    NEW,
    Action,
    Entity,
    Expression,
    FrozenMap,
    Gate,
    MapType,
    Op,
    OptionType,
    RefType,
    Request,
    Send,
    SetType,
    Spawn,
    Template,
    TransitionTable,
    Type,
    Value,
    action_expressions,
    expressions,
    parts,
)
from temper.verify.obligations import moving_states

ITSELF = frozenset({Op.SELF, Op.SOME, Op.SET})
"""A send whose target is made of these alone goes to the sender."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What may come from one control state of one entity on; what children do that nobody can name is their maker's."""

    sends: frozenset[str] = frozenset()
    """The entities of which some instance, not only the sender itself, may be sent something."""
    spawns: frozenset[str] = frozenset()
    spawns_now: frozenset[str] = frozenset()
    """Those that a step from this very state may spawn."""
    performs: bool = False
    """Whether something may be asked of the world."""
    given: frozenset[str] = frozenset()
    """The entities of which it may be handed any reference whatever: by people, by outcomes, by the environment."""
    moving: bool = False
    """Whether it may come to, or is in, a state in which things have to move by themselves."""

    def __or__(self, other: Prospect) -> Prospect:
        return Prospect(
            self.sends | other.sends,
            self.spawns | other.spawns,
            self.spawns_now,
            self.performs or other.performs,
            self.given | other.given,
            self.moving,
        )


class Prospects:
    """The prospects of every entity in every control state of one table."""

    def __init__(self, table: TransitionTable, *, world: bool) -> None:
        self.table = table
        self.performing = frozenset(e.name for e in table.effects if world and e.performs is not None)
        self.constructed = frozenset(
            entity.name
            for entity in table.entities
            if any(NEW in a.sources and a.gate in {Gate.ROLES, Gate.POLICY} for a in entity.actions)
        )
        self.nameless = frozenset(self._nameless())
        """Entities whose instances only spawns make, and whose unused ids nobody can name."""
        self._plain = {
            (entity.name, control): self._of(entity, control)
            for entity in table.entities
            for control in (NEW, *entity.states)
        }
        self.of = {key: self._with_children(key) for key in self._plain}

    # One entity by itself.

    def _of(self, entity: Entity, control: str) -> Prospect:
        reached = set(reachable_states(entity, control))
        actions = [action for action in entity.actions if reached.intersection(action.sources)]
        handed_on = [template for action in actions for template in _templates(action)]
        now = [template for action in entity.actions if control in action.sources for template in _templates(action)]
        return Prospect(
            sends=frozenset(each.entity for each in handed_on if isinstance(each, Send) and not _to_itself(each)),
            spawns=frozenset(each.entity for each in handed_on if isinstance(each, Spawn)),
            spawns_now=frozenset(each.entity for each in now if isinstance(each, Spawn)),
            performs=any(isinstance(each, Request) and each.effect in self.performing for each in handed_on),
            given=frozenset(self._given(entity, actions, handed_on)),
            moving=bool(reached.intersection(moving_states(entity))),
        )

    def _given(self, entity: Entity, actions: list[Action], handed_on: list[Template]) -> Iterator[str]:
        for action in actions:
            if action.gate is not Gate.MACHINE:
                yield from (of for param in action.params for of in referred(param.type))
            yield from (of for whole in action_expressions(action) for of in _listed(whole))
        for template in handed_on:
            if isinstance(template, Request):
                yield from self.told_by(template.effect)
        yield from (of for timer in entity.timers for of in _listed(timer.after))

    def told_by(self, effect: str) -> Iterator[str]:
        """The entities of which an outcome of the effect may name any instance."""
        for outcome in self.table.effect(effect).outcomes:
            yield from (of for field in outcome.fields for of in referred(field.type))

    # What it may make.

    def _nameless(self) -> Iterator[str]:
        """A policy may name any instance, so where there are policies, none is nameless."""
        entities = self.table.entities
        called = [action for entity in entities for action in entity.actions if action.gate is not Gate.MACHINE]
        fields = [field for entity in entities for field in entity.fields if _names_something(field.initial)]
        named = {of for whole in expressions(self.table) for of in _listed(whole)}
        named |= {of for action in called for param in action.params for of in referred(param.type)}
        named |= {of for field in fields for of in referred(field.type)}
        named |= {of for effect in self.table.effects for of in self.told_by(effect.name)}
        for entity in () if self.table.policies else entities:
            if not entity.single and entity.name not in named | self.constructed:
                yield entity.name

    def _with_children(self, key: tuple[str, str]) -> Prospect:
        """Children nobody else can name share the fate of who makes them, and what they may do is its own doing."""
        whole, seen = self._plain[key], set[str]()
        while fresh := (whole.spawns & self.nameless) - seen:
            for child in fresh:
                whole |= self._plain[child, NEW]
            seen |= fresh
        return whole


def reachable_states(entity: Entity, control: str) -> Iterator[str]:
    """The control states that an instance may come to from this one, itself included.

    >>> from temper.machine import Entity
    >>> list(reachable_states(Entity("Lamp", True, False, (), ("on", "off"), (), (), (), ()), "on"))
    ['on']
    """
    found, unseen = {control}, [control]
    while unseen:
        state = unseen.pop()
        yield state
        for action in entity.actions:
            for case in action.cases if state in action.sources else ():
                after = case.target or state
                if after not in found:
                    found.add(after)
                    unseen.append(after)


def referred(type_: Type) -> Iterator[str]:
    """The entities to whose instances a value of the type may refer."""
    match type_:
        case RefType(entity):
            yield entity
        case OptionType(of) | SetType(of):
            yield from referred(of)
        case MapType(key, value):
            yield from referred(key)
            yield from referred(value)
        case _:
            return


def _templates(action: Action) -> Iterable[Template]:
    return (template for case in action.cases for template in case.deliveries)


def _to_itself(send: Send) -> bool:
    return all(part.op in ITSELF for part in parts(send.to))


def _listed(whole: Expression) -> Iterator[str]:
    """Entities whose instances the expression can name without having been given them."""
    for part in parts(whole):
        if part.op is Op.VALUES or (part.op is Op.LITERAL and _names_something(part.value)):
            yield from referred(part.type)


def _names_something(value: Value) -> bool:
    return value is not None and not (isinstance(value, frozenset | FrozenMap) and not value)
