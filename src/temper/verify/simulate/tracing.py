"""A run as others tell theirs: what the records say, step by step, with the faults in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from temper.machine import NEW, Cell, Change, Label, Trace, TraceStep, TransitionTable, Value
from temper.verify.explicit.tracing import delivery_text
from temper.verify.simulate.disk import WriteFault
from temper.verify.simulate.ground import Ground
from temper.verify.simulate.moves import (
    Answers,
    At,
    Crashes,
    Deafens,
    Frees,
    Halts,
    Happens,
    Haunts,
    Hires,
    Jumps,
    Move,
    Reloads,
    Restarts,
    Returns,
    Severs,
    Sleeps,
    Stops,
    Writes,
)
from temper.verify.simulate.run import replay
from temper.verify.simulate.shadow import Taken
from temper.verify.simulate.simulation import Failure

WRITES = {
    WriteFault.BEFORE: "the disk fails: nothing is kept",
    WriteFault.AFTER: "the disk fails after it has kept all",
    WriteFault.UNSURE: "the disk fails and is silent: nothing is kept",
    WriteFault.UNSURE_AFTER: "the disk fails and is silent: all is kept",
    WriteFault.FULL: "the disk is full",
    WriteFault.DIES: "the process dies when all is kept",
}


LAST_WRITE = {
    "": "",
    "kept": ", and its last write is kept",
    "torn": ", and its last write is torn",
    "late": ", and its last write is still on its way",
}


@dataclass(slots=True)
class Told:
    """A run, told: its steps, and before which of them each fault came."""

    failure: Failure | None
    trace: Trace
    faults: tuple[tuple[int, str], ...] = ()
    moves: tuple[Move, ...] = field(default=(), repr=False)


def told(ground: Ground, moves: Sequence[Move], *, heal: bool) -> Told:
    """Play the moves once more, and listen."""
    steps: list[TraceStep] = []
    listener = _Listener(ground.tables[0], steps)
    ran = replay(ground, moves, trace=listener.taken, move=listener.move, heal=heal)
    return Told(ran.failure, Trace(tuple(steps), ()), tuple(listener.faults), tuple(moves))


class _Listener:
    def __init__(self, table: TransitionTable, steps: list[TraceStep]) -> None:
        self._table, self._steps = table, steps
        self.faults: list[tuple[int, str]] = []

    def move(self, move: Move) -> None:
        if said := fault_text(move):
            self.faults.append((len(self._steps), said))

    def taken(self, taken: Taken) -> None:
        if taken.record.rule not in {"start", "load"}:
            self._steps.append(step_of(self._table, taken))


def step_of(table: TransitionTable, taken: Taken) -> TraceStep:
    """One record as a step of a trace."""
    record = taken.record
    is_refused = (
        record.rule == "deliver" and taken.case is None and record.action not in {"again", "ignore", "unhandled"}
    )
    label = Label(
        record.rule,
        record.address,
        "refused" if is_refused else record.action,
        record.args,
        record.cause,
        record.caller,
        record.roles,
        record.note.partition(":")[0] if is_refused else record.outcome,
        record.fields,
        taken.case,
    )
    changed = tuple(_changes(table, taken.before, taken.after))
    changes = (Change(record.address, changed),) if changed else ()
    return TraceStep(label, changes, tuple(delivery_text(pending.delivery) for pending in record.made))


def _changes(table: TransitionTable, before: Cell, after: Cell) -> Iterator[tuple[str, Value, Value]]:
    if before.control != after.control:
        yield "state", before.control, after.control
    if after.control == NEW:
        return
    for place, old, new in zip(table.entity(after.entity).fields, before.data, after.data, strict=True):
        if old != new:
            yield place.name, old, new


def fault_text(move: Move) -> str:
    """What a move does that is no step of any instance; empty if it is nothing to tell.

    >>> fault_text(Crashes("torn"))
    'the process dies, and its last write is torn; it is started again'
    """
    match move:
        case At(node, at):
            there = fault_text(at)
            return f"node {node}: {there}" if there else ""
        case Sleeps(milliseconds):
            return f"it sleeps for {milliseconds:,} ms, and does not know of it"
        case Stops(write):
            return f"it dies{LAST_WRITE[write]}"
        case Returns():
            return "it is started again"
        case Haunts():
            return "the last write of a node that died gets to the database"
        case Severs():
            return "its connections to the database end"
        case Restarts():
            return "the database dies, and is started again"
        case Crashes(write):
            return f"the process dies{LAST_WRITE[write]}; it is started again"
        case Writes(fault) if fault:
            return WRITES[fault]
        case Jumps(milliseconds):
            return f"the clock is set {'back' if milliseconds < 0 else 'forward'} by {abs(milliseconds):,} ms"
        case Frees():
            return "there is room on the disk again"
        case Deafens(reads):
            return f"the disk cannot be read {reads} times"
        case Reloads():
            return "another version is loaded"
        case Halts(effect, again):
            return f"an operator {'resumes' if again else 'pauses'} {effect}"
        case Hires(effect):
            return f"workers carry out {effect} from now on"
        case Happens(entity, action):
            return f"out there, {entity} does {action}"
        case Answers(entity, id_, effect, lost=lost, refuses=refuses, said=said):
            whose = f"{effect} of {entity} {id_}"
            if lost:
                return f"{whose} is lost"
            if refuses:
                return f"{whose} fails: {refuses}"
            if said is None:
                return f"{whose} happens, and nobody hears of it"
            return "" if isinstance(said, dict) and "fields" in said and "outcome" in said else f"{whose} says {said!r}"
        case _:
            return ""
