"""A native exploration: the same to whoever asks for states and runs as a plain one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from time import monotonic
from typing import overload

from temper.machine import Cut, Step, System, TransitionTable, Universe, relation
from temper.verify.budget import Budget
from temper.verify.explicit.exploration import TELL_EVERY_SECONDS, Progress
from temper.verify.native.coding import Coding
from temper.verify.native.engine import Memory, compiled
from temper.verify.native.kernel import BLOCK, module
from temper.verify.native.looks import Looks
from temper.verify.native.monitors import Monitor
from temper.verify.native.rules import Rules
from temper.verify.native.unsupported import Unsupported

BYTES_MAX = 4 << 30
"""How much memory the states may take, where the budget does not say how many they may be."""
PAUSE_STATES = 50_000
"""How many states are expanded before the clock is looked at."""
LEVELS = (0, 2)
"""How hard LLVM tries at first, when every millisecond counts, and once the search turns out to be large."""
HARDER_AFTER_SECONDS = 0.5
"""How long a search goes on before LLVM tries harder, which takes about as long."""


class States(Sequence[System]):
    """The states in the order of discovery, decoded when one is asked for."""

    def __init__(self, rules: Rules, memory: Memory) -> None:
        self.coding, self.memory = Coding(rules.layout), memory

    def __len__(self) -> int:
        return self.memory["tail"]

    @overload
    def __getitem__(self, at: int) -> System: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[System]: ...
    def __getitem__(self, at: int | slice) -> System | Sequence[System]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.coding.decode(self.memory.words_of(at))


class NativeExploration:
    """One table in one universe, compiled. Raises `Unsupported` if native code does not take it on."""

    def __init__(self, table: TransitionTable, universe: Universe, *, levels: tuple[int, ...] = LEVELS) -> None:
        self.relation = relation(table, universe)
        self.rules = Rules(table, universe)
        expand = self.rules.expand()
        look = Looks(self.rules.layout, self.rules.monitors).look()
        monitors, words = self.rules.monitors, self.rules.layout.words
        tables = self.rules.tables()
        self.text = (
            "\n".join(tables)
            + "\n"
            + module(words, len(monitors.numbers), len(monitors.cuts), self.rules.sites, expand, look)
        )
        self.memory = Memory(
            compiled(self.text, levels[0]),
            words=words,
            monitors=len(monitors.numbers),
            cuts=len(monitors.cuts),
            sites=self.rules.sites,
            block=BLOCK,
        )
        self._harder = levels[1:]
        self.states: Sequence[System] = States(self.rules, self.memory)
        self.stopped = ""
        self.seconds = 0.0
        self.transitions = 0
        self.met: dict[Monitor, list[int]] = {}
        self.cuts: dict[tuple[str, str], int] = {}
        self._parents: dict[int, int] = {0: -1}

    def search(self, budget: Budget, progress: Progress | None = None) -> None:
        """Explore until nothing is new or the budget is spent. What was seen by then is told, whatever ends it."""
        began = monotonic()
        self.memory.begin(Coding(self.rules.layout).encode(self.relation.start()))
        try:
            self._go(began, budget, progress)
        except KeyboardInterrupt:
            self._stop("interrupted")
        except MemoryError:
            self._stop("there is no more memory")
        if self.memory.gave_up:
            raise Unsupported("late requests of a fenced effect that merge more than once")
        self.transitions = self.memory.transitions
        met, cuts = self.memory.close()
        self.met = dict(zip(self.rules.monitors.numbers, met, strict=False))
        self.cuts = {key: count for key, count in zip(self.rules.monitors.cuts, cuts, strict=False) if count}
        self.seconds = monotonic() - began

    def _go(self, began: float, budget: Budget, progress: Progress | None) -> None:
        told, pause = began, PAUSE_STATES
        most = budget.states_max or BYTES_MAX // self.memory.bytes_each
        while (why := self.memory.search(head_max=pause, tail_max=most)) != 0:
            now = monotonic()
            if why == 2:
                self._stop(f"{most:,} states are not enough")
                return
            if now - began >= budget.seconds_max:
                self._stop(f"{budget.seconds_max:g} s are over")
                return
            if progress is not None and now - told >= TELL_EVERY_SECONDS:
                queued = len(self.states) - self.memory["head"]
                progress(len(self.states), self.memory.transitions, now - began, queued=queued)
                told = now
            if self._harder and now - began >= HARDER_AFTER_SECONDS:
                self.memory.adopt(compiled(self.text, self._harder[0]))
                self._harder = self._harder[1:]
            pause = self.memory["head"] + PAUSE_STATES

    def _stop(self, what: str) -> None:
        self.stopped = f"budget: {what}; {len(self.states):,} states seen"

    def successors(self, state: System) -> Iterator[Step | Cut]:
        """Every step out of the state, as the plain relation has them."""
        return self.relation.steps(state)

    def agrees(self, number: int, steps: list[Step]) -> bool:
        """Whether native code takes these steps out of a state, and no others."""
        coding = Coding(self.rules.layout)
        own = self.memory.words_of(number)
        expected = {words for step in steps if (words := coding.encode(step.system)) != own}
        return self.memory.follow(number) == (len(steps), expected)

    def path(self, number: int) -> tuple[System, ...]:
        """The states of a shortest run to state `number`, the one it starts in first."""
        backwards = []
        while number >= 0:
            backwards.append(self.states[number])
            if number not in self._parents:
                self._parents[number] = self.memory.parent(number)
            number = self._parents[number]
        return tuple(reversed(backwards))

    def run(self, number: int) -> tuple[Step, ...]:
        """The steps of a shortest run to state `number`."""
        return tuple(self._between(*ends) for ends in pairwise(self.path(number)))

    def _between(self, before: System, after: System) -> Step:
        for step in self.successors(before):
            if isinstance(step, Step) and step.system == after:
                return step
        raise AssertionError("native code took a step that the relation does not have")
