"""What was found, made small and told: for each thing that is broken the first run that broke it."""

from __future__ import annotations

from collections.abc import Mapping

from temper.verify.simulate.ground import ground
from temper.verify.simulate.seeds import Asked, Tally
from temper.verify.simulate.shrink import shrink
from temper.verify.simulate.tracing import Told, told

SHOWN_MAX = 5
"""So many different things are shown; the others are counted."""


def smallest(asked: Asked, tally: Tally, *, whole: bool = False) -> Mapping[str, tuple[int, Told]]:
    """By law or property: the first seed that broke it, with its run, made small unless the `whole` is wanted."""
    shared = ground(asked.table, asked.scope, asked.nodes)
    found: dict[str, tuple[int, Told]] = {}
    for ran in tally.failed:
        assert ran.failure is not None, "only what failed is kept"
        if ran.failure.law in found or len(found) >= SHOWN_MAX:
            continue
        moves = ran.moves if whole else shrink(shared, ran)
        found[ran.failure.law] = ran.seed, told(shared, moves, heal=ran.healed)
    return found
