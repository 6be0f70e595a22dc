"""A row taken once, from any system: after (a) to (f) of semantics.md section 2, with nothing known of who calls.

What the solver does not take on is free here: a guard that may hold or not, a value of its type that may be any. So
there are more steps than the machine takes, and none less; deliveries and gates are left out for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import z3

from temper.machine import NEW, PRINCIPAL, Action, Case, Entity, Expression, MapType, Spawn, Type, Update
from temper.verify.obligations import Row
from temper.verify.symbolic.algebra import Sight, meaning, truth
from temper.verify.symbolic.shapes import (
    NOTHING,
    Term,
    Unencodable,
    as_type,
    put,
    sorts,
    within,
)
from temper.verify.symbolic.system import AnySystem, SteppedSystem


@dataclass(frozen=True, slots=True)
class Taken:
    """One row, taken by the instance `ident` with these arguments, if all of `conditions` hold."""

    row: Row
    ident: z3.ExprRef
    args: Mapping[str, Term]
    caller: Term
    conditions: tuple[z3.BoolRef, ...]
    after: SteppedSystem
    mentioned: tuple[tuple[str, z3.ExprRef], ...]
    """References that the step brings in: entity and id."""


def take(before: AnySystem, entity: Entity, action: Action, row: Row) -> Taken:
    """The row, taken from the system."""
    return _Taking(before, entity, action, row).taken()


class Known(dict[str, Term]):
    """Values by name; one that the solver does not take on is not there, and asking for it says so."""

    def __missing__(self, name: str) -> Term:
        raise Unencodable(f"`{name}`")


class _Taking:
    def __init__(self, before: AnySystem, entity: Entity, action: Action, row: Row) -> None:
        self.before, self.entity, self.action, self.row = before, entity, action, row
        self.texts = before.texts
        self.case: Case = action.cases[row.case]
        self.types: Mapping[str, Type] = {field.name: field.type for field in entity.fields}
        self.ident = z3.Int(f"self.{entity.name}")
        self.conditions: list[z3.BoolRef] = [self.ident >= 0]
        self.args = Known()
        for param in action.params:
            with suppress(Unencodable):
                self.args[param.name] = self._any(param.type, f"arg.{param.name}")
        self.caller = self._any(PRINCIPAL, "caller")  # whoever calls an action that reads `caller` is somebody

    def taken(self) -> Taken:
        source = self._state(self.row.source)
        self.conditions.append(self.before.control(self.entity.name, self.ident) == source)
        data = Known()
        for name in self.types:
            with suppress(Unencodable):
                data[name] = self.before.read(self.entity.name, self.ident, name)
        self._holds(self.action.guard, data, source)
        data = self._updated(data, self.action.updates, source)
        for earlier in self.action.cases[: self.row.case]:
            self._holds(earlier.guard, data, source, negated=True)
        self._holds(self.case.guard, data, source)
        data = self._updated(data, self.case.updates, source)
        for name in {update.name for update in (*self.action.updates, *self.case.updates)} & {*data}:
            self.conditions.append(within(self.types[name], data[name], unset=True))
        mentioned: list[tuple[str, z3.ExprRef]] = []
        for template in self.case.deliveries:
            if isinstance(template, Spawn):
                child = z3.FreshInt("child")
                self.conditions += [child >= 0, z3.Not(self.before.exists(template.entity, child))]
                mentioned.append((template.entity, child))
                if template.into:
                    data = Known(data)
                    data[template.into] = (child,)
        control = source if self.case.target is None else self._state(self.case.target)
        after = SteppedSystem(self.before, self.entity, self.ident, control, data)
        return Taken(self.row, self.ident, self.args, self.caller, tuple(self.conditions), after, tuple(mentioned))

    def _state(self, name: str) -> z3.ExprRef:
        return z3.IntVal(NOTHING if name == NEW else self.entity.states.index(name))

    def _sight(self, data: Mapping[str, Term], source: z3.ExprRef) -> Sight:
        return Sight(
            self.texts,
            fields=data,
            args=self.args,
            state=(source,),
            self=(self.ident,),
            caller=self.caller,
            now=(z3.Int("now"),),
            view=self.before,
        )

    def _holds(
        self, guard: Expression | None, data: Mapping[str, Term], source: z3.ExprRef, *, negated: bool = False
    ) -> None:
        if guard is None:
            if negated:  # an earlier case that always fits
                self.conditions.append(z3.BoolVal(False))
            return
        try:
            found = truth(guard, self._sight(data, source))
        except Unencodable:
            return
        self.conditions.append(z3.Not(found) if negated else found)

    def _updated(self, data: Mapping[str, Term], updates: tuple[Update, ...], source: z3.ExprRef) -> Known:
        """Simultaneous: every value is computed before any is assigned."""
        sight, found = self._sight(data, source), Known(data)
        for update in updates:
            type_ = self.types[update.name]
            try:
                found[update.name] = self._written(type_, update, found[update.name], sight)
            except Unencodable:
                found.pop(update.name, None)
                with suppress(Unencodable):
                    found[update.name] = self._any(type_, f"any.{update.name}", unset=True)
        return found

    def _written(self, type_: Type, update: Update, held: Term, sight: Sight) -> Term:
        if update.key is None:
            return as_type(meaning(update.value, sight), update.value.type, type_)
        assert isinstance(type_, MapType), f"only a map is updated by key, and {update.name} is none"
        key = as_type(meaning(update.key, sight), update.key.type, type_.key)
        value = as_type(meaning(update.value, sight), update.value.type, type_.value)
        self.conditions += [within(type_.key, key), within(type_.value, value)]
        return put(type_, held, key, value)

    def _any(self, type_: Type, name: str, *, unset: bool = False) -> Term:
        """Any value of the type."""
        term = tuple(z3.FreshConst(sort, name) for sort in sorts(type_))
        self.conditions.append(within(type_, term, unset=unset))
        return term
