"""What the machine calls: the first part of a target that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from temper.machine.cell import Applied, Call, Cause, Cell, Rejected
from temper.machine.step import step
from temper.machine.table import AGAIN, IGNORE, Target, TransitionTable
from temper.machine.value import Value

Declined: TypeAlias = tuple[tuple[str, Rejected], ...]
"""(action, rejection) of each part of a target that was tried in vain."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """An action of the target fitted, and this is what it did."""

    action: str
    applied: Applied
    declined: Declined = ()


@dataclass(frozen=True, slots=True)
class Again:
    """The same delivery is to be issued once more, in the place of the old one."""

    declined: Declined = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing changes."""

    declined: Declined = ()


@dataclass(frozen=True, slots=True)
class Unhandled:
    """Nothing in the target fitted, which is a violation."""

    rejections: Declined

    @property
    def declined(self) -> Declined:
        return self.rejections


Taken: TypeAlias = Stepped | Again | Ignored | Unhandled


def apply_target(
    table: TransitionTable,
    cell: Cell,
    target: Target,
    given: Mapping[str, Value],
    now: int,
    fresh: tuple[str, ...] = (),
) -> Taken:
    """Tries the parts of the target in order; the first action that the cell accepts steps.

    `given` is the pool from which each action's parameters are filled by name: an outcome's fields before the
    delivery's own arguments. What it has beyond them is left out.
    """
    rejections: list[tuple[str, Rejected]] = []
    for name in target:
        if name == AGAIN:
            return Again(tuple(rejections))
        if name == IGNORE:
            return Ignored(tuple(rejections))
        call = Call(Cause.MACHINE, name, filled(table, cell.entity, name, given), now, fresh=fresh)
        answer = step(table, cell, call)
        if isinstance(answer, Applied):
            return Stepped(name, answer, tuple(rejections))
        rejections.append((name, answer))
    return Unhandled(tuple(rejections))


def filled(table: TransitionTable, entity: str, action: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """The action's arguments, by name from the pool; what the pool lacks is left out, and the step rejects."""
    params = table.entity(entity).action(action).params
    return {param.name: given[param.name] for param in params if param.name in given}
