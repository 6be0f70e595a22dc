"""Late requests: what an effect may still do to the world after nobody awaits its outcome (semantics.md section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from temper.machine.cell import Effecting
from temper.machine.system import Lane, Late, lane_of, sorted_late
from temper.machine.table import UNKNOWN, DeliveryKind, Effect


def joins(effect: Effect, *, performed: bool, outcome: str | None) -> bool:
    """Whether a request that is settled with `outcome`, or replaced (None), becomes a late one."""
    if effect.performs is None:
        return False
    match effect.delivery:
        case DeliveryKind.AT_MOST_ONCE:
            return not performed and outcome in {None, UNKNOWN}
        case DeliveryKind.KEYED:
            return not performed and outcome not in effect.performs.never
        case DeliveryKind.IDEMPOTENT:
            return True


def may_perform(effect: Effect, request: Effecting) -> bool:
    """Whether a pending request can (still) happen out there."""
    return effect.performs is not None and (effect.delivery is DeliveryKind.IDEMPOTENT or not request.performed)


def possible(effect: Effect, request: Effecting, outcome: str) -> bool:
    """Whether the outcome can come, after what the request has or has not done to the world."""
    if effect.performs is None:
        return True
    told = bool(effect.outcome(outcome).told)
    if request.performed:
        return outcome not in effect.performs.never
    return outcome not in effect.performs.surely and not told


def without_older(late: Iterable[Late], lane: Lane, seq: int) -> list[Late]:
    """What is left once the receiver has seen `seq` of a fenced lane."""
    return [request for request in late if lane_of(request) != lane or request.seq >= seq]


@lru_cache(maxsize=65_536)
def merged(late: tuple[Late, ...], idempotent: frozenset[str]) -> tuple[Late, ...]:
    """The late requests in order, equal neighbours being one where asking twice is as asking once.

    Neighbours of a fenced lane are equal requests of which the older is the only one of its rank: seeing either
    then refuses the same others.
    """
    ordered = sorted_late(late)
    return tuple(
        request
        for index, request in enumerate(ordered)
        if request.effect not in idempotent or not _repeated(ordered, index)
    )


def _repeated(ordered: tuple[Late, ...], index: int) -> bool:
    """Whether an equal neighbour follows, of the same rank or, if it is alone in its own, of the next."""
    request = ordered[index]
    lane = [other for other in ordered if lane_of(other) == lane_of(request)]
    if request in ordered[index + 1 :]:
        return True
    if any(other.seq == request.seq and other != request for other in lane):
        return False
    above = [other.seq for other in lane if other.seq > request.seq]
    return bool(above) and request._replace(seq=min(above)) in lane


def ranked(
    effects: list[Effecting], late: tuple[Late, ...], fenced: frozenset[str]
) -> tuple[list[Effecting], list[Late]]:
    """Both with each `seq` of a fenced lane replaced by its rank there: only the order is ever read."""
    seqs: dict[Lane, set[int]] = {}
    requests: list[Effecting | Late] = [*effects, *late]
    for request in requests:
        if request.effect in fenced:
            seqs.setdefault(lane_of(request), set()).add(request.seq)
    if all(max(found) == len(found) - 1 for found in seqs.values()):
        return effects, list(late)
    ranks = {(lane, seq): rank for lane, found in seqs.items() for rank, seq in enumerate(sorted(found))}
    return (
        [request._replace(seq=ranks.get((lane_of(request), request.seq), 0)) for request in effects],
        [request._replace(seq=ranks.get((lane_of(request), request.seq), 0)) for request in late],
    )
