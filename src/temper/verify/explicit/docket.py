"""The docket: every open question of one search, answered as states and steps go by.

It watches an exploration. The first concrete run that shows what must never be, or has to be possible, answers a
question; it is a shortest one, since the search is breadth first. What no run answered is decided by `verdicts`,
from how the search ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeAlias

from temper.machine import (
    NEW,
    UNHANDLED,
    Address,
    Cell,
    Cut,
    Entity,
    Message,
    Property,
    PropertyKind,
    Proved,
    Refusal,
    Refuted,
    Step,
    System,
    Timing,
    Trace,
    TransitionTable,
    Unknown,
    Violation,
    concrete,
)
from temper.verify.explicit.author import StateCheck, StepCheck, state_check, step_check, violation_text
from temper.verify.explicit.exploration import EnoughError, Explored
from temper.verify.explicit.liveness import Kept
from temper.verify.explicit.question import Question, listed
from temper.verify.explicit.tracing import trace_of
from temper.verify.model import Transition
from temper.verify.obligations import (
    Row,
    fires,
    happens,
    has_several_rows,
    hidden_by,
    moving_states,
    never_violated,
    rows,
    violated,
)

UNDECIDED = "construct: nobody looked for runs that never get there"
"""What is said of a promise until `liveness` has looked: a docket sees states and steps, and no infinite runs."""

Showing: TypeAlias = Callable[[Trace], Proved | Refuted]
"""The verdict that a run gives, once there is one."""
Tell: TypeAlias = Callable[[System, Step | None], Showing | None]
"""What the end of a run shows, or the step that comes last; None if nothing."""


class Docket:
    """Watches one search of one table. `questions` are in the order in which findings are told.

    `witnessing` is true while runs start where every system starts: what has to be possible is owed from there, and
    a run that begins with live instances does not show it. So is what is promised; `promised` says for each such
    property how many states were looked at. With
    `stops_at_first` a refutation ends the search.
    """

    def __init__(self, table: TransitionTable, exploration: Explored, *, world: bool) -> None:
        self.table, self.exploration = table, exploration
        self.questions: dict[str, Question] = {}
        self.cuts: Counter[tuple[str, str]] = Counter()
        self.hidden: set[str] = set()
        self.witnessing = True
        self.stops_at_first = False
        self.promised: dict[str, int] = {}
        self.invariants: list[StateCheck] = []
        self.possibles: list[StateCheck] = []
        self.steps: dict[str, list[StepCheck]] = {}
        self.reachable: dict[tuple[str, str], Question] = {}
        self.moving: dict[tuple[str, str], Question] = {}
        self.rows: dict[Row, Question] = {}
        self.unfired: dict[Row, tuple[Question, ...]] = {}
        self.awaited: set[tuple[str, str]] = set()
        for property_ in table.properties:
            self._open_property(property_)
        for entity in table.entities:
            if world or not entity.world:
                self._open_obligations(entity)

    # What is asked.

    def _ask(self, name: str, *, once: bool, obligation: bool = True) -> Question:
        return self.questions.setdefault(name, Question(name, once, obligation))

    def _open_property(self, property_: Property) -> None:
        once = property_.kind is PropertyKind.POSSIBLE
        question = self._ask(property_.name, once=once, obligation=False)
        match property_.kind:
            case PropertyKind.ALWAYS:
                self.invariants.append(state_check(self.table, property_, question))
            case PropertyKind.POSSIBLE:
                self.possibles.append(state_check(self.table, property_, question))
            case PropertyKind.STEP:
                ((_, entity),) = property_.variables
                self.steps.setdefault(entity, []).append(step_check(self.table, property_, question))
            case PropertyKind.EVENTUALLY:
                question.verdict = Unknown(UNDECIDED)

    def _open_obligations(self, entity: Entity) -> None:
        for name in never_violated(self.table, entity):
            self._ask(name, once=False)
        for state in moving_states(entity):
            self.moving[entity.name, state] = self._ask(f"moves:{entity.name}.{state}", once=False)
        for state in entity.final:
            self._ask_final(entity, state)
        for state in entity.states:
            self.reachable[entity.name, state] = self._ask(f"reachable:{entity.name}.{state}", once=True)
        for action, row in rows(entity):
            asked = [self._ask(happens(row), once=True)]
            if has_several_rows(action):
                asked.append(self._ask(fires(row), once=True))
            self.rows[row] = asked[-1]
            self.unfired[row] = tuple(asked)
            self.awaited.add((row.entity, row.action))

    def _ask_final(self, entity: Entity, state: str) -> None:
        leaving = [action.name for action in entity.actions if state in action.sources]
        assert not leaving, f"a final state has no exits, but {', '.join(leaving)} starts in {entity.name}.{state}"
        self._ask(f"final:{entity.name}.{state}", once=False).verdict = Proved("no action starts there")

    # What is seen.

    def state(self, number: int, system: System) -> None:
        for cell in system.cells:
            key = cell[0], cell[2]
            if key in self.reachable and self.witnessing:
                self._reached(number, system, key)
            if key in self.moving and _stands_still(system, cell):
                self._stuck(number, system, (cell[0], cell[2]))
        if self.invariants or self.possibles:
            self._look(number, system)

    def _reached(self, number: int, system: System, key: tuple[str, str]) -> None:
        question = self.reachable[key]
        self._answer(question, number, system, None, lambda *_: _shown)
        if not question.is_open:
            del self.reachable[key]

    def _stuck(self, number: int, system: System, key: tuple[str, str]) -> None:
        def tell(end: System, _: Step | None) -> Showing | None:
            for cell in end.cells:
                if (cell.entity, cell.control) == key and _stands_still(end, cell):
                    who = f"{cell.entity} {cell.id} is in {cell.control}"
                    return _refuted(f"{who}, with no timer armed and no delivery from or to it")
            return None

        question = self.moving[key]
        self._answer(question, number, system, None, tell)
        if not question.is_open:
            del self.moving[key]

    def _look(self, number: int, system: System) -> None:
        view = _view(system)
        for check in self.invariants:
            if check.look(view) is not None:
                self._answer(check.question, number, system, None, partial(self._broken, check))
                self.invariants = [check for check in self.invariants if check.question.is_open]
        for check in self.possibles if self.witnessing else ():
            if check.look(view) is not None:
                self._answer(check.question, number, system, None, lambda *_: _shown_with_trace)
                self.possibles = [check for check in self.possibles if check.question.is_open]

    def _broken(self, check: StateCheck, end: System, _: Step | None) -> Showing | None:
        view = _view(end)
        binding = check.decides(view)
        return None if binding is None else _refuted(violation_text(self.table, check.property, binding, view=view))

    def step(self, number: int, system: System, step: Transition[System]) -> None:
        assert isinstance(step, Step), "a table's relation takes the machine's own steps"
        label = step[0]
        if step[2]:
            for violation in step[2]:
                self._violated(number, system, step, violation)
        if label.case is None:
            return
        if self.awaited and self.witnessing and (label.address[0], label.action) in self.awaited:
            self._fired(number, system, step)
        if label.address[0] in self.steps:
            self._look_at_step(number, system, step)

    def _violated(self, number: int, system: System, step: Step, violation: Violation) -> None:
        name = violated(self.table, violation, step.timing.consumed)

        def tell(_: System, last: Step | None) -> Showing | None:
            assert last is not None, "a violation is that of a step"
            for found in last.violations:
                if violated(self.table, found, last.timing.consumed) == name:
                    opening = f"nothing answers {last.label.cause}: " if found.kind == UNHANDLED else ""
                    return _refuted(f"{opening}{found.message}")
            return None

        self._answer(self._ask(name, once=False), number, system, step, tell)
        self.hidden.update(hidden_by(self.table, violation))

    def _fired(self, number: int, system: System, step: Step) -> None:
        row = _row(system, step)
        if row in self.unfired:
            for question in self.unfired[row]:
                self._answer(
                    question, number, system, step, lambda end, last: _shown if _row(end, last) == row else None
                )
            if not any(question.is_open for question in self.unfired[row]):
                del self.unfired[row]
                self.awaited = {(row.entity, row.action) for row in self.unfired}

    def _look_at_step(self, number: int, system: System, step: Step) -> None:
        entity = step.label.address.entity
        before, after = _view(system), _view(step.system)
        for check in self.steps[entity]:
            if check.look(before, after, step.label) is not None:
                self._answer(check.question, number, system, step, partial(self._forbidden, check))
                self.steps[entity] = [check for check in self.steps[entity] if check.question.is_open]

    def _forbidden(self, check: StepCheck, end: System, last: Step | None) -> Showing | None:
        if last is None or last.label.case is None:
            return None
        label, before, after = last.label, _view(end), _view(last.system)
        args = dict(label.args)
        binding = check.decides(before, after, label.address, label.action, args)
        if binding is None:
            return None
        return _refuted(violation_text(self.table, check.property, binding, view=after, before=before, args=args))

    def cut(self, number: int, system: System, cut: Cut) -> None:
        self.cuts[cut.bound, cut.where] += 1
        for violation in cut.violations:
            self._violated(number, system, _stopped_at(cut, system), violation)

    # What is said of infinite runs, which no watch sees.

    def promise(self, property_: Property, kept: Kept, *, is_complete: bool) -> None:
        """Takes what was found out about an `eventually`; no verdict leaves it to how the search ended."""
        question = self.questions[property_.name]
        question.verdict = kept.verdict
        self.promised[property_.name] = len(self.exploration.states)
        if kept.verdict is None and kept.cuts:
            named = listed([f"{bound} in {where}" for bound, where in kept.cuts])
            question.verdict = Unknown(f"cut at {named}, where it is still owed")
        if is_complete:
            question.vacuous = kept.vacuous

    # What is missing at the end.

    def never_fired(self) -> list[Row]:
        """The rows that no concrete run fired."""
        return [row for row, question in self.rows.items() if question.verdict is None]

    def never_reached(self) -> list[str]:
        """The author's `possible` properties that no concrete run reached."""
        asked = (question for question in self.questions.values() if question.once and not question.obligation)
        return [question.name for question in asked if question.verdict is None]

    # What is answered.

    def _answer(self, question: Question, number: int, system: System, step: Step | None, tell: Tell) -> None:
        """Answers the question if the run to state `number`, and on through `step`, is concrete.

        The run may end in another state than `system`, which stands for it: then what shows there is told.
        """
        if not question.is_open:
            return
        begin = self.exploration.path(number)[0]
        run = [step for step in self.exploration.run(number) if isinstance(step, Step)]
        end = run[-1].system if run else begin
        showing = [(last, shown) for last in self._last(end, system, step) if (shown := tell(end, last))]
        assert showing, f"{question.name}: a state shows what the one shows that stands for it"
        traces = ((shown, self._concrete([*run, *([last] if last else [])], begin)) for last, shown in showing)
        answer = next((shown(trace) for shown, trace in traces if trace is not None), None)
        if isinstance(answer, Refuted) and not self._is_usual(begin):
            answer = Refuted(f"going on from what lives now, {answer.because}", answer.trace)
        question.answer(answer)
        if self.stops_at_first and isinstance(answer, Refuted):
            raise EnoughError

    def _last(self, end: System, system: System, step: Step | None) -> Iterator[Step | None]:
        """The steps that may come last in a run that ends in `end`, for which `system` stands."""
        if step is None or end == system:
            yield step
            return
        for found in self.exploration.successors(end):
            if isinstance(found, Step):
                yield found
            elif isinstance(found, Cut) and found.violations:
                yield _stopped_at(found, end)

    def _concrete(self, steps: list[Step], begin: System) -> Trace | None:
        times = concrete(self.table, steps, None if self._is_usual(begin) else begin)
        return None if times is None else trace_of(self.table, begin, steps)

    def _is_usual(self, begin: System) -> bool:
        return begin == self.exploration.path(0)[0]


