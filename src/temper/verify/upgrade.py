"""Where the runs of a new version begin when it is loaded into a running system (semantics.md section 7).

What lives was reached under the versions that were in force before. So those are searched again, one after the
other, each going on from what the one before had reached, mapped as the runtime maps it; of the last one, the
systems that look like what lives now are where the new version is searched from. What the world was like, and which
requests may still be late, comes along: no store knows it, but the search does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import TypeAlias

from temper.machine import (
    ARMED,
    BoolType,
    Cell,
    Certificate,
    Cut,
    EnumType,
    Exhausted,
    Finding,
    IntType,
    MapType,
    SetType,
    System,
    TransitionTable,
    Type,
    Universe,
    Unknown,
    Value,
    Zone,
    canonical,
    relation,
    universe,
)
from temper.run import CellMapper, Image, Obstacle, Pending, map_delivery, stage
from temper.verify.budget import Budget
from temper.verify.explicit import Exploration, explore
from temper.verify.model import TableModel, Transition
from temper.verify.obligations import is_for_all_runs

Look: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Where to begin. `uncovered` says why verdicts within a scope say nothing about what lives; empty if they do."""

    starts: tuple[System, ...]
    uncovered: str = ""


def upgrade(
    history: Sequence[TransitionTable], new: TransitionTable, images: Iterable[Image], budget: Budget | None = None
) -> Upgrade:
    """The systems of `new` that what lives may be in. `history` holds the versions so far, the oldest first."""
    live = [image.cell for image in images]
    if not live:
        return Upgrade(())
    budget = budget or Budget()
    ends = monotonic() + budget.seconds_max
    world = any(universe(table).world for table in (*history, new))
    reached: tuple[System, ...] = ()
    for before, table in zip((None, *history), history, strict=False):
        if before is not None and (lost := _lost(before, table, reached)):
            return Upgrade((), lost)
        begins = reached if before is None else _mapped(before, table, reached, world=world)
        left = replace(budget, seconds_max=max(0.0, ends - monotonic()))  # one budget for the whole past
        reached, stopped = _reached(table, begins, left, world=world)
        if stopped:
            return Upgrade((), f"the search of {table.blueprint} as it was {stopped}")
    if missing := _unseen(history[-1], live, reached):
        return Upgrade((), missing)
    looks = {_standing(cell) for cell in live}
    alike = tuple(system for system in reached if _is_alike(history[-1], system, looks))
    if lost := _lost(history[-1], new, alike):
        return Upgrade((), lost)
    return Upgrade(_mapped(history[-1], new, alike, world=universe(new).world))


def qualified(certificate: Certificate, uncovered: str) -> Certificate:
    """The certificate without what it could only say of runs that begin with nothing."""
    if not uncovered:
        return certificate
    unknown = Unknown(f"live instances: {uncovered}")
    findings = tuple(
        replace(finding, verdict=unknown) if _is_of_the_start(finding) else finding for finding in certificate.findings
    )
    return replace(certificate, findings=findings)


def _is_of_the_start(finding: Finding) -> bool:
    """Whether it says what all runs do that begin with nothing. A run that shows something is there all the same."""
    return isinstance(finding.verdict, Exhausted) or is_for_all_runs(finding)


class _Cuts:
    """A watch that only notes what was cut."""

    def __init__(self) -> None:
        self.first: Cut | None = None

    def state(self, _number: int, _state: System, /) -> None:
        pass

    def step(self, _number: int, _state: System, _step: Transition[System], /) -> None:
        pass

    def cut(self, _number: int, _state: System, cut: Cut, /) -> None:
        self.first = self.first or cut


def _reached(
    table: TransitionTable, begins: Iterable[System], budget: Budget, *, world: bool
) -> tuple[tuple[System, ...], str]:
    """Everything reachable, or why that cannot be said."""
    model = TableModel(table, _universe(table, world=world))
    exploration = Exploration(model)
    cuts = _Cuts()
    explore(exploration, (*model.initial(), *begins), cuts, budget)
    if cuts.first is not None:
        return (), f"was cut at {cuts.first.where}"
    return tuple(exploration.states), f"ended early: {exploration.stopped}" if exploration.stopped else ""


