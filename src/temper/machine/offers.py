"""Offers: the calls that people and the environment can make of a cell in a given state, staged once."""

from __future__ import annotations

from itertools import product

from temper.machine.cell import Args, Call, Cause, Cell
from temper.machine.expression import Op, parts
from temper.machine.step import spawns_max
from temper.machine.table import Action, Entity, Gate, TransitionTable, action_expressions
from temper.machine.trace import Label
from temper.machine.universe import Universe
from temper.machine.value import Value


class Offer:
    """One call that somebody may make. It keeps the labels of the steps it made: they repeat."""

    __slots__ = ("action", "args", "call", "entity", "labels", "spawns")

    def __init__(self, entity: str, call: Call, *, spawns: bool) -> None:
        self.entity = entity
        self.call = call
        self.action = call.action
        self.args: Args = tuple(call.args.items())
        self.spawns = spawns
        self.labels: dict[tuple[str, int | None], Label] = {}

    def label(self, cell: Cell, case: int | None) -> Label:
        """What happened when this call was applied to the cell, by that case; None where it was rejected."""
        found = self.labels.get((cell[1], case))
        if found is None:
            found = self.labels[cell[1], case] = self._label(cell, case)
        return found

    def _label(self, cell: Cell, case: int | None) -> Label:
        caller, roles = self.call.caller, tuple(sorted(self.call.roles))
        rule = "call" if self.call.cause is Cause.PERSON else "environment"
        return Label(rule, cell.address, self.action, self.args, caller or "", caller, roles, case=case)


class Offers:
    """The offers to each entity in each of its control states."""

    def __init__(self, table: TransitionTable, universe: Universe, *, in_full: bool = False) -> None:
        self.table, self.universe, self.in_full = table, universe, in_full
        self._staged: dict[tuple[str, str], tuple[Offer, ...]] = {}
        self.spawning = frozenset(
            (entity.name, state)
            for entity in table.entities
            for action in entity.actions
            for state in action.sources
            if spawns_max(table, entity.name, action.name)
        )
        """(entity, state) where some call may spawn."""
        self._unlisted: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for entity, action in ((e, a) for e in table.entities if e.world for a in e.actions):
            missing = next((p.name for p in action.params if not universe.is_whole(p.type)), "")
            for state in action.sources if missing and action.gate is Gate.ENVIRONMENT else ():
                self._unlisted.setdefault((entity.name, state), []).append((action.name, missing))

    def unlisted(self, entity: str, control: str) -> list[tuple[str, str]]:
        """(action, parameter) that the environment could give more than the universe has values for."""
        return self._unlisted.get((entity, control), [])

    def to(self, entity: str, control: str) -> tuple[Offer, ...]:
        """Every call that can be made of an instance in that state, in declared order."""
        found = self._staged.get((entity, control))
        if found is None:
            found = self._staged[entity, control] = self._stage(self.table.entity(entity), control)
        return found

    def _stage(self, entity: Entity, control: str) -> tuple[Offer, ...]:
        return tuple(
            Offer(entity.name, call, spawns=spawns_max(self.table, entity.name, action.name) > 0)
            for action in entity.actions
            if control in action.sources
            for call in self._calls(entity, action)
        )

    def _calls(self, entity: Entity, action: Action) -> list[Call]:
        match action.gate:
            case Gate.MACHINE:
                return []
            case Gate.ENVIRONMENT:
                return (
                    [Call(Cause.ENVIRONMENT, action.name, args, 0) for args in self._args(action)]
                    if entity.world
                    else []
                )
            case Gate.ROLES | Gate.POLICY:
                return [
                    Call(Cause.PERSON, action.name, args, 0, caller, roles)
                    for caller, roles in self._callers(action)
                    for args in self._args(action)
                ]

    def _callers(self, action: Action) -> tuple[tuple[str, frozenset[str]], ...]:
        """Everybody who may; of those whom nothing tells apart, the first, unless they are to be listed in full."""
        people = self.universe.principals
        if action.gate is Gate.ROLES:
            people = tuple((name, roles) for name, roles in people if not roles.isdisjoint(action.roles))
        if (
            self.in_full
            or self.table.policies
            or any(part.op is Op.CALLER for whole in action_expressions(action) for part in parts(whole))
        ):
            return people
        return people[:1]

    def _args(self, action: Action) -> list[dict[str, Value]]:
        names = [param.name for param in action.params]
        choices = [self.universe.values_of(param.type) for param in action.params]
        return [dict(zip(names, chosen, strict=True)) for chosen in product(*choices)]
