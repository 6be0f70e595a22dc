"""Going along a told run on a table that may have changed since: how far it is one, and what it shows on its way.

The run that comes out is one of this very table: `step` takes every step of it, and there are times for all. So what
it shows is refuted, whatever a search within a scope says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from temper.machine import (
    Address,
    MapType,
    NotAValueError,
    OptionType,
    SetType,
    Step,
    System,
    TimeType,
    Trace,
    TransitionTable,
    Type,
    Value,
    canonical_json,
    concrete,
    from_json,
    show,
)
from temper.report import Span
from temper.verify.conform.faults import Fault, faults_of, is_reached
from temper.verify.conform.guided import Guided, UntypedError
from temper.verify.conform.refusing import why_not
from temper.verify.conform.told import Told
from temper.verify.explicit.tracing import trace_of

GHOSTS = ("perform", "environment")
"""What only verifiers see: without a world it is no step, and nothing is lost."""

PATHS_MAX = 32


@dataclass(frozen=True, slots=True)
class Gone:
    """The told step (from 1) that is no step any more, and why."""

    at: int
    because: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A fault, and the run up to the step that shows it. `at` counts the told steps, 0 is the start."""

    fault: Fault
    at: int
    trace: Trace


@dataclass(frozen=True, slots=True)
class Retraced:
    """How far a told run goes on a table. `final` is the system that it came to."""

    final: System
    taken: int
    gone: Gone | None
    faults: tuple[Seen, ...]
    trace: Trace
    otherwise: tuple[str, ...] = ()
    """Where a step is still one and comes to something else than it did, one sentence each."""
    ends: tuple[str, ...] = ()
    """What is told of states and data and is not so."""
    reached: bool = False
    """Whether the `possible` that was asked for is met somewhere."""
    hidden: int = 0
    """How many performs had to be put in: only verifiers see them, so nobody tells of them."""
    untimed: bool = False
    """Whether no times fit, so that it is no run, and shows nothing."""
    several: bool = False
    """Whether what is told may mean several steps somewhere, of which the likeliest was taken."""


def retrace(
    table: TransitionTable, run: Iterable[Told], *, asked: str = "", known: Mapping[str, tuple[str, ...]] | None = None
) -> Retraced:
    """Take the told steps from the start for as long as the table has them. `asked` is a `possible` to be met."""
    steps = tuple(run)
    return _Walk(Guided(table, known=known or known_ids(steps)), steps, asked).go()


def known_ids(run: Iterable[Told]) -> dict[str, tuple[str, ...]]:
    """The ids of each entity in the order in which they are spoken of."""
    found: dict[str, dict[str, None]] = {}
    for told in run:
        for entity, ident in (told.address, *told.made):
            found.setdefault(entity, {})[ident] = None
    return {entity: tuple(idents) for entity, idents in found.items()}


@dataclass(frozen=True, slots=True)
class Path:
    """A way that the told steps may have gone: each step with the number of the told one that it belongs to."""

    system: System
    steps: tuple[tuple[int, Step], ...] = ()
    hidden: int = 0

    def then(self, number: int, *steps: Step) -> Path:
        """The way with further steps, the last of them told and the others hidden."""
        taken = tuple((number, step) for step in steps)
        return Path(steps[-1].system, (*self.steps, *taken), self.hidden + len(steps) - 1)


