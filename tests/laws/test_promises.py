"""Law: no fair infinite run that a naive look finds contradicts a promise that the search calls exhausted.

The naive side follows loops of a few steps and gives every pending delivery and armed timer a name of its own: the
loop is fair if, after enough rounds, none of those that were there at first is left. It knows no lanes, no debts and
no components.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from hypothesis import HealthCheck, assume, event, given, settings

from support.random_promises import promising
from temper.machine import (
    AGAIN,
    Address,
    Cut,
    Effecting,
    Exhausted,
    Op,
    Property,
    Refuted,
    Relation,
    Step,
    System,
    TransitionTable,
    Universe,
    Unknown,
    concrete,
    rhythm,
    universe,
)
from temper.verify import Budget, Replayed, replay, search

LAW = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
STATES_MAX = 250
LOOP_MAX = 4
PATHS_MAX = 1_000
LOOPS_MAX = 4_000
Loop = tuple[System, tuple[Step, ...]]


class Explored:
    """Every reachable system, how it was first reached, and what leads out of it."""

    def __init__(self, table: TransitionTable, within: Universe) -> None:
        relation = Relation(table, within)
        self.came: dict[System, tuple[System, Step] | None] = {relation.start(): None}
        self.out: dict[System, list[Step]] = {}
        self.is_cut: set[System] = set()
        waiting = deque(self.came)
        while waiting and len(self.came) <= STATES_MAX:
            system = waiting.popleft()
            found = list(relation.steps(system))
            self.out[system] = [step for step in found if isinstance(step, Step)]
            if any(isinstance(step, Cut) for step in found):
                self.is_cut.add(system)
            for step in self.out[system]:
                if step.system not in self.came:
                    self.came[step.system] = (system, step)
                    waiting.append(step.system)

    def stem(self, system: System) -> tuple[Step, ...]:
        backwards = []
        while (by := self.came[system]) is not None:
            backwards.append(by[1])
            system = by[0]
        return tuple(reversed(backwards))

    def loops(self, inside: set[System]) -> Iterator[Loop]:
        """Loops of a few steps among these systems, the shortest first, with the one in which each begins.

        The empty one stutters. None of at most one step is left out; of longer ones there are too many.
        """
        paths: list[Loop] = [(begin, ()) for begin in inside]
        yield from paths
        for length in range(LOOP_MAX):
            paths = [
                (begin, (*path, step))
                for begin, path in (paths[:PATHS_MAX] if length else paths)
                for step in self.out[path[-1].system if path else begin]
                if step.system in inside
            ]
            yield from ((begin, path) for begin, path in paths if path[-1].system == begin)


class Named:
    """A run in which every delivery and every armed timer has a name: the number of the one that came in."""

    def __init__(self, system: System) -> None:
        self.system, self.last = system, 0
        self.mail = {mail: [self.name() for _ in range(n)] for mail, n in Counter(system.mail).items()}
        self.lanes: dict[tuple[Address, str], list[int]] = {}
        for effect in system.effects:
            self.lanes.setdefault((effect.owner, effect.effect), []).append(self.name())
        self.timers = {(cell.address, name): self.name() for cell in system.cells for name, _ in cell.timers}

    def name(self) -> int:
        self.last += 1
        return self.last

    def names(self) -> set[int]:
        lists = [*self.mail.values(), *self.lanes.values()]
        return {name for names in lists for name in names} | set(self.timers.values())

    def take(self, step: Step) -> None:
        consumed, after = step.timing.consumed, step.system
        again = step.label.action == AGAIN
        if isinstance(consumed, Effecting):
            lane = self.lanes[consumed.owner, consumed.effect]
            lane.pop(0)
            if again:
                lane.insert(0, self.name())
        elif consumed is not None:
            self.mail[consumed].pop(0)
        for delivery in step.timing.handed_on:
            if not isinstance(delivery, Effecting):
                self.mail.setdefault(delivery, []).append(self.name())
            elif not again:
                self.lanes.setdefault((delivery.owner, delivery.effect), []).append(self.name())
        left = Counter((effect.owner, effect.effect) for effect in after.effects)
        for key, lane in self.lanes.items():
            del lane[: len(lane) - left[key]]
        armed = {(cell.address, name) for cell in after.cells for name, _ in cell.timers}
        anew = {(step.label.address, name) for name, _ in step.timing.armed}
        self.timers = {k: self.name() if k in anew or k not in self.timers else self.timers[k] for k in armed}


def is_fair(table: TransitionTable, explored: Explored, promise: Property, loop: Loop) -> bool:
    begin, steps = loop
    run = Named(begin)
    first = run.names()
    for _ in range(len(first) + 2):
        for step in steps:
            run.take(step)
    return not first & run.names() and _calls_come(explored, promise, loop) and _outcomes_come(table, promise, steps)


def _calls_come(explored: Explored, promise: Property, loop: Loop) -> bool:
    begin, steps = loop
    visited = {begin, *(step.system for step in steps)}
    done = {(step.label.address, step.label.action) for step in steps if step.label.case is not None}
    for entity, action in promise.assuming:
        callable_in = [
            {
                step.label.address
                for step in explored.out[system]
                if step.label.rule == "call" and step.label.case is not None
                and (step.label.address.entity, step.label.action) == (entity, action)
            }
            for system in visited
        ]  # fmt: skip
        if any((address, action) not in done for address in set.intersection(*callable_in)):
            return False
    return True


def _outcomes_come(table: TransitionTable, promise: Property, steps: tuple[Step, ...]) -> bool:
    effects = {effect.name for effect in table.effects}
    for effect, outcome in promise.assuming:
        if effect in effects:
            settled = [step for step in steps if getattr(step.timing.consumed, "effect", None) == effect]
            sites = {(step.timing.consumed.owner, step.timing.consumed.site) for step in settled}
            right = [step for step in settled if step.label.outcome == outcome]
            if sites != {(step.timing.consumed.owner, step.timing.consumed.site) for step in right}:
                return False
    return True


def open_for(table: TransitionTable, promise: Property, explored: Explored, ident: str) -> set[System]:
    """The systems in which the promise is open for one instance: asked for, and not met since."""
    premise = promise.whenever.operands[1].value
    goal = None if promise.body.op is Op.NOT else promise.body.operands[1].value
    ((_, entity),) = promise.variables

    def control(system: System) -> str | None:
        cell = system.cell(Address(entity, ident))
        return None if cell is None else cell.control

    def is_met(system: System) -> bool:
        return control(system) != premise if goal is None else control(system) == goal

    found = {system for system in explored.out if control(system) == premise}
    waiting = list(found)
    while waiting:
        for step in explored.out[waiting.pop()]:
            if step.system not in found and not is_met(step.system):
                found.add(step.system)
                waiting.append(step.system)
    return found


def contradictions(table: TransitionTable, explored: Explored, promise: Property) -> Iterator[Loop]:
    ((_, entity),) = promise.variables
    idents = {cell.id for system in explored.out for cell in system.cells if cell.entity == entity}
    for ident in sorted(idents):
        inside = open_for(table, promise, explored, ident) - explored.is_cut
        for looked, loop in enumerate(explored.loops(inside)):
            if looked > LOOPS_MAX and len(loop[1]) > 1:
                break
            if is_fair(table, explored, promise, loop):
                stem = explored.stem(loop[0])
                times = rhythm(table, stem, loop[1]) if loop[1] else concrete(table, stem)
                if times is not None:
                    yield loop


@LAW
@given(promising())
def test_no_fair_run_contradicts_what_is_exhausted(table: TransitionTable) -> None:
    within = universe(table)
    explored = Explored(table, within)
    assume(len(explored.came) <= STATES_MAX)
    promise = table.properties[-1]
    found = next(contradictions(table, explored, promise), None)
    finding = next(
        f for f in search(table, universe=within, budget=Budget(seconds_max=600)).findings if f.name == "promise"
    )
    match finding.verdict:
        case Refuted(_, trace):
            replayed = replay(table, trace, universe=within)
            assert isinstance(replayed, Replayed)
            assert "promise" in replayed.shows
            # As a loop of a few steps is what the naive look finds, it must find this one.
            if len(trace.steps) - trace.loop <= 1:
                assert found is not None
        case Unknown(because) if because.startswith("spurious"):
            event("spurious")
        case verdict:
            assert found is None, f"{verdict}, but {[str(step.label) for step in found[1]]} repeats"
            assert isinstance(verdict, Exhausted | Unknown)
    event(f"{type(finding.verdict).__name__}, {'vacuous' if finding.vacuous else 'asked'}")
