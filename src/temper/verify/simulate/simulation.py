"""A run: the real runtime, led by moves, with every checker looking on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from temper.machine import Value, from_json
from temper.run import Batch, EffectSeen, NotAdmitted, Problem, Response
from temper.verify.simulate.callers import Callers, Requested
from temper.verify.simulate.disk import Disk, Rows, WriteFault
from temper.verify.simulate.ground import START, Ground
from temper.verify.simulate.loop import RestlessError
from temper.verify.simulate.moves import (
    Answers,
    Asks,
    Crashes,
    Deafens,
    Frees,
    Halts,
    Happens,
    Hires,
    Jumps,
    Leases,
    Move,
    Prolongs,
    Reloads,
    Runs,
    Waits,
    Writes,
    is_fault,
)
from temper.verify.simulate.outside import Outside
from temper.verify.simulate.process import ASKED_MAX, Ids, Process
from temper.verify.simulate.rules import BrokenError
from temper.verify.simulate.shadow import Shadow, Taken
from temper.verify.simulate.watch import Watch
from temper.verify.simulate.workers import Workers

ROUNDS_MAX = 2_000
"""How often time may go on to what is due next within one wait."""


GRACE = 3_000
"""Milliseconds after a fault in which a timer may be late: whoever could not look tries again within one second."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What was found: the law or property that does not hold, how, and after which move."""

    law: str
    message: str
    move: int


@dataclass(slots=True)
class Counts:
    """What a run did, so that nobody takes one for more than it was."""

    steps: int = 0
    """Records that were applied and looked at."""
    faults: Counter[str] = field(default_factory=Counter)
    """Faults that did happen, by kind."""
    rows: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """(entity, action, case) of rows that were taken."""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(effect, outcome) of effects that were settled."""
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Together with those of another run."""
        self.steps += other.steps
        self.faults += other.faults
        self.rows += other.rows
        self.outcomes += other.outcomes
        self.rules += other.rules


