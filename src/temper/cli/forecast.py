"""How far a search is and where it leads, in one line: never more certain than it can be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

LAYERS_MIN = 4
"""Fewer layers say nothing about where it leads."""


def progress_line(
    states: int,
    transitions: int,
    seconds: float,
    queued: int = 0,
    layers: Sequence[int] = (),
    memory: int = 0,
    *,
    doing: str = "verifying",
) -> str:
    """States, rate, depth, queue, memory and forecast; what the engine does not tell is left out.

    >>> progress_line(1500, 4000, 2.0, queued=200, layers=(1, 100, 400, 500, 499), memory=52_000_000)
    'verifying: 1,500 states, 750/s, depth 4, 200 queued, 52 MB, at least 1,500, layers grow by 1.2'
    >>> progress_line(10, 12, 0.0)
    'verifying: 10 states, 12 transitions'
    """
    parts = [f"{states:,} states"]
    parts += [f"{states / seconds:,.0f}/s"] if seconds >= 1 else []
    parts += [f"depth {len(layers) - 1}", f"{queued:,} queued"] if layers else [f"{transitions:,} transitions"]
    parts += [f"{memory / 1e6:,.0f} MB"] if memory else []
    parts += [forecast(states, layers)] if len(layers) >= LAYERS_MIN else []
    return f"{doing}: {', '.join(parts)}"


def forecast(states: int, layers: Sequence[int]) -> str:
    """How many states there will be. While layers grow, or shrink by little, nobody knows: at least those there are.

    Layers that shrink steadily are summed as a geometric series; even that is a guess, and says so.

    >>> forecast(700, (1, 400, 200, 100))
    'perhaps 800'
    >>> forecast(700, (1, 2, 4, 8))
    'at least 700, layers grow by 2.0'
    """
    sizes = layers[-3:]
    ratios = [after / before for before, after in pairwise(sizes)]
    ratio = max(ratios)
    if ratio >= 1:
        return f"at least {states:,}, layers grow by {ratio:.1f}"
    rest = layers[-1] * ratio / (1 - ratio)
    return f"perhaps {states + round(rest):,}" if ratio <= SHRINKS_MAX else f"at least {states:,}"


SHRINKS_MAX = 0.9
"""A layer that is hardly smaller than the one before may as well be followed by a larger one."""
