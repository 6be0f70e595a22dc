"""What was decided about a table, and the stage that only a decided table reaches."""

from __future__ import annotations

from dataclasses import dataclass

from temper.machine.property import Property
from temper.machine.table import Scope, TransitionTable
from temper.machine.verdict import Finding


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """What the exhaustive search did: distinct states, transitions taken, seconds, and whether nothing was left out."""

    states: int
    transitions: int
    seconds: float
    complete: bool
    stand_for: int | None = None
    """How many states those that were looked at stand for, where reductions took some together and it is known."""
    reduced: tuple[tuple[str, str], ...] = ()
    """(reduction, what it took together) of each that was used."""
    not_reduced: tuple[tuple[str, str], ...] = ()
    """(reduction, why) of each that had something to do and was not used."""

    @property
    def states_meant(self) -> int:
        """How many states verdicts speak of: those that were looked at, or all that they stand for."""
        return self.states if self.stand_for is None else self.stand_for


@dataclass(frozen=True, slots=True)
class Certificate:
    """The findings about one table, with what they were found under."""

    table: str
    """The table's hash."""
    findings: tuple[Finding, ...]
    search: SearchSummary | None
    scope: str
    """The universe in words, as verdicts name it."""
    accepted: tuple[tuple[str, str], ...]
    """(property, reason) of each `unknown` or vacuous one that the author accepted."""
    made_with: tuple[tuple[str, str], ...]
    """(component, version) of everything that had a say."""
    notes: tuple[str, ...] = ()
    """What a reader should know besides: each bound at which steps were cut, rows that never fired."""
    assumptions: tuple[str, ...] = ()
    """What the verdicts take for granted: fixed roles, and what effects do to the world."""
    policies: str = ""
    """The hash of the policies alone. They are part of the table, too."""
    lemmas: tuple[Property, ...] = ()
    """What proofs by induction lean on besides the author's properties: with what is proved, an invariant."""
    searched: Scope | None = None
    """The scope as data, so that somebody else can search it again."""
    begins: int = 0
    """In how many images of live instances runs begin besides the usual start."""
    times: tuple[tuple[str, float], ...] = ()
    """(what, seconds) of each part of the work."""
    made_at: int | None = None
    """When, in milliseconds since 1970, if whoever made it has a clock."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A table that may be loaded: nothing refuted, nothing open but what was accepted. `verify.certified` makes it."""

    table: TransitionTable
    certificate: Certificate
