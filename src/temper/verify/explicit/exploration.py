"""Breadth first through a model, every state once: the loop that everything else here watches.

The visited set is exact, and parents are kept as numbers, so the path to any state is a shortest one. Labels are
not kept: a path asks for the successors again, which costs little and saves most of the memory.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, Protocol

from temper.machine import Cut, System
from temper.verify.available import Room, bytes_text
from temper.verify.budget import Budget
from temper.verify.model import Model, State, State_contra, Transition

STATES_MAX = 2_000_000
"""How many states are kept as Python values before they take too much memory, where the budget does not say."""
INTERRUPTED = "budget: interrupted"
ENOUGH = "stopped: at the first refutation"
"""Why a search did not go on that was to stop there."""


class EnoughError(Exception):
    """A watch has seen what it was to wait for, and the search may end."""


"""How it is said that somebody ended a search by hand."""
TELL_EVERY_SECONDS = 0.2
"""How long progress keeps quiet."""


class Progress(Protocol):
    """Told now and then: distinct states, transitions taken, seconds.

    An engine that knows them tells, too, how many states are still to be expanded, and the size of each layer that is
    known in full: states first reached after 0, 1, 2… steps.
    """

    def __call__(
        self, states: int, transitions: int, seconds: float, /, queued: int = 0, layers: Sequence[int] = ()
    ) -> None: ...


class Watch(Protocol[State_contra]):
    """Who is told of everything the search sees. States are told when found, steps when taken."""

    def state(self, number: int, state: State_contra, /) -> None:
        """A state is seen for the first time."""
        ...

    def step(self, number: int, state: State_contra, step: Transition[State_contra], /) -> None:
        """A step out of state `number` is taken; its target may be known already."""
        ...

    def cut(self, number: int, state: State_contra, cut: Cut, /) -> None:
        """A step out of state `number` was cut at a bound."""
        ...


class Explored(Protocol):
    """An exploration of a table's relation, by whatever engine, as verdicts and traces are made from it."""

    stopped: str
    seconds: float
    transitions: int

    @property
    def states(self) -> Sequence[System]: ...

    def successors(self, state: System, /) -> Iterable[Transition[System] | Cut]:
        """Every step out of the state, whatever is left out of the search."""
        ...

    def path(self, number: int) -> tuple[System, ...]:
        """The states of a shortest run to state `number`, the one it starts in first."""
        ...

    def run(self, number: int) -> tuple[Transition[System], ...]:
        """The steps of a shortest run to state `number`."""
        ...


class Followed(Explored, Protocol):
    """An exploration of a table's relation on which infinite runs are looked for: its states, and what follows."""

    @property
    def expanded(self) -> int:
        """How many states were expanded, from number 0 on."""
        ...

    def number(self, state: System, /) -> int:
        """The number of a state that was seen."""
        ...

    def depth(self, number: int) -> int:
        """How many steps a shortest run to state `number` has."""
        ...


@dataclass(slots=True)
class Exploration(Generic[State]):
    """The search as it stands: `states[i]` was first reached from `states[parents[i]]`, -1 where runs start."""

    model: Model[State]
    states: list[State] = field(default_factory=list)
    parents: array[int] = field(default_factory=lambda: array("q"))
    numbers: dict[State, int] = field(default_factory=dict)
    expanded: int = 0
    transitions: int = 0
    seconds: float = 0.0
    stopped: str = ""
    """Why it ended early, as a verdict says it; empty if it saw everything."""
    layers: list[int] = field(default_factory=list)
    """How many states each layer has that is being expanded or was."""
    layer_end: int = 0
    """The number of the state with which the next layer begins."""
    canonical: Callable[[State], State] | None = None
    """Which state stands for a state, where some are taken together: `states` then holds those that do."""
    begins: dict[int, State] = field(default_factory=dict)
    """Where runs really begin that begin at this number, if another state stands for that."""
    followed: Callable[[int, State], Iterable[Transition[State] | Cut]] | None = None
    """Which steps out of a state, given with its number, are followed, where not all have to be."""

    def number(self, state: State, /) -> int:
        """The number of the state, or of the one that stands for it."""
        return self.numbers[state if self.canonical is None else self.canonical(state)]

    def successors(self, state: State, /) -> Iterable[Transition[State] | Cut]:
        """Every step out of the state, whatever is left out of the search."""
        return self.model.successors(state)

    def path(self, number: int) -> tuple[State, ...]:
        """The states of a shortest run to state `number`, the one it starts in first. All of them are real ones.

        Where states are taken together it ends in one for which state `number` stands.
        """
        numbers = self._numbers(number)
        if self.canonical is None:
            return tuple(self.states[at] for at in numbers)
        return (self._begin(numbers[0]), *(step.system for step in self._steps(numbers)))

    def depth(self, number: int) -> int:
        """How many steps a shortest run to state `number` has."""
        steps = 0
        while self.parents[number] >= 0:
            number = self.parents[number]
            steps += 1
        return steps

    def run(self, number: int) -> tuple[Transition[State], ...]:
        """The steps of a shortest run to state `number`."""
        return tuple(self._steps(self._numbers(number)))

    def _numbers(self, number: int) -> list[int]:
        backwards = []
        while number >= 0:
            backwards.append(number)
            number = self.parents[number]
        return backwards[::-1]

    def _begin(self, number: int) -> State:
        return self.begins.get(number, self.states[number])

    def _steps(self, numbers: list[int]) -> Iterator[Transition[State]]:
        """The real steps through states for which these stand, one after the other."""
        before = self._begin(numbers[0])
        for at in numbers[1:]:
            step = self._between(before, self.states[at])
            yield step
            before = step.system

    def _between(self, before: State, after: State) -> Transition[State]:
        for step in self.model.successors(before):
            if not isinstance(step, Cut) and (step.system == after or self._stands_for(after, step.system)):
                return step
        raise AssertionError("a model gives the same successors at every call, and those for which others stand alike")

    def _stands_for(self, one: State, other: State) -> bool:
        return self.canonical is not None and self.canonical(other) == one


