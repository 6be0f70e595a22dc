"""The docket: every open question of one search, answered as states and steps go by.

It watches an exploration. The first concrete run that shows what must never be, or has to be possible, answers a
question; it is a shortest one, since the search is breadth first. What no run answered is decided by `verdicts`,
from how the search ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

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
from temper.verify.explicit.exploration import Explored
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


class Docket:
    """Watches one search of one table. `questions` are in the order in which findings are told.

    `witnessing` is true while runs start where every system starts: what has to be possible is owed from there, and
    a run that begins with live instances does not show it. So is what is promised; `promised` says for each such
    property how many states were looked at.
    """

    def __init__(self, table: TransitionTable, exploration: Explored, *, world: bool) -> None:
        self.table, self.exploration = table, exploration
        self.questions: dict[str, Question] = {}
        self.cuts: Counter[tuple[str, str]] = Counter()
        self.hidden: set[str] = set()
        self.witnessing = True
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
                self._reached(number, key)
            if key in self.moving and not cell.timers and not _has_delivery(system, cell):
                self._stuck(number, cell)
        if self.invariants or self.possibles:
            self._look(number, _view(system))

    def _reached(self, number: int, key: tuple[str, str]) -> None:
        question = self.reachable[key]
        self._answer(question, number, None, _shown)
        if not question.is_open:
            del self.reachable[key]

    def _stuck(self, number: int, cell: Cell) -> None:
        question = self.moving[cell.entity, cell.control]
        because = f"{cell.entity} {cell.id} is in {cell.control}, with no timer armed and no delivery from or to it"
        self._answer(question, number, None, lambda trace: Refuted(because, trace))
        if not question.is_open:
            del self.moving[cell.entity, cell.control]

    def _look(self, number: int, view: Mapping[Address, Cell]) -> None:
        for check in self.invariants:
            binding = check.look(view)
            if binding is not None:
                because = violation_text(self.table, check.property, binding, view=view)
                self._answer(check.question, number, None, _refuted(because))
                self.invariants = [check for check in self.invariants if check.question.is_open]
        for check in self.possibles if self.witnessing else ():
            if check.look(view) is not None:
                self._answer(check.question, number, None, _shown_with_trace)
                self.possibles = [check for check in self.possibles if check.question.is_open]

    def step(self, number: int, system: System, step: Transition[System]) -> None:
        assert isinstance(step, Step), "a table's relation takes the machine's own steps"
        label = step[0]
        if step[2]:
            for violation in step[2]:
                self._violated(number, step, violation)
        if label.case is None:
            return
        if self.awaited and self.witnessing and (label.address[0], label.action) in self.awaited:
            self._fired(number, system, step)
        if label.address[0] in self.steps:
            self._look_at_step(number, system, step)

    def _violated(self, number: int, step: Step, violation: Violation) -> None:
        question = self._ask(violated(self.table, violation, step.timing.consumed), once=False)
        label = step.label
        opening = f"nothing answers {label.cause}: " if violation.kind == UNHANDLED else ""
        self._answer(question, number, step, _refuted(f"{opening}{violation.message}"))
        self.hidden.update(hidden_by(self.table, violation))

    def _fired(self, number: int, system: System, step: Step) -> None:
        label = step.label
        before = system.cell(label.address)
        assert label.case is not None, "an applied action took a case"
        row = Row(label.address.entity, label.action, NEW if before is None else before.control, label.case)
        if row in self.unfired:
            for question in self.unfired[row]:
                self._answer(question, number, step, _shown)
            if not any(question.is_open for question in self.unfired[row]):
                del self.unfired[row]
                self.awaited = {(row.entity, row.action) for row in self.unfired}

    def _look_at_step(self, number: int, system: System, step: Step) -> None:
        entity, args = step.label.address.entity, dict(step.label.args)
        before, after = _view(system), _view(step.system)
        for check in self.steps[entity]:
            binding = check.look(before, after, step.label)
            if binding is not None:
                because = violation_text(self.table, check.property, binding, view=after, before=before, args=args)
                self._answer(check.question, number, step, _refuted(because))
                self.steps[entity] = [check for check in self.steps[entity] if check.question.is_open]

    def cut(self, number: int, system: System, cut: Cut) -> None:
        self.cuts[cut.bound, cut.where] += 1
        for violation in cut.violations:
            fired = cut.label.cause if cut.label.rule == "fire" else ""
            self._violated(number, Step(cut.label, system, cut.violations, Timing(fired=fired)), violation)

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

    def _answer(
        self, question: Question, number: int, step: Step | None, verdict: Callable[[Trace], Proved | Refuted]
    ) -> None:
        """Answers the question if the run to state `number`, and on through `step`, is concrete."""
        if not question.is_open:
            return
        begin = self.exploration.path(number)[0]
        trace = self._concrete_run(begin, number, step)
        answer = None if trace is None else verdict(trace)
        if isinstance(answer, Refuted) and not self._is_usual(begin):
            answer = Refuted(f"going on from what lives now, {answer.because}", answer.trace)
        question.answer(answer)

    def _concrete_run(self, begin: System, number: int, last: Step | None) -> Trace | None:
        run = [*self.exploration.run(number), *([] if last is None else [last])]
        steps = [step for step in run if isinstance(step, Step)]
        times = concrete(self.table, steps, None if self._is_usual(begin) else begin)
        return None if times is None else trace_of(self.table, begin, steps)

    def _is_usual(self, begin: System) -> bool:
        return begin == self.exploration.states[0]


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


def _refuted(because: str) -> Callable[[Trace], Refuted]:
    return lambda trace: Refuted(because, trace)


def _shown(trace: Trace) -> Proved:
    return Proved(_run_text(trace))


def _shown_with_trace(trace: Trace) -> Proved:
    return Proved(_run_text(trace), trace)


def _run_text(trace: Trace) -> str:
    count = len(trace.steps)
    return "so it begins" if count == 0 else "a run of 1 step" if count == 1 else f"a run of {count} steps"
