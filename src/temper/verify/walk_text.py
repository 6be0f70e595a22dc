"""A walk for people and programs: each step as counterexamples show it, and below it every cell as it is then."""

from __future__ import annotations

from typing import Any

from temper.machine import Cell, System, Trace, TransitionTable, show
from temper.verify.certificate_json import value_to_json
from temper.verify.explicit.tracing import delivery_text
from temper.verify.text import REPEATS, STAYS, step_parts
from temper.verify.walk import Walk


def walk_lines(table: TransitionTable, told: TransitionTable, trace: Trace, taken: Walk, only: int = 0) -> list[str]:
    """The steps that were taken; with `only` that one alone, and 0 is all of them.

    `told` is the table of the trace, in whose words its steps are told; `table` the one it was walked on.
    """
    parts = [step_parts(told, step) for step in trace.steps]
    widths = len(str(len(parts))), *(max((len(part[column]) for part in parts), default=0) for column in (0, 1))
    lines = [] if only else [f"  {'0':>{widths[0]}}  the start", *_below(table, taken.systems[0], widths[0])]
    for number, (who, what, effects) in enumerate(parts[: len(taken.systems) - 1], 1):
        if only in {0, number}:
            lines += [f"  {REPEATS}"] if number - 1 == trace.loop else []
            first, *rest = effects or [""]
            lines.append(f"  {number:>{widths[0]}}  {who:<{widths[1]}}  {what:<{widths[2]}}  {first}".rstrip())
            lines += [" " * (2 + sum(widths) + 6) + line for line in rest]
            lines += _below(table, taken.systems[number], widths[0])
    whole = taken.parted is None and not only
    return [*lines, f"  {STAYS}"] if whole and trace.loop == len(trace.steps) else lines


def walk_json(table: TransitionTable, taken: Walk) -> list[dict[str, Any]]:
    """Every cell, and what is pending, at the start and after each step that was taken."""
    return [
        {
            "after_step": number,
            "cells": [_cell_json(table, cell) for cell in system.cells],
            "pending": [delivery_text(delivery) for delivery in system.pending],
        }
        for number, system in enumerate(taken.systems)
    ]


def _below(table: TransitionTable, system: System, width: int) -> list[str]:
    lines = [f"{_place(cell)}: {_standing(table, cell)}" for cell in system.cells]
    if system.pending:
        lines.append(f"pending: {', '.join(map(delivery_text, system.pending))}")
    return [f"  {'':>{width}}  | {line}" for line in lines or ["nothing exists yet"]]


def _standing(table: TransitionTable, cell: Cell) -> str:
    entity = table.entity(cell.entity)
    data = [f"{field.name} {show(field.type, value)}" for field, value in zip(entity.fields, cell.data, strict=True)]
    armed = [f"timer {name} armed" for name, _ in cell.timers]
    return ", ".join([cell.control, *data, *armed])


def _cell_json(table: TransitionTable, cell: Cell) -> dict[str, Any]:
    fields = table.entity(cell.entity).fields
    return {
        "entity": cell.entity,
        "id": cell.id,
        "state": cell.control,
        "data": {field.name: value_to_json(value) for field, value in zip(fields, cell.data, strict=True)},
        "timers": [name for name, _ in cell.timers],
    }


def _place(cell: Cell) -> str:
    return cell.entity if cell.entity == cell.id else f"{cell.entity} {cell.id}"
