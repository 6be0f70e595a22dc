"""Whether two tables behave alike: both are walked side by side, step by step, as far as a universe goes.

What is compared is what people and the world can see: what happens and who makes it, the data and state of every
instance, what is handed on. Where a case stands in its action is not seen, nor is anything else only a table knows.
Every pair of states that is met has to show the same and to allow the same, so what is called the same is a
bisimulation. Nothing is reduced: data that no property reads is data all the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeAlias

from temper.machine import (
    Cut,
    Delivery,
    Effecting,
    Label,
    Message,
    Refusal,
    Relation,
    Scope,
    Spawning,
    Step,
    System,
    TransitionTable,
    Type,
    Universe,
    Value,
    universe,
)
from temper.verify import step_text, value_text


@dataclass(frozen=True, slots=True)
class Same:
    """Every state within the universe shows the same in both tables and allows the same."""

    states: int
    steps: int
    scope: str


@dataclass(frozen=True, slots=True)
class Different:
    """After these steps, which both tables can take, they part: `what` says how."""

    run: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing is claimed, and here is why."""

    because: str


Comparison: TypeAlias = Same | Different | Unclear


def compare(
    one: TransitionTable, other: TransitionTable, *, scope: Scope, states_max: int, seconds_max: float
) -> Comparison:
    """Walk both tables within what the scope means to either of them; a pair of states is looked at once.

    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> compare(empty, empty, scope=Scope(), states_max=9, seconds_max=1).states
    1
    """
    within = _joint(one, other, scope)
    return _Walk(one, other, within, states_max, seconds_max).result()


class _Walk:
    """Breadth first, so that where the two part is as near as can be."""

    def __init__(
        self, one: TransitionTable, other: TransitionTable, within: Universe, states_max: int, seconds_max: float
    ) -> None:
        self.table, self.within = one, within
        self.relations = Relation(one, within, in_full=True), Relation(other, within, in_full=True)
        self.states_max, self.until = states_max, monotonic() + seconds_max
        self.pairs: list[tuple[System, System]] = []
        self.known: set[tuple[System, System]] = set()
        self.came: list[tuple[int, Label | None]] = []
        self.steps = 0
        self.guessed = False

    def result(self) -> Comparison:
        begin, other = (relation.start() for relation in self.relations)
        if _shown(begin) != _shown(other):
            return Different((), "they begin differently")
        self._meet(begin, other, -1, None)
        at = 0
        while at < len(self.pairs):
            if len(self.pairs) > self.states_max or monotonic() > self.until:
                return Unclear(f"more than {at:,} states would have to be compared")
            parted = self._compare_next(at)
            if parted:
                unsure = Unclear("steps that look alike lead to states that are not, and which belong together is open")
                return unsure if self.guessed else Different(self._run(at), parted)
            at += 1
        return Same(len(self.pairs), self.steps, str(self.within))

    def _compare_next(self, at: int) -> str:
        """How the two part right after pair `at`; empty if they do not."""
        mine, theirs = (
            _outgoing(relation.steps(state)) for relation, state in zip(self.relations, self.pairs[at], strict=True)
        )
        for key, (label, _) in mine.items():
            if key not in theirs:
                return f"{self._said(label)} is possible only without the fault"
        for key, (label, _) in theirs.items():
            if key not in mine:
                return f"{self._said(label)} is possible only with the fault"
        for key, (label, found) in mine.items():
            parted = self._match(at, label, found, theirs[key][1])
            if parted:
                return parted
        return ""

    def _match(self, at: int, label: Label, mine: list[System | None], theirs: list[System | None]) -> str:
        """Pairs the states that steps of one label lead to, by what they show."""
        groups: dict[Any, tuple[list[System | None], list[System | None]]] = defaultdict(lambda: ([], []))
        for side, systems in enumerate((mine, theirs)):
            for system in dict.fromkeys(systems):
                groups[_shown(system)][side].append(system)
        self.steps += len(mine)
        for ones, others in groups.values():
            if len(ones) != len(others):
                return self._difference(label, mine[0], theirs[0])
            self.guessed = self.guessed or len(ones) > 1
            for one, other in zip(ones, others, strict=True):
                if one is not None and other is not None:
                    self._meet(one, other, at, label)
        return ""

    def _meet(self, one: System, other: System, came_from: int, label: Label | None) -> None:
        if (one, other) not in self.known:
            self.known.add((one, other))
            self.pairs.append((one, other))
            self.came.append((came_from, label))

    def _run(self, at: int) -> tuple[str, ...]:
        backwards = []
        while at >= 0 and self.came[at][0] >= 0:
            at, label = self.came[at]
            assert label is not None, "only the first pair is not stepped to"
            backwards.append(self._said(label))
        return tuple(reversed(backwards))

    def _said(self, label: Label) -> str:
        return step_text(self.table, label)

    def _difference(self, label: Label, one: System | None, other: System | None) -> str:
        if one is None or other is None:
            return f"{self._said(label)} leads beyond the scope in one of them only"
        return f"{self._said(label)}: {_apart(self.table, one, other)}"


