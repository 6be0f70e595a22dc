"""From a concrete state of the oracle to the system that stands for it: time and counters forgotten, parts in order."""

from __future__ import annotations

from typing import Any

from support.oracle import Oracle, OracleCell, Pending, State
from temper.machine import Address, Cell, Effecting, Message, Refusal, Spawning, System, TransitionTable, canonical
from temper.machine.system import ARMED, Late
from temper.machine.table import Send, Spawn


def abstract(oracle: Oracle, state: State) -> System:
    """The system, without zones: those bound real dues, and are compared by `dues_fit`."""
    table = oracle.table
    ranks = _ranks(oracle, state)
    effects = sorted(
        (d for d in state.pending if d.kind == "effect"), key=lambda d: (d.owner, d.target, d.seq, d.site.position)
    )
    return canonical(
        System(
            cells=tuple(_cell(table, cell) for cell in state.cells.values()),
            effects=tuple(_effecting(d, ranks) for d in effects),
            mail=tuple(_mail(oracle, d) for d in state.pending if d.kind != "effect"),
            late=tuple(
                Late(x.owner, x.effect, _args(x.args), ranks.get((x.owner, x.effect, x.seq), 0)) for x in state.late
            ),
            burnt=tuple(state.burnt),
        )
    )


def _cell(table: TransitionTable, cell: OracleCell) -> Cell:
    entity = table.entity(cell.address.entity)
    armed = tuple((timer.name, ARMED) for timer in entity.timers if timer.name in cell.timers)
    data = tuple(
        0 if str(field.type) in {"time", "time | None"} and cell.data[field.name] is not None else cell.data[field.name]
        for field in entity.fields
    )
    return Cell(*cell.address, cell.control, data, armed)


def _effecting(d: Pending, ranks: dict[Any, int]) -> Effecting:
    seen = sorted(tuple((name, value) for name, value in told.items()) for told in d.performed)
    rank = ranks.get((d.owner, d.target, d.seq), 0)
    return Effecting(d.owner, d.site, d.target, _args(d.args), 0, rank, 0, tuple(seen))


def _mail(oracle: Oracle, d: Pending) -> Message | Spawning | Refusal:
    of = d.of or d.kind
    made: Message | Spawning
    if of == "message":
        made = Message(d.owner, d.site, d.target, d.action, _args(d.args), 0, 0)
    else:
        made = Spawning(d.owner, d.site, d.target, d.action, _args(d.args), 0, 0)
    if d.kind != "refusal":
        return made
    template = oracle.templates[d.site]
    assert isinstance(template, Send | Spawn)
    actions = {action.name: action for action in oracle.table.entity(d.owner.entity).actions}
    read = any(p.name == "reason" for name in template.refused if name in actions for p in actions[name].params)
    return Refusal(made, d.reason if read else "", 0)


def _args(args: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(args.items())


def _ranks(oracle: Oracle, state: State) -> dict[tuple[Address, str, int], int]:
    """The rank of each seq in its fenced lane, pending and late requests together."""
    seqs: dict[tuple[Address, str], set[int]] = {}
    for owner, effect, seq in (
        *((d.owner, d.target, d.seq) for d in state.pending if d.kind == "effect"),
        *((x.owner, x.effect, x.seq) for x in state.late),
    ):
        declared = oracle.table.effect(effect)
        if oracle.universe.world and declared.fenced and declared.performs is not None:
            seqs.setdefault((owner, effect), set()).add(seq)
    return {(*lane, seq): rank for lane, found in seqs.items() for rank, seq in enumerate(sorted(found))}


def dues_fit(oracle: Oracle, state: State, system: System) -> bool:
    """Whether the real dues of every cell are within its zone at some `now` from its clock on."""
    for address, zone in system.zones:
        cell = state.cells[address]
        names = [timer.name for timer in oracle.table.entity(address.entity).timers if timer.name in cell.timers]
        moments = [cell.clock, *(cell.timers[name] for name in names)]
        for i, a in enumerate(moments):
            for j, b in enumerate(moments):
                if a - b > zone[i][j]:
                    return False
    return True
