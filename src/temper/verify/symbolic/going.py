"""How a system goes on, one way at a time: from what, under which conditions, to what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import z3

from temper.machine import Expression, Type, action_expressions
from temper.verify.symbolic.algebra import View
from temper.verify.symbolic.moves import Move, Moves
from temper.verify.symbolic.shapes import Term
from temper.verify.symbolic.system import AnySystem


@dataclass(frozen=True, slots=True)
class Going:
    """One way in which a system goes on, if all of `conditions` hold."""

    before: AnySystem
    after: View
    conditions: Sequence[z3.BoolRef]
    brought: Sequence[tuple[Type, Term]]
    """Values that it brings in."""
    mentioned: Sequence[tuple[str, z3.ExprRef]]
    """Instances that matter to it: entity and id."""
    expressions: Sequence[Expression]
    """What it evaluates."""


def goings(moves: Moves) -> Iterator[Going]:
    """Every move, with the arguments of the row that it takes, if it takes one."""
    return map(_going, moves.all())


def _going(move: Move) -> Going:
    taking = move.taking
    if taking is None:
        return Going(move.before, move.after, move.conditions, (), move.mentioned, ())
    fits = [each for each in (*(fits for _, fits in taking.fits), *taking.distinct) if each is not None]
    params = [param for param in taking.action.params if param.name in taking.args]
    return Going(
        move.before,
        move.after,
        [*move.conditions, *fits],
        [(param.type, taking.args[param.name]) for param in params],
        move.mentioned,
        [*action_expressions(taking.action)],
    )
