"""Simulation and search agree: whatever the real runtime comes to within the scope, the search has been there.

Two witnesses of one relation. The search knows every state within a universe; a simulated run keeps to its ids, people
and values, while processes die, disks fail and answers come late. Every state that a commit leaves is looked up. Held
for tables without world entities and without spawns, whose ids the runtime draws itself, where no step was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from support.random_tables import random_tables
from support.small import table_of
from temper.machine import (
    Applied,
    Call,
    Cell,
    Delivery,
    Effecting,
    Message,
    Refusal,
    Rejected,
    Send,
    Spawn,
    System,
    TransitionTable,
    canonical,
    step,
    target,
    universe,
)
from temper.machine.system import ARMED
from temper.run import engine
from temper.verify import Budget, rates
from temper.verify.explicit import PlainSearch
from temper.verify.simulate import LAWS, rules
from temper.verify.simulate.draw import Draw
from temper.verify.simulate.ground import Ground
from temper.verify.simulate.shadow import Shadow
from temper.verify.simulate.simulation import Simulation

STATES_MAX = 3_000
MOVES = 150


def searched(table: TransitionTable) -> frozenset[System] | None:
    """Every state within the scope; None if that is not to be had, or not everything."""
    within = universe(table)
    if any(entity.world for entity in table.entities) or spawns(table):
        return None
    search = PlainSearch(table, within)
    search.go(Budget(STATES_MAX, 600))
    if search.exploration.stopped or search.docket.cuts:
        return None
    return frozenset(system._replace(zones=()) for system in search.exploration.states)


def spawns(table: TransitionTable) -> bool:
    cases = (case for entity in table.entities for action in entity.actions for case in action.cases)
    return any(isinstance(template, Spawn) for case in cases for template in case.deliveries)


def seen(table: TransitionTable, seed: int) -> Iterator[System]:
    """The states that the runtime comes to in one run, in order."""
    simulation = Simulation(Ground((table,)))
    drawn = Draw(simulation.ground, seed, rates("chaos"), within=True)
    try:
        for _ in range(MOVES):
            simulation.play(drawn.next(simulation))
            if simulation.failure is not None:
                # A random table may break what its author promises; then nothing more is followed.
                assert simulation.failure.law not in LAWS, simulation.failure
                return
            yield system_of(simulation.shadow)
    finally:
        simulation.end()


def system_of(shadow: Shadow) -> System:
    """What the search calls this state: time and counters forgotten, parts in order."""
    table = shadow.table
    waiting = sorted(shadow.pending.values(), key=lambda each: each.place)
    deliveries = [timeless(shadow, pending.delivery) for pending in waiting]
    effects = sorted((d for d in deliveries if isinstance(d, Effecting)), key=lambda d: (d.owner, d.effect))
    return canonical(
        System(
            cells=tuple(still(table, cell) for cell in shadow.cells.values()),
            effects=tuple(effects),
            mail=tuple(d for d in deliveries if not isinstance(d, Effecting)),
            burnt=tuple(shadow.burnt),
        )
    )


def still(table: TransitionTable, cell: Cell) -> Cell:
    entity = table.entity(cell.entity)
    names = {name for name, _ in cell.timers}
    armed = tuple((timer.name, ARMED) for timer in entity.timers if timer.name in names)
    data = tuple(
        0 if str(field.type) in {"time", "time | None"} and value is not None else value
        for field, value in zip(entity.fields, cell.data, strict=True)
    )
    return Cell(*cell.address, cell.control, data, armed)


def timeless(shadow: Shadow, delivery: Delivery) -> Delivery:
    if isinstance(delivery, Effecting):
        return Effecting(delivery.owner, delivery.site, delivery.effect, delivery.args, 0, 0, 0)
    if isinstance(delivery, Refusal):
        template = shadow.template(delivery.of)
        assert isinstance(template, Send), "spawns are left out"
        actions = {action.name: action for action in shadow.table.entity(delivery.of.owner.entity).actions}
        read = any(p.name == "reason" for name in template.refused if name in actions for p in actions[name].params)
        return Refusal(delivery.of._replace(stamp=0, seq=0, round=0), delivery.reason if read else "", 0)
    assert isinstance(delivery, Message), "spawns are left out"
    return delivery._replace(stamp=0, seq=0, round=0)


def strange(table: TransitionTable, known: frozenset[System], seed: int) -> System | None:
    """A state of a run that the search has not found."""
    return next((system for system in seen(table, seed) if system not in known), None)


CALM = """
temper: 1
blueprint: lamp
properties: {lit: {for: l in Lamp, always: l.turns <= 2}}
roles: [user]
effects:
  glow: {params: {n: int}, outcomes: {bright: {}, dim: {}}, delivery: idempotent, timeout: 1s}
entities:
  Lamp:
    data: {turns: "int[0, 2]"}
    states: [off, on, hot, broken]
    final: [broken]
    waits: [off]
    actions:
      put: {by: user, from: new, to: off}
      turn:
        by: user
        from: off
        when: turns < 2
        set: {turns: turns + 1}
        to: on
        send: [{to: self, action: warm, refused: ignore}]
      warm:
        from: on
        to: hot
        do: [{effect: glow, with: {n: turns}, then: {bright: [shine, ignore], dim: again, unknown: [fail, ignore]}}]
      shine: {from: hot, to: off}
      fail: {from: [on, hot], to: broken}
    timers:
      tire: {in: hot, after: 2s, do: fail}
      wait: {in: on, after: 1s, do: fail}
scope: {instances: {Lamp: 2}, principals: {ann: [user]}}
"""


@cache
def known(name: str) -> tuple[TransitionTable, frozenset[System]]:
    table = table_of(CALM)
    assert name == "lamp"
    states = searched(table)
    assert states is not None
    return table, states


def test_no_simulated_state_is_outside_of_the_searched_ones() -> None:
    table, states = known("lamp")
    assert [seed for seed in range(30) if strange(table, states, seed) is not None] == []


def test_most_searched_states_are_come_to() -> None:
    """The canary of the law: runs that went nowhere would agree with every search."""
    table, states = known("lamp")
    come_to = {system for seed in range(60) for system in seen(table, seed)}
    assert len(come_to & states) > 40


@settings(max_examples=60)
@given(random_tables(), st.integers(0, 2**32))
def test_no_simulated_state_of_a_random_table_is_outside(table: TransitionTable, seed: int) -> None:
    states = searched(table)
    assume(states is not None)
    assert states is not None
    event(f"{len(states).bit_length()} bits of states")
    assert strange(table, states, seed) is None


def test_a_step_that_does_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant of `step` in the runtime, which the checker beside it shares: only the search can tell."""
    table, states = known("lamp")

    def forgetful(table: TransitionTable, cell: Cell, call: Call) -> Applied | Rejected:
        answer = step(table, cell, call)
        if isinstance(answer, Applied) and call.action == "warm":
            return answer._replace(cell=answer.cell._replace(data=(0,)))
        return answer

    monkeypatch.setattr(engine, "step", forgetful)
    monkeypatch.setattr(rules, "step", forgetful)
    monkeypatch.setattr(target, "step", forgetful)
    assert any(strange(table, states, seed) is not None for seed in range(20))