def _outgoing(steps: Iterable[Step | Cut]) -> dict[Hashable, tuple[Label, list[System | None]]]:
    """Where steps lead, by what people see of them; a cut leads nowhere that is looked at."""
    found: dict[Hashable, tuple[Label, list[System | None]]] = {}
    for step in steps:
        seen = replace(step.label, case=None)
        if isinstance(step, Cut):
            found.setdefault(("cut", step.bound, seen), (step.label, []))[1].append(None)
        else:
            found.setdefault(seen, (step.label, []))[1].append(step.system)
    return found


def _shown(system: System | None) -> Hashable:
    """What a state shows: instances with their state and data, and what is pending for whom."""
    if system is None:
        return None
    cells = tuple((cell.entity, cell.id, cell.control, cell.data) for cell in system.cells)
    return cells, frozenset(Counter(map(_bare, system.pending)).items())


def _bare(delivery: Delivery) -> tuple[Any, ...]:
    match delivery:
        case Effecting(owner=owner, effect=effect, args=args):
            return "effect", owner, effect, args
        case Message(owner=owner, receiver=receiver, action=action, args=args):
            return "message", owner, receiver, action, args
        case Spawning(owner=owner, child=child, action=action, args=args):
            return "spawn", owner, child, action, args
        case Refusal(of=of):
            return "refusal", *_bare(of)


def _apart(table: TransitionTable, one: System, other: System) -> str:
    """What the fault changed in the state that a step leads to."""
    for cell in one.cells:
        twin = other.cell(cell.address)
        if twin is None:
            return f"there is no {cell.entity} {cell.id} with the fault"
        if twin.control != cell.control:
            return f"state is {twin.control} instead of {cell.control}"
        for field, now, wrong in zip(table.entity(cell.entity).fields, cell.data, twin.data, strict=True):
            if now != wrong:
                return f"{field.name} is {_text(wrong)} instead of {_text(now)}"
    if len(other.cells) > len(one.cells):
        return "there is one instance more with the fault"
    return "something else is handed on"


def _text(value: Value) -> str:
    return value_text(value)


def _joint(one: TransitionTable, other: TransitionTable, scope: Scope) -> Universe:
    """What both universes have, with the world if there is any: a fault must not hide behind what nobody looks at."""
    first, second = universe(one, scope), universe(other, scope)
    values: dict[Type, tuple[Value, ...]] = dict(first.values)
    for type_, more in second.values:
        values[type_] = tuple(dict.fromkeys((*values.get(type_, ()), *more)))
    return replace(
        first,
        values=tuple(values.items()),
        unbounded=(min(first.unbounded[0], second.unbounded[0]), max(first.unbounded[1], second.unbounded[1])),
        world=any(entity.world for entity in one.entities),
    )
