"""The whole explored graph of a small blueprint: every state with what is new in it, and every step between them."""

from __future__ import annotations

from dataclasses import dataclass

from temper.machine import Cell, System, TransitionTable, Universe, Value, absent
from temper.verify.budget import Budget
from temper.verify.explicit import Exploration, explore
from temper.verify.explicit.tracing import delivery_text
from temper.verify.model import TableModel, Transition
from temper.verify.text import step_text, value_text


@dataclass(frozen=True, slots=True)
class Node:
    """A state. `changes` is what differs from the state that it was first reached from; of the first, all of it."""

    number: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A step between two states, by their numbers. `label` says what happened and who or what made it."""

    source: int
    target: int
    label: str


@dataclass(frozen=True, slots=True)
class StateSpace:
    """The graph. `cuts` counts the steps that the scope did not follow."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    cuts: int


@dataclass(frozen=True, slots=True)
class NotDrawn:
    """Why there is no graph: too many states, or the time was over."""

    because: str


def state_space(table: TransitionTable, *, universe: Universe, budget: Budget) -> StateSpace | NotDrawn:
    """The graph of everything reachable, if it is within the budget.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> state_space(empty, universe=universe(empty), budget=Budget()).edges
    ()
    """
    model = TableModel(table, universe)
    exploration = Exploration(model)
    watch = _Edges(table, exploration)
    explore(exploration, model.initial(), watch, budget)
    if exploration.stopped:
        return NotDrawn(exploration.stopped)
    nodes = tuple(
        Node(number, _new_in(table, None if parent < 0 else exploration.states[parent], system))
        for number, (system, parent) in enumerate(zip(exploration.states, exploration.parents, strict=True))
    )
    return StateSpace(nodes, tuple(dict.fromkeys(watch.edges())), watch.cuts)


class _Edges:
    """Keeps every step; where one leads is known when the search is over."""

    def __init__(self, table: TransitionTable, exploration: Exploration[System]) -> None:
        self.table, self.exploration = table, exploration
        self.steps: list[tuple[int, System, str]] = []
        self.cuts = 0

    def edges(self) -> list[Edge]:
        return [Edge(source, self.exploration.numbers[after], label) for source, after, label in self.steps]

    def state(self, _number: int, _system: System, /) -> None:
        pass

    def step(self, number: int, _system: System, step: Transition[System], /) -> None:
        self.steps.append((number, step.system, step_text(self.table, step.label)))

    def cut(self, _number: int, _system: System, _cut: object, /) -> None:
        self.cuts += 1


def _new_in(table: TransitionTable, before: System | None, after: System) -> tuple[str, ...]:
    """What is new: cells with what changed in them, and what is pending that was not."""
    known = {} if before is None else dict(before.view)
    lines = []
    for cell in after.cells:
        old = known.get(cell.address)
        changed = _changed(table, old or absent(table, cell.address), cell)
        if changed:
            lines.append(f"{_place(cell)}: {', '.join(changed)}")
    pending = () if before is None else before.pending
    lines += [f"pending {delivery_text(delivery)}" for delivery in after.pending if delivery not in pending]
    return tuple(lines)


def _changed(table: TransitionTable, old: Cell, new: Cell) -> list[str]:
    names = [field.name for field in table.entity(new.entity).fields]
    pairs: list[tuple[str, Value, Value]] = [("", old.control, new.control)]
    pairs += list(zip(names, old.data, new.data, strict=True))
    return [f"{name} {value_text(now)}".strip() for name, was, now in pairs if was != now]


def _place(cell: Cell) -> str:
    return cell.entity if cell.entity == cell.id else f"{cell.entity} {cell.id}"
