"""Making what was found small: fewer moves, fewer faults, fewer instances, as long as the same law is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from temper.verify.simulate.ground import Ground
from temper.verify.simulate.moves import Answers, Asks, At, Crashes, Move, Runs, Stops, Waits, Writes, is_fault
from temper.verify.simulate.run import Ran, replay

TRIES_MAX = 600
"""How many shorter runs are tried at most; what is left then is shown."""


def shrink(ground: Ground, ran: Ran, tries_max: int = TRIES_MAX) -> list[Move]:
    """A short list of moves that breaks the law that the run broke."""
    assert ran.failure is not None, "only what was found is made small"
    law = ran.failure.law
    tries = 0

    def breaks(moves: Sequence[Move]) -> bool:
        nonlocal tries
        tries += 1
        if tries > tries_max:
            return False
        found = replay(ground, moves, heal=ran.healed).failure
        return found is not None and found.law == law

    moves = list(ran.moves)
    if not breaks(moves):
        return moves
    before = None
    while before != moves and tries <= tries_max:
        before = moves
        moves = _fewer(moves, breaks)
        moves = _without(moves, breaks, is_fault)
        moves = _simpler(moves, breaks)
        moves = _one_instance(moves, breaks)
    return moves


Breaks = Callable[[Sequence[Move]], bool]


def _fewer(moves: list[Move], breaks: Breaks) -> list[Move]:
    """Leave out pieces, large ones first."""
    size = max(1, len(moves) // 2)
    while size:
        at = 0
        while at < len(moves):
            shorter = moves[:at] + moves[at + size :]
            if len(shorter) < len(moves) and breaks(shorter):
                moves = shorter
            else:
                at += size
        size //= 2
    return moves


def _without(moves: list[Move], breaks: Breaks, unwanted: Callable[[Move], bool]) -> list[Move]:
    """Leave out single moves of a kind, the last first."""
    for at in range(len(moves) - 1, -1, -1):
        if unwanted(moves[at]) and breaks(shorter := moves[:at] + moves[at + 1 :]):
            moves = shorter
    return moves


def _simpler(moves: list[Move], breaks: Breaks) -> list[Move]:
    """Each move in its simplest form."""
    for at in range(len(moves)):
        for simpler in _forms(moves[at]):
            if breaks(tried := [*moves[:at], simpler, *moves[at + 1 :]]):
                moves = tried
                break
    return moves


def _forms(move: Move) -> Iterator[Move]:
    match move:
        case At(node, at):
            yield from (At(node, form) for form in _forms(at))
            if node:
                yield At(0, at)
        case Stops(write) if write:
            yield Stops()
        case Asks() if move.key is not None or move.expected is not None:
            yield replace(move, key=None, expected=None)
        case Writes(fault) if fault:
            yield Writes()
        case Crashes(write) if write:
            yield Crashes()
        case Runs(callbacks) if callbacks > 1:
            yield Runs(1)
        case Answers() if move.number:
            yield replace(move, number=0)
        case Waits(milliseconds) if milliseconds > 1:
            yield Waits(1)


def _one_instance(moves: list[Move], breaks: Breaks) -> list[Move]:
    """One instance in the place of two."""
    calls = (call for move in moves if (call := _call(move)) is not None)
    named = sorted({(call.entity, call.id) for call in calls if call.id is not None})
    for at, (entity, last) in enumerate(named):
        for other, first in named[:at]:
            if other == entity and breaks(tried := [_renamed(move, entity, last, first) for move in moves]):
                moves = tried
                break
    return moves


def _renamed(move: Move, entity: str, last: str, first: str) -> Move:
    if isinstance(move, At):
        return At(move.node, _renamed(move.move, entity, last, first))
    if isinstance(move, Asks | Answers) and (move.entity, move.id) == (entity, last):
        return replace(move, id=first)
    return move


def _call(move: Move) -> Asks | None:
    """The call that it makes, at whichever node."""
    made = move.move if isinstance(move, At) else move
    return made if isinstance(made, Asks) else None
