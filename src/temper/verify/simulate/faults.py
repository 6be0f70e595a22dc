"""Faults by name, and the profiles that put them together. How often each is drawn is in one place: here."""

from __future__ import annotations

from collections.abc import Mapping

from temper.machine import TransitionTable
from temper.verify.simulate.faults_of_nodes import NODE_FAULTS, NODE_HAPPENED

FAULTS: Mapping[str, float] = {
    "crash": 0.010,
    "torn": 0.010,
    "disk": 0.060,
    "full": 0.008,
    "read": 0.008,
    "refuse": 0.15,
    "silence": 0.10,
    "unanswered": 0.10,
    "nonsense": 0.05,
    "duplicate": 0.10,
    "reuse": 0.05,
    "clock": 0.010,
    "reload": 0.006,
    "pause": 0.006,
}
"""Of a hundred moves, of as many writes (disk), or of as many answers: how many are so, when the fault is on."""

HAPPENED: Mapping[str, tuple[str, ...]] = {
    "crash": ("crash",),
    "torn": ("torn write",),
    "disk": ("write before", "write after", "write unsure", "write unsure-after"),
    "full": ("write full",),
    "read": ("read",),
    "refuse": ("refused",),
    "silence": ("lost",),
    "unanswered": ("unanswered",),
    "nonsense": ("nonsense",),
    "duplicate": ("duplicate",),
    "reuse": ("key reused",),
    "clock": ("clock back", "clock forward"),
    "reload": ("reload",),
    "pause": ("pause",),
}
"""Under which names a run counts that the fault did happen."""
assert HAPPENED.keys() == FAULTS.keys(), "what may be asked for is counted when it happens"

MODERATE = 0.4
"""How much of that a moderate world has."""

PROFILES: Mapping[str, Mapping[str, float]] = {
    "calm": {},
    "moderate": {name: rate * MODERATE for name, rate in FAULTS.items() if name not in {"reload", "clock"}},
    "chaos": FAULTS,
}


NODES_MODERATE = {name: rate * MODERATE for name, rate in NODE_FAULTS.items() if name in {"slow", "death"}}
NODE_PROFILES: Mapping[str, Mapping[str, float]] = {"calm": {}, "moderate": NODES_MODERATE, "chaos": NODE_FAULTS}
"""What each profile has besides where there are several nodes."""


def missing(table: TransitionTable, asked: Mapping[str, float], counted: Mapping[str, int]) -> list[str]:
    """Faults that were asked for, can happen to this table, and never did."""
    effects = {name for name in ("refuse", "silence", "nonsense", "pause") if not table.effects}
    if all(effect.performs is None for effect in table.effects):
        effects.add("unanswered")
    silent = (name for name in asked if not any(counted.get(kind) for kind in {**HAPPENED, **NODE_HAPPENED}[name]))
    return [name for name in silent if name not in effects]


class UnknownFaultError(ValueError):
    """A name is neither a profile nor a fault."""


def rates(asked: str, nodes: int = 1) -> dict[str, float]:
    """How often each fault is drawn: of a profile, or of faults by name, separated by commas.

    Some faults take several `nodes`.

    >>> sorted(rates("crash,clock"))
    ['clock', 'crash']
    >>> rates("calm")
    {}
    """
    found: dict[str, float] = {}
    for name in filter(None, (part.strip() for part in asked.split(","))):
        if name in PROFILES:
            found |= PROFILES[name]
            if nodes > 1:
                found |= NODE_PROFILES[name]
        elif name in FAULTS:
            found[name] = FAULTS[name]
        elif name in NODE_FAULTS and nodes > 1:
            found[name] = NODE_FAULTS[name]
        elif name in NODE_FAULTS:
            raise UnknownFaultError(f"the fault `{name}` takes several nodes: say how many, as in --nodes 2")
        else:
            known = ", ".join([*PROFILES, *FAULTS, *(NODE_FAULTS if nodes > 1 else ())])
            raise UnknownFaultError(f"there is no fault and no profile called `{name}`; there are {known}")
    return found
