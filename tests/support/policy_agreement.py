"""One call, decided by everything that decides calls: Cedar, our evaluation and the solver's terms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import z3

from support.drawn_requests import drawn_call, drawn_table
from support.z3_python import as_python
from temper.machine import (
    NEW,
    Action,
    Call,
    Cell,
    Entity,
    FrozenMap,
    Gate,
    MapType,
    Outcomes,
    SetType,
    TransitionTable,
    Type,
    Value,
    gate,
    outcomes,
    policy_request,
    read_policies,
    stage_policy,
    staged_gate,
)
from temper.verify.symbolic import shapes
from temper.verify.symbolic.algebra import Sight
from temper.verify.symbolic.gates import gate_term

FREE_MAX = 8
"""So many free conditions are tried in every combination; with more a call is not decided by terms."""


class Deciders:
    """A table, staged for each of them."""

    def __init__(self, table: TransitionTable) -> None:
        self.table = table
        self.staged = [stage_policy(policy) for policy in read_policies(table)]
        self.gates = {
            (entity.name, action.name): gate(table, entity, action)
            for entity in table.entities
            for action in entity.actions
        }
        self.terms: dict[tuple[str, str], TermGate] = {}
        self.counts = {"passing": 0, "failing": 0, "untranslated": 0}

    def disagreement(self, entity: Entity, action: Action, cell: Cell, call: Call) -> str:
        """What differs; nothing if all agree."""
        ask = self.gates[entity.name, action.name]
        assert ask is not None, "it has policies"
        said = ask(cell, call)
        found = outcomes(self.staged, policy_request(entity, action, cell, call))
        fails = {int(number) for _, fact in said.facts for number in re.findall(r"policy `policy(\d+)`:", fact)}
        passes = said.permits if action.gate is Gate.POLICY else not said.forbids and _by_role(action, call)
        self.counts["passing"] += passes
        self.counts["failing"] += bool(fails)
        by_evaluation = _passes(action, call, found)
        if (fails, passes) != (set(found.fails), by_evaluation) or said.forbids != found.forbidden:
            return f"Cedar says {said}, which lets it pass: {passes}; and we say {found}"
        key = entity.name, action.name
        if key not in self.terms:
            self.terms[key] = TermGate(self.table, entity, action)
        self.counts["untranslated"] += bool(self.terms[key].free)
        return self.terms[key].disagreement(cell, call, found, passes=passes)

    def evaluated(self, entity: Entity, action: Action, cell: Cell, call: Call) -> bool:
        """Whether the call passes, as we evaluate it."""
        return _passes(action, call, outcomes(self.staged, policy_request(entity, action, cell, call)))


class TermGate:
    """The gate of one action as terms, compiled."""

    def __init__(self, table: TransitionTable, entity: Entity, action: Action) -> None:
        self.entity, self.action, self.texts = entity, action, shapes.Texts()
        sight = Sight(
            self.texts,
            fields={field.name: shapes.variable(f"field.{field.name}", field.type) for field in entity.fields},
            args={param.name: shapes.variable(f"arg.{param.name}", param.type) for param in action.params},
            state=(z3.Int("state"),),
            self=(z3.Int("self"),),
            caller=(z3.Int("caller"),),
        )
        found = gate_term(table, entity, action, sight, {role: z3.Bool(f"role.{role}") for role in table.roles})
        parts = [part for _, said in found.policies for part in (said.fails, said.holds)]
        self.values, self.names = as_python([found.passes, *parts])
        self.free = tuple(sorted(name for name in self.names if "!" in name and not name.startswith("role.")))

    def disagreement(self, cell: Cell, call: Call, found: Outcomes, *, passes: bool) -> str:
        """What differs from what is known. Where terms are free, some choice of what they are must agree."""
        if len(self.free) > FREE_MAX:
            return ""
        given = self.given(cell, call)
        answers = [
            self.values({**given, **dict(zip(self.free, choice, strict=True))})
            for choice in product((False, True), repeat=len(self.free))
        ]
        if any(_agrees(answer, found, passes=passes) for answer in answers):
            return ""
        return f"terms say {answers}, and we say {found}"

    def given(self, cell: Cell, call: Call) -> dict[str, Any]:
        """The call as values of the constants."""
        found: dict[str, Any] = dict.fromkeys((name for name in self.names if name.startswith("role.")), False)
        found |= {f"role.{role}": True for role in call.roles}
        states = self.entity.states
        found["state"] = shapes.NOTHING if cell.control == NEW else states.index(cell.control)
        found |= {"self": self.texts.code(cell.id), "caller": self.texts.code(str(call.caller))}
        for field, value in zip(self.entity.fields, cell.data, strict=True):
            found |= dict(self.leaves(f"field.{field.name}", field.type, value))
        for param in self.action.params:
            found |= dict(self.leaves(f"arg.{param.name}", param.type, call.args[param.name]))
        return found

    def leaves(self, name: str, type_: Type, value: Value) -> Iterator[tuple[str, Any]]:
        for at, leaf in enumerate(leaves(type_, value, self.texts)):
            yield f"{name}.{at}", leaf


def leaves(type_: Type, value: Value, texts: shapes.Texts) -> Iterator[Any]:
    """The value as its shape has it, each leaf a plain value and an array the set of what it has."""
    for term in shapes.literal(type_, value, texts):
        if z3.is_bool(term):
            yield z3.is_true(term)
        elif z3.is_int_value(term):
            yield term.as_long()
        else:
            yield _members(type_, value, texts)


def _members(type_: Type, value: Value, texts: shapes.Texts) -> Any:
    if isinstance(type_, MapType):
        return FrozenMap()
    of = type_ if isinstance(type_, SetType) else type_.of
    assert isinstance(of, SetType)
    return frozenset(shapes.literal(of.of, each, texts)[0].as_long() for each in value or ())


def _agrees(answer: tuple[Any, ...], found: Outcomes, *, passes: bool) -> bool:
    said, *parts = answer
    if said != passes:
        return False
    for place in range(len(parts) // 2):
        fails, holds = parts[2 * place : 2 * place + 2]
        fits = place in found.permits or place in found.forbids
        if fails != (place in found.fails) or (not fails and holds != fits):
            return False
    return True


def _passes(action: Action, call: Call, found: Outcomes) -> bool:
    return found.permitted if action.gate is Gate.POLICY else _by_role(action, call) and not found.forbidden


def _by_role(action: Action, call: Call) -> bool:
    return not call.roles.isdisjoint(action.roles)


def drawn_disagreement(seed: int, calls: int) -> tuple[str, dict[str, int]]:
    """What differs on some random calls of a random table; with how many passed, failed and were not translated."""
    random = Random(seed)
    table = drawn_table(random)
    deciders = Deciders(table)
    for _ in range(calls):
        action, cell, call = drawn_call(random, table)
        different = deciders.disagreement(table.entities[0], action, cell, call)
        if different:
            return f"seed {seed}:\n{table.policies[0][1]}\n{cell}\n{call}\n{different}", deciders.counts
    return "", deciders.counts


def gate_disagreement(seed: int, calls: int) -> tuple[str, int]:
    """Where the engine's gate differs from Cedar on some random calls; with how many were not asked of Cedar itself."""
    random = Random(seed)
    table = drawn_table(random, odd=0.01, policies_max=3)
    door, compiled = table.entities[0], 0
    gates = {action.name: (gate(table, door, action), staged_gate(table, door, action)) for action in door.actions}
    for _ in range(calls):
        action, cell, call = drawn_call(random, table)
        cedar, quick = gates[action.name]
        assert cedar is not None, "it has policies"
        assert quick is not None, "it has policies"
        compiled += quick.__name__ == "gate"
        if (said := quick(cell, call)) != cedar(cell, call):
            return f"seed {seed}:\n{table.policies[0][1]}\n{cell}\n{call}\n{said}, not {cedar(cell, call)}", compiled
    return "", compiled
