"""Drawing moves where several nodes serve: who is asked, who is slow, who dies, and when the database does."""

from __future__ import annotations

from collections.abc import Mapping

from temper.verify.simulate.draw import Draw
from temper.verify.simulate.faults_of_nodes import NODE_FAULTS
from temper.verify.simulate.ground import Ground
from temper.verify.simulate.moves import (
    At,
    Frees,
    Happens,
    Haunts,
    Hires,
    Move,
    Restarts,
    Returns,
    Severs,
    Sleeps,
    Stops,
    Waits,
)
from temper.verify.simulate.simulation import Simulation
from temper.verify.simulate.simulation_of_nodes import SimulationOfNodes

BACK = 0.02
"""How often a node that has died is started again."""
SLEEPS = (100, 3_000, 9_000, 11_000, 25_000)
"""Milliseconds that a node sleeps for: shorter than its lease, about as long, longer."""
PASSES = (2_500, 5_000, 12_500)
"""Milliseconds that pass so that nodes say that they live, and notice who does not."""


class DrawOfNodes(Draw):
    """The moves of one seed, each at one of the nodes."""

    def __init__(self, ground: Ground, seed: int | str, faults: Mapping[str, float], *, within: bool = False) -> None:
        self._rates = {name: rate for name, rate in faults.items() if name in NODE_FAULTS}
        super().__init__(ground, seed, faults, within=within)
        self._passes = self._chance.choice((0.01, 0.03, 0.06)) if self._rates else 0.01

    def next(self, simulation: Simulation) -> Move:
        assert isinstance(simulation, SimulationOfNodes), "moves of nodes are for nodes"
        chance = self._chance
        if (move := self._of_nodes(simulation)) is not None:
            return move
        if chance.random() < self._passes:
            return Waits(chance.choice(PASSES), chance.random() < 0.7)
        living = [number for number, node in enumerate(simulation.nodes) if not node.is_gone]
        number = chance.choice(living)
        simulation.choose(number)
        move = super().next(simulation)
        return move if isinstance(move, Waits | Happens | Frees | Hires) else At(number, move)

    def _of_nodes(self, simulation: SimulationOfNodes) -> Move | None:
        chance, nodes = self._chance, simulation.nodes
        if simulation.late and chance.random() < 0.05:
            return Haunts()
        gone = [number for number, node in enumerate(nodes) if node.is_gone]
        if gone and chance.random() < BACK:
            return At(chance.choice(gone), Returns())
        drawn = chance.random()
        for name in self._rates:
            drawn -= self._faults[name]
            if drawn < 0:
                return self._fault_of_nodes(name, simulation)
        return None

    def _fault_of_nodes(self, name: str, simulation: SimulationOfNodes) -> Move | None:
        chance = self._chance
        number = chance.randrange(len(simulation.nodes))
        writes = [each for each, node in enumerate(simulation.nodes) if node.process.writes]
        match name:
            case "slow":
                return At(number, Sleeps(chance.choice(SLEEPS)))
            case "death":
                return At(number, Stops(chance.choice(("", "kept", "torn"))))
            case "late":
                return At(chance.choice(writes), Stops("late")) if writes else None
            case "cut":
                return At(number, Severs())
            case _:
                return Restarts()
