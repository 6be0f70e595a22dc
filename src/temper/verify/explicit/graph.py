"""Steps as numbers: what each state owes and each step pays, as bits, so that cycles are found quickly.

The search keeps no steps, so states are expanded once more, and only those that somebody asks about.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from temper.machine import Cut, Property, Step, System
from temper.verify.explicit.exploration import Followed
from temper.verify.explicit.fairness import CallDebt, Fairness, Insistence


class Edge(NamedTuple):
    """Steps that lead to the same state and mean the same for fairness."""

    target: int
    paid: int = 0
    asked: int = 0
    kept: int = 0


class Node(NamedTuple):
    """What a state owes, and its edges. `cuts` says where steps were cut, if any were."""

    owed: int
    edges: tuple[Edge, ...]
    cuts: tuple[tuple[str, str], ...] = ()


class Bits:
    """Numbers things in the order in which they come, a bit for each."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}

    def of(self, things: Iterable[Hashable]) -> int:
        found = 0
        for thing in things:
            found |= 1 << self.numbers.setdefault(thing, len(self.numbers))
        return found


class Graph:
    """The explored graph, expanded where it is asked for, under everything that any property assumes."""

    def __init__(self, exploration: Followed, fairness: Fairness) -> None:
        self.exploration, self.fairness = exploration, fairness
        self.debts, self.insistences = Bits(), Bits()
        self._nodes: dict[int, Node] = {}

    def is_expanded(self, number: int) -> bool:
        """Whether the search had come to expand this state before it ended."""
        return number < self.exploration.expanded

    def node(self, number: int) -> Node:
        """What state `number` owes and where it leads."""
        found = self._nodes.get(number)
        if found is None:
            found = self._nodes[number] = self._expand(number)
        return found

    def step(self, number: int, edge: Edge) -> Step:
        """The first step out of the state that the edge stands for."""
        system = self.exploration.states[number]
        for step in self.steps(system):
            if isinstance(step, Step) and self._edge(system, step) == edge:
                return step
        raise AssertionError("a model must give the same successors at every call")

    def steps(self, system: System) -> Sequence[Step | Cut]:
        found = tuple(self.exploration.successors(system))
        assert all(isinstance(step, Step | Cut) for step in found), "a table's relation takes the machine's own steps"
        return found  # type: ignore[return-value]

    def _expand(self, number: int) -> Node:
        assert self.is_expanded(number), "what follows from this state was never looked at"
        system = self.exploration.states[number]
        steps = self.steps(system)
        edges = dict.fromkeys(self._edge(system, step) for step in steps if isinstance(step, Step))
        cuts = dict.fromkeys((step.bound, step.where) for step in steps if isinstance(step, Cut))
        return Node(self.debts.of(self.fairness.debts(system, steps)), tuple(edges), tuple(cuts))

    def _edge(self, system: System, step: Step) -> Edge:
        fairness = self.fairness
        return Edge(
            self.exploration.number(step.system),
            self.debts.of(fairness.paid(system, step)),
            self.insistences.of(fairness.asked(step)),
            self.insistences.of(fairness.kept(step)),
        )

    # Which of it counts for one property.

    def weak(self, property_: Property) -> int:
        """The debts that count: of calls only those that the property assumes."""
        return sum(
            1 << number
            for debt, number in self.debts.numbers.items()
            if not isinstance(debt, CallDebt) or (debt.address.entity, debt.action) in property_.assuming
        )

    def strong(self, property_: Property) -> int:
        """The outcomes that the property assumes."""
        assumed = set(property_.assuming)
        return sum(
            1 << number
            for asked, number in self.insistences.numbers.items()
            if isinstance(asked, Insistence) and self._effect(asked) in assumed
        )

    def _effect(self, asked: Insistence) -> tuple[str, str]:
        return self.fairness.effects[asked.site], asked.outcome
