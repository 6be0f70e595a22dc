"""Who may: Cedar's part of the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from temper.machine.cell import Call, Cell, Facts
from temper.machine.table import Action, Entity, TransitionTable


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies say about one call. An error in any policy neither permits nor fails to forbid."""

    permits: bool
    forbids: bool
    by: str
    reason: str
    facts: Facts = ()


Gatekeeper: TypeAlias = Callable[[Cell, Call], Decision]


def gate(table: TransitionTable, entity: Entity, action: Action) -> Gatekeeper | None:
    """Asks the policies about calls of the action; None if the table has none."""
    if not table.policies:
        return None
    raise NotImplementedError
