"""Simulation: the real runtime in a simulated world, with every law looked at after every step."""

from temper.verify.simulate.faults import FAULTS, PROFILES, UnknownFaultError, rates
from temper.verify.simulate.faults_of_nodes import NODE_FAULTS
from temper.verify.simulate.loop import SimulatedLoop
from temper.verify.simulate.run import MOVES_MAX, Ran
from temper.verify.simulate.seeds import Asked, Tally, simulate
from temper.verify.simulate.small import smallest
from temper.verify.simulate.verdicts import (
    LAWS,
    Verdicts,
    run_lines,
    simulation_json,
    simulation_lines,
    simulation_verdicts,
)

__all__ = [
    "FAULTS",
    "LAWS",
    "MOVES_MAX",
    "NODE_FAULTS",
    "PROFILES",
    "Asked",
    "Ran",
    "SimulatedLoop",
    "Tally",
    "UnknownFaultError",
    "Verdicts",
    "rates",
    "run_lines",
    "simulate",
    "simulation_json",
    "simulation_lines",
    "simulation_verdicts",
    "smallest",
]