class _Walk:
    """Follows every way that the told steps may mean, the likeliest first; few tell less than which one it was."""

    def __init__(self, guided: Guided, run: tuple[Told, ...], asked: str) -> None:
        self.guided, self.table, self.run, self.asked = guided, guided.table, run, asked
        self.begin = guided.start()

    def go(self) -> Retraced:
        paths, gone, several = [Path(self.begin)], None, False
        taken = 0
        for number, told in enumerate(self.run, 1):
            if not (told.rule in GHOSTS and self._is_ghost(told)):
                further = self._further(paths, number, told)
                if not further:
                    gone = Gone(number, *why_not(self.guided, paths[0].system, told))
                    break
                several = several or len(further) > len(paths)
                paths = further
            taken = number
        return self._looked_at(paths[0], taken, gone, several=several)

    def _is_ghost(self, told: Told) -> bool:
        """Whether it is a step of a world that nothing looks at."""
        worlds = {entity.name for entity in self.table.entities if entity.world}
        return not self.guided.universe.world and told.address.entity in worlds

    def _further(self, paths: list[Path], number: int, told: Told) -> list[Path]:
        found: dict[System, Path] = {}
        for path in paths:
            for after in self._after(path, number, told):
                found.setdefault(after.system, after)
        return list(found.values())[:PATHS_MAX]

    def _after(self, path: Path, number: int, told: Told) -> Iterable[Path]:
        found = self._steps(path.system, told)
        yield from (path.then(number, step) for step in found)
        if found or told.rule != "settle" or not self.guided.universe.world:
            return
        mine = f"{told.cause} of {' '.join(told.address)}"
        for step in self.guided.outside.perform(path.system):
            if isinstance(step, Step) and step.label.cause == mine:
                yield from (path.then(number, step, after) for after in self._steps(step.system, told))

    def _steps(self, system: System, told: Told) -> list[Step]:
        try:
            return self.guided.steps_told(system, told)
        except (UntypedError, KeyError):
            return []

    def _looked_at(self, path: Path, taken: int, gone: Gone | None, *, several: bool) -> Retraced:
        """What the run shows, each fault the first time that it does, and where it comes to something else."""
        steps = [step for _, step in path.steps]
        untimed = steps != [] and concrete(self.table, steps) is None
        trace = trace_of(self.table, self.begin, steps)
        faults: dict[str, Seen] = {}
        otherwise, ends = [], []
        systems = [self.begin, *(step.system for step in steps)]
        for index, system in enumerate(systems):
            number, step = (0, None) if index == 0 else path.steps[index - 1]
            for fault in faults_of(self.table, systems[index - 1] if index else system, step):
                upto = Trace(trace.steps[:index], system.cells)
                faults.setdefault(fault.name, Seen(fault, number, upto))
            is_told = step is not None and (index == len(steps) or path.steps[index][0] != number)
            if step is not None and is_told:
                told = self.run[number - 1]
                otherwise += [f"step {number} {said}" for said in comes_otherwise(step, told)]
                ends += [f"after step {number} {said}" for said in differences(self.table, system, told)]
        return Retraced(
            path.system,
            taken,
            gone,
            () if untimed else tuple(faults.values()),
            trace,
            tuple(otherwise),
            tuple(ends),
            reached=any(is_reached(self.table, self.asked, system) for system in systems),
            hidden=path.hidden,
            untimed=untimed,
            several=several,
        )


def comes_otherwise(step: Step, told: Told) -> Iterable[str]:
    """That the machine's own step is still one, and comes to another action than it did."""
    if told.rule != "call" and told.action is not None and step.label.action != told.action:
        yield f"comes to `{step.label.action}`, where it came to `{told.action}`"


def differences(table: TransitionTable, system: System, told: Told) -> Iterable[str]:
    """What is told of the instance after the step and is not so."""
    yield from standing_differences(table, system, told.address, told.state, told.data)


def standing_differences(
    table: TransitionTable, system: System, address: Address, state: str | None, data: Mapping[str, object]
) -> Iterable[str]:
    """What is told of an instance and is not so: its state, then fields."""
    cell = system.cell(address)
    named = address.entity if address.entity == address.id else " ".join(address)
    control = "new" if cell is None else cell.control
    if state is not None and state != control:
        yield f"{named} is in `{control}`, not in `{state}`"
    if cell is None:
        return
    columns = table.entity(address.entity).fields
    values = {column.name: (column.type, value) for column, value in zip(columns, cell.data, strict=True)}
    for name, expected in data.items():
        if name not in values:
            yield f"{named} has no field `{name}`"
        elif not _is_value(*values[name], expected):
            type_, value = values[name]
            yield f"`{name}` of {named} is {show(type_, value)}, not {canonical_json(expected)}"


def _is_value(type_: Type, value: Value, expected: object) -> bool:
    """Whether the data is this value. Times are left out of systems, so no time is another."""
    if _holds_time(type_):
        return True
    try:
        return from_json(type_, expected) == value
    except (NotAValueError, ValueError, RecursionError):
        return False


def _holds_time(type_: Type) -> bool:
    match type_:
        case TimeType():
            return True
        case OptionType(of) | SetType(of):
            return _holds_time(of)
        case MapType(_, value):
            return _holds_time(value)
        case _:
            return False
