"""The step: the one function that takes an instance from one state to the next.

Pure and total. Each action becomes a Python function the first time it is called (`row`), and a table is staged
once, so a step is two look-ups and that function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from temper.machine.cell import Address, Answer, Call, Cell, Rejected
from temper.machine.policy_source import staged_gate
from temper.machine.python import Environment, absent_cell, evaluator
from temper.machine.row import Row, compile_row
from temper.machine.table import Entity, Spawn, TransitionTable

Stepper: TypeAlias = Callable[[Cell, Call], Answer]

STAGES_MAX = 64
"""How many tables stay staged; a process that goes through more of them stages the oldest anew."""


def step(table: TransitionTable, cell: Cell, call: Call) -> Answer:
    """What the call does to the cell: `Applied` with the cell after and the deliveries, or `Rejected` with why.

    Exactly semantics.md section 2. The caller sees to it that `call.now` is not before the cell's clock, that
    `call.fresh` has enough unused ids (`spawns_max`), and that the roles are those the principal holds.
    """
    stage = _STAGES.get(id(table))
    if stage is None:
        stage = _stage(table)
    return stage[cell[0]][call[1]](cell, call)


def stepper(table: TransitionTable) -> Stepper:
    """`step` of one table, for loops that take many."""
    stage = _STAGES.get(id(table)) or _stage(table)
    return lambda cell, call: stage[cell[0]][call[1]](cell, call)


def absent(table: TransitionTable, address: Address) -> Cell:
    """The instance before it exists: in state `new`, its data as declared, its clock at 0."""
    return absent_cell(table, address)


def initial_cells(table: TransitionTable, *, world: bool = False, now: int = 0) -> tuple[Cell, ...]:
    """The cells a run starts with: every `single` entity in its first state, with the timers that hold it armed.

    World entities are there for verifiers and the simulator alone.
    """
    return tuple(
        _first(table, entity, now) for entity in table.entities if entity.single and (world or not entity.world)
    )


def spawns_max(table: TransitionTable, entity: str, action: str) -> int:
    """How many fresh ids a call of the action may take."""
    cases = table.entity(entity).action(action).cases
    return max(sum(isinstance(template, Spawn) for template in case.deliveries) for case in cases)


def _first(table: TransitionTable, entity: Entity, now: int) -> Cell:
    cell = absent_cell(table, Address(entity.name, entity.name))
    state = entity.states[0]
    fields = {field.name: field.initial for field in entity.fields}
    environment = Environment(fields, {}, state, entity.name, None, now)
    armed = []
    for timer in entity.timers:
        if state in timer.states:
            after = evaluator(table, timer.after)(environment)
            assert isinstance(after, int), "`after:` is a duration"
            armed.append((timer.name, now + max(0, after)))
    return cell._replace(control=state, timers=tuple(armed), clock=now)


class _Rows(dict[str, Row]):
    """The actions of one entity, each compiled when it is first asked for."""

    def __init__(self, table: TransitionTable, entity: Entity) -> None:
        super().__init__()
        self.table, self.entity = table, entity

    def __missing__(self, name: str) -> Row:
        try:
            action = self.entity.action(name)
        except KeyError:
            return _unknown_action(self.entity, name)
        row = compile_row(self.table, self.entity, action, staged_gate(self.table, self.entity, action))
        self[name] = row
        return row


class _Stage(dict[str, _Rows]):
    """A table with its actions compiled. It holds the table, so that the id under which it is kept stays taken."""

    def __init__(self, table: TransitionTable) -> None:
        super().__init__({entity.name: _Rows(table, entity) for entity in table.entities})
        self.table = table


_STAGES: dict[int, _Stage] = {}


def _stage(table: TransitionTable) -> _Stage:
    while len(_STAGES) >= STAGES_MAX:
        del _STAGES[next(iter(_STAGES))]
    stage = _STAGES[id(table)] = _Stage(table)
    return stage


def _unknown_action(entity: Entity, name: str) -> Row:
    has = ", ".join(action.name for action in entity.actions) or "none"
    rejected = Rejected("unknown-action", f"{entity.name} has no action `{name}`", (("action", name), ("actions", has)))
    return lambda _cell, _call: rejected
