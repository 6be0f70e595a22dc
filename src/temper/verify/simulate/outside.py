"""The outside: receivers of effects, and the world entities on which they act. It outlives every crash.

An attempt that is out there stays there until it is answered or lost, whoever still waits for it: so a request may
happen long after its outcome was given up. What may happen and what may be answered is what the blueprint says of the
effect (`delivery`, `fenced`, `surely`, `not`), which is an assumption of every verdict, here as in the search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from temper.machine import (
    UNKNOWN,
    Address,
    Applied,
    Args,
    Call,
    Cause,
    Cell,
    DeliveryKind,
    Effect,
    Environment,
    Outcome,
    TransitionTable,
    Value,
    evaluator,
    from_json,
    initial_cells,
    joins,
    step,
    to_json,
)
from temper.run import Ask, AttemptFailedError, Handler, PendingRow
from temper.verify.simulate.moves import Answers, Prolongs
from temper.verify.simulate.shadow import Shadow

Key = tuple[int, int]


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt that got out."""

    ask: Ask
    key: Key
    lane: tuple[Address, str]
    waiter: asyncio.Future[object] | None
    """Who waits for an answer; None where a worker has it, which brings the answer itself."""
    lease: str = ""
    who: str = ""

    @property
    def is_heard(self) -> bool:
        """Whether anybody still waits for an answer."""
        waiter = self.waiter
        return waiter is None or not (waiter.done() or waiter.get_loop().is_dead)  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Request:
    """What is known out there of one request: its performs, and how it was settled."""

    performed: list[dict[str, Value]] = field(default_factory=list)
    heard: list[tuple[str, dict[str, Value]]] = field(default_factory=list)
    """What was answered to somebody who still waited: an outcome with its fields."""
    babble: int = 0
    """How often somebody who waited heard what no outcome of the effect is."""
    is_settled: bool = False
    outcome: str | None = None
    """What it was settled with; None if it was withdrawn."""


class Receiver:
    """What an effect makes happen and what its outcomes tell, as functions that are made once."""

    def __init__(self, table: TransitionTable, effect: Effect) -> None:
        performs = () if effect.performs is None else effect.performs.args
        self.performs = [(name, evaluator(table, value)) for name, value in performs]
        self.tells = [
            (f"{outcome.name}.{name}", evaluator(table, value))
            for outcome in effect.outcomes
            for name, value in outcome.told
        ]


