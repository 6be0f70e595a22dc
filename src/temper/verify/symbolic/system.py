"""A system as the solver sees it: every instance that there may be, of which nothing is known but its types.

Each field of an entity is a function from ids to values. A row makes a system in which one instance reads otherwise;
everything else reads as before. So nothing here knows how many instances there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import z3

from temper.machine import INT, TransitionTable, Type
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, either, literal, size, sorts, within


class _Fields(dict[tuple[str, str], tuple[Type, Term]]):
    """The type of each field, and what it reads as where there is nobody."""

    def __init__(self, table: TransitionTable, texts: Texts) -> None:
        super().__init__()
        self.table, self.texts = table, texts

    def __missing__(self, place: tuple[str, str]) -> tuple[Type, Term]:
        field = next(field for field in self.table.entity(place[0]).fields if field.name == place[1])
        found = self[place] = field.type, literal(field.type, field.initial, self.texts)
        return found


class AnySystem:
    """Any system whose values are of their types. `facts` says so of all that was read; assume them."""

    def __init__(
        self, table: TransitionTable, texts: Texts, name: str = "s", *, unread: frozenset[str] = frozenset()
    ) -> None:
        self.table, self.texts, self.name = table, texts, name
        self.unread = unread
        """Entities of which nobody reads what does not exist: for them it makes no difference how that reads."""
        self._fields = _Fields(table, texts)
        self.facts: list[z3.BoolRef] = []
        self.asked: set[tuple[str, str]] = set()
        """Fields on which something was built, by entity and name."""
        self._declared: dict[tuple[str, str], tuple[z3.FuncDeclRef, ...]] = {}
        self._existing: dict[tuple[str, int], z3.BoolRef] = {}
        self._known: dict[tuple[str, int, str], tuple[z3.ExprRef, Term]] = {}
        """What was read of whom; the id is kept, since its number stays its own only as long."""

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`. What does not exist reads as its defaults."""
        self.asked.add((entity, name))
        return self.look(entity, ident, name)

    def look(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """The same, for who wants to know and builds nothing on it."""
        key = entity, ident.get_id(), name
        if key not in self._known:
            self._known[key] = (
                ident,
                self._control(entity, ident) if name == "state" else self._read(entity, ident, name),
            )
        return self._known[key][1]

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        control = self.read(entity, ident, "state")[0]
        key = entity, ident.get_id()
        if key not in self._existing:
            self._existing[key] = control != NOTHING
        return self._existing[key]

    def place(self, entity: str, ident: z3.ExprRef) -> z3.ExprRef:
        """The control state, of which nothing is noted down."""
        (state,) = self._functions(entity, "state", INT)
        return state(ident)

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        return _existing(self, entity)

    def _control(self, entity: str, ident: z3.ExprRef) -> Term:
        """The place of the control state in the entity's list, or `NOTHING` for what does not exist."""
        declared, found = self.table.entity(entity), self.place(entity, ident)
        self.facts.append(z3.And(found >= NOTHING, found < len(declared.states)))
        self.facts.append(z3.Implies(found != NOTHING, ident >= 0))
        if declared.single:
            self.facts.append((found != NOTHING) == (ident == self.texts.code(entity)))
        return (found,)

    def _read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        type_, start = self._fields[entity, name]
        held = tuple(function(ident) for function in self._functions(entity, name, type_))
        self.facts.append(within(type_, held, unset=True))
        return held if entity in self.unread else either(self.exists(entity, ident), held, start)

    def _functions(self, entity: str, name: str, type_: Type) -> tuple[z3.FuncDeclRef, ...]:
        """From ids to a field's value, one for each sort in its shape."""
        if (entity, name) not in self._declared:
            self._declared[entity, name] = tuple(
                z3.Function(f"{self.name}.{entity}.{name}.{at}", z3.IntSort(), sort)
                for at, sort in enumerate(sorts(type_))
            )
        return self._declared[entity, name]


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

    def place(self, entity: str, ident: z3.ExprRef) -> z3.ExprRef:
        """The control state."""
        return z3.If(self.exists(entity, ident), 0, NOTHING)

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        return _existing(self, entity)


class Layer:
    """A system after some instances of one entity changed: those of which `where` is so."""

    def __init__(
        self,
        before: System,
        entity: str,
        where: Callable[[z3.ExprRef], z3.BoolRef],
        control: z3.ExprRef | None,
        data: Mapping[str, Written],
    ) -> None:
        self.before, self.entity, self.where, self.own_control, self.data = before, entity, where, control, data

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        """A field of an instance, or its `state`."""
        old = self.before.read(entity, ident, name)
        if entity != self.entity:
            return old
        if name == "state":
            return old if self.own_control is None else either(self.where(ident), (self.own_control,), old)
        if name not in self.data:
            return old
        new = self.data[name]
        return either(self.where(ident), new(ident) if callable(new) else new, old)

    def exists(self, entity: str, ident: z3.ExprRef) -> z3.BoolRef:
        return self.read(entity, ident, "state")[0] != NOTHING

    def place(self, entity: str, ident: z3.ExprRef) -> z3.ExprRef:
        """The control state, of which nothing is noted down."""
        old = self.before.place(entity, ident)
        if entity != self.entity or self.own_control is None:
            return old
        return z3.If(self.where(ident), self.own_control, old)

    def existing(self, entity: str) -> Term:
        """The set of the ids that exist."""
        return _existing(self, entity)


System: TypeAlias = AnySystem | Layer
Written: TypeAlias = Term | Callable[[z3.ExprRef], Term]
"""What a field reads as after the change; for a change of many it may hang on whose field it is."""


def _existing(system: FirstSystem | System, entity: str) -> Term:
    ident = z3.FreshConst(z3.IntSort(), "id")
    members = z3.Lambda([ident], system.place(entity, ident) != NOTHING)
    return members, size(members)


def write(
    before: System, entity: str, ident: z3.ExprRef, control: z3.ExprRef | None, data: Mapping[str, Written]
) -> Layer:
    """The system after one instance changed."""
    return Layer(before, entity, lambda other: other == ident, control, data)
