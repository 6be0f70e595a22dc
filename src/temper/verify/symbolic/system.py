"""A system as the solver sees it: every instance that there may be, of which nothing is known but its types.

Each field of an entity is a function from ids to values. A row makes a system in which one instance reads otherwise;
everything else reads as before. So nothing here knows how many instances there are.
"""

from __future__ import annotations

from collections.abc import Mapping

import z3

from temper.machine import Entity, TransitionTable, Type
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, either, literal, sorts, within


class AnySystem:
    """Any system whose values are of their types. `facts` says so of all that was read; assume them."""

    def __init__(self, table: TransitionTable, texts: Texts, name: str = "s") -> None:
        self.table, self.texts, self.name = table, texts, name
        self.facts: list[z3.BoolRef] = []
        self._known: set[tuple[str, str, str]] = set()

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`. What does not exist reads as its defaults."""
        if name == "state":
            return (self.control(entity, ident),)
        field = next(field for field in self.table.entity(entity).fields if field.name == name)
        held = self._held(entity, ident, name, field.type)
        return either(self.exists(entity, ident), held, literal(field.type, field.initial, self.texts))

    def control(self, entity: str, ident: z3.ExprRef) -> z3.ExprRef:
        """The place of the control state in the entity's list, or `NOTHING` for what does not exist."""
        declared = self.table.entity(entity)
        found = self._function(entity, "state", 0, z3.IntSort())(ident)
        if self._is_new(entity, ident, "state"):
            self.facts.append(z3.And(found >= NOTHING, found < len(declared.states)))
            self.facts.append(z3.Implies(found != NOTHING, ident >= 0))
            if declared.single:
                self.facts.append((found != NOTHING) == (ident == self.texts.code(entity)))
        return found

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        return self.control(entity, ident) != NOTHING

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        ident = z3.FreshConst(z3.IntSort(), "id")
        return (z3.Lambda([ident], self._function(entity, "state", 0, z3.IntSort())(ident) != NOTHING),)

    def _held(self, entity: str, ident: z3.ExprRef, name: str, type_: Type) -> Term:
        term = tuple(self._function(entity, name, at, sort)(ident) for at, sort in enumerate(sorts(type_)))
        if self._is_new(entity, ident, name):
            self.facts.append(within(type_, term, unset=True))
        return term

    def _is_new(self, entity: str, ident: z3.ExprRef, name: str) -> bool:
        key = entity, ident.sexpr(), name
        is_new = key not in self._known
        self._known.add(key)
        return is_new

    def _function(self, entity: str, name: str, at: int, sort: z3.SortRef) -> z3.FuncDeclRef:
        return z3.Function(f"{self.name}.{entity}.{name}.{at}", z3.IntSort(), sort)


class FirstSystem:
    """The system in which every run starts: each `single` entity in its first state, and nothing else."""

    def __init__(self, table: TransitionTable, texts: Texts) -> None:
        self.table, self.texts = table, texts

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`."""
        declared = self.table.entity(entity)
        if name != "state":
            field = next(field for field in declared.fields if field.name == name)
            return literal(field.type, field.initial, self.texts)
        return (z3.If(self.exists(entity, ident), 0, NOTHING),)

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        if not self.table.entity(entity).single:
            return z3.BoolVal(False)
        return ident == self.texts.code(entity)

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        ident = z3.FreshConst(z3.IntSort(), "id")
        return (z3.Lambda([ident], self.exists(entity, ident)),)


class SteppedSystem:
    """The system after one instance took a step."""

    def __init__(
        self, before: AnySystem, entity: Entity, ident: z3.ExprRef, control: z3.ExprRef, data: Mapping[str, Term]
    ) -> None:
        self.before, self.entity, self.ident, self.own_control, self.data = before, entity, ident, control, data

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`."""
        old = self.before.read(entity, ident, name)
        if entity != self.entity.name:
            return old
        new = (self.own_control,) if name == "state" else self.data[name]
        return either(ident == self.ident, new, old)

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        existed = self.before.exists(entity, ident)
        return z3.Or(ident == self.ident, existed) if entity == self.entity.name else existed

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        (before,) = self.before.existing(entity)
        return (z3.Store(before, self.ident, True) if entity == self.entity.name else before,)
