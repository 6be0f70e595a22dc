"""Within one cell nothing about time is lost: every order of timers that the search takes has times."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.abstraction import abstract
from support.oracle import Oracle, State
from support.tables import DURATION_TYPE, action, entity, lit, table
from temper.machine import Relation, Scope, Step, Timer, TransitionTable, concrete, universe

STATES = ("a", "b")
NAMES = ("one", "two", "three")


@st.composite
def clocks(draw: Any) -> TransitionTable:
    """One instance with several timers, which its actions keep, restart and disarm."""
    some_states = st.lists(st.sampled_from(STATES), min_size=1, max_size=2, unique=True).map(tuple)
    timers = tuple(
        Timer(name, draw(some_states), lit(DURATION_TYPE, draw(st.sampled_from([0, 5, 10, 15, 40]))), draw(targets()))
        for name in NAMES[: draw(st.integers(2, 3))]
    )
    restarts = st.lists(st.sampled_from([timer.name for timer in timers]), min_size=1, max_size=2, unique=True).map(
        tuple
    )
    actions = [
        action(
            name,
            sources=draw(some_states),
            by=draw(st.sampled_from([("operator",), ()])),
            to=draw(st.sampled_from([None, None, *STATES])),
            restarts=draw(restarts),
        )
        for name in ("go", "come")
    ]
    scope = Scope(principals=(("ann", ("operator",)),))
    return table(entity("Clock", *actions, states=STATES, timers=timers, single=True), scope=scope)


def targets() -> Any:
    return st.sampled_from([("go", "come", "ignore"), ("come", "ignore"), ("ignore",), ("go",)])


@given(clocks(), st.integers(0, 2**32))
def test_every_walk_of_one_cell_has_times(clock: TransitionTable, seed: int) -> None:
    chance = random.Random(seed)
    oracle, relation = Oracle(clock, universe(clock)), Relation(clock, universe(clock))
    system, trace = relation.start(), list[Step]()
    for _ in range(20):
        going = [step for step in relation.steps(system) if isinstance(step, Step)]
        if not going:
            break
        fires = [step for step in going if step.label.rule == "fire"]
        trace.append(chance.choice(fires if fires and chance.random() < 0.95 else going))
        system = trace[-1].system
    times = concrete(clock, trace)
    assert times is not None, [str(step.label) for step in trace]
    states = [oracle.start()]
    for step, moment in zip(trace, times, strict=True):
        wanted = step.label.rule, step.system._replace(zones=())
        taken = [t for state in states for t in oracle.successors(state, exactly=moment)]
        fitting = [t.state for t in taken if (t.rule, abstract(oracle, t.state)) == wanted]
        states = list({dues(state): state for state in fitting}.values())
        assert states, f"no run takes {step.label} at {moment}"


def dues(state: State) -> tuple[Any, ...]:
    return tuple((cell.clock, *sorted(cell.timers.items())) for cell in state.cells.values())
