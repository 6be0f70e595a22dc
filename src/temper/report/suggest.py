"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

WORD_MAX = 64
_SIMILARITY_MIN = 0.66


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant by `word`, or None if none is near.

    The same letters in other case win, then swapped neighbours, then whatever is most alike; of equals the
    first. Long words are not compared, so that the time is bounded whatever a file holds.

    >>> suggest("whne", ["where", "when", "then"])
    'when'
    """
    if not word or len(word) > WORD_MAX:
        return None
    ranked = [(_rank(word, one), -index, one) for index, one in enumerate(candidates) if len(one) <= WORD_MAX]
    best = max(ranked, default=None)
    return best[2] if best is not None and best[0] >= _SIMILARITY_MIN else None


def _rank(word: str, candidate: str) -> float:
    if word == candidate:
        return 0.0
    folded, other = _folded(word), _folded(candidate)
    if folded == other:
        return 2.0
    if _swapped(folded, other):
        return 1.5
    return SequenceMatcher(None, folded, other).ratio()


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")


def _swapped(one: str, other: str) -> bool:
    """Whether the two differ by two neighbouring letters that changed places."""
    if len(one) != len(other):
        return False
    different = [index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(different) != 2 or different[1] != different[0] + 1:
        return False
    first, second = different
    return one[first] == other[second] and one[second] == other[first]
