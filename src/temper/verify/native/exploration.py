"""A native exploration: the same to whoever asks for states and runs as a plain one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import overload

from temper.machine import Cut, PropertyKind, Step, System, TransitionTable, Universe, relation
from temper.verify.available import bytes_text
from temper.verify.budget import Budget
from temper.verify.explicit.exploration import ENOUGH, TELL_EVERY_SECONDS, Progress
from temper.verify.explicit.sliced import Slicer
from temper.verify.native.coding import Coding
from temper.verify.native.crew import processors
from temper.verify.native.domain import Domains
from temper.verify.native.engine import Memory, compiled, is_kept
from temper.verify.native.ground import Ground
from temper.verify.native.kernel import SLICE_MAX, Kernel
from temper.verify.native.layout import Layout
from temper.verify.native.least import Least, supported
from temper.verify.native.looks import Looks
from temper.verify.native.monitors import Monitor
from temper.verify.native.rules import Rules
from temper.verify.native.unsupported import Unsupported
from temper.verify.reductions import NO_REDUCTIONS, Reduced, Reductions, ruled_out
from temper.verify.slicing import unread, unread_said
from temper.verify.symmetry import alike, alike_said

STATES_MAX = 1 << 62
"""More than any memory holds."""
PAUSE_STATES = 50_000
"""How many states each worker expands before the clock is looked at."""
RENAMED = 3
"""How many states that follow one that is compared are also renamed in Python, which takes its time."""
LEVELS = (0, 2)
"""How hard LLVM tries at first, when every millisecond counts, and once the search turns out to be large."""
HARDER_AFTER_SECONDS = 0.5
"""How long a search goes on before LLVM tries harder, which takes about as long."""


NEVER = frozenset({"moves", "property", "violation"})
"""Monitors of what must not be seen, but for `possible` properties."""
ONCE = frozenset({"reachable", "row"})
"""Monitors of what has to be seen once. `possible` properties are others."""


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
    """One table in one universe, compiled. Raises `Unsupported` if native code does not take it on.

    `starts` are further systems in which runs may begin, once `search` has seen what follows from the usual start.
    """

    def __init__(
        self,
        table: TransitionTable,
        universe: Universe,
        *,
        starts: Iterable[System] = (),
        levels: tuple[int, ...] = LEVELS,
        reductions: Reductions = NO_REDUCTIONS,
        jobs: int | None = None,
        bytes_max: int | None = None,
        slice_max: int = SLICE_MAX,
    ) -> None:
        self.relation, self.starts = relation(table, universe), tuple(starts)
        self.unread = unread(table, universe) if reductions.slicing else frozenset()
        layout = Layout(table, universe, Domains(table, universe), self.unread)
        self.rules = Rules(table, universe, layout)
        self._expand = self.rules.expand()
        self._look = Looks(self.rules.layout, self.rules.monitors).look()
        classes = alike(table, universe, self.unread) if reductions.symmetry else ()
        why = ruled_out(table, live=bool(self.starts)).get("symmetry", "")
        self._unused = (("symmetry", f"{alike_said(classes)} would be alike, but {why}"),) if classes and why else ()
        renamed = () if why else supported(self.rules.layout, classes)
        self.least = Least(self.rules.layout, renamed) if renamed else None
        self._least = self.least.functions() if self.least else None
        self._tables = self.rules.tables((self.relation.start(), *self.starts))
        monitors, layout = self.rules.monitors, self.rules.layout
        self.kernel = Kernel(
            words=layout.words,
            monitors=len(monitors.numbers),
            cuts=len(monitors.cuts),
            sites=self.rules.sites,
            scratch=layout.scratch,
            jobs=jobs or 1,
            slice_max=slice_max,
        )
        self._jobs = jobs
        self._levels = self._best(levels)
        self.memory = Memory(compiled(self._text(self.kernel), self._levels[0]), self.kernel, bytes_max=bytes_max)
        self.coding = Coding(self.rules.layout)
        self.ground: Ground | None = None
        """What knows numbers, once promises are looked at."""
        self._sliced = Slicer(table, universe, self.unread)
        self._begins: dict[int, System] = {}
        self._roots: dict[tuple[int, ...], System] = {}
        for start in self.starts:
            self._roots.setdefault(self._encoded(start), start)
        self.states: Sequence[System] = States(self.rules, self.memory)
        self._meant = 0
        self.stopped = ""
        self.seconds = 0.0
        self.transitions = 0
        self.layers: list[int] = []
        self.layer_end = 0
        """As in a plain exploration."""
        self._ends: list[int] = []
        self.met: dict[Monitor, list[int]] = {}
        self.cuts: dict[tuple[str, str], int] = {}
        self._parents: dict[int, int] = {}

    def _best(self, levels: tuple[int, ...]) -> tuple[int, ...]:
        """The levels to go through: the last one alone, with all its workers, if that code is at hand."""
        many = replace(self.kernel, jobs=self._jobs or processors())
        if len(levels) > 1 and is_kept(self._text(many), levels[-1]):
            self.kernel = many
            return levels[-1:]
        return levels

    def _text(self, kernel: Kernel) -> str:
        return "\n".join([*self._tables, kernel.module(self._expand, self._look, self._least)])

    def _encoded(self, start: System) -> tuple[int, ...]:
        try:
            words = self.coding.encode(start)
            if self.coding.decode(words) == self._sliced.system(start):
                return words
        except (AssertionError, KeyError, IndexError, StopIteration, ValueError) as beyond:
            raise Unsupported("what lives beyond its words") from beyond
        raise Unsupported("what lives beyond its words")

    def search(self, budget: Budget, progress: Progress | None = None) -> None:
        """Explore until nothing is new or the budget is spent. What was seen by then is told, whatever ends it."""
        start = self.relation.start()
        self._explore({self._stands_for(start): start}, list(self.rules.monitors.numbers), budget, progress)

    def search_on(self, budget: Budget, progress: Progress | None = None) -> None:
        """Go on from the other starts. What has to be possible is owed from the usual one, and not watched for."""
        possible = {each.name for each in self.rules.table.properties if each.kind is PropertyKind.POSSIBLE}
        wanted = [each for each in self.rules.monitors.numbers if each.kind not in ONCE and each.name not in possible]
        self._explore(self._roots, wanted, budget, progress)

    def _explore(
        self, roots: dict[tuple[int, ...], System], wanted: list[Monitor], budget: Budget, progress: Progress | None
    ) -> None:
        began = monotonic() - self.seconds
        numbers = self.rules.monitors.numbers
        self.memory.watch(numbers[monitor] for monitor in wanted)
        try:
            for root, begin in roots.items():
                number = len(self.states)
                if self.memory.begin(root):
                    self._parents[number], self._begins[number] = -1, begin
            self._go(began, budget, progress)
        except KeyboardInterrupt:
            self._stop("interrupted")
        except MemoryError:
            self._stop("there is no more memory")
        if self.memory.gave_up:
            raise Unsupported("late requests of a fenced effect that merge more than once")
        self.transitions = self.memory.transitions
        self._meant = self.memory.meant() if self.least else 0
        met, cuts = self.memory.rest()
        self.met = dict(zip(numbers, met, strict=False))
        self.cuts = {key: count for key, count in zip(self.rules.monitors.cuts, cuts, strict=False) if count}
        self.seconds = monotonic() - began

    def _go(self, began: float, budget: Budget, progress: Progress | None) -> None:
        told, paused = began, self.expanded
        most = budget.states_max or STATES_MAX
        while (why := self.memory.search(head_max=min(paused + self._pause, self._layer()), tail_max=most)) != 0:
            if budget.stops_at_first and self.memory.staff.has_met(self._wrong):
                self.stopped = f"{ENOUGH}; {len(self.states):,} states seen"
                return
            if why == 2:
                self._stop(f"{most:,} states are not enough")
                return
            if why == 3:
                self._stop(f"{bytes_text(self.memory.bytes_max)} of memory are not enough")
                return
            if self.expanded < paused + self._pause:
                continue
            paused, now = self.expanded, monotonic()
            if now - began >= budget.seconds_max:
                self._stop(f"{budget.seconds_max:g} s are over")
                return
            if progress is not None and now - told >= TELL_EVERY_SECONDS:
                queued = len(self.states) - self.expanded
                progress(len(self.states), self.memory.transitions, now - began, queued=queued, layers=self.layers)
                told = now
            if len(self._levels) > 1 and now - began >= HARDER_AFTER_SECONDS:
                self._try_harder()

    @property
    def _wrong(self) -> list[int]:
        """The monitors of what must never be seen."""
        possible = {each.name for each in self.rules.table.properties if each.kind is PropertyKind.POSSIBLE}
        numbers = self.rules.monitors.numbers.items()
        return [at for each, at in numbers if each.kind in NEVER and each.name not in possible]

    @property
    def _pause(self) -> int:
        """How many states are expanded before the clock is looked at."""
        return PAUSE_STATES * self.kernel.jobs

    def _try_harder(self) -> None:
        """Better code, and as many workers as there are processors if nobody said how many."""
        self.kernel = replace(self.kernel, jobs=self._jobs or processors())
        self._levels = self._levels[1:]
        self.memory.adopt(compiled(self._text(self.kernel), self._levels[0]), self.kernel)

    def _layer(self) -> int:
        """Where the layer ends that is being expanded: all that is known when it begins is one step further."""
        known = len(self.states)
        if self.expanded == self.layer_end and known > self.layer_end:
            self.layers.append(known - self.layer_end)
            self.layer_end = known
            self._ends.append(known)
        return self.layer_end

    @property
    def expanded(self) -> int:
        """How many states were expanded, from number 0 on."""
        return self.memory["head"]

    def number(self, state: System, /) -> int:
        """The number of a state that was seen."""
        assert self.ground is not None, "numbers are asked for when promises are looked at"
        number = self.ground.number(self.coding.encode(state))
        assert number >= 0, "only what was seen has a number"
        return number

    def depth(self, number: int) -> int:
        """How many steps a shortest run from the usual start to state `number` has."""
        return bisect_right(self._ends, number)

    def _stop(self, what: str) -> None:
        self.stopped = f"budget: {what}; {len(self.states):,} states seen"

    def successors(self, state: System) -> Iterator[Step | Cut]:
        """Every step out of the state, as the plain relation has them."""
        return self.relation.steps(state)

    def agrees(self, number: int, steps: list[Step]) -> bool:
        """Whether native code takes these steps out of a state, and no others."""
        own = self.memory.words_of(number)
        others = [step.system for step in steps if self.coding.encode(step.system) != own]
        if self.least and any(self._stands_for(each) != self.least.of(each) for each in others[:RENAMED]):
            return False
        return self.memory.follow(number) == (len(steps), set(map(self._stands_for, others)))

    def reduced(self) -> Reduced:
        """What was taken together."""
        used = (("slicing", unread_said(self.unread)),) if self.unread else ()
        if self.least is None:
            return Reduced(used, self._unused)
        return Reduced((*used, ("symmetry", f"{alike_said(self.least.classes)} are alike")), stand_for=self._meant)

    def _stands_for(self, system: System) -> tuple[int, ...]:
        """The words of the state that stands for the system, which is its own if nothing is taken together."""
        words = self.coding.encode(system)
        return words if self.least is None else self.memory.least(words)

    def path(self, number: int) -> tuple[System, ...]:
        """The states of a shortest run to state `number`, the one it starts in first. All of them are real ones.

        Where states are taken together it ends in one for which state `number` stands.
        """
        numbers = self._numbers(number)
        return (self._begin(numbers[0]), *(step.system for step in self._steps(numbers)))

    def _begin(self, number: int) -> System:
        return self._begins[number]

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
        before = self._begin(numbers[0])
        for number in numbers[1:]:
            step = self._between(before, self.memory.words_of(number))
            yield step
            before = step.system

    def _between(self, before: System, after: tuple[int, ...]) -> Step:
        for step in self.successors(before):
            if isinstance(step, Step) and self._stands_for(step.system) == after:
                return step
        raise AssertionError("native code took a step that the relation does not have")