def _stopped_at(cut: Cut, system: System) -> Step:
    """A cut that has shown a violation, as a step that changes nothing."""
    fired = cut.label.cause if cut.label.rule == "fire" else ""
    return Step(cut.label, system, cut.violations, Timing(fired=fired))


def _row(system: System, step: Step | None) -> Row | None:
    """The row that the step takes out of the system, if it takes one."""
    case = None if step is None else step.label.case
    if step is None or case is None:
        return None
    label, before = step.label, system.cell(step.label.address)
    return Row(label.address.entity, label.action, NEW if before is None else before.control, case)


def _stands_still(system: System, cell: Cell) -> bool:
    return not cell.timers and not _has_delivery(system, cell)


def _has_delivery(system: System, cell: Cell) -> bool:
    """Whether a pending delivery is from or to the cell. A refusal goes to whoever sent what was refused."""
    address = cell.address
    if any(effect.owner == address for effect in system.effects):
        return True
    for mail in system.mail:
        if isinstance(mail, Refusal):
            if mail.of.owner == address:
                return True
        elif mail.owner == address or (isinstance(mail, Message) and mail.receiver == address):
            return True
    return False


def _view(system: System) -> Mapping[Address, Cell]:
    return {Address(cell[0], cell[1]): cell for cell in system.cells}


def _refuted(because: str) -> Showing:
    return lambda trace: Refuted(because, trace)


def _shown(trace: Trace) -> Proved:
    return Proved(_run_text(trace))


def _shown_with_trace(trace: Trace) -> Proved:
    return Proved(_run_text(trace), trace)


def _run_text(trace: Trace) -> str:
    count = len(trace.steps)
    return "so it begins" if count == 0 else "a run of 1 step" if count == 1 else f"a run of {count} steps"
