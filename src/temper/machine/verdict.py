"""The five verdicts. Never a boolean: each says how it is known, and none says more than that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from temper.machine.trace import Trace


@dataclass(frozen=True, slots=True)
class Proved:
    """It holds for every number of instances and every value; for `possible`, `trace` is a run that gets there."""

    because: str
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Exhausted:
    """It holds in every state within the named scope, and nothing was cut."""

    scope: str
    states: int
    whole: bool = True
    """Whether `states` counts all of them, or only those looked at where the others were known to show nothing else."""


@dataclass(frozen=True, slots=True)
class Survived:
    """No violation in these runs of the real engine."""

    runs: int
    seeds: str
    faults: str


@dataclass(frozen=True, slots=True)
class Refuted:
    """It does not hold, and here is the shortest run that shows it. `trace` is None only for `possible`."""

    because: str
    trace: Trace | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is claimed, and here is why. `because` begins with its kind: budget, construct, cut, not within U."""

    because: str


Verdict: TypeAlias = Proved | Exhausted | Survived | Refuted | Unknown


def word(verdict: Verdict) -> str:
    """The verdict's word, as every output writes it.

    >>> word(Unknown("budget: 30 s are over"))
    'unknown'
    """
    return type(verdict).__name__.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """A property, or something checked without being asked, and its verdict.

    `vacuous` names the sub-expression that could be anything, if there is one. `obligation` tells what every
    blueprint owes (`range:…`, `reachable:…`) from what the author wrote.
    """

    name: str
    verdict: Verdict
    obligation: bool = False
    vacuous: str = ""
