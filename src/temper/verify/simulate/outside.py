"""The outside: receivers of effects, and the world entities on which they act. It outlives every crash.

An attempt that is out there stays there until it is answered or lost, whoever still waits for it: so a request may
happen long after its outcome was given up. What may happen and what may be answered is what the blueprint says of the
effect (`delivery`, `fenced`, `surely`, `not`), which is an assumption of every verdict, here as in the search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from temper.machine import (
    Address,
    Applied,
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
from temper.run import Ask, AttemptFailedError
from temper.verify.simulate.moves import Answers
from temper.verify.simulate.shadow import Shadow

Key = tuple[int, int]


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt that got out."""

    ask: Ask
    key: Key
    lane: tuple[Address, str]
    waiter: asyncio.Future[object]

    @property
    def is_heard(self) -> bool:
        """Whether anybody still waits for an answer."""
        return not self.waiter.done() and not self.waiter.get_loop().is_dead  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Request:
    """What is known out there of one request: its performs, and how it was settled."""

    performed: list[dict[str, Value]] = field(default_factory=list)
    is_settled: bool = False
    outcome: str | None = None
    """What it was settled with; None if it was withdrawn."""


class Outside:
    """Attempts that are out there, and what they have done."""

    def __init__(self, table: TransitionTable, shadow: Shadow) -> None:
        self.table, self._shadow = table, shadow
        self.cells: dict[Address, Cell] = {
            cell.address: cell for cell in initial_cells(table, world=True) if table.entity(cell.entity).world
        }
        self.attempts: list[Attempt] = []
        self.asked: dict[Key, int] = {}
        """How often each request was attempted."""
        self.wrong: list[tuple[str, str]] = []
        """(law, how) of attempts that must never have been made."""
        self.outcomes: set[tuple[str, str]] = set()
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
            self._look(attempt)
            self.attempts.append(attempt)
        return await attempt.waiter

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
        if effect.delivery is DeliveryKind.AT_MOST_ONCE and self.asked[key] > 1:
            self.wrong.append(("at-most-once", f"{_named(attempt)} is attempted once more"))

    # What the simulation decides

    def find(self, move: Answers) -> Attempt | None:
        """The attempt that the move is about."""
        lane = (Address(move.entity, move.id), move.effect)
        open_ = [attempt for attempt in self.attempts if attempt.lane == lane]
        return open_[move.number % len(open_)] if open_ else None

    def answer(self, move: Answers) -> bool:
        """Do what the move says, as far as it can be; whether there was anything."""
        attempt = self.find(move)
        if attempt is None:
            return False
        if move.lost:
            self.attempts.remove(attempt)
            return True
        did = move.performs and self.perform(attempt)
        if move.refuses:
            self._end(attempt, AttemptFailedError(move.refuses))
            return True
        if move.said is None:
            return did
        said = self._truth(attempt, move.said)
        if said is None:
            return did
        self._end(attempt, said)
        return True

    def perform(self, attempt: Attempt) -> bool:
        """Let the request happen, if it still can; whether it did."""
        effect = self.table.effect(attempt.ask.effect)
        if effect.performs is None or not self._may_perform(effect, attempt):
            return False
        args = self._args(effect, attempt)
        happens = {name: evaluator(self.table, value)(Environment(args=args)) for name, value in effect.performs.args}
        address = Address(effect.performs.entity, effect.performs.entity)
        answer = step(self.table, self.cells[address], Call(Cause.MACHINE, effect.performs.action, happens, 0))
        if not isinstance(answer, Applied):
            return False
        self.cells[address] = answer.cell
        if effect.fenced:
            self._fences[attempt.lane] = attempt.key[0]
        told = Environment(args=args, view=self.cells)
        seen = {
            f"{outcome.name}.{name}": evaluator(self.table, value)(told)
            for outcome in effect.outcomes
            for name, value in outcome.told
        }
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

    def settled(self, key: Key, outcome: str | None) -> None:
        """A request was settled, or withdrawn."""
        request = self._requests.setdefault(key, _Request())
        request.is_settled, request.outcome = True, outcome

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

    def _truth(self, attempt: Attempt, said: object) -> object | None:
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
        if not attempt.is_heard:
            return
        if isinstance(said, dict) and "outcome" in said:
            self.outcomes.add((attempt.ask.effect, str(said["outcome"])))
        if isinstance(said, Exception):
            attempt.waiter.set_exception(said)
        else:
            attempt.waiter.set_result(said)

    def _args(self, effect: Effect, attempt: Attempt) -> dict[str, Any]:
        types = {parameter.name: parameter.type for parameter in effect.params}
        return {name: from_json(types[name], data) for name, data in attempt.ask.args.items()}


def _named(attempt: Attempt) -> str:
    entity, id_ = attempt.lane[0]
    return f"{attempt.ask.effect} of {entity} {id_}"


def unanswered(outside: Outside) -> Iterator[Attempt]:
    """Attempts that somebody waits for."""
    return (attempt for attempt in outside.attempts if attempt.is_heard)
