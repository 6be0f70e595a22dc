"""The relation, asked for one occasion: this call, this answer, this message, this timer, and no other.

The rules are the relation's own, which this inherits. What differs is who chooses: a search lists every call that its
universe has, and here somebody has told which one it was, with whatever values, by whomever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice, product
from typing import Any

from temper.machine import (
    INT_MAX,
    INT_MIN,
    NEW,
    Address,
    Args,
    Call,
    Cause,
    Cut,
    Effecting,
    NotAValueError,
    Offer,
    Outcome,
    Parameter,
    Refusal,
    Relation,
    Request,
    Spawning,
    Step,
    System,
    TransitionTable,
    Value,
    absent,
    from_json,
    lane_of,
    spawns_max,
    universe,
)
from temper.machine.landing import Landing
from temper.machine.late import possible
from temper.machine.outside import Outside
from temper.verify.conform.told import Told

REFUSED = "refused"
UNTOLD_MAX = 64
"""So many values are tried for what an outcome may have said and nobody wrote down."""
BOUND = 1_000_000
"""Nothing that really happened is cut for there being too much of it."""


class UntypedError(Exception):
    """What is told is no value of the type that the table has there. The text says which and why."""


class Naming(Landing):
    """Lands steps like any other, and gives new instances the ids that they really got."""

    names: tuple[Address, ...] = ()
    """What the step that is looked at made."""
    known: Mapping[str, tuple[str, ...]] = {}
    """By entity: ids that are spoken of later, in the order in which they are."""

    def unused(self, system: System, entity: str) -> tuple[str, ...]:
        told = tuple(address.id for address in self.names if address.entity == entity)
        if told:
            return told
        taken = {cell.id for cell in system.cells if cell.entity == entity}
        taken |= {mail.child.id for mail in system.mail if isinstance(mail, Spawning) and mail.child.entity == entity}
        taken |= {address.id for address in system.burnt if address.entity == entity}
        others = (f"{entity.lower()}-{number}" for number in count(1))
        named = [ident for ident in self.known.get(entity, ()) if ident not in taken]
        free = (ident for ident in others if ident not in taken and ident not in named)
        return (*named, *islice(free, UNTOLD_MAX))


class Guided(Relation):
    """One table, and the steps that somebody tells of."""

    def __init__(
        self, table: TransitionTable, *, known: Mapping[str, tuple[str, ...]] | None = None, world: bool | None = None
    ) -> None:
        own = universe(table)
        wide = replace(
            own,
            unbounded=(INT_MIN, INT_MAX),
            in_flight=BOUND,
            late=BOUND,
            world=own.world if world is None else world,
        )
        super().__init__(table, wide)
        self.naming = Naming(table, wide)
        self.naming.known = known or {}
        self.landing = self.naming
        self.outside = Outside(table, self.naming)

    def steps_told(self, system: System, told: Told) -> list[Step]:
        """Every step that may be the told one, those that come to what is told first. Raises `UntypedError`."""
        self.naming.names = told.made
        try:
            found = [step for step in self._told(system, told) if isinstance(step, Step)]
        finally:
            self.naming.names = ()
        return sorted(found, key=lambda step: not self.comes_to(step, told))

    def _told(self, system: System, told: Told) -> Iterator[Step | Cut]:
        match told.rule:
            case "call" | "environment":
                return self._called(system, told)
            case "deliver":
                return self._brought(system, told)
            case "settle":
                return self._ended(system, told)
            case "fire":
                return (step for step in self._fire(system) if self._is_at(step, told))
            case rule:
                assert rule == "perform", f"there is no rule {rule}"
                performed = self.outside.perform(system) if self.universe.world else iter(())
                return (step for step in performed if self._is_at(step, told) and step.label.action == told.action)

    def _is_at(self, step: Step | Cut, told: Told) -> bool:
        """Whether it is this occasion. A journal tells of a refusal whose it was, and not of what."""
        ours, cause = step.label.cause, told.cause
        same = ours == cause or (cause.endswith(" refused") and ours.startswith(f"{cause} "))
        return step.label.address == told.address and same

    def machine_steps(self, system: System) -> Iterator[Step]:
        """Every step that comes by itself: what is delivered, what the outside may answer, which timer may fire."""
        for rule in (self._deliver, self._settle, self._fire):
            yield from (step for step in rule(system) if isinstance(step, Step))

    def comes_to(self, step: Step, told: Told) -> bool:
        """Whether it comes to the told action with the told arguments; what is not told says nothing against it."""
        label = step.label
        if told.action is not None and label.action != told.action:
            return False
        if not told.args:
            return True
        try:
            typed = self.typed(label.address.entity, label.action, told.args)
        except (UntypedError, KeyError):
            return False
        ours = dict(label.args)
        return all(name in ours and ours[name] == value for name, value in typed.items())

    # Rules 1 and 6.

    def call_of(self, told: Told) -> Call:
        """The call that is told of. Raises `UntypedError`."""
        assert told.action is not None, "a call names its action"
        cause = Cause.PERSON if told.rule == "call" else Cause.ENVIRONMENT
        args = self.typed(told.address.entity, told.action, told.args or {})
        caller = told.caller if cause is Cause.PERSON else None
        return Call(cause, told.action, args, 0, caller, frozenset(told.roles or ()))

    def _called(self, system: System, told: Told) -> Iterator[Step | Cut]:
        call = self.call_of(told)
        cell = system.cell(told.address) or absent(self.table, told.address)
        if cell.control == NEW and not self.is_free(system, told.address):
            return
        spawns = spawns_max(self.table, cell.entity, call.action) > 0
        yield from self._offer(system, cell, Offer(cell.entity, call, spawns=spawns))

    def is_free(self, system: System, address: Address) -> bool:
        """Whether nobody was given the id yet."""
        expected = {mail.child for mail in system.mail if isinstance(mail, Spawning)}
        return address not in expected and address not in system.burnt

    def typed(self, entity: str, action: str, data: Mapping[str, Any]) -> dict[str, Value]:
        """Arguments as values, in the order of the parameters."""
        params = self.table.entity(entity).action(action).params
        return typed_values(params, data, f"`{action}`")

    # Rule 2.

    def _brought(self, system: System, told: Told) -> Iterator[Step | Cut]:
        """A message is known by who sent it and what it asks; whether it is taken or refused is the receiver's word."""
        for step in self._deliver(system):
            if isinstance(step, Step) and self._is_at(step, told):
                mail = step.timing.consumed
                asked = None if mail is None or isinstance(mail, Refusal | Effecting) else mail.action
                if asked is None or told.action in {None, REFUSED, asked}:
                    yield step

    # Rule 3.

    def _ended(self, system: System, told: Told) -> Iterator[Step | Cut]:
        for index, request in enumerate(system.effects):
            first = not index or lane_of(system.effects[index - 1]) != lane_of(request)
            if first and (request.owner, request.effect) == (told.address, told.cause):
                yield from self._answered(system, index, request, told)

    def _answered(self, system: System, index: int, request: Effecting, told: Told) -> Iterator[Step | Cut]:
        effect = self.landing.effects[request.effect]
        names = {outcome.name for outcome in effect.outcomes} | {"unknown"}
        if told.outcome not in names:
            return
        if self.universe.world and not possible(effect, request, told.outcome):
            return
        outcome = effect.outcome(told.outcome)
        template = self.landing.templates[request.site]
        assert isinstance(template, Request), "an effect comes from a request"
        said = typed_values(outcome.fields, told.fields or {}, f"`{effect.name}.{outcome.name}`")
        for fields in self._completed(request, outcome, said):
            yield self._settled(system, index, outcome.name, fields)

    def _completed(self, request: Effecting, outcome: Outcome, said: Mapping[str, Value]) -> Iterator[Args]:
        """What was said, with every value that the rest may have had; told fields as the world told them."""
        template = self.landing.templates[request.site]
        assert isinstance(template, Request), "an effect comes from a request"
        if self.universe.world and outcome.told:
            world = {name for name, _ in outcome.told}
            free = {name: value for name, value in said.items() if name not in world}
            fixed = [(name, value) for name, value in said.items() if name in world]
            every = self._fields(request, outcome, template.target(outcome.name))
            fitting = (each for each in every if all(pair in each for pair in fixed))
            completed = (tuple((name, free.get(name, value)) for name, value in each) for each in fitting)
            yield from dict.fromkeys(completed)
            return
        open_ = [field for field in outcome.fields if field.name not in said]
        choices = [self.universe.values_of(field.type) for field in open_]
        for values in islice(product(*choices), UNTOLD_MAX):
            whole = {**said, **dict(zip((field.name for field in open_), values, strict=True))}
            yield tuple((field.name, whole[field.name]) for field in outcome.fields)


def typed_values(params: tuple[Parameter, ...], data: Mapping[str, Any], whose: str) -> dict[str, Value]:
    """JSON data as values of the parameters' types, in their order. Raises `UntypedError`."""
    types = {param.name: param.type for param in params}
    unknown = next((name for name in data if name not in types), None)
    if unknown is not None:
        raise UntypedError(f"{whose} has no `{unknown}`; it has {', '.join(types) or 'none'}")
    values: dict[str, Value] = {}
    for name, type_ in types.items():
        if name in data:
            try:
                values[name] = from_json(type_, data[name])
            except (NotAValueError, ValueError, RecursionError) as wrong:
                raise UntypedError(f"`{name}` of {whose} is wrong: {wrong}") from wrong
    return values
