"""A survey: the whole relation once more, not for verdicts but to see what the blueprint uses of itself.

It walks the plain search and listens to every guard that is asked on the way. A guard is asked at each distinct cell
once, so that listening costs little; walking costs as much as the plain search does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from temper.machine import (
    NEW,
    UNKNOWN,
    Answer,
    Applied,
    Call,
    Cell,
    Cut,
    Expression,
    Rejected,
    Relation,
    Step,
    Stepped,
    System,
    Taken,
    Target,
    TransitionTable,
    Universe,
    Value,
)
from temper.report import Span
from temper.verify.budget import Budget
from temper.verify.explicit import Exploration, Progress, explore
from temper.verify.model import Transition
from temper.verify.obligations import Row, rows

BEFORE_GUARDS = frozenset({"bad-args", "wrong-state", "denied", "unknown-action"})
"""Codes of rejections that come before any guard is asked."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of the table: an action's `when`, or that of one of its cases."""

    entity: str
    action: str
    case: int | None
    condition: Expression
    span: Span | None = None

    def __str__(self) -> str:
        case = "" if self.case is None else f", case {self.case}"
        return f"{self.entity}.{self.action}{case}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was taken, entered, asked and seen, and what never was. `complete` says that nothing was left out."""

    rows: int
    rows_never_taken: tuple[Row, ...]
    states: int
    states_never_entered: tuple[tuple[str, str], ...]
    guards: int
    guards_never_false: tuple[Guard, ...]
    """They were asked, and held each time: they decide nothing within this scope."""
    outcomes: int
    outcomes_never_seen: tuple[tuple[str, str], ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """The explored graph in numbers."""

    states: int
    transitions: int
    expanded: int
    depth: int
    layers: tuple[int, ...]
    """How many states are first reached after so many steps."""
    branching_mean: float
    branching_max: int
    dead_ends: int
    """States that nothing follows."""
    cuts: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """What one walk through the relation found."""

    coverage: Coverage
    statistics: Statistics


def survey(
    table: TransitionTable, *, universe: Universe, budget: Budget | None = None, progress: Progress | None = None
) -> Survey:
    """Walk the table's relation within the universe and count.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> survey(empty, universe=universe(empty)).statistics.layers
    (1,)
    """
    listening = _Listening(table, universe)
    exploration = Exploration(listening)
    counts = _Counts(exploration)
    explore(exploration, listening.initial(), counts, budget or Budget(), progress)
    complete = not exploration.stopped and not counts.cuts
    return Survey(
        _coverage(table, universe, listening, counts, complete=complete),
        _statistics(exploration, counts, complete=complete),
    )


class _Listening(Relation):
    """The relation, and for each guard what it said: True, False or both."""

    def __init__(self, table: TransitionTable, universe: Universe) -> None:
        super().__init__(table, universe)
        self.said: dict[tuple[str, str, int | None], set[bool]] = {}
        plain = self.step

        def heard(cell: Cell, call: Call) -> Answer:
            answer = plain(cell, call)
            self._hear(cell.entity, call.action, answer)
            return answer

        self.step = heard
        self.outside.step = heard

    def initial(self) -> tuple[System]:
        return (self.start(),)

    def successors(self, state: System, /) -> Iterator[Step | Cut]:
        return self.steps(state)

    def apply(self, cell: Cell, target: Target, given: Mapping[str, Value], fresh: tuple[str, ...]) -> Taken:
        taken = super().apply(cell, target, given, fresh)
        for action, rejected in taken.declined:
            self._hear(cell.entity, action, rejected)
        if isinstance(taken, Stepped):
            self._hear(cell.entity, taken.action, taken.applied)
        return taken

    def _hear(self, entity: str, action: str, answer: Answer) -> None:
        """What an answer tells of the guards that were asked for it, in the order in which they are asked."""
        match answer:
            case Applied(case=case):
                self._note(entity, action, None, held=True)
                for earlier in range(case):
                    self._note(entity, action, earlier, held=False)
                self._note(entity, action, case, held=True)
            case Rejected(code="guard-false"):
                self._note(entity, action, None, held=False)
            case Rejected(code="no-case"):
                self._note(entity, action, None, held=True)
                for number in range(len(self.table.entity(entity).action(action).cases)):
                    self._note(entity, action, number, held=False)
            case Rejected(code=code) if code not in BEFORE_GUARDS:
                self._note(entity, action, None, held=True)
                for number in range(len(self.table.entity(entity).action(action).cases)):
                    # A value did not fit, and by which case is not told: no case is blamed for deciding nothing.
                    self._note(entity, action, number, held=True)
                    self._note(entity, action, number, held=False)
            case _:
                pass

    def _note(self, entity: str, action: str, case: int | None, *, held: bool) -> None:
        self.said.setdefault((entity, action, case), set()).add(held)


class _Counts:
    """Counts what an exploration sees."""

    def __init__(self, exploration: Exploration[System]) -> None:
        self.exploration = exploration
        self.depths: list[int] = []
        self.leaving: Counter[int] = Counter()
        self.cuts = 0
        self.entered: set[tuple[str, str]] = set()
        self.taken: set[Row] = set()
        self.outcomes: set[tuple[str, str]] = set()

    def state(self, number: int, system: System, /) -> None:
        parent = self.exploration.parents[number]
        self.depths.append(0 if parent < 0 else self.depths[parent] + 1)
        self.entered.update((cell[0], cell[2]) for cell in system.cells)

    def step(self, number: int, system: System, step: Transition[System], /) -> None:
        self.leaving[number] += 1
        label = step.label
        if label.rule == "settle":
            self.outcomes.add((label.cause.partition(".")[0], label.outcome))
        if label.case is not None:
            before = system.cell(label.address)
            source = NEW if before is None else before.control
            self.taken.add(Row(label.address.entity, label.action, source, label.case))

    def cut(self, _number: int, _system: System, _cut: Cut, /) -> None:
        self.cuts += 1


def _coverage(
    table: TransitionTable, universe: Universe, listening: _Listening, counts: _Counts, *, complete: bool
) -> Coverage:
    entities = [entity for entity in table.entities if universe.world or not entity.world]
    written = [row for entity in entities for _, row in rows(entity)]
    states = [(entity.name, state) for entity in entities for state in entity.states]
    outcomes = [
        (effect.name, name) for effect in table.effects for name in (*(each.name for each in effect.outcomes), UNKNOWN)
    ]
    listed = tuple(_guards(table, {entity.name for entity in entities}))
    held = tuple(guard for guard in listed if listening.said.get((guard.entity, guard.action, guard.case)) == {True})
    return Coverage(
        len(written),
        tuple(row for row in written if row not in counts.taken),
        len(states),
        tuple(state for state in states if state not in counts.entered),
        len(listed),
        held,
        len(outcomes),
        tuple(outcome for outcome in outcomes if outcome not in counts.outcomes),
        complete,
    )


def _guards(table: TransitionTable, names: set[str]) -> Iterator[Guard]:
    for entity in table.entities:
        for action in entity.actions if entity.name in names else ():
            if action.guard is not None:
                yield Guard(entity.name, action.name, None, action.guard, action.guard.span or action.span)
            for number, case in enumerate(action.cases):
                if case.guard is not None:
                    yield Guard(entity.name, action.name, number, case.guard, case.guard.span or case.span)


def _statistics(exploration: Exploration[System], counts: _Counts, *, complete: bool) -> Statistics:
    layers = Counter(counts.depths)
    depth = max(layers, default=0)
    expanded = exploration.expanded
    return Statistics(
        len(exploration.states),
        exploration.transitions,
        expanded,
        depth,
        tuple(layers[number] for number in range(depth + 1)),
        round(exploration.transitions / expanded, 3) if expanded else 0.0,
        max(counts.leaving.values(), default=0),
        expanded - len(counts.leaving),
        counts.cuts,
        complete,
    )
