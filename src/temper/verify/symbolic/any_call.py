"""Any call of an action: some instance, some caller, some arguments, of which nothing is known but their types.

A model of the solver becomes a call again, for Cedar to decide (`decoded`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import z3

from temper.machine import (
    INT_MAX,
    INT_MIN,
    NEW,
    PRINCIPAL,
    Action,
    Call,
    Cause,
    Cell,
    DurationType,
    Entity,
    Field,
    OptionType,
    PrincipalType,
    RefType,
    StrType,
    TransitionTable,
    Type,
    Value,
    text,
)
from temper.verify.symbolic.algebra import Sight, truth
from temper.verify.symbolic.decoding import Decoding
from temper.verify.symbolic.gates import GateTerm, gate_term, is_surely_set
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, Unencodable, literal, variable, within
from temper.verify.symbolic.taking import Known

TEXTS_MAX = 100
"""In an example, so many people, instances and words that nobody wrote are told apart."""


class AnyCall:
    """A call by a person. Calls of several tables that share `texts` and `states` are the same call, seen by each."""

    def __init__(
        self,
        table: TransitionTable,
        entity: Entity,
        action: Action,
        *,
        states: Sequence[str] = (),
        texts: Texts | None = None,
        roles: Sequence[str] = (),
        all_states: Sequence[str] = (),
    ) -> None:
        self.table, self.entity, self.action = table, entity, action
        self.texts = texts or Texts()
        self.all_states = tuple(all_states) or (NEW, *entity.states)
        self.states = tuple(states) or action.sources
        self.state = z3.Int("state")
        self.ident, self.caller = z3.Int("self"), z3.Int("caller")
        self.roles = {role: z3.Bool(f"role.{role}") for role in (roles or table.roles)}
        self.facts: list[z3.BoolRef] = [self.ident >= 0, self.caller >= 0]
        if entity.single:
            self.facts.append(self.ident == self.texts.code(entity.name))
        self.facts.append(z3.Or([self.state == self.all_states.index(name) for name in self.states]))
        self.fields, self.args = Known(), Known()
        for field in entity.fields:
            with suppress(Unencodable):
                self.fields[field.name] = self._field(field)
        for param in action.params:
            with suppress(Unencodable):
                self.args[param.name] = self._variable(f"arg.{param.name}", param.type)
        self.sight = Sight(
            self.texts,
            fields=self.fields,
            args=self.args,
            state=(self._own_state(),),
            self=(self.ident,),
            caller=(self.caller,),
            now=(z3.Int("now"),),
        )
        self.gate: GateTerm = gate_term(table, entity, action, self.sight, self.roles)
        self.untranslated = [*self.gate.untranslated]
        self.guard = self._guard()

    def model_call(self, model: z3.ModelRef) -> tuple[Cell, Call]:
        """The call that a model of the solver is."""
        decoding = Decoding(model, self.texts)
        control = self.all_states[decoding.number(self.state)]
        caller = str(decoding.value(PRINCIPAL, (self.caller,)))
        ident = self.entity.name if self.entity.single else decoding.name(self.ident, self.entity.name[0].lower())
        roles = frozenset(role for role, term in self.roles.items() if decoding.truth(term))
        data = tuple(self._decoded(decoding, field, control) for field in self.entity.fields)
        args = {param.name: decoding.value(param.type, self.args.get(param.name)) for param in self.action.params}
        cell = Cell(self.entity.name, ident, control, data)
        fresh = tuple(f"fresh{number}" for number in range(1, 9))
        return cell, Call(Cause.PERSON, self.action.name, args, 1, caller, roles, fresh)

    def wishes(self) -> list[z3.BoolRef]:
        """What an example had better keep to, the most important first.

        Nothing is guessed, optional fields are empty, and people, instances and words have names of their own.
        """
        kinds: list[tuple[type, int]] = [(PrincipalType, 0), (RefType, 1), (StrType, 2)]
        first = len(self.texts.codes)
        found = [*(z3.Not(term) for term in self.gate.free), _among(self.caller, first)]
        if not self.entity.single:
            found.append(_among(self.ident, first + TEXTS_MAX))
        places = [(field.type, self.fields.get(field.name)) for field in self.entity.fields]
        places += [(param.type, self.args.get(param.name)) for param in self.action.params]
        for type_, term in places:
            if term is None or z3.is_int_value(term[0]):
                continue
            for kind, place in kinds:
                if isinstance(type_, kind):
                    found += [within(type_, term), _among(term[0], first + place * TEXTS_MAX)]
                elif isinstance(type_, OptionType) and isinstance(type_.of, kind):
                    found.append(term[0] == NOTHING)
        return found

    def _decoded(self, decoding: Decoding, field: Field, control: str) -> Value:
        if control == NEW:
            return field.initial
        return decoding.value(field.type, self.fields.get(field.name))

    def _field(self, field: Field) -> Term:
        """What does not exist yet holds what is declared."""
        if self.action.is_constructor:
            return literal(field.type, field.initial, self.texts)
        return self._variable(f"field.{field.name}", field.type, unset=not is_surely_set(self.entity, field))

    def _variable(self, name: str, type_: Type, *, unset: bool = False) -> Term:
        term = variable(f"{name}:{type_!r}", type_)
        self.facts.append(within(type_, term, unset=unset))
        if isinstance(type_, DurationType):
            self.facts += [term[0] >= INT_MIN, term[0] <= INT_MAX]
        return term

    def _own_state(self) -> z3.ExprRef:
        """The place of the state in the entity's own list."""
        found: z3.ExprRef = z3.IntVal(NOTHING)
        for place, name in enumerate(self.all_states):
            own = self.entity.states.index(name) if name in self.entity.states else NOTHING
            found = z3.If(self.state == place, own, found)
        return z3.simplify(found)

    def _guard(self) -> z3.BoolRef:
        if self.action.guard is None:
            return z3.BoolVal(True)
        try:
            return truth(self.action.guard, self.sight)
        except Unencodable:
            self.untranslated.append(text(self.action.guard))
            return z3.FreshBool("guard")


def _among(term: z3.ExprRef, first: int) -> z3.BoolRef:
    return z3.And(term >= first, term < first + TEXTS_MAX)