def explore(
    exploration: Exploration[State],
    roots: Iterable[State],
    watch: Watch[State],
    budget: Budget,
    progress: Progress | None = None,
) -> None:
    """Explore from the roots until nothing is new or the budget is spent.

    Called again with other roots it goes on: what was seen is not seen again, and the budget is for all together.
    """
    began = monotonic() - exploration.seconds
    told, room = began, Room(budget.bytes_max)
    with _collector_at_rest(), _stopped_early(exploration):
        for _ in _expansions(exploration, roots, watch, budget.states_max or STATES_MAX):
            now = monotonic()
            if now - began >= budget.seconds_max:
                exploration.stopped = _over(exploration, f"{budget.seconds_max:g} s are over")
                break
            if now - told >= TELL_EVERY_SECONDS:
                told = now
                if room.is_spent():
                    exploration.stopped = _over(exploration, f"{bytes_text(room.most)} of memory are not enough")
                    break
                if progress is not None:
                    _tell(progress, exploration, now - began)
    exploration.seconds = monotonic() - began


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """States are values and hold no cycles; a collector would walk all of them again and again for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _stopped_early(exploration: Exploration[State]) -> Iterator[None]:
    """Ctrl-C ends the search and not the report: what was found by then is told, and the rest is unknown."""
    try:
        yield
    except KeyboardInterrupt:
        exploration.stopped = f"{INTERRUPTED}; {len(exploration.states):,} states seen"
    except EnoughError:
        exploration.stopped = f"{ENOUGH}; {len(exploration.states):,} states seen"


def _expansions(
    exploration: Exploration[State], roots: Iterable[State], watch: Watch[State], states_max: int
) -> Iterator[None]:
    """Expand one state after the other, pausing before each. The hot loop."""
    states, parents, numbers = exploration.states, exploration.parents, exploration.numbers
    successors, see_state, see_step = exploration.model.successors, watch.state, watch.step
    canonical, followed = exploration.canonical, exploration.followed
    for begin in roots:
        root = begin if canonical is None else canonical(begin)
        if numbers.setdefault(root, len(states)) == len(states):
            if begin != root:
                exploration.begins[len(states)] = begin
            states.append(root)
            parents.append(-1)
            see_state(len(states) - 1, root)
    while exploration.expanded < len(states):
        yield
        number = exploration.expanded
        if number == exploration.layer_end:  # all that is known and not expanded is one layer further
            exploration.layer_end = len(states)
            exploration.layers.append(len(states) - number)
        state = states[number]
        for step in successors(state) if followed is None else followed(number, state):
            if isinstance(step, Cut):
                watch.cut(number, state, step)
                continue
            exploration.transitions += 1
            after = step.system if canonical is None else canonical(step.system)
            found = len(states)
            if numbers.setdefault(after, found) == found:
                states.append(after)
                parents.append(number)
                see_step(number, state, step)
                see_state(found, after)
            else:
                see_step(number, state, step)
        exploration.expanded = number + 1
        if len(states) > states_max and exploration.expanded < len(states):
            exploration.stopped = _over(exploration, f"{states_max:,} states are not enough")
            return


def _tell(progress: Progress, exploration: Exploration[State], seconds: float) -> None:
    found, queued = len(exploration.states), len(exploration.states) - exploration.expanded
    progress(found, exploration.transitions, seconds, queued=queued, layers=exploration.layers)


def _over(exploration: Exploration[State], what: str) -> str:
    return f"budget: {what}; {len(exploration.states):,} states seen"
