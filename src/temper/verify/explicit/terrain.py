"""Where a promise is open, and where in it a run can stay for ever: the part of liveness that goes over every state.

A faster engine takes the place of this terrain and is compared with it; what becomes of a component is decided once,
in `liveness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from temper.machine import Binding, Property, TransitionTable, promises
from temper.verify.explicit.components import Component, fair_components
from temper.verify.explicit.deadline import Deadline
from temper.verify.explicit.exploration import Followed
from temper.verify.explicit.graph import Graph, Node

ASKED, MET = 1, 2
"""Of a state and a binding: `whenever` holds there, the goal holds there."""


@dataclass(frozen=True, slots=True)
class Open:
    """A promise to one binding: what holds in each state."""

    property: Property
    binding: Binding
    flags: bytearray


@dataclass(frozen=True, slots=True)
class Fair:
    """What was found of one promise to one binding."""

    nodes: Mapping[int, Node]
    """Every state in which the promise is open, as far as the search expanded them."""
    where: Mapping[int, Component]
    """The states in which a fair run can stay for ever, each with all that can be visited again and again with it."""
    cuts: tuple[tuple[str, str], ...]
    """Where steps were cut while the promise was open."""


class Terrain(Protocol):
    """Looks at every state for one table."""

    def marked(self, property_: Property) -> Mapping[Binding, bytearray]:
        """For each binding to which something is promised, what holds in each state."""
        ...

    def fair(self, open_: Open) -> Fair:
        """Where a fair run can leave the promise open for ever."""
        ...


class PlainTerrain:
    """The terrain of an exploration in Python. States with a step that was cut are in no component."""

    def __init__(self, table: TransitionTable, exploration: Followed, graph: Graph, deadline: Deadline) -> None:
        self.table, self.exploration, self.graph, self.deadline = table, exploration, graph, deadline

    def marked(self, property_: Property) -> Mapping[Binding, bytearray]:
        marks: dict[Binding, bytearray] = {}
        look, count = promises(self.table, property_), len(self.exploration.states)
        for number, system in enumerate(self.exploration.states):
            asked, met = look(system.view)
            for binding in asked:
                marks.setdefault(binding, bytearray(count))[number] |= ASKED
            for binding in met:
                marks.setdefault(binding, bytearray(count))[number] |= MET
            if number % 256 == 0:
                self.deadline.check()
        return marks

    def fair(self, open_: Open) -> Fair:
        nodes, beyond = self._region(open_)
        weak, strong = self.graph.weak(open_.property), self.graph.strong(open_.property)
        clean = {number: node for number, node in nodes.items() if not node.cuts}
        where: dict[int, Component] = {}
        for component in fair_components(clean, weak=weak, strong=strong):
            where |= dict.fromkeys(component.states, component)
            self.deadline.check()
        return Fair(nodes, where, tuple(sorted(beyond)))

    def _region(self, open_: Open) -> tuple[dict[int, Node], set[tuple[str, str]]]:
        """Every state in which the promise is open, and what was cut there."""
        nodes: dict[int, Node] = {}
        cuts: set[tuple[str, str]] = set()
        waiting = [number for number, flag in enumerate(open_.flags) if flag == ASKED]
        seen = set(waiting)
        while waiting:
            number = waiting.pop()
            if len(nodes) % 256 == 0:
                self.deadline.check()
            if not self.graph.is_expanded(number):
                continue
            node = nodes[number] = self.graph.node(number)
            cuts.update(node.cuts)
            for edge in node.edges:
                if edge.target not in seen and not open_.flags[edge.target] & MET:
                    seen.add(edge.target)
                    waiting.append(edge.target)
        return nodes, cuts
