"""One run from a seed, or from moves that are known: the same moves give the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from temper.verify.simulate.draw import Draw
from temper.verify.simulate.draw_of_nodes import DrawOfNodes
from temper.verify.simulate.ground import Ground
from temper.verify.simulate.heal import Heal
from temper.verify.simulate.moves import Move
from temper.verify.simulate.shadow import Taken
from temper.verify.simulate.simulation import Counts, Failure, Simulation
from temper.verify.simulate.simulation_of_nodes import SimulationOfNodes

MOVES_MAX = 300
"""So many moves a seed makes before faults end."""
LOOK_EVERY = 20
"""After so many moves it is looked at whether there is anything left to do."""
BARREN_MAX = 60
"""After so many moves of which no step came a run is at its end: whatever can still happen takes no more faults."""


@dataclass(slots=True)
class Ran:
    """What a run came to. `moves` are those that made a difference; `healed` says that faults had ended."""

    seed: int
    failure: Failure | None
    counts: Counts
    moves: list[Move] = field(default_factory=list)
    healed: bool = False
    unmet: Mapping[str, str] = field(default_factory=dict)
    """`eventually` properties that were not met within so many rounds, and for whom."""


Listener = Callable[[Taken], None]


def run_seed(
    ground: Ground,
    seed: int,
    rates: Mapping[str, float],
    *,
    moves_max: int = MOVES_MAX,
    trace: Listener | None = None,
    heal: bool = True,
) -> Ran:
    """Draw moves from the seed, then let everything heal, unless only what may never happen is asked about."""
    simulation = begun(ground, trace)
    drawn = Draw(ground, seed, rates) if ground.nodes == 1 else DrawOfNodes(ground, seed, rates)
    moves: list[Move] = []
    steps, last = 0, 0
    try:
        for number in range(moves_max):
            if simulation.counts.steps != steps:
                steps, last = simulation.counts.steps, number
            if number - last >= BARREN_MAX or (number % LOOK_EVERY == 0 and drawn.is_done(simulation)):
                break
            move = drawn.next(simulation)
            if simulation.play(move):
                moves.append(move)
            if simulation.failure is not None:
                break
        return _ended(simulation, seed, moves, heal=heal)
    finally:
        simulation.end()


def replay(
    ground: Ground,
    moves: Sequence[Move],
    *,
    trace: Listener | None = None,
    move: Callable[[Move], None] | None = None,
    heal: bool = True,
) -> Ran:
    """The run that these moves make; one that does not fit any more changes nothing. `move` hears of each."""
    simulation = begun(ground, trace)
    try:
        for each in moves:
            if move is not None:
                move(each)
            simulation.play(each)
            if simulation.failure is not None:
                break
        return _ended(simulation, -1, list(moves), heal=heal)
    finally:
        simulation.end()


def begun(ground: Ground, trace: Listener | None = None) -> Simulation:
    """A run that begins, with as many nodes as the ground is for."""
    return Simulation(ground, trace=trace) if ground.nodes == 1 else SimulationOfNodes(ground, trace=trace)


def _ended(simulation: Simulation, seed: int, moves: list[Move], *, heal: bool = True) -> Ran:
    if simulation.failure is not None or not heal:
        return Ran(seed, simulation.failure, simulation.counts, moves)
    healing = Heal(simulation)
    healing.go()
    return Ran(seed, simulation.failure, simulation.counts, moves, healed=True, unmet=healing.unmet)
