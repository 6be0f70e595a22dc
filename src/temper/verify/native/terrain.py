"""Promises on the graph of a native search, decided as `explicit.terrain` decides them.

Native code says where a promise is open and where in it a run can stay for ever; only what it finds there is looked at
in Python, where every step has its label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, reduce
from itertools import product
from operator import or_

from temper.machine import Binding, Cut, Property, Step
from temper.verify.explicit.components import Component, fair_components
from temper.verify.explicit.deadline import Deadline
from temper.verify.explicit.graph import Graph, Node
from temper.verify.explicit.terrain import Fair, Open
from temper.verify.native.debts import promises_of
from temper.verify.native.engine import compiled
from temper.verify.native.exploration import NativeExploration
from temper.verify.native.fair import FairRules
from temper.verify.native.ground import OPEN, Found, Ground
from temper.verify.native.ground_text import Promised, ground_text
from temper.verify.native.unsupported import Disagreement

HARDER_FROM = 100_000
"""How many states make it worth that LLVM tries harder."""
SAMPLES = 16
"""How many states, spread over the whole, are compared with the relation."""


class Region(Mapping[int, Node]):
    """The states in which a promise is open, each expanded in Python when somebody asks for it."""

    def __init__(self, flags: bytearray, graph: Graph, deadline: Deadline) -> None:
        self.flags, self.graph, self.deadline = flags, graph, deadline

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and bool(self.flags[number] & OPEN) and self.graph.is_expanded(number)

    def __getitem__(self, number: int) -> Node:
        self.deadline.check()
        return self.graph.node(number)

    def __iter__(self) -> Iterator[int]:
        return (number for number in range(len(self.flags)) if number in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class NativeTerrain:
    """The terrain of a native exploration that has ended."""

    def __init__(self, exploration: NativeExploration, graph: Graph, deadline: Deadline) -> None:
        self.exploration, self.graph, self.deadline = exploration, graph, deadline
        rules = exploration.rules
        self.rules = FairRules(rules.table, rules.universe, rules.layout)
        self.debts = self.rules.debts
        self.promised = tuple(_promised(self.rules))
        self.is_linked = False
        graph.insistences.of(self.debts.insistences)  # known beforehand, so that a mask of them is whole

    @cached_property
    def ground(self) -> Ground:
        """Compiled when the first promise is looked at."""
        rules = self.rules
        expand = rules.expand()
        written = ground_text(
            rules.layout,
            rules.debts,
            expand=expand,
            tables=rules.tables(()),
            sites=rules.sites,
            cuts=len(rules.monitors.cuts),
            promised=self.promised,
        )
        found = Ground(
            compiled(written, 2 if len(self.exploration.states) >= HARDER_FROM else 0),
            self.exploration.memory,
            masks=rules.debts.words,
            sites=rules.sites,
            cuts=len(rules.monitors.cuts),
        )
        self.exploration.ground = found
        return found

    def marked(self, property_: Property) -> Mapping[Binding, bytearray]:
        marks: dict[Binding, bytearray] = {}
        for number, (of, ids) in enumerate(self.promised):
            if of is property_:
                self.deadline.check()
                flags = self.ground.marked(number)
                if any(flags):
                    marks[tuple(zip((name for name, _ in of.variables), ids, strict=True))] = flags
        return marks

    def fair(self, open_: Open) -> Fair:
        self._link()
        flags, counts = self.ground.region(open_.flags)
        cuts = sorted(key for key, count in zip(self.rules.monitors.cuts, counts, strict=False) if count)
        region = Region(flags, self.graph, self.deadline)
        weak, strong = self.debts.weak(open_.property), self.debts.strong(open_.property)
        where: dict[int, Component] = {}
        for found in self.ground.components(weak=weak, strong=strong):
            self.deadline.check()
            for component in self._exactly(found, open_.property):
                where |= dict.fromkeys(component.states, component)
        return Fair(region, where, tuple(cuts))

    def _exactly(self, found: Found, property_: Property) -> Iterator[Component]:
        """The component as the plain search has it; where bits do not say all, what fair ones there are in it."""
        states = frozenset(found.states)
        if self.debts.is_exact:
            left_out = (each for number, each in enumerate(self.debts.insistences) if found.without >> number & 1)
            yield Component(states, self.graph.insistences.of(left_out))
            return
        nodes: dict[int, Node] = {}
        for number in states:
            self.deadline.check()
            nodes[number] = self.graph.node(number)
        yield from fair_components(nodes, weak=self.graph.weak(property_), strong=self.graph.strong(property_))

    def _link(self) -> None:
        """Note every step, once, and compare some with the relation itself."""
        if self.is_linked:
            return
        for _ in self.ground.link():
            self.deadline.check()
        count = self.ground.expanded
        for number in sorted({at * (count - 1) // SAMPLES for at in range(SAMPLES + 1)}) if count else ():
            if not self.agrees(number):
                raise Disagreement("what steps mean for promises, which is a mistake of ours")
        self.is_linked = True

    def agrees(self, number: int) -> bool:
        """Whether native code says the same of a state as the relation: where its steps lead, what they mean."""
        system = self.exploration.states[number]
        steps = self.graph.steps(system)
        kinds = tuple(self.debts.kinds)
        fairness = self.graph.fairness
        expected = {
            (
                self.exploration.number(step.system),
                self.debts.of(fairness.paid(system, step)),
                self.debts.insisted(fairness.asked(step)),
                self.debts.insisted(fairness.kept(step)),
            )
            for step in steps
            if isinstance(step, Step)
        }
        edges = [(target, kinds[kind]) for target, kind in self.ground.steps_of(number)]
        if {(target, kind.paid, kind.asked, kind.kept) for target, kind in edges} != expected:
            return False
        if any(isinstance(step, Cut) for step in steps):
            return self.ground.is_cut(number)
        owed = self.ground.owed(number) | reduce(or_, (kind.owed for _, kind in edges), 0)
        return owed == self.debts.of(fairness.debts(system, steps)) and not self.ground.is_cut(number)


def _promised(rules: FairRules) -> Iterator[Promised]:
    for property_ in promises_of(rules.table):
        for ids in product(*(rules.universe.ids_of(entity) for _, entity in property_.variables)):
            yield property_, ids
