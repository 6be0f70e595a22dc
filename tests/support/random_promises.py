"""Small tables drawn at random, each with a promise."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from support.random_tables import Draw, lit, random_tables
from temper.machine import (
    BOOL,
    NEW,
    EnumType,
    Expression,
    Gate,
    Op,
    Property,
    PropertyKind,
    RefType,
    TransitionTable,
)
from temper.verify.obligations import owed


@st.composite
def promising(draw: Draw) -> TransitionTable:
    """A random table with one promise: who stands in one state leaves it at last, or comes to another."""
    table = draw(random_tables())
    entity = draw(st.sampled_from([entity for entity in table.entities if not entity.world and len(entity.states) > 1]))
    usual = [
        state for action in entity.actions if NEW in action.sources for case in action.cases if (state := case.target)
    ]
    premise = draw(st.sampled_from([*usual, *entity.states]))
    goal = draw(st.sampled_from([None, None, *(state for state in entity.states if state != premise)]))
    type_ = EnumType(f"{entity.name}.state", (NEW, *entity.states))

    def stands_in(state: str) -> Expression:
        whose = Expression(Op.VARIABLE, RefType(entity.name), name="x")
        return Expression(Op.EQ, BOOL, (Expression(Op.READ, type_, (whose,), name="state"), lit(type_, state)))

    calls = [(e.name, a.name) for e in table.entities for a in e.actions if a.gate is Gate.ROLES]
    outcomes = [(effect.name, outcome.name) for effect in table.effects for outcome in effect.outcomes]
    assuming = draw(st.lists(st.sampled_from([*calls, *outcomes]), max_size=3, unique=True))
    left = Expression(Op.NOT, BOOL, (stands_in(premise),))
    promise = Property(
        name="promise",
        kind=PropertyKind.EVENTUALLY,
        variables=(("x", entity.name),),
        whenever=stands_in(premise),
        body=left if goal is None else stands_in(goal),
        assuming=tuple(assuming),
    )
    excused = tuple((name, "rows may be idle here") for name in owed(table))
    return replace(table, properties=(*table.properties, promise), accept=excused)