class Outside:
    """Attempts that are out there, and what they have done."""

    def __init__(self, table: TransitionTable, shadow: Shadow, receivers: Mapping[str, Receiver]) -> None:
        self.table, self._shadow, self._receivers = table, shadow, receivers
        self.cells: dict[Address, Cell] = {
            cell.address: cell for cell in initial_cells(table, world=True) if table.entity(cell.entity).world
        }
        self.attempts: list[Attempt] = []
        self.asked: dict[Key, int] = {}
        """How often each request was attempted."""
        self.wrong: list[tuple[str, str]] = []
        """(law, how) of attempts that must never have been made."""
        self.hired: set[str] = set()
        """Effects that workers carry out."""
        self.halted: set[str] = set()
        """Effects of which an operator was told that they are attempted no more."""
        self._requests: dict[Key, _Request] = {}
        self._fences: dict[tuple[Address, str], int] = {}

    # What a process asks

    async def receive(self, ask: Ask) -> object:
        """One attempt, as a handler has it: it waits for whatever comes of it."""
        place, round_ = (int(part) for part in ask.key.split("-")[-2:])
        lane = (Address(ask.entity, ask.id), ask.effect)
        loop = asyncio.get_running_loop()
        attempt = Attempt(ask, (place, round_), lane, loop.create_future())
        if not loop.is_dead:  # type: ignore[attr-defined]
            self.begun(attempt)
        assert attempt.waiter is not None, "whoever is no worker waits"
        return await attempt.waiter

    def handlers(self) -> dict[str, Handler]:
        """What a process has for each effect that no worker carries out."""
        names = (effect.name for effect in self.table.effects if effect.name not in self.hired)
        return dict.fromkeys(names, self.receive)

    def begun(self, attempt: Attempt) -> None:
        """It is out there from now on."""
        self._look(attempt)
        self.attempts.append(attempt)

    def _look(self, attempt: Attempt) -> None:
        """G5: an attempt needs a durable row that is the first of its lane; `at_most_once` is attempted once.

        A request that was withdrawn while its attempt began is a late one, which may still get out.
        """
        key = attempt.key
        waiting = self._shadow.lanes.get(attempt.lane, ())
        request = self._requests.get(key)
        is_late = request is not None and request.is_settled and request.outcome is None
        if not is_late and (not waiting or waiting[0].key != key):
            self.wrong.append(("effect-after-record", f"{_named(attempt)} is attempted, and its row is not there"))
        self.asked[key] = self.asked.get(key, 0) + 1
        effect = self.table.effect(attempt.ask.effect)
        row = self._shadow.row(key)
        is_under_way = is_late or bool(attempt.lease) or (row is not None and row.claimed)
        if effect.name in self.halted and not is_under_way:
            self.wrong.append(("paused", f"{_named(attempt)} is attempted, and it is paused"))
        if row is not None and (why := _miscounted(row, attempt, effect, self._shadow.now)):
            self.wrong.append(("attempts-counted", f"{_named(attempt)} {why}"))
        if effect.delivery is DeliveryKind.AT_MOST_ONCE and self.asked[key] > 1:
            self.wrong.append(("at-most-once", f"{_named(attempt)} is attempted once more"))

    # What the simulation decides

    def find(self, move: Answers | Prolongs) -> Attempt | None:
        """The attempt that the move is about."""
        lane = (Address(move.entity, move.id), move.effect)
        open_ = [attempt for attempt in self.attempts if attempt.lane == lane]
        return open_[move.number % len(open_)] if open_ else None

    def answer(self, move: Answers, attempt: Attempt) -> bool:
        """Do what the move says, as far as it can be; whether there was anything. A worker brings what it says."""
        if move.lost:
            self.attempts.remove(attempt)
            return True
        did = move.performs and self.perform(attempt)
        if attempt.waiter is None:
            return did or bool(move.refuses) or move.said is not None
        if move.refuses:
            self._end(attempt, AttemptFailedError(move.refuses))
            return True
        if move.said is None:
            return did
        said = self.truth(attempt, move.said)
        if said is None:
            return did
        self._end(attempt, said)
        return True

    def perform(self, attempt: Attempt) -> bool:
        """Let the request happen, if it still can; whether it did."""
        effect = self.table.effect(attempt.ask.effect)
        if effect.performs is None or not self._may_perform(effect, attempt):
            return False
        receiver, args = self._receivers[effect.name], self._args(effect, attempt)
        happens = {name: value(Environment(args=args)) for name, value in receiver.performs}
        address = Address(effect.performs.entity, effect.performs.entity)
        answer = step(self.table, self.cells[address], Call(Cause.MACHINE, effect.performs.action, happens, 0))
        if not isinstance(answer, Applied):
            return False
        self.cells[address] = answer.cell
        if effect.fenced:
            self._fences[attempt.lane] = attempt.key[0]
        told = Environment(args=args, view=self.cells)
        seen = {name: value(told) for name, value in receiver.tells}
        self._request(attempt).performed.append(seen)
        return True

    def happen(self, entity: str, action: str, args: dict[str, Value]) -> bool:
        """The environment acts."""
        address = Address(entity, entity)
        answer = step(self.table, self.cells[address], Call(Cause.ENVIRONMENT, action, args, 0))
        if isinstance(answer, Applied):
            self.cells[address] = answer.cell
        return isinstance(answer, Applied)

    def can_answer(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Whether the effect may have this outcome, after what it has or has not done."""
        performs = self.table.effect(attempt.ask.effect).performs
        if performs is None:
            return True
        if self._request(attempt).performed:
            return outcome.name not in performs.never
        return outcome.name not in performs.surely and not outcome.told

    def settled(self, key: Key, effect: str, outcome: str, fields: Args) -> str:
        """A request was settled; says what is wrong about that, if something is.

        An outcome is one that was answered, with these fields; `unknown` is for what nobody can say any more.
        """
        request = self._requests.setdefault(key, _Request())
        request.is_settled, request.outcome = True, outcome
        if outcome != UNKNOWN:
            is_so = (outcome, dict(fields)) in request.heard
            return "" if is_so else f"{effect} ({key[0]}-{key[1]}) settles `{outcome}`, and nobody answered that"
        declared = self.table.effect(effect)
        if effect in self.hired:
            return ""  # An attempt may have been counted for a worker that never heard of it.
        is_over = declared.delivery is DeliveryKind.AT_MOST_ONCE or self.asked.get(key, 0) >= declared.retry.attempts
        return "" if is_over or request.babble else f"{effect} ({key[0]}-{key[1]}) is given up, and may be tried again"

    def withdrawn(self, key: Key) -> None:
        """A request was taken back."""
        self._requests.setdefault(key, _Request()).is_settled = True

    def _request(self, attempt: Attempt) -> _Request:
        return self._requests.setdefault(attempt.key, _Request())

    def _may_perform(self, effect: Effect, attempt: Attempt) -> bool:
        request = self._request(attempt)
        if effect.fenced and attempt.key[0] < self._fences.get(attempt.lane, 0):
            return False
        if request.is_settled:
            if effect.delivery is not DeliveryKind.IDEMPOTENT and request.performed:
                return False
            return joins(effect, performed=bool(request.performed), outcome=request.outcome)
        return effect.delivery is DeliveryKind.IDEMPOTENT or not request.performed

    def truth(self, attempt: Attempt, said: object) -> object | None:
        """The answer as this outside can give it: None where it would lie, told values as they were at a perform."""
        effect = self.table.effect(attempt.ask.effect)
        if not isinstance(said, dict) or said.get("outcome") not in {outcome.name for outcome in effect.outcomes}:
            return said
        outcome = effect.outcome(said["outcome"])
        if not self.can_answer(attempt, outcome):
            return None
        if not outcome.told:
            return said
        seen = self._request(attempt).performed[-1]
        types = {parameter.name: parameter.type for parameter in outcome.fields}
        told = {name: to_json(types[name], seen[f"{outcome.name}.{name}"]) for name, _ in outcome.told}
        return {**said, "fields": {**said.get("fields", {}), **told}}

    def _end(self, attempt: Attempt, said: object) -> None:
        self.attempts.remove(attempt)
        if not attempt.is_heard or attempt.waiter is None:
            return
        self.told(attempt, said)
        if isinstance(said, Exception):
            attempt.waiter.set_exception(said)
        else:
            attempt.waiter.set_result(said)

    def told(self, attempt: Attempt, said: object) -> None:
        """Somebody who waits is told this: from now on it may settle so."""
        if said is None or isinstance(said, Exception):
            return
        request, effect = self._request(attempt), self.table.effect(attempt.ask.effect)
        outcomes = {outcome.name: outcome for outcome in effect.outcomes}
        if not isinstance(said, dict) or said.get("outcome") not in outcomes:
            request.babble += 1
            return
        types = {field.name: field.type for field in outcomes[said["outcome"]].fields}
        fields = {name: from_json(types[name], data) for name, data in said.get("fields", {}).items()}
        request.heard.append((said["outcome"], fields))

    def _args(self, effect: Effect, attempt: Attempt) -> dict[str, Any]:
        types = {parameter.name: parameter.type for parameter in effect.params}
        return {name: from_json(types[name], data) for name, data in attempt.ask.args.items()}


def _miscounted(row: PendingRow, attempt: Attempt, effect: Effect, now: int) -> str:
    """What is wrong about the number of an attempt, or about when it is made; empty if nothing is."""
    ask, is_counted = attempt.ask, row.claimed or attempt.lease
    wanted = row.attempts + (0 if is_counted else 1)
    if ask.attempt != wanted:
        return f"is attempt {ask.attempt}, and attempt {wanted} is the next"
    if effect.delivery is not DeliveryKind.AT_MOST_ONCE and ask.attempt > effect.retry.attempts:
        return f"is attempted {ask.attempt} times, and {effect.retry.attempts} are declared"
    return "is attempted before its back-off is over" if now < row.not_before else ""


def _named(attempt: Attempt) -> str:
    entity, id_ = attempt.lane[0]
    return f"{attempt.ask.effect} of {entity} {id_}"


def unanswered(outside: Outside) -> Iterator[Attempt]:
    """Attempts that somebody waits for."""
    return (attempt for attempt in outside.attempts if attempt.is_heard)
