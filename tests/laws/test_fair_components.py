"""Law: fair components are exactly where a fair cycle runs, and their loops are fair, closed and as short as can be.

The naive side takes every set of edges of a small graph, keeps those that one cycle can run through, and asks of each
by the letter of semantics.md section 5 whether it is fair.
"""

from __future__ import annotations

from itertools import combinations, pairwise, product

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from temper.verify.explicit.components import Component, fair_components
from temper.verify.explicit.graph import Edge, Node
from temper.verify.explicit.lasso import fair_loop

LAW = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
WEAK, STRONG = 0b11, 0b11
Arc = tuple[int, Edge]


@st.composite
def graphs(draw) -> dict[int, Node]:
    size = draw(st.integers(1, 4))
    bits = st.integers(0, 3)
    arcs = []
    for _ in range(draw(st.integers(0, 7))):
        source, target = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
        asked = draw(bits)
        arcs.append((source, Edge(target, draw(bits), asked, asked & draw(bits))))
    return {
        state: Node(draw(bits), tuple(dict.fromkeys(edge for source, edge in arcs if source == state)))
        for state in range(size)
    }


def is_one_cycle(arcs: tuple[Arc, ...]) -> bool:
    """Whether a closed walk goes through all of these edges and no others."""
    states = {source for source, _ in arcs}
    reached = {arcs[0][0]}
    while more := {edge.target for source, edge in arcs if source in reached} - reached:
        reached |= more
    back = {arcs[0][0]}
    while more := {source for source, edge in arcs if edge.target in back} - back:
        back |= more
    return reached == states == back


def is_fair(nodes: dict[int, Node], arcs: tuple[Arc, ...]) -> bool:
    for bit in (1, 2):
        owed_always = all(nodes[source].owed & bit for source, _ in arcs)
        if owed_always and not any(edge.paid & bit for _, edge in arcs):
            return False
        if any(edge.asked & bit for _, edge in arcs) and not any(edge.kept & bit for _, edge in arcs):
            return False
    return True


def naive(nodes: dict[int, Node]) -> set[int]:
    """Every state on some fair cycle, stuttering included."""
    arcs = [(state, edge) for state, node in nodes.items() for edge in node.edges]
    found = {state for state, node in nodes.items() if not node.owed}
    for size in range(1, len(arcs) + 1):
        for chosen in combinations(arcs, size):
            if is_one_cycle(chosen) and is_fair(nodes, chosen):
                found |= {source for source, _ in chosen}
    return found


def closed_walks(nodes: dict[int, Node], begin: int, length: int):
    for walk in product([(state, edge) for state, node in nodes.items() for edge in node.edges], repeat=length):
        follows = all(one[1].target == other[0] for one, other in pairwise(walk))
        if follows and walk[0][0] == begin == walk[-1][1].target:
            yield walk


@LAW
@given(graphs())
def test_components_are_where_fair_cycles_run(nodes: dict[int, Node]) -> None:
    found = list(fair_components(nodes, weak=WEAK, strong=STRONG))
    states = [state for component in found for state in component.states]
    assert set(states) == naive(nodes)
    assert len(states) == len(set(states)), "components do not overlap"
    event(f"{len(found)} components")


@LAW
@given(graphs())
def test_loops_are_fair_and_shortest(nodes: dict[int, Node]) -> None:
    for component in fair_components(nodes, weak=WEAK, strong=STRONG):
        for begin in component.states:
            walk = fair_loop(nodes, component, begin, weak=WEAK, strong=STRONG)
            if not walk:
                assert not nodes[begin].owed
                continue
            assert walk[0][0] == begin == walk[-1][1].target
            assert all(one[1].target == other[0] for one, other in pairwise(walk))
            assert is_fair(nodes, walk)
            for length in range(1, min(len(walk), 4)):
                inside = (w for w in closed_walks(nodes, begin, length) if _stays(component, w))
                assert not any(is_fair(nodes, shorter) for shorter in inside)
            event(f"a loop of {len(walk)}")


@LAW
@given(graphs())
def test_loops_that_visit_one_thing_after_the_other_are_fair_too(nodes: dict[int, Node]) -> None:
    """The way out where there are too many places to look at."""
    from temper.verify.explicit.lasso import Place, _visiting

    for component in fair_components(nodes, weak=WEAK, strong=STRONG):
        for begin in component.states:
            if not nodes[begin].owed:
                continue
            walk = _visiting(nodes, component, Place(begin, nodes[begin].owed & WEAK), STRONG)
            assert walk[0][0] == begin == walk[-1][1].target
            assert is_fair(nodes, walk)


def _stays(component: Component, walk: tuple[Arc, ...]) -> bool:
    return all(edge.target in component.states and not edge.asked & component.without for _, edge in walk)
