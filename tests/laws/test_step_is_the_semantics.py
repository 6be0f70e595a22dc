"""One step of one cell is what a literal transcription of semantics.md section 2 says it is, code of rejection included."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from support.oracle import Done, Oracle, OracleCell, oracle_step
from support.random_policies import governed
from support.random_tables import random_tables
from temper.machine import (
    Action,
    Applied,
    Call,
    Cause,
    Cell,
    Effecting,
    Gate,
    Message,
    Rejected,
    Spawning,
    TransitionTable,
    step,
    universe,
)

IDS = ("x1", "x2", "x3", "x4")


@given(random_tables() | governed(random_tables()), st.integers(0, 2**32))
def test_step_is_the_oracles(table: TransitionTable, seed: int) -> None:
    """For cells met on a random run, with times of their own, every action with right and wrong arguments."""
    chance = random.Random(seed)
    oracle = Oracle(table, universe(table))
    state = oracle.start(now=5)
    for moment in range(6):
        for cell in state.cells.values():
            for action in table.entity(cell.address.entity).actions:
                for call in calls(oracle, action, chance, cell.clock + chance.choice([0, 300])):
                    compare(table, cell, call)
        going = [taken for taken in oracle.successors(state, late_by=moment) if not taken.cut]
        if not going:
            return
        state = chance.choice(going).state


def calls(oracle: Oracle, action: Action, chance: random.Random, now: int) -> Iterator[Call]:
    """A call by each kind of caller, with arguments drawn at random and sometimes wrong."""
    args: dict[str, Any] = {p.name: chance.choice(oracle.universe.values_of(p.type)) for p in action.params}
    if args and chance.random() < 0.2:
        args[chance.choice(sorted(args))] = chance.choice([7, "nobody", None, -1])
    if chance.random() < 0.1:
        args["surplus"] = 1
    cause = chance.choice([Cause.PERSON, Cause.MACHINE, Cause.ENVIRONMENT])
    if cause is Cause.PERSON or action.gate in {Gate.ROLES, Gate.POLICY}:
        caller, roles = chance.choice(oracle.universe.principals)
        yield Call(Cause.PERSON, action.name, args, now, caller, roles, IDS)
    else:
        yield Call(cause, action.name, args, now, None, frozenset(), IDS)


def compare(table: TransitionTable, cell: OracleCell, call: Call) -> None:
    fresh = iter(IDS)
    wanted = oracle_step(
        table,
        cell,
        cause=call.cause.value,
        caller=call.caller,
        roles=call.roles,
        action=call.action,
        args=call.args,
        now=call.now,
        fresh=lambda _: next(fresh),
    )
    answer = step(table, concrete_cell(cell), call)
    if isinstance(wanted, Done):
        event("applied")
        assert isinstance(answer, Applied)
        assert answer.cell == concrete_cell(wanted.cell)
        assert answer.case == wanted.case
        assert [facts(delivery) for delivery in answer.deliveries] == [
            (d.kind, d.owner, d.site, d.target, tuple(d.args.items()), d.stamp, d.seq) for d in wanted.deliveries
        ]
    else:
        event(wanted.because)
        assert isinstance(answer, Rejected)
        assert answer.code == wanted.because


def concrete_cell(cell: OracleCell) -> Cell:
    return Cell(
        *cell.address, cell.control, tuple(cell.data.values()), tuple(cell.timers.items()), cell.clock, cell.seq
    )


def facts(delivery: object) -> tuple[Any, ...]:
    match delivery:
        case Effecting(owner, site, effect, args, stamp, seq):
            return "effect", owner, site, effect, args, stamp, seq
        case Message(owner, site, receiver, _, args, stamp, seq):
            return "message", owner, site, receiver, args, stamp, seq
        case Spawning(owner, site, child, _, args, stamp, seq):
            return "spawn", owner, site, child, args, stamp, seq
        case _:
            raise AssertionError(f"no step hands on {delivery}")
