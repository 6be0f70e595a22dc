"""Faults by name, and the profiles that put them together. How often each is drawn is in one place: here."""

from __future__ import annotations

from collections.abc import Mapping

FAULTS: Mapping[str, float] = {
    "crash": 0.010,
    "torn": 0.010,
    "disk": 0.060,
    "full": 0.008,
    "refuse": 0.15,
    "silence": 0.10,
    "unanswered": 0.10,
    "nonsense": 0.05,
    "duplicate": 0.10,
    "clock": 0.010,
    "reload": 0.006,
}
"""Of a hundred moves, of as many writes (disk), or of as many answers: how many are so, when the fault is on."""

MODERATE = 0.4
"""How much of that a moderate world has."""

PROFILES: Mapping[str, Mapping[str, float]] = {
    "calm": {},
    "moderate": {name: rate * MODERATE for name, rate in FAULTS.items() if name not in {"reload", "clock"}},
    "chaos": FAULTS,
}


class UnknownFaultError(ValueError):
    """A name is neither a profile nor a fault."""


def rates(asked: str) -> dict[str, float]:
    """How often each fault is drawn: of a profile, or of faults by name, separated by commas.

    >>> sorted(rates("crash,clock"))
    ['clock', 'crash']
    >>> rates("calm")
    {}
    """
    found: dict[str, float] = {}
    for name in filter(None, (part.strip() for part in asked.split(","))):
        if name in PROFILES:
            found |= PROFILES[name]
        elif name in FAULTS:
            found[name] = FAULTS[name]
        else:
            known = ", ".join([*PROFILES, *FAULTS])
            raise UnknownFaultError(f"there is no fault and no profile called `{name}`; there are {known}")
    return found
