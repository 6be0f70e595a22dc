"""How many steps a second: ours, `transitions` and `python-statemachine` doing the same work, in turns.

The work is one row of the deployment: a call of `approve` by someone with the role, with a guard over the data and
two updates. Every call is applied. Times are the process's own, so that neighbours on the machine count for little.
Run it as `python benchmarks/step/bench.py`.
"""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from statemachine import State, StateMachine
from transitions import Machine

from temper.machine import (
    BOOL,
    INT,
    NEW,
    PRINCIPAL,
    Action,
    Applied,
    Call,
    Case,
    Cause,
    Cell,
    Entity,
    Expression,
    Field,
    Gate,
    Op,
    OptionType,
    TransitionTable,
    Update,
    step,
    stepper,
)

ROUNDS = 7
FAST, SLOW = 100_000, 3_000
"""Calls in a round, for what takes about a microsecond and for what takes many."""

ROLE = "approver"
ROLES = frozenset({ROLE})
LIMIT = 1_000_000_000


def our_table() -> TransitionTable:
    """One thing with `approve: {by: approver, from: open, when: caller != author and count < LIMIT, to: open}`.

    It sets `count: count + 1` and `last: caller`.
    """
    maybe = OptionType(PRINCIPAL)
    count, author = Expression(Op.FIELD, INT, name="count"), Expression(Op.FIELD, maybe, name="author")
    caller = Expression(Op.SOME, maybe, (Expression(Op.CALLER, PRINCIPAL),))
    other = Expression(Op.NOT, BOOL, (Expression(Op.EQ, BOOL, (caller, author)),))
    few = Expression(Op.LT, BOOL, (count, Expression(Op.LITERAL, INT, value=LIMIT)))
    more = Expression(Op.ADD, INT, (count, Expression(Op.LITERAL, INT, value=1)))
    approve = Action(
        "approve",
        Gate.ROLES,
        (ROLE,),
        (),
        ("open",),
        Expression(Op.AND, BOOL, (other, few)),
        (Update("count", None, more), Update("last", None, caller)),
        (Case(None, (), "open"),),
    )
    start = Action("start", Gate.ROLES, (ROLE,), (), (NEW,), None, (), (Case(None, (), "open"),))
    fields = (Field("count", INT, 0), Field("author", maybe, None), Field("last", maybe, None))
    entity = Entity("Thing", False, False, fields, ("open",), (), ("open",), (start, approve), ())
    return TransitionTable("bench", (ROLE,), (), (), (), (entity,), ())


def our_step(calls: int) -> float:
    table = our_table()
    cell = Cell("Thing", "t1", "open", (0, "ann", None), (), 0, 0)
    call = Call(Cause.PERSON, "approve", {}, 1, "bob", ROLES)
    assert isinstance(step(table, cell, call), Applied)
    started = time.process_time()
    for _ in range(calls):
        cell = step(table, cell, call)[0]
    seconds = time.process_time() - started
    assert cell.data == (calls, "ann", "bob")
    return calls / seconds


def our_stepper(calls: int) -> float:
    table = our_table()
    take = stepper(table)
    cell = Cell("Thing", "t1", "open", (0, "ann", None), (), 0, 0)
    call = Call(Cause.PERSON, "approve", {}, 1, "bob", ROLES)
    assert isinstance(take(cell, call), Applied)
    started = time.process_time()
    for _ in range(calls):
        cell = take(cell, call)[0]
    seconds = time.process_time() - started
    assert cell.data == (calls, "ann", "bob")
    return calls / seconds


class Thing:
    """The same row for `transitions`: conditions and a callback on a model."""

    def __init__(self) -> None:
        self.count, self.author, self.last = 0, "ann", None

    def permitted(self, _caller: str, roles: frozenset[str]) -> bool:
        return ROLE in roles

    def guard(self, caller: str, _roles: frozenset[str]) -> bool:
        return caller != self.author and self.count < LIMIT

    def update(self, caller: str, _roles: frozenset[str]) -> None:
        self.count += 1
        self.last = caller


def their_transitions(calls: int) -> float:
    thing = Thing()
    rows = [
        {
            "trigger": "approve",
            "source": "open",
            "dest": "open",
            "conditions": ["permitted", "guard"],
            "before": "update",
        }
    ]
    Machine(thing, states=["open"], transitions=rows, initial="open", auto_transitions=False)
    assert thing.approve("bob", ROLES)
    started = time.process_time()
    for _ in range(calls):
        thing.approve("bob", ROLES)
    seconds = time.process_time() - started
    assert thing.count == calls + 1
    return calls / seconds


class ThingMachine(StateMachine):
    """The same row for `python-statemachine`."""

    opened = State(initial=True)
    approve = opened.to.itself(cond=["permitted", "guard"], on="update")

    def __init__(self) -> None:
        self.count, self.author, self.last = 0, "ann", None
        super().__init__()

    def permitted(self, _caller: str, roles: frozenset[str]) -> bool:
        return ROLE in roles

    def guard(self, caller: str, _roles: frozenset[str]) -> bool:
        return caller != self.author and self.count < LIMIT

    def update(self, caller: str, _roles: frozenset[str]) -> None:
        self.count += 1
        self.last = caller


def their_statemachine(calls: int) -> float:
    machine = ThingMachine()
    machine.approve("bob", ROLES)
    started = time.process_time()
    for _ in range(calls):
        machine.approve("bob", ROLES)
    seconds = time.process_time() - started
    assert machine.count == calls + 1
    return calls / seconds


CONTENDERS: tuple[tuple[str, Callable[[int], float], int], ...] = (
    ("temper `step(table, cell, call)`", our_step, FAST),
    ("temper `stepper(table)(cell, call)`", our_stepper, FAST),
    (f"transitions {version('transitions')}", their_transitions, SLOW),
    (f"python-statemachine {version('python-statemachine')}", their_statemachine, SLOW),
)


def main() -> None:
    """Measures in turns, so that a busy machine is busy for everybody, and prints medians."""
    rates: dict[str, list[float]] = {name: [] for name, _, _ in CONTENDERS}
    gc.disable()
    for _ in range(ROUNDS):
        for name, contender, calls in CONTENDERS:
            rates[name].append(contender(calls))
            gc.collect()
    ours = statistics.median(rates[CONTENDERS[0][0]])
    print(f"Python {platform.python_version()} on {processor()}, {ROUNDS} rounds in turns\n")
    print("| what | calls/s, median | slowest round | fastest round | temper is |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"| {name} | {median:,.0f} | {min(found):,.0f} | {max(found):,.0f} | {ours / median:,.1f}x |")
    sys.exit(0 if ours >= 500_000 else 1)


def processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
