"""A run of several nodes on one database: each a real runtime, led by moves that say at which of them they happen."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

from temper.run import Batch, EffectSeen, Response
from temper.verify.simulate.callers import Requested
from temper.verify.simulate.database import BAR_MAX, BEAT, Database, SharedDisk, WaitsError
from temper.verify.simulate.disk import WriteFault
from temper.verify.simulate.loop import RestlessError
from temper.verify.simulate.moves import (
    Answers,
    Asks,
    At,
    Crashes,
    Deafens,
    Frees,
    Halts,
    Haunts,
    Jumps,
    Leases,
    Move,
    Prolongs,
    Restarts,
    Returns,
    Severs,
    Sleeps,
    Stops,
    Waits,
)
from temper.verify.simulate.node import Late, Node, NodeProcess
from temper.verify.simulate.outside_of_nodes import OutsideOfNodes, WorkersOfNodes
from temper.verify.simulate.process import ASKED_MAX
from temper.verify.simulate.rules import BrokenError
from temper.verify.simulate.shadow_of_nodes import ShadowOfNodes
from temper.verify.simulate.simulation import GRACE, ROUNDS_MAX, Simulation

TURNS_MAX = 5_000
"""So often the nodes do not take turns unless they keep each other busy for ever."""
BEATS_MAX = 8
"""How many beats come within one wait at most: a day has many, and one is like the other."""


class SimulationOfNodes(Simulation):
    """One run with several nodes. `process` is that of the node at which the move happens that is played."""

    def _furnish(self) -> None:
        self.database = Database()
        self.shadow: ShadowOfNodes = ShadowOfNodes(self.database, self._taken, self.ground.versions)
        self.disk: SharedDisk = SharedDisk(self.database, self._committed)
        self.outside: OutsideOfNodes = OutsideOfNodes(self.table, self.shadow, self.ground.receivers, self.database)
        self.workers = WorkersOfNodes(self.outside, self.database)
        self.nodes: list[Node] = []
        self.late: list[Late] = []
        self._turn = 0
        self._ticked = self.now
        self._unwell_at = self.now

    def _begin(self) -> None:
        for _ in range(self.ground.nodes):
            self.node = Node(self._made())
            self.nodes.append(self.node)
            self._opened()

    def end(self) -> None:
        for node in self.nodes:
            node.process.kill()

    @property  # type: ignore[override]
    def process(self) -> NodeProcess:
        """The process at which things happen."""
        return self.node.process

    @process.setter
    def process(self, process: NodeProcess) -> None:
        self.node.process = process

    # Moves

    def play(self, move: Move) -> bool:
        for node in self.nodes:
            node.process.clock.asked = 0
        return super().play(move)

    def choose(self, number: int) -> Node:
        """Let what comes happen at this node."""
        self.node = self.nodes[number % len(self.nodes)]
        return self.node

    def _play(self, move: Move) -> bool:
        match move:
            case At(number, at):
                self.choose(number)
                return self._at(at)
            case Restarts():
                self._restart()
                return True
            case Haunts():
                return self._haunt()
            case _:
                return self._in_turn(move)

    def _in_turn(self, move: Move) -> bool:
        """What names no node happens at each of those that live in turn; a worker asks all, or whom it concerns."""
        living = [node for node in self.nodes if not node.is_gone]
        self._turn += 1
        self.node = living[self._turn % len(living)]
        if isinstance(move, Leases):
            for self.node in living:
                super()._play(move)
            return True
        attempt = self.outside.find(move) if isinstance(move, Answers) else None
        if attempt is not None and attempt.lease:
            slot = self.database.slot_of(attempt.key)
            whose = (node for node in living if node.process.node_store.member.slot == slot)
            self.node = next(whose, self.node)
        return super()._play(move)

    def _at(self, move: Move) -> bool:
        node = self.node
        match move:
            case Returns():
                return self._return(node)
            case _ if node.is_gone:
                return False
            case Sleeps(milliseconds):
                if node.asleep_until:
                    return False
                node.asleep_until = self.database.time + milliseconds
                self.counts.faults["sleep"] += 1
                return True
            case Stops(write):
                return self._stop(write)
            case Severs():
                node.process.node_store.ended()
                self.counts.faults["connection lost"] += 1
                return True
            case Asks():
                return self._ask(move)
            case _ if not self._may_move(move):
                return False
            case _:
                return super()._play(move)

    def _may_move(self, move: Move) -> bool:
        """Whether it does not take a node that is awake, or this one is."""
        return self.node.runs or isinstance(move, Answers | Crashes | Deafens | Jumps | Halts | Leases | Prolongs)

    def _ask(self, move: Asks) -> bool:
        if not super()._ask(move):
            return False
        self.node.asked[move.name] += 1
        return True

    def _heard(self, request: Requested, task: asyncio.Task[Response]) -> None:
        loop = task.get_loop()
        for node in self.nodes:
            if node.process.loop is loop:
                node.asked[request.move.name] -= 1
        super()._heard(request, task)

    # Death and sleep

    def _crash(self, write: str) -> None:
        self._die(write)
        self.disk.silent = 0
        self.node.process = self._made()
        self._opened()

    def _stop(self, write: str) -> bool:
        if sum(not node.is_gone for node in self.nodes) < 2:
            return False
        self._die(write)
        self.node.is_gone = True
        self.counts.faults["death"] += 1
        return True

    def _die(self, write: str) -> None:
        """The node's process is gone, and what it was writing is there, or not, or comes later."""
        node = self.node
        process, asked = node.process, +node.asked
        self.counts.faults["crash"] += 1
        if process.writes and write == "kept":
            self.counts.faults["crash after a write"] += 1
            process.write(WriteFault.DIES)
        elif process.writes and write == "torn":
            self.counts.faults["torn write"] += 1
            self.disk.torn += 1
        late = process.writes[0] if process.writes and write == "late" else None
        process.kill()
        node.asked, node.asleep_until = Counter(), 0
        if late is not None:
            process.node_store.is_late = True
            self.late.append(Late(process, late, asked))
        else:
            self.callers.left(asked)

    def _haunt(self) -> bool:
        if not self.late:
            return False
        late = self.late[0]
        try:
            late.process.loop.run_now(late.write)
        except WaitsError:
            return False
        self.counts.faults["late write"] += 1
        self.late.remove(late)
        self.callers.left(late.asked)
        return True

    def _return(self, node: Node) -> bool:
        if not node.is_gone:
            return False
        node.is_gone = False
        node.process = self._made()
        self._opened()
        return True

    def _restart(self) -> None:
        """What is on its way to the database is lost, and every connection with it."""
        self.counts.faults["database restart"] += 1
        for late in self.late:
            self.callers.left(late.asked)
        self.late.clear()
        for node in self.nodes:
            if not node.is_gone:
                node.process.node_store.ended()

    def calm(self) -> None:
        self.disk.silent = 0
        for node in self.nodes:
            node.process.store.unread = 0
            node.asleep_until = 0
            node.skew = max(node.skew, 0)
        while self.late and self.failure is None:
            if not self.play(Haunts()):
                self.play(Waits(BEAT))
        self.play(Frees())

    # Processes

    def _made(self) -> NodeProcess:
        return NodeProcess(self.disk, self._ids, self.outside.handlers(), self.now)

    def _opened(self) -> None:
        node = self.node
        node.process.clock.set(self.now + node.skew)
        node.process.loop.pass_to(self.database.time / 1_000)
        self.shadow.now = max(self.shadow.now, self.now + node.skew)
        self._open()

    def rest(self) -> None:
        for _ in range(TURNS_MAX):
            at = self.node
            for node in self.nodes:
                if node.runs:
                    self.node = node
                    super().rest()
                    store = node.process.node_store
                    self.outside.heard[store], store.has_joined_anew = store.heard, False
            self.node = at
            if all(node.process.is_resting for node in self.nodes if node.runs):
                return
        raise RestlessError(f"the nodes took {TURNS_MAX:,} turns in no time, and keep each other busy for ever")

    # Time

    def next_due(self) -> int | None:
        dues = ((node.process.clock.next_due(), node.skew) for node in self.nodes if node.runs)
        return min((due - skew for due, skew in dues if due is not None), default=None)

    def _wait(self, milliseconds: int) -> None:
        end, beats = self.now + milliseconds, BEATS_MAX
        self.rest()
        for _ in range(ROUNDS_MAX):
            due = self.next_due()
            to = end if due is None else min(due, end)
            if to - self.now > BEAT and beats:
                to, beats = self.now + BEAT, beats - 1
            self.now = max(to, self.now)
            self._tick()
            self.rest()
            if self.now >= end:
                break
        self.now = end
        self._tick()
        self.rest()
        self._punctual()

    def _tick(self) -> None:
        database = self.database
        database.time += min(self.now - self._ticked, BEAT)
        self._ticked = self.now
        if database.barring is not None and database.time - database.barred_since > BAR_MAX:
            self._give_way()
        for node in self.nodes:
            if node.asleep_until and node.asleep_until <= database.time:
                node.asleep_until = 0
            clock = self.now + node.skew
            self.shadow.now = max(self.shadow.now, clock)
            node.process.clock.set(clock)
            node.process.loop.pass_to(database.time / 1_000)
            if node.process.runtime is None:
                self.disk.silent = 0

    def _give_way(self) -> None:
        """The database ends a connection that has kept everybody from committing for too long."""
        for node in self.nodes:
            if node.process.node_store.member == self.database.barring:
                node.process.node_store.lose("writer")
        self.database.unbar(self.database.barring)  # type: ignore[arg-type]  # it was just looked at

    def _jump(self, milliseconds: int) -> None:
        self.counts.faults["clock back" if milliseconds < 0 else "clock forward"] += 1
        self.node.skew += milliseconds
        self._tick()

    def _punctual(self) -> None:
        living = [node for node in self.nodes if not node.is_gone]
        statuses = [node.process.runtime.status if node.process.runtime else "" for node in living]
        is_current = all(self.database.is_current(node.process.node_store.member) for node in living)
        is_whole = is_current and not self.database.deserted() and not any(node.asleep_until for node in living)
        is_well = is_whole and not any(node.process.node_store.lost for node in living)
        if not is_well or set(statuses) != {"good"}:
            self._unwell_at = self.now
        if self.now - max(self._unwell_at, self._fault_at) < GRACE:
            return
        latest = self.now + min(node.skew for node in living) - GRACE
        for cell in self.shadow.cells.values():
            for timer, due in cell.timers:
                if due <= latest:
                    late = f"{latest + GRACE - due} ms overdue, and nothing is wrong"
                    raise BrokenError("timer-order", f"`{timer}` of {cell.entity} {cell.id} is {late}")

    # Versions and operators

    def _reload(self, number: int) -> bool:
        if self.shadow.version is not None:
            self._in_force = self.ground.hashes.index(self.shadow.version.hash)
        return super()._reload(number)

    def _halted(self, effect: str, resumed: int, task: asyncio.Task[object]) -> None:
        is_told = not task.cancelled() and task.exception() is None and isinstance(task.result(), EffectSeen)
        if is_told and resumed == self._resumed[effect]:
            loop = task.get_loop()
            for node in self.nodes:
                if node.process.loop is loop:
                    self.outside.told_paused(effect, node.process.node_store)

    def _hire(self, effect: str) -> bool:
        if effect in self.outside.hired:
            return False
        self.outside.hired.add(effect)
        for node in self.nodes:
            if node.process.runtime is not None and not node.is_gone:
                node.process.loop.run_now(partial(node.process.runtime.use, self.outside.handlers()))
        return True

    # Checkers

    def _committed(self, batch: Batch) -> None:
        """Of requests that are alike, those are meant that were made at the node that writes."""
        nodes: tuple[Node | Late, ...] = (*self.nodes, *self.late)
        asked = [each.asked for each in nodes if each.process.node_store.member == self.disk.writing]
        self.callers.among = {name for each in asked for name, count in each.items() if count > 0}
        super()._committed(batch)

    def _look(self) -> None:
        for node in self.nodes:
            if node.process.clock.asked > ASKED_MAX:
                raise RestlessError("something asks for the time for ever, and waits for nothing")
            if mistakes := node.process.loop.mistakes:
                raise BrokenError("no-mistakes", mistakes[0])
        super()._look()
