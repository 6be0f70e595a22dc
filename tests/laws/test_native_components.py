"""Law: native code takes random graphs apart as the plain search does, into the same fair components."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from support.small import table_of
from temper.machine import universe
from temper.verify.explicit.components import fair_components
from temper.verify.explicit.graph import Edge, Node
from temper.verify.native import ground_text
from temper.verify.native.debts import Debts, Kind
from temper.verify.native.domain import Domains
from temper.verify.native.engine import compiled
from temper.verify.native.ground import Ground
from temper.verify.native.layout import Layout
from temper.verify.native.unsupported import Disagreement

TABLE = """
temper: 1
blueprint: quiet
roles: [chief]
entities:
  Gate:
    single: true
    states: [shut, ajar]
    waits: [shut, ajar]
    actions:
      pull: {by: chief, from: shut, to: ajar}
scope: {principals: {ann: [chief]}}
"""
NODES_MAX = 9
BITS = (0, 1, 63, 64, 70)
"""On both sides of where one word ends and the next begins."""
LAW = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass
class Queue:
    """As much of a search's memory as a ground asks for: one word for each state."""

    states: int
    words: int = 1
    transitions: int = 1_000
    bytes_taken: int = 0
    bytes_max: int = 1 << 30

    def __post_init__(self) -> None:
        self.queue = (ctypes.c_uint64 * self.states)(*(2 * at + 1 for at in range(self.states)))

    def __getitem__(self, name: str) -> int:
        return {"queue": ctypes.addressof(self.queue), "tail": self.states, "head": self.states}[name]


masks = st.sets(st.sampled_from(BITS), max_size=3).map(lambda bits: sum(1 << bit for bit in bits))


@st.composite
def graphs(draw) -> dict[int, Node]:
    """Some with a cycle through everything, with debts on the way."""
    count = draw(st.integers(1, NODES_MAX))
    numbers = st.integers(0, count - 1)
    ring = [(at, (at + 1) % count) for at in range(count)]
    ends = ring * draw(st.booleans()) + draw(st.lists(st.tuples(numbers, numbers), max_size=2 * count, unique=True))
    asked = st.sampled_from([0, 0, 0, 1 << 2, 1 << 66])
    edges: dict[int, list[Edge]] = {number: [] for number in range(count)}
    for source, target in ends:
        of = draw(asked)
        edges[source].append(Edge(target, draw(st.sampled_from([0, 0, 1]) | masks), of, draw(st.sampled_from([0, of]))))
    return {number: Node(draw(masks), tuple(found)) for number, found in edges.items()}


def native_components(nodes: dict[int, Node], *, weak: int, strong: int) -> set[tuple[frozenset[int], int]]:
    """What native code finds. What a node owes is shown by a step that leads out of the graph."""
    table = table_of(TABLE)
    within = universe(table)
    layout = Layout(table, within, Domains(table, within))
    debts = Debts(layout)
    debts.numbers = dict.fromkeys(range(max(BITS) + 1), 0)  # type: ignore[assignment]
    out = len(nodes)
    steps = {
        number: [(out, debts.number(Kind(owed=node.owed)))]
        + [(e.target, debts.number(Kind(e.paid, 0, e.asked, e.kept))) for e in node.edges]
        for number, node in nodes.items()
    }
    text = ground_text.ground_text(layout, debts, expand=[], tables=[], cuts=0, sites=1, promised=())
    ground = Ground(compiled(text, 0), Queue(out + 1), masks=debts.words, sites=1, cuts=0)  # type: ignore[arg-type]
    for number in nodes:
        _at(ground, "group", ctypes.c_uint32, number).value = 1
        _at(ground, "roots", ctypes.c_uint32, number).value = number
    ground["steps_max"] = ground["steps"] = 0
    ground._make_room()
    at = 0
    for number in range(out):
        for target, kind in steps[number]:
            _at(ground, "targets", ctypes.c_uint32, at).value = target
            _at(ground, "sorts", ctypes.c_uint32, at).value = kind
            at += 1
        _at(ground, "offsets", ctypes.c_uint64, number + 1).value = at
    ground["count"] = out
    return {(frozenset(f.states), f.without) for f in ground.components(weak=weak, strong=strong)}


def _at(ground: Ground, name: str, type_: type, number: int):
    return type_.from_address(ground[name] + ctypes.sizeof(type_) * number)


@LAW
@given(graphs(), masks, st.sampled_from([0, 1 << 2, 1 << 66, 1 << 2 | 1 << 66]))
def test_native_code_finds_the_same_fair_components(nodes: dict[int, Node], weak: int, strong: int) -> None:
    expected = {(part.states, part.without) for part in fair_components(nodes, weak=weak, strong=strong)}
    assert native_components(nodes, weak=weak, strong=strong) == expected
    event(f"{len(expected)} fair, the largest of {max((len(states) for states, _ in expected), default=0)}")


BROKEN = {
    "components are not lowered": ("store i32 %pl.n", "store i32 %pl"),
    "steps back are not seen": ("store i32 %ul.n", "store i32 %ul"),
    "steps out are paid for": ("icmp eq i32 %yg, %id.s", "icmp eq i32 %yg, %yg"),
    "nothing is left out": ("phi i64 [0, %asking], [1, %again]", "phi i64 [0, %asking], [0, %again]"),
    "everything is paid": ("br i1 %is.unpaid, label %turn", "br i1 false, label %turn"),
}


def drawn(seed: int) -> dict[int, Node]:
    """A graph for comparing what is broken, always the same."""
    chance = Random(seed)
    count = chance.randint(1, NODES_MAX)
    ends = [(at, (at + 1) % count) for at in range(count) if chance.random() < 0.8]
    ends += [(chance.randrange(count), chance.randrange(count)) for _ in range(count)]
    edges: dict[int, list[Edge]] = {number: [] for number in range(count)}
    for source, target in ends:
        asked = chance.choice([0, 0, 0, 1 << 2])
        edges[source].append(Edge(target, chance.choice([0, 0, 1, 2]), asked, asked * chance.randint(0, 1)))
    return {number: Node(chance.choice([0, 1, 3]), tuple(found)) for number, found in edges.items()}


def is_different(nodes: dict[int, Node]) -> bool:
    expected = {(part.states, part.without) for part in fair_components(nodes, weak=3, strong=1 << 2)}
    try:
        return native_components(nodes, weak=3, strong=1 << 2) != expected
    except Disagreement:
        return True


def test_nothing_is_noticed_where_nothing_is_wrong() -> None:
    assert not any(is_different(drawn(seed)) for seed in range(60))


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = BROKEN[broken]
    assert ground_text.COMPONENTS.count(right) == 1
    monkeypatch.setattr(ground_text, "COMPONENTS", ground_text.COMPONENTS.replace(right, wrong))
    assert any(is_different(drawn(seed)) for seed in range(60))


@pytest.mark.parametrize("broken", ["components are not lowered", "steps back are not seen"])
def test_a_cycle_taken_apart_is_noticed_by_the_search_itself(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = BROKEN[broken]
    monkeypatch.setattr(ground_text, "COMPONENTS", ground_text.COMPONENTS.replace(right, wrong))
    nodes = {0: Node(0, (Edge(1),)), 1: Node(0, (Edge(2),)), 2: Node(0, (Edge(0),))}
    with pytest.raises(Disagreement, match="hang together"):
        native_components(nodes, weak=0, strong=0)
