"""Sight: which steps a property can see, so that the order in which they are taken may matter to it.

What a property reads of one instance alone keeps its value whatever others do, and every state of that instance is
still found. Only what joins several instances is seen: a step that changes a part of it, or makes an instance that
it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from temper.machine import (
    Cell,
    Expression,
    Op,
    Property,
    PropertyKind,
    RefType,
    Step,
    System,
    TransitionTable,
    parts,
    property_parts,
)

STATE = "state"


@dataclass(frozen=True, slots=True)
class Read:
    """A part of an instance that a property reads, and how it gets at it."""

    entity: str
    part: str
    through: str
    """The variable of the property, the instance of a `single` entity, or empty where a reference is followed."""


class Sight:
    """What the given properties of a table see of a step.

    `joins` are parts that are always seen. `follows` are parts that one variable reaches by references alone: they
    are not seen by steps of instances that no one outside can refer to.
    """

    def __init__(self, table: TransitionTable, properties: Iterable[Property]) -> None:
        self.indexes = {
            (entity.name, field.name): index for entity in table.entities for index, field in enumerate(entity.fields)
        }
        self.joins: dict[str, set[str]] = {}
        self.follows: dict[str, set[str]] = {}
        self.counts: set[str] = set()
        """Entities of which a new instance is seen by itself."""
        self.steps: set[tuple[str, str]] = set()
        """(entity, action) that is seen whatever it does; "" for every action."""
        for property_ in properties:
            self._add(property_)

    def sees(self, before: System, step: Step, *, isolated: bool) -> bool:
        """Whether some property may hold after the step and not before, or the other way round."""
        entity = step.label.address.entity
        if step.label.case is not None and not self.steps.isdisjoint({(entity, ""), (entity, step.label.action)}):
            return True
        parts_seen = self.joins.get(entity, set()) | (set() if isolated else self.follows.get(entity, set()))
        if not parts_seen and entity not in self.counts:
            return False
        old, new = before.cell(step.label.address), step.system.cell(step.label.address)
        if old is None or new is None:
            return old is not new
        return any(self._value(old, part) != self._value(new, part) for part in parts_seen)

    def _value(self, cell: Cell, part: str) -> object:
        return cell.control if part == STATE else cell.data[self.indexes[cell.entity, part]]

    # What a property reads.

    def _add(self, property_: Property) -> None:
        reads = set(_reads(property_))
        counted = [part.name for part in property_parts(property_) if part.op is Op.INSTANCES]
        counted += [entity for _, entity in property_.variables] if len(property_.variables) > 1 else []
        sources = {read.through for read in reads} | {name for name, _ in property_.variables}
        if not counted and len(sources) <= 1 and "" not in sources:
            return
        is_state = property_.kind in {PropertyKind.ALWAYS, PropertyKind.POSSIBLE}
        singles = sources - {""} - {name for name, _ in property_.variables}
        follows = is_state and not counted and not singles and len(property_.variables) == 1
        for read in reads:
            (self.follows if follows else self.joins).setdefault(read.entity, set()).add(read.part)
        self.counts.update(counted)
        if property_.kind is PropertyKind.STEP:
            entity = property_.variables[0][1]
            self.steps.add((entity, property_.on[1] if property_.on else ""))


def _reads(property_: Property) -> Iterator[Read]:
    variables = dict(property_.variables)
    for part in property_parts(property_):
        if part.op is Op.READ:
            of = part.operands[0]
            assert isinstance(of.type, RefType), "only references are read through"
            yield Read(of.type.entity, part.name, _through(of, variables))


def _through(of: Expression, variables: dict[str, str]) -> str:
    if of.op is Op.VARIABLE and of.name in variables:
        return of.name
    if of.op is Op.LITERAL:
        return str(of.value)
    assert not any(part.op is Op.INSTANCES for part in parts(of)), "a reference is no loop"
    return ""
