"""How much a verifier may spend before it says `unknown: budget`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many seconds, distinct states and bytes.

    None is as many states as there is memory for, and half of the memory that is free when the search begins.
    """

    states_max: int | None = None
    seconds_max: float = 60.0
    bytes_max: int | None = None
    stops_at_first: bool = False
    """Whether the first refutation is enough, and what is not decided by then stays unknown."""
    thorough: bool = False
    """Whether proofs are wanted, and worth waiting for."""

    def __str__(self) -> str:
        states = "" if self.states_max is None else f"{self.states_max:,} states, "
        return f"{states}{self.seconds_max:g} s"
