"""What changes for callers from one table to another: calls that only one of them lets through.

The two gates are asked of the same call: the same instance in the same state, the same caller with the same roles and
the same arguments. Where the data or the arguments that count are of other types, that is said instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import z3

from temper.machine import NEW, Action, Call, Cell, Entity, Gate, TransitionTable, Value, mentions
from temper.verify.access import Changed, Changes, Example, decided, lets_pass
from temper.verify.symbolic.any_call import AnyCall
from temper.verify.symbolic.shapes import Texts
from temper.verify.symbolic.who import Questions, exactly, example, names_in, smallest

CHANGES_MAX = 8
"""So many sets of roles are told of one action."""


def changes(old: TransitionTable, new: TransitionTable, *, seconds_max: float = 20.0) -> Changes:
    """Every kind of call that is newly allowed or newly denied, by the smallest sets of roles, with an example each."""
    until = monotonic() + seconds_max
    found: list[Changed] = []
    open_: list[str] = []
    untranslated: list[str] = []
    open_ += _only_in_one(old, new)
    for pair in _pairs(old, new):
        because = pair.incomparable()
        if because:
            open_.append(f"{pair.name}: {because}")
            continue
        before, after = pair.calls()
        if set(before.action.sources) != set(after.action.sources):
            open_.append(f"{pair.name}: in states from which it does not start in both")
        if not before.states:
            continue
        for allowed in (True, False):
            found += pair.changed(before, after, until, open_, allowed=allowed)
        untranslated += [*before.untranslated, *after.untranslated]
    return Changes(tuple(found), tuple(dict.fromkeys(open_)), tuple(dict.fromkeys(untranslated)))


class _Pair:
    """One action in two tables."""

    def __init__(self, old: TransitionTable, new: TransitionTable, entities: tuple[Entity, Entity], name: str) -> None:
        self.tables, self.entities = (old, new), entities
        self.actions: tuple[Action, Action] = (entities[0].action(name), entities[1].action(name))
        self.name = f"{entities[0].name}.{name}"
        self.roles = tuple(dict.fromkeys((*old.roles, *new.roles)))

    def incomparable(self) -> str:
        """Why a call of the one is no call of the other; nothing if it is."""
        mine, other = self.actions
        if {param.name: param.type for param in mine.params} != {param.name: param.type for param in other.params}:
            return "it takes other arguments now"
        types = [{field.name: field.type for field in entity.fields} for entity in self.entities]
        for table, entity, action in zip(self.tables, self.entities, self.actions, strict=True):
            fields = mentions(table, entity, action).fields(entity) if table.policies else ()
            for field in fields:
                if types[0].get(field.name) != types[1].get(field.name):
                    return f"its policies read `{field.name}`, which is of another type now"
        return ""

    def calls(self) -> tuple[AnyCall, AnyCall]:
        """The same call, as the old and the new table see it, in states in which both take it."""
        sources = [action.sources for action in self.actions]
        states = [name for name in sources[0] if name in sources[1]]
        listed = tuple(dict.fromkeys((NEW, *self.entities[0].states, *self.entities[1].states)))
        texts = Texts()
        before, after = (
            AnyCall(table, entity, action, states=states, texts=texts, roles=self.roles, all_states=listed)
            for table, entity, action in zip(self.tables, self.entities, self.actions, strict=True)
        )
        return before, after

    def changed(
        self, before: AnyCall, after: AnyCall, until: float, open_: list[str], *, allowed: bool
    ) -> Iterator[Changed]:
        """The calls that the new table allows and the old denies, or else the other way round."""
        lets, denies = (after, before) if allowed else (before, after)
        questions = Questions([*before.facts, *after.facts], until)
        questions.solver.add(lets.gate.passes, lets.guard, z3.Not(denies.gate.passes))
        names = tuple(dict.fromkeys((*names_in(before), *names_in(after))))
        for told, (roles, callers) in enumerate(smallest(questions, lets, names), 1):
            yield self._told(questions, lets, denies, roles, callers, allowed=allowed)
            if told == CHANGES_MAX:
                open_.append(f"{self.name}: there are more roles that make a difference")
                return
        if questions.gave_up:
            open_.append(f"{self.name}: the solver was not done in time")

    def _told(
        self,
        questions: Questions,
        lets: AnyCall,
        denies: AnyCall,
        roles: tuple[str, ...],
        callers: tuple[str, ...],
        *,
        allowed: bool,
    ) -> Changed:
        other: list[Example] = []

        def confirm(cell: Cell, call: Call) -> Example | None:
            """Cedar's own word, under both tables."""
            there = cell._replace(data=_data(lets.entity, denies.entity, cell))
            if not lets_pass(lets.table, lets.entity, lets.action, cell, call):
                return None
            if lets_pass(denies.table, denies.entity, denies.action, there, call):
                return None
            found = decided(lets.table, cell, call)
            if found.passes:
                other[:] = [decided(denies.table, there, call)]
            return found if found.passes else None

        shown = example(questions, lets, exactly(lets, roles), confirm)
        entity, action = self.entities[1].name, self.actions[1].name
        return Changed(entity, action, allowed, roles, callers, shown, other[0] if shown and other else None)


def _data(have: Entity, want: Entity, cell: Cell) -> tuple[Value, ...]:
    """The data of the cell, as the other table orders it; what it does not know begins as declared."""
    held = {(field.name, field.type): value for field, value in zip(have.fields, cell.data, strict=True)}
    return tuple(held.get((field.name, field.type), field.initial) for field in want.fields)


def _only_in_one(old: TransitionTable, new: TransitionTable) -> Iterator[str]:
    """Actions that people can call in one of the tables alone."""
    before, after = ({f"{e.name}.{a.name}" for e, a in _asked(table)} for table in (old, new))
    yield from (f"{name}: people may call it now" for name in sorted(after - before))
    yield from (f"{name}: people might call it before" for name in sorted(before - after))


def _asked(table: TransitionTable) -> Iterator[tuple[Entity, Action]]:
    for entity in table.entities:
        for action in entity.actions:
            if action.gate in {Gate.ROLES, Gate.POLICY}:
                yield entity, action


def _pairs(old: TransitionTable, new: TransitionTable) -> Iterator[_Pair]:
    before = {(entity.name, action.name): entity for entity, action in _asked(old)}
    for entity, action in _asked(new):
        known = before.get((entity.name, action.name))
        if known is not None:
            yield _Pair(old, new, (known, entity), action.name)
