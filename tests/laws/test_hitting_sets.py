"""Law: the least sets of literals that no sample has all of are found, each once, and none that is no such set."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from temper.verify.symbolic.hitting import FOUND_MAX, LITERALS_MAX, Hitting

BITS = 9
MASKS = st.integers(0, 2**BITS - 1)


def least(mask: int, samples: list[int]) -> set[tuple[int, ...]]:
    """By trying all of them."""
    literals = [at for at in range(BITS) if mask >> at & 1]
    found: set[tuple[int, ...]] = set()
    for many in range(1, LITERALS_MAX + 1):
        for chosen in combinations(literals, many):
            together = sum(1 << at for at in chosen)
            is_least = not any(set(other) <= set(chosen) for other in found)
            if is_least and all(together & ~sample for sample in samples):
                found.add(chosen)
    return found


@given(MASKS, st.lists(MASKS, min_size=1, max_size=12))
def test_all_of_the_least_are_found_and_nothing_else(mask: int, samples: list[int]) -> None:
    wanted, found = least(mask, samples), Hitting(samples, BITS).sets(mask)
    assert len(set(found)) == len(found)
    assert set(found) == wanted or (set(found) <= wanted and len(found) >= FOUND_MAX)
