"""What the author promised, looked at after every step: `always`, `step`, and what is owed without being asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from temper.machine import (
    NEW,
    Address,
    Binding,
    Cell,
    Op,
    Property,
    PropertyKind,
    StepHolder,
    TransitionTable,
    Value,
    holder,
    parts,
    promises,
    step_holder,
)
from temper.run import entities_read
from temper.verify.obligations import violated
from temper.verify.simulate.shadow import Taken

MEMO_MAX = 100_000
Found = Callable[[str, str], None]
"""Hears of a property that does not hold, and why."""


class Properties:
    """The properties of one table as functions, by the entities that they are about."""

    def __init__(self, table: TransitionTable) -> None:
        self.table = table
        self.always: dict[str, list[_Always]] = {}
        self.steps: dict[str, list[tuple[str, StepHolder]]] = {}
        self.accepted = {name for name, _ in table.accept}
        self.promised = [each for each in table.properties if each.kind is PropertyKind.EVENTUALLY]
        self.promises = {each.name: promises(table, each) for each in self.promised}
        for each in table.properties:
            if each.kind is PropertyKind.ALWAYS:
                looker = _Always(table, each)
                for entity in entities_read(each):
                    self.always.setdefault(entity, []).append(looker)
            elif each.kind is PropertyKind.STEP:
                ((_, entity),) = each.variables
                self.steps.setdefault(entity, []).append((each.name, step_holder(table, each)))


class Watch:
    """The properties over one system that moves."""

    def __init__(self, properties: Properties, found: Found) -> None:
        self._properties, self._found = properties, found
        self.view: dict[Address, Cell] = {}

    def begin(self, cells: Mapping[Address, Cell]) -> None:
        """What is there before anything happens."""
        self.view.update(cells)

    def taken(self, taken: Taken) -> None:
        """A record was followed."""
        record = taken.record
        if taken.case is not None or record.rule in {"start", "reload"}:
            self.moved(taken.before, taken.after, record.action, record.args)
        for violation in taken.violations:
            consumed = taken.consumed[0].delivery if taken.consumed else None
            name = violated(self._properties.table, violation, consumed)
            if name not in self._properties.accepted:
                self._found(name, violation.message)

    def moved(self, before: Cell, after: Cell, action: str, args: tuple[tuple[str, Value], ...]) -> None:
        """A cell is otherwise than before."""
        address = after.address
        steps = self._properties.steps.get(after.entity)
        earlier = {**self.view, address: before} if steps else {}
        if before.control == NEW:
            earlier.pop(address, None)
        self.view[address] = after
        for name, holds in steps or ():
            if (binding := holds(earlier, self.view, address, action, dict(args))) is not None:
                self._found(name, _because(binding))
        for looker in self._properties.always.get(after.entity, ()):
            if (binding := looker.broken(self.view, after)) is not None:
                self._found(looker.name, _because(binding))


class _Always:
    """One `always`. Where it is about each instance by itself, what was seen once is not looked at again."""

    def __init__(self, table: TransitionTable, property_: Property) -> None:
        self.name = property_.name
        self._broken = holder(table, property_)
        self._is_alone = _is_alone(property_)
        self._seen: dict[tuple[str, tuple[Any, ...]], bool] = {}

    def broken(self, view: Mapping[Address, Cell], moved: Cell) -> Binding | None:
        if not self._is_alone:
            return self._broken(view)
        key = (moved.control, moved.data)
        if key in self._seen:
            return None
        broken = self._broken({moved.address: moved})
        if broken is None and len(self._seen) < MEMO_MAX:
            self._seen[key] = True
        return broken


def _is_alone(property_: Property) -> bool:
    """Whether its one instance decides, by its own state and data and by nothing of its id."""
    if len(property_.variables) != 1:
        return False
    nodes = [node for whole in (property_.whenever, property_.body) if whole is not None for node in parts(whole)]
    reads = [node for node in nodes if node.op is Op.READ]
    if any(node.op in {Op.INSTANCES, Op.SELF} for node in nodes):
        return False
    bare = sum(node.op is Op.VARIABLE and node.name == property_.variables[0][0] for node in nodes)
    own = [node for node in reads if node.operands[0].op is Op.VARIABLE]
    return len(own) == len(reads) == bare


def _because(binding: Binding) -> str:
    return (
        "it does not hold for " + ", ".join(f"{name} = {id_}" for name, id_ in binding)
        if binding
        else "it does not hold"
    )