class Simulation:
    """One run of one table, from an empty disk. `play` a move at a time; `failure` says what was found."""

    def __init__(self, ground: Ground, *, trace: Callable[[Taken], None] | None = None) -> None:
        self.ground, self.tables, self.table = ground, ground.tables, ground.tables[0]
        self._in_force = 0
        self.failure: Failure | None = None
        self.counts = Counts()
        self.moves = 0
        self.now, self.skew = START, 0
        self._trace = trace
        self._furnish()
        self.callers = Callers(self.shadow.cells)
        self.watch = Watch(ground.properties, self._found)
        self.watch.begin(self.outside.cells)
        self._ids = Ids()
        self._fault_at = START
        self._resumed: Counter[str] = Counter()
        self._begin()

    def _furnish(self) -> None:
        """What is durable, who checks it, and what lies outside."""
        rows = Rows("simulated")
        self.shadow = Shadow(rows, self._taken, self.ground.versions)
        self.disk = Disk(rows, self._committed)
        self.outside = Outside(self.table, self.shadow, self.ground.receivers)
        self.workers = Workers(self.outside, rows)

    def _begin(self) -> None:
        self.disk.failed = self._hurt
        for batch in self.ground.first:
            self.disk.keep(batch)
        self.process = self._start()

    def calm(self) -> None:
        """Faults end."""
        self.disk.silent = self.process.store.unread = 0
        self.play(Frees())
        self.skew = max(self.skew, 0)

    def end(self) -> None:
        """Leave nothing behind."""
        self.process.kill()

    # Moves

    def play(self, move: Move) -> bool:
        """Make a move; whether there was anything to it."""
        self.moves += 1
        self.process.clock.asked = 0
        if is_fault(move):
            self._hurt()
        try:
            self.process.read()
            did = self._play(move)
            self._look()
        except BrokenError as broken:
            self.broken(broken)
            return True
        except RestlessError as restless:
            self._found("comes-to-rest", str(restless))
            return True
        return did

    def _play(self, move: Move) -> bool:
        match move:
            case Asks():
                return self._ask(move)
            case Runs(callbacks):
                self.process.run(callbacks)
            case Writes(fault):
                return self._write(fault)
            case Waits(milliseconds, rests):
                self._wait(milliseconds) if rests else self._pass(milliseconds)
            case Answers():
                return self._answer(move)
            case Crashes(write):
                self._crash(write)
            case Jumps(milliseconds):
                self._jump(milliseconds)
            case Frees():
                return self._free()
            case Deafens(reads):
                self.process.store.unread = reads
                self.counts.faults["read"] += 1
            case Reloads(number):
                return self._reload(number % len(self.tables))
            case Happens(entity, action, args):
                return self._happen(entity, action, {**args})
            case Halts(effect, again):
                return self._halt(effect, again=again)
            case Hires(effect):
                return self._hire(effect)
            case Leases(worker, effect):
                return self._lease(worker, effect)
            case Prolongs():
                return self._prolong(move)
        return True

    def _ask(self, move: Asks) -> bool:
        process = self.process
        if process.runtime is None:
            return False
        values = self.values(move)
        if move.name in self.callers.requests:
            self.counts.faults["duplicate"] += 1
        elif self.callers.knows(move.key):
            self.counts.faults["key reused"] += 1
        request = self.callers.ask(move, values)
        call = process.runtime.call(
            move.entity,
            move.id,
            move.action,
            move.args,
            caller=move.caller,
            roles=move.roles,
            key=move.key,
            expected=move.expected,
        )
        process.loop.create_task(call).add_done_callback(partial(self._heard, request))
        return True

    def values(self, move: Asks) -> dict[str, Value]:
        """The arguments as values of their types."""
        types = self.ground.types[move.entity, move.action]
        return {name: from_json(types[name], data) for name, data in move.args.items()}

    def _heard(self, request: Requested, task: asyncio.Task[Response]) -> None:
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._found("answers", f"a call ended in {type(error).__name__}: {error}")
            return
        try:
            self.callers.answered(request, task.result(), self.tables)
        except BrokenError as broken:
            self.broken(broken)

    def _write(self, fault: WriteFault) -> bool:
        process = self.process
        if not process.writes:
            return False
        if fault:
            self.counts.faults[f"write {fault}"] += 1
        process.write(fault)
        return True

    def _wait(self, milliseconds: int) -> None:
        """Let time pass in the steps in which somebody waits for it, each until nothing goes on any more."""
        end = self.now + milliseconds
        self.rest()
        for _ in range(ROUNDS_MAX):
            due = self.next_due()
            if due is None or due > end:
                break
            self.now = max(due, self.now)
            self._tick()
            self.rest()
        self.now = end
        self._tick()
        self.rest()
        self._punctual()

    def _punctual(self) -> None:
        """Whoever is well and has been left alone for a while has let everything fire that was due by then."""
        runtime = self.process.runtime
        if runtime is None or runtime.status != "good" or self.now - self._fault_at < GRACE:
            return
        latest = self.now + self.skew - GRACE
        for cell in self.shadow.cells.values():
            for timer, due in cell.timers:
                if due <= latest:
                    late = f"{latest + GRACE - due} ms overdue, and nothing is wrong"
                    raise BrokenError("timer-order", f"`{timer}` of {cell.entity} {cell.id} is {late}")

    def _hurt(self) -> None:
        """A fault happens now, when it was made, or later, when somebody comes upon it."""
        self._fault_at = max(self._fault_at, self.now)

    def _pass(self, milliseconds: int) -> None:
        """Let time pass, and whoever waited for it have their turn later."""
        self.now += milliseconds
        self._tick()

    def next_due(self) -> int | None:
        """When, by the world's time, the process next wants to be woken."""
        due = self.process.clock.next_due()
        return None if due is None else due - self.skew

    def rest(self) -> None:
        """Let everything go on that does not wait for its time or for the outside."""
        if self.process.runtime is None and not self.disk.silent:
            self._open()
        self.process.rest()

    def _tick(self) -> None:
        clock = self.now + self.skew
        self.shadow.now = max(self.shadow.now, clock)
        self.process.clock.set(clock)
        if self.process.runtime is None:
            self.disk.silent = 0

    def _answer(self, move: Answers) -> bool:
        attempt = self.outside.find(move)
        if attempt is None or not self._outside_moved(lambda: self.outside.answer(move, attempt)):
            return False
        process = self.process
        if attempt.lease and not move.lost and process.runtime is not None:
            self.workers.bring(process.runtime, process.loop, move, attempt)
        if move.refuses:
            self.counts.faults["refused"] += 1
        elif move.lost:
            self.counts.faults["lost"] += 1
        elif move.said is None:
            self.counts.faults["unanswered"] += 1
        elif not isinstance(move.said, dict):
            self.counts.faults["nonsense"] += 1
        return True

    def _crash(self, write: str) -> None:
        process = self.process
        self.counts.faults["crash"] += 1
        if process.writes and write == "kept":
            self.counts.faults["crash after a write"] += 1
            process.write(WriteFault.DIES)
        elif process.writes and write == "torn":
            self.counts.faults["torn write"] += 1
            self.disk.torn += 1
        process.kill()
        self.callers.gone()
        self.disk.silent = 0
        self.process = self._start()

    def _jump(self, milliseconds: int) -> None:
        self.counts.faults["clock back" if milliseconds < 0 else "clock forward"] += 1
        self.skew += milliseconds
        # Whoever waits by a clock that is set back waits for so much longer.
        self._fault_at = max(self._fault_at, self.now + max(0, -milliseconds))
        self._tick()

    def _free(self) -> bool:
        was_full, self.disk.is_full = self.disk.is_full, False
        return was_full

    def _reload(self, number: int) -> bool:
        runtime = self.process.runtime
        if runtime is None or number == self._in_force:
            return False
        self.counts.faults["reload"] += 1
        applying = self.process.loop.create_task(runtime.apply(self.ground.certified[number]))
        applying.add_done_callback(partial(self._applied, number))
        return True

    def _applied(self, number: int, task: asyncio.Task[object]) -> None:
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._found("reloads", f"loading a version ended in {type(error).__name__}: {error}")
        elif isinstance(ended := task.result(), NotAdmitted):
            self._found(
                "reloads",
                f"a version that differs in nothing that lives is refused: {'; '.join(map(str, ended.obstacles))}",
            )
        elif not isinstance(ended, Problem):
            self._in_force = number

    def _happen(self, entity: str, action: str, args: dict[str, object]) -> bool:
        types = self.ground.types[entity, action]
        values = {name: from_json(types[name], data) for name, data in args.items()}
        return self._outside_moved(lambda: self.outside.happen(entity, action, values))

    # Operators and workers

    def _halt(self, effect: str, *, again: bool) -> bool:
        process = self.process
        if process.runtime is None:
            return False
        if again:
            self.outside.halted.discard(effect)
            self._resumed[effect] += 1
            process.loop.create_task(process.runtime.resume(effect))
            return True
        self.counts.faults["pause"] += 1
        pausing = process.loop.create_task(process.runtime.pause(effect, by="operator"))
        pausing.add_done_callback(partial(self._halted, effect, self._resumed[effect]))
        return True

    def _halted(self, effect: str, resumed: int, task: asyncio.Task[object]) -> None:
        """It is paused, unless somebody has had it resumed meanwhile."""
        is_told = not task.cancelled() and task.exception() is None and isinstance(task.result(), EffectSeen)
        if is_told and resumed == self._resumed[effect]:
            self.outside.halted.add(effect)

    def paused(self) -> list[str]:
        """Effects that are paused, as the store says."""
        return [effect.name for effect in self.table.effects if self.disk.rows.note("paused", effect.name) is not None]

    def _hire(self, effect: str) -> bool:
        if effect in self.outside.hired:
            return False
        self.outside.hired.add(effect)
        if self.process.runtime is not None:
            self.process.loop.run_now(partial(self.process.runtime.use, self.outside.handlers()))
        return True

    def _lease(self, worker: str, effect: str) -> bool:
        process = self.process
        if process.runtime is None or effect not in self.outside.hired:
            return False
        self.workers.ask(process.runtime, process.loop, worker, effect)
        return True

    def _prolong(self, move: Prolongs) -> bool:
        process, attempt = self.process, self.outside.find(move)
        if process.runtime is None or attempt is None or not attempt.lease:
            return False
        self.workers.prolong(process.runtime, process.loop, attempt)
        return True

    # Processes

    def _start(self) -> Process:
        self.process = Process(self.disk, self._ids, self.outside.handlers(), self.now + self.skew)
        self.shadow.now = max(self.shadow.now, self.now + self.skew)
        self._open()
        return self.process

    def _open(self) -> None:
        if self.shadow.version is not None:
            self._in_force = self.ground.hashes.index(self.shadow.version.hash)
        self.process.open(self.ground.certified[self._in_force])

    # Checkers

    def _committed(self, batch: Batch) -> None:
        if self.failure is not None:
            return
        try:
            self.shadow.committed(batch)
            self.callers.committed(batch)
        except BrokenError as broken:
            self.broken(broken)
        except Exception as error:  # noqa: BLE001 (what no rule can make sense of is no run of the rules)
            self._found("refinement", f"what was written cannot be followed: {type(error).__name__}: {error}")

    def _taken(self, taken: Taken) -> None:
        record, counts = taken.record, self.counts
        counts.steps += 1
        counts.rules[record.rule] += 1
        if taken.case is not None:
            counts.rows[record.address.entity, record.action, taken.case] += 1
        self.callers.taken(taken)
        self.watch.taken(taken)
        for pending in taken.consumed:
            if record.rule == "settle":
                counts.outcomes[record.effect, record.outcome] += 1
                if wrong := self.outside.settled(pending.key, record.effect, record.outcome, record.fields):
                    raise BrokenError("as-answered", wrong)
        for pending in taken.withdrawn:
            self.outside.withdrawn(pending.key)
        if self._trace is not None:
            self._trace(taken)

    def _outside_moved(self, act: Callable[[], bool]) -> bool:
        before = dict(self.outside.cells)
        did = act()
        for address, cell in self.outside.cells.items():
            if cell is not before[address]:
                self.watch.moved(before[address], cell, "", ())
        return did

    def _look(self) -> None:
        """What is not about one transaction: attempts that were made too early, and our own mistakes."""
        if self.outside.wrong:
            raise BrokenError(*self.outside.wrong[0])
        if self.process.clock.asked > ASKED_MAX:
            raise RestlessError("something asks for the time for ever, and waits for nothing")
        if mistakes := self.process.loop.mistakes:
            raise BrokenError("no-mistakes", mistakes[0])

    def broken(self, broken: BrokenError) -> None:
        """A law does not hold."""
        self._found(broken.law, str(broken))

    def _found(self, law: str, message: str) -> None:
        if self.failure is None:
            self.failure = Failure(law, message, self.moves)
