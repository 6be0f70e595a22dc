"""Whether a live system satisfies what a version promises: its `always` properties, and that things move."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from temper.machine import (
    Address,
    Cell,
    Expression,
    Holder,
    Op,
    OptionType,
    Property,
    PropertyKind,
    RefType,
    TransitionTable,
    holder,
    parts,
)
from temper.run.obstacle import Obstacle
from temper.run.record import Pending, owner_of, receiver_of
from temper.run.version import Version

BINDINGS_MAX = 5_000_000
"""How many combinations of instances are looked at for one property."""

HOLDERS_MAX = 256
"""How many properties stay made into functions."""


def check_invariants(
    old: Version, new: Version, view: Mapping[Address, Cell], changed: Sequence[tuple[Cell, Cell]]
) -> tuple[list[Obstacle], tuple[str, ...]]:
    """The `always` properties that the system violates, and those that nobody can check here."""
    grandfathered = dict(new.table.grandfathered)
    touched = {cell.entity for cell, _ in changed}
    counts = Counter(address.entity for address in view)
    obstacles: list[Obstacle] = []
    unchecked: list[str] = []
    for property_ in new.table.properties:
        if property_.kind is not PropertyKind.ALWAYS or property_.name in grandfathered:
            continue
        reads = entities_read(property_)
        if any(new.live(entity) is None for entity in reads):
            unchecked.append(property_.name)
        elif math.prod(counts[entity] for _, entity in property_.variables) > BINDINGS_MAX:
            if property_ not in old.table.properties or reads & touched:
                obstacles.append(Obstacle("too-many-to-check", _too_many(property_)))
        elif (broken := _holder(new, property_)(view)) is not None:
            entities = dict(property_.variables)
            where = ", ".join(f"{entities[name]} {id_}" for name, id_ in broken)
            obstacles.append(Obstacle("invariant-violated", f"`{property_.name}` does not hold", where))
    return obstacles, tuple(unchecked)


def check_movement(new: Version, view: Mapping[Address, Cell], pending: Iterable[Pending]) -> list[Obstacle]:
    """Instances that would hang: nothing armed, nothing pending, and the state says that things move by themselves."""
    concerned = {address for p in pending for address in (owner_of(p.delivery), receiver_of(p.delivery))}
    obstacles = []
    for address, cell in view.items():
        entity = new.entities[address.entity]
        if cell.control in entity.final or cell.control in entity.waits or cell.timers or address in concerned:
            continue
        message = (
            f"it is in state {cell.control} with nothing armed and nothing pending, and that state is not under `waits`"
        )
        obstacles.append(Obstacle("does-not-move", message, f"{address.entity} {address.id}"))
    return obstacles


def _holder(version: Version, property_: Property) -> Holder:
    """The property as a function, made once for a table that is loaded again and again."""
    kept = _HOLDERS.get(id(property_))
    if kept is None or kept[0] is not version.table or kept[1] is not property_:
        while len(_HOLDERS) >= HOLDERS_MAX:
            del _HOLDERS[next(iter(_HOLDERS))]
        kept = _HOLDERS[id(property_)] = version.table, property_, holder(version.table, property_)
    return kept[2]


def entities_read(property_: Property) -> set[str]:
    """Every entity whose instances decide about the property."""
    found = {entity for _, entity in property_.variables}
    for whole in (property_.whenever, property_.body):
        if whole is not None:
            found |= {entity for node in parts(whole) for entity in _read(node)}
    return found


def _read(node: Expression) -> set[str]:
    if node.op is Op.INSTANCES:
        return {node.name}
    if node.op is not Op.READ:
        return set()
    type_ = node.operands[0].type
    inner = type_.of if isinstance(type_, OptionType) else type_
    assert isinstance(inner, RefType), "what is read is an instance"
    return {inner.entity}


def _too_many(property_: Property) -> str:
    return f"`{property_.name}` ranges over more than {BINDINGS_MAX:,} combinations of live instances"


_HOLDERS: dict[int, tuple[TransitionTable, Property, Holder]] = {}
"""By the property's id; versions that share a property take turns."""
