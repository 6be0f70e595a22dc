"""Simulation and search agree: whatever the real runtime comes to within the scope, the search has been there.

Two witnesses of one relation. The search knows every state within a universe; a simulated run keeps to its ids, people
and values, while processes die, disks fail and answers come late. Every state that a commit leaves is looked up, for
tables where the search cut no step. Ids that the runtime drew for what it spawns are called as the search calls them, in
the order in which they were drawn. What attempts have done so far shows in the world entities on which they did it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from support.examples import EXAMPLES, names
from support.random_tables import random_tables
from support.small import table_of
from temper.machine import (
    Applied,
    Call,
    Cell,
    Delivery,
    Effecting,
    Refusal,
    Rejected,
    Send,
    Spawn,
    Spawning,
    System,
    TransitionTable,
    canonical,
    step,
    target,
    universe,
)
from temper.machine.system import ARMED
from temper.pipeline import build
from temper.run import engine
from temper.verify import Budget, rates
from temper.verify.explicit import PlainSearch
from temper.verify.simulate import LAWS, rules
from temper.verify.simulate.draw import Draw
from temper.verify.simulate.ground import Ground
from temper.verify.simulate.outside import Attempt, Outside
from temper.verify.simulate.shadow import Shadow, Taken
from temper.verify.simulate.simulation import Simulation

STATES_MAX = 10_000
MOVES = 150
SEEDS = 30
LEAST = {"lamp": 40, "access": 20, "deploy": 20, "failover": 120, "orders": 90, "queue": 50, "twophase": 50}
"""So many states at least are come to in twice as many runs."""


def searched(table: TransitionTable) -> frozenset[System] | None:
    """Every state within the scope; None if that is not to be had, or not everything."""
    search = PlainSearch(table, universe(table))
    search.go(Budget(STATES_MAX, 600))
    if search.exploration.stopped or search.docket.cuts:
        return None
    return frozenset(map(plain, search.exploration.states))


def plain(system: System) -> System:
    """Without what is about times alone, and without the past of attempts."""
    effects = tuple(effect._replace(seq=0, performed=()) for effect in system.effects)
    return system._replace(effects=effects, zones=(), late=())


def seen(table: TransitionTable, seed: int) -> Iterator[System]:
    """The states that the runtime comes to in one run, in order."""
    ground, names = Ground((table,)), dict[str, str]()
    simulation = Simulation(ground, trace=lambda taken: names.update(called(ground, taken, names)))
    drawn = Draw(ground, seed, rates("chaos"), within=True)
    try:
        for _ in range(MOVES):
            simulation.play(drawn.next(simulation))
            if simulation.failure is not None:
                # A random table may break what its author promises; then nothing more is followed.
                assert simulation.failure.law not in LAWS, simulation.failure
                return
            yield renamed(system_of(simulation), names)
    finally:
        simulation.end()


def called(ground: Ground, taken: Taken, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the search calls the instances that this step spawns: the next ids of the scope."""
    used = set(names.values())
    for child in (pending.delivery.child for pending in taken.record.made if isinstance(pending.delivery, Spawning)):
        if child.id not in names:
            name = next(id_ for id_ in ground.universe.ids_of(child.entity) if id_ not in used)
            used.add(name)
            yield child.id, name


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The same, with other ids: those that the runtime draws are no other texts of these tables."""
    match value:
        case str():
            return names.get(value, value)
        case System():
            return canonical(System(*(renamed(part, names) for part in value)))
        case tuple() if hasattr(value, "_fields"):
            return type(value)(*(renamed(part, names) for part in value))
        case tuple() | frozenset():
            return type(value)(renamed(part, names) for part in value)
        case _:
            return value


def system_of(simulation: Simulation) -> System:
    """What the search calls this state: time and counters forgotten, parts in order."""
    shadow = simulation.shadow
    table = shadow.table
    waiting = sorted(shadow.pending.values(), key=lambda each: each.place)
    deliveries = [timeless(shadow, pending.delivery) for pending in waiting]
    effects = sorted((d for d in deliveries if isinstance(d, Effecting)), key=lambda d: (d.owner, d.effect))
    cells = (*shadow.cells.values(), *simulation.outside.cells.values())
    return canonical(
        System(
            cells=tuple(still(table, cell) for cell in cells),
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
        assert isinstance(template, Send | Spawn), "only messages and spawns are refused"
        actions = {action.name: action for action in shadow.table.entity(delivery.of.owner.entity).actions}
        read = any(p.name == "reason" for name in template.refused if name in actions for p in actions[name].params)
        return Refusal(delivery.of._replace(stamp=0, seq=0, round=0), delivery.reason if read else "", 0)
    fresh = {"stamp": 0, "seq": 0} if isinstance(delivery, Spawning) else {"stamp": 0, "seq": 0, "round": 0}
    return delivery._replace(**fresh)


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
    """The lamp, or an example, with every state that it has within its scope."""
    table = table_of(CALM) if name == "lamp" else build(EXAMPLES / name).table
    assert table is not None
    states = searched(table)
    assert states is not None, f"the search of {name} is not complete"
    return table, states


@pytest.mark.parametrize("name", ["lamp", *names()])
def test_no_simulated_state_is_outside_of_the_searched_ones(name: str) -> None:
    table, states = known(name)
    assert [seed for seed in range(SEEDS) if strange(table, states, seed) is not None] == []


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_many_searched_states_are_come_to(name: str, least: int) -> None:
    """The canary of the law: runs that went nowhere would agree with every search."""
    table, states = known(name)
    come_to = {system for seed in range(2 * SEEDS) for system in seen(table, seed)}
    assert len(come_to & states) > least


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


def test_a_world_that_does_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary for what is outside: whatever is asked of the world is said to be done, and the world stays as it is."""
    table, states = known("deploy")
    perform = Outside.perform

    def idle(self: Outside, attempt: Attempt) -> bool:
        before = dict(self.cells)
        did = perform(self, attempt)
        self.cells.update(before)
        return did

    monkeypatch.setattr(Outside, "perform", idle)
    assert any(strange(table, states, seed) is not None for seed in range(SEEDS))


def test_ids_of_spawns_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary for the renaming: with every child called alike, runs are none that the search knows."""
    table, states = known("orders")
    monkeypatch.setattr(sys.modules[__name__], "called", lambda *_: {})
    assert any(strange(table, states, seed) is not None for seed in range(SEEDS))
