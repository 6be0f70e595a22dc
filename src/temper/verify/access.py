"""Answers about who may do what, as data: how somebody can call an action, an example of it, what policies are for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from temper.machine import Action, Applied, Call, Cell, Entity, Gate, Rejected, TransitionTable, gate, step

AFTER_GUARD = frozenset({"no-case", "same-key-twice", "out-of-range"})
"""A call that is rejected for one of these has passed its gate and its guard (semantics.md section 2)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One call that was decided by `step`, and so by Cedar: of this instance, by this caller, with these arguments."""

    cell: Cell
    call: Call
    code: str
    """The code of the rejection; empty if the call is applied."""
    because: str
    """Who let it pass, or why it was rejected."""

    @property
    def applied(self) -> bool:
        return not self.code

    @property
    def passes(self) -> bool:
        """Whether gate and guard let it pass."""
        return self.applied or self.code in AFTER_GUARD


@dataclass(frozen=True, slots=True)
class Way:
    """One way to be let through. No proper part of the roles would do."""

    roles: tuple[str, ...]
    callers: tuple[str, ...]
    """The only names that it takes, if it does not take any."""
    by: tuple[str, ...]
    """The roles that `by:` names, or the policies that permit, each with what it asks."""
    unless: tuple[str, ...]
    """The policies that may forbid it all the same, each with what it asks."""
    example: Example | None
    """None if the solver knew of none that Cedar confirms."""


@dataclass(frozen=True, slots=True)
class WhoCan:
    """Who can call an action in some states. What is not listed is proved to be denied, if `complete`."""

    entity: str
    action: str
    states: tuple[str, ...]
    ways: tuple[Way, ...]
    guard: str
    """What must hold besides; empty if nothing."""
    causes: tuple[str, ...]
    """What makes the machine call it: outcomes, messages, timers. None of them passes a gate."""
    untranslated: tuple[str, ...]
    """Conditions that the solver does not take on: taken as if they held."""
    complete: bool
    person: str = ""
    """If the question is about one principal alone, who."""
    why_not: str = ""
    """Why that principal never can."""


class RemarkKind(StrEnum):
    """Why a policy is worth a word."""

    NEVER_FITS = "never fits"
    NEEDLESS = "needless"
    SHADOWED = "shadowed"


@dataclass(frozen=True, slots=True)
class Remark:
    """A policy without which nothing would be decided otherwise. Proved, for every request of the declared types."""

    policy: str
    forbids: bool
    text: str
    kind: RemarkKind
    by: tuple[str, ...]
    """What makes it needless: other policies; empty if no single one does."""
    because: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Calls that one table lets through and the other does not, by callers of these roles and more."""

    entity: str
    action: str
    allowed: bool
    """Whether the new table is the one that lets them through."""
    roles: tuple[str, ...]
    callers: tuple[str, ...]
    """The only names of which it is told, if it is not so for any."""
    example: Example | None
    before: Example | None
    """The same call under the old table."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes for callers between two tables. What is not listed is proved to be the same, if nothing is open."""

    changed: tuple[Changed, ...]
    open: tuple[str, ...]
    """What could not be compared, and why."""
    untranslated: tuple[str, ...]


def decided(table: TransitionTable, cell: Cell, call: Call) -> Example:
    """The call, taken by `step`. This is where Cedar has its say on what the solver came up with."""
    answer = step(table, cell, call)
    if isinstance(answer, Applied):
        return Example(cell, call, "", answer.permitted_by)
    assert isinstance(answer, Rejected), "a step applies or rejects"
    return Example(cell, call, answer.code, answer.message)


def lets_pass(table: TransitionTable, entity: Entity, action: Action, cell: Cell, call: Call) -> bool:
    """Whether the gate lets a person's call pass, whatever the guard says."""
    by_role = not call.roles.isdisjoint(action.roles)
    ask = gate(table, entity, action)
    if ask is None:
        return action.gate is Gate.ROLES and by_role
    said = ask(cell, call)
    return said.permits if action.gate is Gate.POLICY else by_role and not said.forbids
