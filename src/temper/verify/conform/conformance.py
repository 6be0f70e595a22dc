"""Whether a journal is a behaviour of the table: each told step in turn, until one is none, with what would have been.

What is not told is not compared. Where steps are missing in between (an answer of the outside that another system
did not write down), they are looked for within bounds, and counted. Everything is taken by the relation's own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, product

from temper.machine import (
    NEW,
    Address,
    Gate,
    Step,
    System,
    TransitionTable,
    to_json,
)
from temper.report import Span
from temper.verify.conform.guided import UNTOLD_MAX, Guided, UntypedError
from temper.verify.conform.imported import ANY
from temper.verify.conform.refusing import place, why_not
from temper.verify.conform.retrace import comes_otherwise, differences, known_ids
from temper.verify.conform.told import Told
from temper.verify.text import step_text

BELIEVED_MAX = 64
"""So many systems are kept in mind that what is told so far may have come to."""
HIDDEN_MAX = 3
"""So many steps in a row may be missing."""
TRIED_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Deviation:
    """The first told step that is none of the table, and what it would have allowed there."""

    told: Told
    because: str
    allowed: tuple[str, ...]
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Conformance:
    """How far a journal is a behaviour of the table. `steps` were followed, `untold` of them with something unsaid."""

    steps: int
    deviation: Deviation | None
    hidden: tuple[str, ...] = ()
    """Steps that are not in the journal and must have happened, each with where."""
    untold: int = 0
    ended: str = ""
    """Why what comes later was not looked at; "" if all was."""

    @property
    def conforms(self) -> bool:
        return self.deviation is None


@dataclass(frozen=True, slots=True)
class Belief:
    """A system that what is told may have come to, and the hidden steps on the way."""

    system: System
    hidden: tuple[str, ...] = ()
    dues: Mapping[tuple[Address, str], int] = field(default_factory=dict)
    """When armed timers are due, of those that were armed at a time that is told."""


def conform(table: TransitionTable, journal: Iterable[Told]) -> Conformance:
    """Follow a journal from the start of the table until it deviates.

    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> conform(empty, ()).conforms
    True
    """
    steps = tuple(journal)
    return Following(Guided(table, known=known_ids(steps), world=False)).through(steps)


class Following:
    def __init__(self, guided: Guided) -> None:
        self.guided, self.table = guided, guided.table
        self.beliefs = [Belief(guided.start())]
        self.clocks: dict[object, int] = {}

    def through(self, steps: tuple[Told, ...]) -> Conformance:
        untold = taken = 0
        for told in steps:
            if told.rule == "reload":
                because = f"{told.where} puts another version in force, and one blueprint tells of one version"
                return Conformance(taken, None, self.beliefs[0].hidden, untold, because)
            deviation = self._late(told) or self._take(told)
            if deviation is not None:
                return Conformance(taken, deviation, self.beliefs[0].hidden, untold)
            taken += 1
            untold += not told.is_whole and (told.rule == ANY or told.args is None or told.state is None)
        return Conformance(taken, None, self.beliefs[0].hidden, untold)

    def _late(self, told: Told) -> Deviation | None:
        """Time does not go back for one instance."""
        before = self.clocks.get(told.address)
        if told.at is None:
            return None
        self.clocks[told.address] = told.at
        if before is None or told.at >= before:
            return None
        because = f"it is {before - told.at:,} ms before what {place(told)} did last, and no instance goes back in time"
        return Deviation(told, because, ())

    def _take(self, told: Told) -> Deviation | None:
        found = self._after(self.beliefs, told)
        if not found:
            found = self._after(self._with_hidden(told), told)
        if not found:
            return self._deviation(told)
        self.beliefs = found
        return None

    def _after(self, beliefs: Iterable[Belief], told: Told) -> list[Belief]:
        found: dict[System, Belief] = {}
        for belief in beliefs:
            for step in self._steps(belief.system, told):
                if self._is_as_told(step, told) and not early(belief, step, told):
                    found.setdefault(step.system, Belief(step.system, belief.hidden, _dues(belief, step, told.at)))
            if len(found) >= BELIEVED_MAX:
                break
        return list(found.values())[:BELIEVED_MAX]

    def _is_as_told(self, step: Step, told: Told) -> bool:
        return not any(differences(self.table, step.system, told)) and not any(comes_otherwise(step, told))

    def _steps(self, system: System, told: Told) -> Iterator[Step]:
        """Every step that the told one may be."""
        if told.rule == ANY:
            for step in self.guided.machine_steps(system):
                if step.label.address == told.address and self.guided.comes_to(step, told):
                    yield step
        if told.rule in {ANY, "call"}:
            for asked in self._callers(told):
                for whole in self._completed(asked):
                    yield from self._told_steps(system, whole)
        else:
            yield from self._told_steps(system, told)

    def _told_steps(self, system: System, told: Told) -> list[Step]:
        try:
            return self.guided.steps_told(system, told)
        except (UntypedError, KeyError):
            return []

    def _callers(self, told: Told) -> Iterator[Told]:
        """Who it may have been, where that is not said: whom the scope knows, or somebody with every role."""
        call = replace(told, rule="call")
        if told.roles is not None:
            yield replace(call, caller=told.caller or "somebody")
            return
        people = [(name, roles) for name, roles in self.guided.universe.principals if told.caller in {None, name}]
        for name, roles in people:
            yield replace(call, caller=told.caller or name, roles=tuple(sorted(roles)))
        yield replace(call, caller=told.caller or "somebody", roles=self.table.roles)

    def _completed(self, told: Told) -> Iterator[Told]:
        """The call with every value that an argument may have had which is not said."""
        entity = next((each for each in self.table.entities if each.name == told.address.entity), None)
        action = next((each for each in entity.actions if each.name == told.action), None) if entity else None
        given = told.args or {}
        missing = [param for param in action.params if param.name not in given] if action else []
        choices = [self.guided.universe.values_of(param.type) for param in missing]
        for values in islice(product(*choices), UNTOLD_MAX):
            pairs = zip(missing, values, strict=True)
            yield replace(told, args={**given, **{param.name: to_json(param.type, value) for param, value in pairs}})

    def _with_hidden(self, told: Told) -> Iterator[Belief]:
        """Where steps that nobody told of lead, the fewest first; those of our own journals are all told."""
        if told.rule not in {ANY, "call"} or told.is_whole:
            return
        layer, seen = list(self.beliefs), {belief.system for belief in self.beliefs}
        for _ in range(HIDDEN_MAX):
            further: list[Belief] = []
            for belief in layer:
                for step in self.guided.machine_steps(belief.system):
                    if step.system in seen or len(seen) >= TRIED_MAX:
                        continue
                    seen.add(step.system)
                    said = f"before {told.where}: {step_text(self.table, step.label)}"
                    further.append(Belief(step.system, (*belief.hidden, said), _dues(belief, step, None)))
            yield from further
            layer = further

    def _deviation(self, told: Told) -> Deviation:
        """Why the step is none, as the likeliest system has it."""
        system = self.beliefs[0].system
        allowed = tuple(self._allowed(system, told))
        for step in self._steps(system, told):
            too_early = early(self.beliefs[0], step, told)
            if too_early and self._is_as_told(step, told):
                return Deviation(told, too_early, allowed, None)
            said = [*differences(self.table, step.system, told), *comes_otherwise(step, told)]
            because = f"after it {'; '.join(said)}"
            entity = self.table.entity(told.address.entity)
            span = next((action.span for action in entity.actions if action.name == step.label.action), None)
            return Deviation(told, because, allowed, span)
        asked = next(self._callers(told)) if told.rule in {ANY, "call"} else told
        because, span = why_not(self.guided, system, asked)
        if told.rule in {ANY, "call"} and not told.is_whole:
            because = f"{because}; nor is it one after up to {HIDDEN_MAX} steps that may be missing before it"
        return Deviation(told, because, allowed, span)

    def _allowed(self, system: System, told: Told) -> Iterator[str]:
        """What the instance may do there: what it takes from people, and what may come by itself."""
        entity = next((each for each in self.table.entities if each.name == told.address.entity), None)
        if entity is None:
            return
        cell = system.cell(told.address)
        control = NEW if cell is None else cell.control
        for action in entity.actions:
            if control in action.sources and action.gate in {Gate.ROLES, Gate.POLICY}:
                whom = f" by {' or '.join(action.roles)}" if action.gate is Gate.ROLES else ""
                yield f"`{action.name}`{whom}"
        by_itself = (step.label for step in self.guided.machine_steps(system) if step.label.address == told.address)
        yield from dict.fromkeys(f"`{label.action}` from {label.cause}" for label in by_itself)


def early(belief: Belief, step: Step, told: Told) -> str:
    """Why a timer cannot have fired yet; "" if it can, or if nobody says when it was armed."""
    due = belief.dues.get((step.label.address, step.timing.fired)) if step.timing.fired else None
    if due is None or told.at is None or told.at >= due:
        return ""
    return f"the timer `{step.timing.fired}` fires {due - told.at:,} ms before it is due"


def _dues(belief: Belief, step: Step, at: int | None) -> Mapping[tuple[Address, str], int]:
    address, timing = step.label.address, step.timing
    if not timing.armed and not timing.fired:
        return belief.dues
    dues = dict(belief.dues)
    dues.pop((address, timing.fired), None)
    for name, delay in timing.armed:
        dues.pop((address, name), None)
        if at is not None:
            dues[address, name] = at + delay
    return dues
