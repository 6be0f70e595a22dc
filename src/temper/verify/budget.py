"""How much a verifier may spend before it says `unknown: budget`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many distinct states (this bounds memory) and so many seconds."""

    states_max: int = 2_000_000
    seconds_max: float = 60.0

    def __str__(self) -> str:
        return f"{self.states_max:,} states, {self.seconds_max:g} s"
