"""A native exploration: the same to whoever asks for states and runs as a plain one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import overload

from temper.machine import Cut, Step, System, TransitionTable, Universe, relation
from temper.verify.budget import Budget
from temper.verify.explicit.exploration import TELL_EVERY_SECONDS, Progress
from temper.verify.native.coding import Coding
from temper.verify.native.engine import Memory, compiled
from temper.verify.native.kernel import BLOCK, module
from temper.verify.native.least import Least, supported
from temper.verify.native.looks import Looks
from temper.verify.native.monitors import Monitor
from temper.verify.native.rules import Rules
from temper.verify.native.unsupported import Unsupported
from temper.verify.reductions import NO_REDUCTIONS, Reduced, Reductions
from temper.verify.symmetry import alike, said

BYTES_MAX = 4 << 30
"""How much memory the states may take, where the budget does not say how many they may be."""
PAUSE_STATES = 50_000
"""How many states are expanded before the clock is looked at."""
RENAMED = 3
"""How many states that follow one that is compared are also renamed in Python, which takes its time."""
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

    def __init__(
        self,
        table: TransitionTable,
        universe: Universe,
        *,
        levels: tuple[int, ...] = LEVELS,
        reductions: Reductions = NO_REDUCTIONS,
    ) -> None:
        self.relation = relation(table, universe)
        self.rules = Rules(table, universe)
        expand = self.rules.expand()
        look = Looks(self.rules.layout, self.rules.monitors).look()
        classes = supported(self.rules.layout, alike(table, universe)) if reductions.symmetry else ()
        self.least = Least(self.rules.layout, classes) if classes else None
        least = self.least.functions() if self.least else None
        monitors, words = self.rules.monitors, self.rules.layout.words
        tables = self.rules.tables()
        self.text = (
            "\n".join(tables)
            + "\n"
            + module(words, len(monitors.numbers), len(monitors.cuts), self.rules.sites, expand, look, least)
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
        self._meant = 0
        self.stopped = ""
        self.seconds = 0.0
        self.transitions = 0
        self.met: dict[Monitor, list[int]] = {}
        self.cuts: dict[tuple[str, str], int] = {}
        self._parents: dict[int, int] = {0: -1}

    def search(self, budget: Budget, progress: Progress | None = None) -> None:
        """Explore until nothing is new or the budget is spent. What was seen by then is told, whatever ends it."""
        began = monotonic()
        self.memory.begin(self._stands_for(self.relation.start()))
        try:
            self._go(began, budget, progress)
        except KeyboardInterrupt:
            self._stop("interrupted")
        except MemoryError:
            self._stop("there is no more memory")
        if self.memory.gave_up:
            raise Unsupported("late requests of a fenced effect that merge more than once")
        self.transitions = self.memory.transitions
        self._meant = self.memory.meant() if self.least else 0
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
        others = [step.system for step in steps if coding.encode(step.system) != own]
        if self.least and any(self._stands_for(each) != self.least.of(each) for each in others[:RENAMED]):
            return False
        return self.memory.follow(number) == (len(steps), set(map(self._stands_for, others)))

    def reduced(self) -> Reduced:
        """What was taken together."""
        if self.least is None:
            return Reduced()
        return Reduced((("symmetry", f"{said(self.least.classes)} are alike"),), stand_for=self._meant)

    def _stands_for(self, system: System) -> tuple[int, ...]:
        """The words of the state that stands for the system, which is its own if nothing is taken together."""
        words = Coding(self.rules.layout).encode(system)
        return words if self.least is None else self.memory.least(words)

    def path(self, number: int) -> tuple[System, ...]:
        """The states of a shortest run to state `number`, the one it starts in first. All of them are real ones.

        Where states are taken together it ends in one for which state `number` stands.
        """
        return (self.relation.start(), *(step.system for step in self.run(number)))

    def run(self, number: int) -> tuple[Step, ...]:
        """The steps of a shortest run to state `number`."""
        return tuple(self._steps(self._numbers(number)))

    def _numbers(self, number: int) -> list[int]:
        backwards = []
        while number >= 0:
            backwards.append(number)
            if number not in self._parents:
                self._parents[number] = self.memory.parent(number)
            number = self._parents[number]
        return backwards[::-1]

    def _steps(self, numbers: list[int]) -> Iterator[Step]:
        before = self.relation.start()
        for number in numbers[1:]:
            step = self._between(before, self.memory.words_of(number))
            yield step
            before = step.system

    def _between(self, before: System, after: tuple[int, ...]) -> Step:
        for step in self.successors(before):
            if isinstance(step, Step) and self._stands_for(step.system) == after:
                return step
        raise AssertionError("native code took a step that the relation does not have")
