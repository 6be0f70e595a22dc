"""The pinned counts of `twophase` hold for the published protocol itself, written down again without Temper.

A state is (coordinator, phases, votes heard, messages). If this and the example ever differ, one of them has
stopped being two-phase commit.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

State = tuple[str, tuple[str, ...], frozenset[int], frozenset[object]]


def moves(state: State) -> Iterator[State]:
    hub, phases, heard, messages = state
    everyone = range(len(phases))
    if hub == "init":
        for node in everyone:
            if ("prepared", node) in messages:
                yield hub, phases, heard | {node}, messages
        if heard == frozenset(everyone):
            yield "committed", phases, heard, messages | {"commit"}
        yield "aborted", phases, heard, messages | {"abort"}
    for node in everyone:
        if phases[node] == "working":
            yield hub, changed(phases, node, "prepared"), heard, messages | {("prepared", node)}
            yield hub, changed(phases, node, "aborted"), heard, messages
        if "commit" in messages:
            yield hub, changed(phases, node, "committed"), heard, messages
        if "abort" in messages:
            yield hub, changed(phases, node, "aborted"), heard, messages


def changed(phases: tuple[str, ...], node: int, phase: str) -> tuple[str, ...]:
    return (*phases[:node], phase, *phases[node + 1 :])


def reachable(nodes: int) -> int:
    start: State = ("init", ("working",) * nodes, frozenset(), frozenset())
    seen, frontier = {start}, [start]
    while frontier:
        fresh = {after for state in frontier for after in moves(state)} - seen
        seen |= fresh
        frontier = list(fresh)
    return len(seen)


COUNTS = [(3, 288), (4, 1_568), (5, 8_832), (6, 50_816), pytest.param(7, 296_448, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("nodes", "states"), COUNTS)
def test_the_protocol_has_as_many_states_as_the_example_claims(nodes: int, states: int) -> None:
    assert reachable(nodes) == states