def _lost(old: TransitionTable, new: TransitionTable, systems: Iterable[System]) -> str:
    """A request that may still reach the world, and of which the new version no longer says what it does there."""
    kept = {effect.name for effect in new.effects if effect in old.effects}
    late = {each.effect for system in systems for each in system.late} - kept
    return f"a late request of {min(late)} may still be on its way, and the effect changed" if late else ""


def _universe(table: TransitionTable, *, world: bool) -> Universe:
    return replace(universe(table), world=world)


def _unseen(table: TransitionTable, live: Iterable[Cell], reached: Iterable[System]) -> str:
    """A live instance that is in no system of the search, if there is one."""
    seen = {look_of(table, cell) for system in reached for cell in system.cells}
    for cell in live:
        if look_of(table, cell) not in seen:
            return f"{cell.entity} {cell.id} in {cell.control} is outside the scope that was searched"
    return ""


def look_of(table: TransitionTable, cell: Cell) -> Look:
    """A cell as far as a search within a scope can tell it from others: names and ids are all alike."""
    types = [field.type for field in table.entity(cell.entity).fields]
    data = tuple(_shape(type_, value) for type_, value in zip(types, cell.data, strict=True))
    return (*_standing(cell), data)


def _shape(type_: Type, value: Value) -> object:
    match type_:
        case BoolType() | IntType() | EnumType():
            return value
        case SetType() | MapType() if isinstance(value, frozenset | dict):
            return len(value)
        case _:
            return value is None


def _standing(cell: Cell) -> Look:
    """Where a cell stands: its entity, its control state, its armed timers."""
    return cell.entity, cell.control, tuple(name for name, _ in cell.timers)


def _is_alike(table: TransitionTable, system: System, looks: set[Look]) -> bool:
    """Whether every instance of the system stands where some live one does."""
    return all(table.entity(cell.entity).world or _standing(cell) in looks for cell in system.cells)


def _mapped(
    old: TransitionTable, new: TransitionTable, systems: Iterable[System], *, world: bool
) -> tuple[System, ...]:
    """The systems in the new version; one that has no place there is left out, since it would not be admitted."""
    before, after = stage(old), stage(new)
    staged = relation(new, _universe(new, world=world))
    first = staged.start()
    found: dict[System, None] = {}
    mapper = CellMapper(before, after, 0)
    for system in systems:
        mapped = _map(mapper, system, first, staged.landing.zoned, world=world)
        if mapped is not None:
            found[mapped] = None
    return tuple(found)


def _map(mapper: CellMapper, system: System, first: System, zoned: Iterable[str], *, world: bool) -> System | None:
    old, new = mapper.old, mapper.new
    mapper = CellMapper(old, new, 0)
    cells = []
    for cell in system.cells:
        entity = new.entities.get(cell.entity)
        if old.entities[cell.entity].world:
            if world and entity is not None and entity.world:
                cells.append(cell)
            continue
        mapped = mapper.map(cell)
        if not isinstance(mapped, Cell):
            return None
        cells.append(_timeless(mapped))
    there = {cell.address for cell in cells}
    cells += [cell for cell in first.cells if cell.address not in there]
    pending = [map_delivery(old, new, Pending(0, 0, delivery)) for delivery in system.pending]
    if any(isinstance(each, Obstacle) for each in pending):
        return None
    handed = [each.delivery for each in pending if isinstance(each, Pending)]
    effects = tuple(handed[: len(system.effects)])
    mail = tuple(handed[len(system.effects) :])
    late = system.late if world else ()
    zones = tuple(
        (cell.address, _any_order(len(cell.timers))) for cell in cells if cell.timers and cell.entity in zoned
    )
    return canonical(System(tuple(cells), effects, mail, late, zones, system.burnt))  # type: ignore[arg-type]


def _timeless(cell: Cell) -> Cell:
    return cell._replace(timers=tuple((name, ARMED) for name, _ in cell.timers), clock=0, seq=0)


def _any_order(timers: int) -> Zone:
    """Nothing is known about which timer is due first."""
    size = range(timers + 1)
    return tuple(tuple(0.0 if i == j else inf for j in size) for i in size)
