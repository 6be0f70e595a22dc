"""Fair components: where a run can stay for ever and owe nothing.

A set of states that reach each other is fair if a run that visits all of it again and again is. Strongly connected
components are taken apart by Tarjan's algorithm. One that owes something everywhere and never pays it holds no fair
run, nor does any part of it. One that asks for an outcome and never gets it may have a part that does not ask: those
steps are taken out, and what is left is decomposed again. A run may stutter, so a single state is a component, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from temper.verify.explicit.graph import Edge, Node


class Component(NamedTuple):
    """States among which a fair run can stay. `without`: it takes no step that asks for one of these."""

    states: frozenset[int]
    without: int = 0

    def inner(self, node: Node) -> Iterator[Edge]:
        """The edges of one of its states that stay inside."""
        return (edge for edge in node.edges if edge.target in self.states and not edge.asked & self.without)


def fair_components(nodes: Mapping[int, Node], *, weak: int, strong: int) -> Iterator[Component]:
    """Every largest set of these states in which some fair run can stay; `weak` and `strong` are what counts.

    Each cycle that is fair lies within one of them, and each of them holds a fair cycle through all its states.

    >>> turn = {0: Node(1, (Edge(1),)), 1: Node(1, (Edge(0, paid=1),))}
    >>> [sorted(component.states) for component in fair_components(turn, weak=1, strong=0)]
    [[0, 1]]
    """
    waiting = [Component(frozenset(nodes))]
    while waiting:
        whole = waiting.pop()
        for states in strongly_connected(nodes, whole):
            part = Component(states, whole.without)
            if _stays_unpaid(nodes, part, weak):
                continue
            vain = _asked_in_vain(nodes, part, strong)
            if vain:
                waiting.append(Component(states, whole.without | vain))
            else:
                yield part


def _stays_unpaid(nodes: Mapping[int, Node], part: Component, weak: int) -> int:
    """What is owed in every state and paid by no step."""
    unpaid = weak
    for state in part.states:
        unpaid &= nodes[state].owed
        if not unpaid:
            return 0
    for state in part.states:
        for edge in part.inner(nodes[state]):
            unpaid &= ~edge.paid
    return unpaid


def _asked_in_vain(nodes: Mapping[int, Node], part: Component, strong: int) -> int:
    """What is asked by some step and kept by none."""
    asked = kept = 0
    for state in part.states if strong else ():
        for edge in part.inner(nodes[state]):
            asked |= edge.asked
            kept |= edge.kept
    return asked & ~kept & strong


def strongly_connected(nodes: Mapping[int, Node], whole: Component) -> Iterator[frozenset[int]]:
    """The strongly connected components of a part of the graph: Tarjan's algorithm, without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    stack: list[tuple[int, Iterator[Edge]]] = []

    def enter(state: int) -> None:
        index[state] = low[state] = len(index)
        path.append(state)
        on_path.add(state)
        stack.append((state, whole.inner(nodes[state])))

    for root in sorted(whole.states):
        if root not in index:
            enter(root)
        while stack:
            state, edges = stack[-1]
            for edge in edges:
                if edge.target not in index:
                    enter(edge.target)
                    break
                if edge.target in on_path:
                    low[state] = min(low[state], index[edge.target])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[state])
                if low[state] == index[state]:
                    yield _closed(state, path, on_path)


def _closed(state: int, path: list[int], on_path: set[int]) -> frozenset[int]:
    """Takes the component whose first state this is off the path."""
    at = len(path) - 1
    while path[at] != state:
        at -= 1
    states = frozenset(path[at:])
    del path[at:]
    on_path.difference_update(states)
    return states
