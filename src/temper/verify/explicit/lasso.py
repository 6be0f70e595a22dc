"""Lassos: a shortest way into a fair component, and a shortest fair loop from where it arrives.

Each way is a shortest one to where it arrives, and ways come the shortest first. The loop is a shortest fair one
through that state, found breadth first over states and what is still unpaid; where those are too many, it visits one
thing that is owed after the other, nearest first, and may be longer than it must be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from temper.verify.explicit.components import Component
from temper.verify.explicit.graph import Edge, Node

PLACES_MAX = 100_000
"""How many pairs of a state and what is unpaid there are looked at for a shortest loop."""

Walk = tuple[tuple[int, Edge], ...]
"""Edges, each with the state that it leaves."""


class Place(NamedTuple):
    """Where a walk through a component is: the state, what it still has to pay, and outcomes asked for or had."""

    state: int
    unpaid: int
    asked: int = 0
    kept: int = 0

    def after(self, edge: Edge, node: Node, strong: int) -> Place:
        """One step further. What the next state does not owe is as good as paid, and what came needs no asking."""
        kept = self.kept | edge.kept & strong
        return Place(
            edge.target, self.unpaid & ~edge.paid & node.owed, (self.asked | edge.asked & strong) & ~kept, kept
        )


class WayIn(NamedTuple):
    """A way to a state: how long it is in all, and its walk from the beginning in which the walk starts."""

    length: int
    state: int
    walk: Walk

    @property
    def begin(self) -> int:
        return self.walk[0][0] if self.walk else self.state


def ways_in(nodes: Mapping[int, Node], begins: Mapping[int, int], goals: Container[int]) -> Iterator[WayIn]:
    """A shortest way to each goal, the shortest first. `begins` gives how many steps lead to each beginning."""
    came: dict[int, tuple[int, Edge] | None] = {}
    number = count()
    heap: list[tuple[int, int, int, tuple[int, Edge] | None]] = []
    for state, far in begins.items():
        heappush(heap, (far, state, next(number), None))
    while heap:
        far, state, _, by = heappop(heap)
        if state in came:
            continue
        came[state] = by
        if state in goals:
            yield WayIn(far, state, _walk(came, state))
        for edge in nodes[state].edges:
            if edge.target in nodes and edge.target not in came:
                heappush(heap, (far + 1, edge.target, next(number), (state, edge)))


def _walk(came: Mapping[int, tuple[int, Edge] | None], state: int) -> Walk:
    backwards = []
    by = came[state]
    while by is not None:
        backwards.append(by)
        by = came[by[0]]
    return tuple(reversed(backwards))


def fair_loop(nodes: Mapping[int, Node], component: Component, begin: int, *, weak: int, strong: int) -> Walk:
    """A fair loop through `begin`; the empty walk where a run may stutter there.

    >>> turn = {0: Node(1, (Edge(1),)), 1: Node(1, (Edge(0, paid=1),))}
    >>> [state for state, _ in fair_loop(turn, Component(frozenset({0, 1})), 0, weak=1, strong=0)]
    [0, 1]
    """
    first = Place(begin, nodes[begin].owed & weak)
    if not first.unpaid:
        return ()
    shortest = _shortest(nodes, component, first, strong)
    return _visiting(nodes, component, first, strong) if shortest is None else shortest


def _shortest(nodes: Mapping[int, Node], component: Component, first: Place, strong: int) -> Walk | None:
    """Breadth first to where everything is paid and the loop is closed; None if too much would have to be seen."""
    came: dict[Place, tuple[Place, Edge] | None] = {first: None}
    queue = deque([first])
    while queue and len(came) <= PLACES_MAX:
        place = queue.popleft()
        for edge in component.inner(nodes[place.state]):
            after = place.after(edge, nodes[edge.target], strong)
            if after not in came:
                came[after] = (place, edge)
                if after.state == first.state and not after.unpaid and not after.asked:
                    return _back(came, after)
                queue.append(after)
    return None


def _back(came: Mapping[Place, tuple[Place, Edge] | None], place: Place) -> Walk:
    backwards = []
    by = came[place]
    while by is not None:
        backwards.append((by[0].state, by[1]))
        by = came[by[0]]
    return tuple(reversed(backwards))


def _visiting(nodes: Mapping[int, Node], component: Component, first: Place, strong: int) -> Walk:
    """Pays one thing after the other, has every outcome that is asked for anywhere, and comes back."""
    inner = [edge for state in component.states for edge in component.inner(nodes[state])]
    wanted = 0
    for edge in inner:
        wanted |= edge.asked & strong
    walk: list[tuple[int, Edge]] = []
    place = first
    while place.unpaid or wanted & ~place.kept:
        part, place = _nearest(nodes, component, place, strong, wanted)
        walk += part
    return (*walk, *_to(nodes, component, place.state, lambda edge: edge.target == first.state))


def _nearest(
    nodes: Mapping[int, Node], component: Component, place: Place, strong: int, wanted: int
) -> tuple[Walk, Place]:
    """The way to the nearest step after which less is missing."""

    def helps(edge: Edge) -> bool:
        unpaid = place.unpaid & ~edge.paid & nodes[edge.target].owed
        return unpaid != place.unpaid or bool(edge.kept & wanted & ~place.kept)

    way = _to(nodes, component, place.state, helps)
    for _, edge in way:
        place = place.after(edge, nodes[edge.target], strong)
    return way, place


def _to(nodes: Mapping[int, Node], component: Component, begin: int, is_last: Callable[[Edge], bool]) -> Walk:
    """The shortest way inside whose last edge is such a one."""
    came: dict[int, tuple[int, Edge] | None] = {begin: None}
    queue = deque([begin])
    while queue:
        state = queue.popleft()
        for edge in component.inner(nodes[state]):
            if is_last(edge):
                return (*_walk(came, state), (state, edge))
            if edge.target not in came:
                came[edge.target] = (state, edge)
                queue.append(edge.target)
    raise AssertionError("in a fair component everything that is owed is paid, and everything is reached")
