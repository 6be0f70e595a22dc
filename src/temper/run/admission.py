"""What a new version asks of a running system: a place for every instance, delivery and timer, and its properties.

Pure: it plans the records that would take every cell and delivery over, or lists what stands in the way. Nothing
is changed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from temper.machine import NEW, Address, Cell
from temper.run.invariants import check_invariants, check_movement
from temper.run.mapping import CellMapper, map_delivery
from temper.run.obstacle import Obstacle
from temper.run.record import Pending
from temper.run.version import Version


@dataclass(frozen=True, slots=True)
class Plan:
    """What loading the version would write: cells that change, deliveries that change, what could not be checked."""

    cells: tuple[tuple[Cell, Cell], ...]
    """(before, after) of each cell that the version maps, arms or disarms."""
    deliveries: tuple[tuple[Pending, Pending], ...]
    unchecked: tuple[str, ...]
    """Properties that read a world entity: the runtime has none, so they say nothing about live instances."""


@dataclass(slots=True)
class _Planning:
    mapper: CellMapper
    obstacles: list[Obstacle] = field(default_factory=list)
    changed: list[tuple[Cell, Cell]] = field(default_factory=list)
    view: dict[Address, Cell] = field(default_factory=dict)


def plan(
    old: Version, new: Version, cells: Iterable[Cell], pending: Iterable[Pending], starting: Iterable[Cell], now: int
) -> Plan | tuple[Obstacle, ...]:
    """Map everything that lives into the new version, and look whether it satisfies what the version promises."""
    planning = _Planning(CellMapper(old, new, now))
    for cell in cells:
        _place(planning, cell)
    planning.view.update((cell.address, cell) for cell in starting)
    deliveries = []
    mapped: list[Pending] = []
    for waiting in pending:
        placed = map_delivery(old, new, waiting)
        if isinstance(placed, Obstacle):
            planning.obstacles.append(placed)
            continue
        mapped.append(placed)
        if placed is not waiting:
            deliveries.append((waiting, placed))
    if not planning.obstacles:
        planning.obstacles += check_movement(new, planning.view, mapped)
    broken, unchecked = ([], ()) if planning.obstacles else check_invariants(old, new, planning.view, planning.changed)
    planning.obstacles += broken
    if planning.obstacles:
        return tuple(planning.obstacles)
    return Plan(tuple(planning.changed), tuple(deliveries), unchecked)


def _place(planning: _Planning, cell: Cell) -> None:
    if cell.control == NEW:
        return
    placed = planning.mapper.map(cell)
    if isinstance(placed, Cell):
        planning.view[placed.address] = placed
        if placed != cell:
            planning.changed.append((cell, placed))
    else:
        planning.obstacles += placed
