"""The callers: what they asked for, what they heard, and whether that is true.

Whoever asks under a key asks again until there is an answer, and must hear one answer however often they ask. Whoever
asks without one hears once, or nothing if the process dies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from temper.machine import NEW, REJECTIONS, Address, Call, Cause, Cell, Rejected, TransitionTable, Value, absent, step
from temper.run import Batch, Done, Problem, Record, Response, Retryable
from temper.verify.simulate.moves import Asks
from temper.verify.simulate.rules import BrokenError
from temper.verify.simulate.shadow import Taken

AGES_MAX = 4_000
"""How many steps back is remembered what an instance was like; a call that takes longer is not judged."""


@dataclass(slots=True, eq=False)
class Requested:
    """One request, however often it was made."""

    move: Asks
    values: Mapping[str, Value]
    since: int
    """How many transactions were durable when it was first made."""
    in_flight: int = 0
    asked: int = 0
    applied: Record | None = None
    answer: Response | None = None
    answers: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it is worth asking again."""
        return self.answer is None and not self.in_flight


@dataclass(slots=True)
class Callers:
    """Everything that was asked, and the laws about what was answered."""

    cells: Mapping[Address, Cell]
    """What is durable now."""
    requests: dict[int, Requested] = field(default_factory=dict)
    rejections: dict[str, int] = field(default_factory=dict)
    commits: int = 0
    done: int = 0
    among: set[int] | None = None
    """Where there are several nodes: requests that were made at the one whose transaction is followed, by name."""
    _calls: list[tuple[Record, int]] = field(default_factory=list)
    """Calls of the transaction that is followed just now, with the version of the instance before."""
    _keys: set[str | None] = field(default_factory=set)
    _bound: dict[str, int] = field(default_factory=dict)
    """By key: the request that it stands for."""
    _records: dict[int, tuple[Address, str, str, int]] = field(default_factory=dict)
    _past: dict[Address, list[tuple[int, Cell]]] = field(default_factory=dict)
    _in_flight: dict[int, Requested] = field(default_factory=dict)
    _unsure: list[Requested] = field(default_factory=list)
    """Requests of which nobody knows whether they were applied: the record of one that is alike may be theirs."""

    def ask(self, move: Asks, values: Mapping[str, Value]) -> Requested:
        """The request of this name, made once more."""
        request = self.requests.get(move.name)
        if request is None:
            request = self.requests[move.name] = Requested(move, values, self.commits)
            self._keys.add(move.key)
        request.in_flight += 1
        request.asked += 1
        self._in_flight[move.name] = request
        return request

    def knows(self, key: str | None) -> bool:
        """Whether somebody has asked under this key."""
        return key is not None and key in self._keys

    def gone(self) -> None:
        """The process has died, and with it every connection."""
        for request in self._in_flight.values():
            request.in_flight = 0
        self._in_flight.clear()

    def left(self, asked: Mapping[int, int]) -> None:
        """One node of several has died, and with it so many connections, by the name of the request."""
        for name, count in asked.items():
            request = self.requests[name]
            request.in_flight = max(0, request.in_flight - count)
            if not request.in_flight:
                self._in_flight.pop(name, None)

    @property
    def waiting(self) -> int:
        """How many requests are under way."""
        return len(self._in_flight)

    # What became durable

    def taken(self, taken: Taken) -> None:
        """A record was followed."""
        record = taken.record
        if record.rule == "call":
            self._calls.append((record, taken.before.seq))
            self._records[record.number] = (record.address, record.action, taken.after.control, taken.after.seq)
        self._past.setdefault(record.address, []).append((self.commits, taken.before))

    def committed(self, batch: Batch) -> None:
        """A transaction is durable: each call in it was asked for, once, and is answered in it if it has a key."""
        calls, self._calls = self._calls, []
        keys = {_record_in(row.body): key for key, row in batch.answers.items()} if calls else {}
        for record, seq in calls:
            request = self._whose(record, keys.get(record.number), seq)
            if request is None:
                who = f"record {record.number}: {record.action} of {record.address.entity} {record.address.id}"
                told = "was not asked for, was applied before, or is durable without the answer under its key"
                raise BrokenError("exactly-once", f"{who} by {record.caller} {told}")
            request.applied = record
            self._bind(request)
        self.commits += 1
        if self.commits % AGES_MAX == 0:
            self._past.clear()

    def _bind(self, request: Requested) -> None:
        """A key stands for the first request that was decided under it, and for no other."""
        key = request.move.key
        if key is not None and self._bound.setdefault(key, request.move.name) != request.move.name:
            raise BrokenError("exactly-once", f"{_asked(request)} is decided under {key}, which is another request's")

    def _whose(self, record: Record, key: str | None, seq: int) -> Requested | None:
        """The request under way that asked for this, under this key or without one, of what it was then.

        Of requests that are alike the one that says most: no other record can be its own.
        """
        args, roles = dict(record.args), frozenset(record.roles)
        found, says = None, -1
        for request in self._in_flight.values():
            move = request.move
            if (
                (self.among is None or move.name in self.among)
                and move.key == key
                and request.applied is None
                and move.expected in {None, seq}
                and move.action == record.action
                and move.entity == record.address.entity
                and move.id in {None, record.address.id}
                and move.caller == record.caller
                and request.values == args
                and move.roles == roles
                and (more := (move.expected is not None) + (move.id is not None)) > says
            ):
                found, says = request, more
        return found

    def _sort_out(self, request: Requested, response: Response) -> None:
        """Requests that are alike and have no key: whose record it was shows when they are answered."""
        if isinstance(response, Retryable) and response.code == "store-unsure":
            self._unsure.append(request)
            return
        wanted = response.record if isinstance(response, Done) else None
        mine = request.applied.number if request.applied is not None else None
        if request.move.key is not None or mine == wanted:
            return
        for other in (*self._in_flight.values(), *self._unsure):
            if other is not request and _alike(other, request):
                theirs = other.applied.number if other.applied is not None else None
                if theirs == wanted:
                    request.applied, other.applied = other.applied, request.applied
                    return

    # What was heard

    def answered(self, request: Requested, response: Response, tables: Sequence[TransitionTable]) -> None:
        """Somebody heard something. Raises `BrokenError` if it is not so."""
        self._sort_out(request, response)
        request.in_flight -= 1
        if request.in_flight <= 0:
            request.in_flight = 0
            self._in_flight.pop(request.move.name, None)
        if isinstance(response, Retryable):
            if response.code != "store-unsure" and request.applied is not None and request.asked == 1:
                raise BrokenError("answers", f"{_asked(request)} was told that nothing changed, and it was applied")
            return
        before, request.answer = request.answer, response
        request.answers += 1
        if before is not None:
            if _told(before) != _told(response):
                raise BrokenError(
                    "exactly-once", f"{_asked(request)} was told {_told(before)}, and then {_told(response)}"
                )
            return
        if isinstance(response, Done | Rejected):
            self._bind(request)
        if isinstance(response, Done):
            self._done(request, response)
        elif isinstance(response, Rejected):
            self._rejected(request, response, tables)

    def _done(self, request: Requested, done: Done) -> None:
        self.done += 1
        told = (Address(done.entity, done.id), done.action, done.state, done.seq)
        if self._records.get(done.record) != told:
            raise BrokenError(
                "durable-first", f"{_asked(request)} was told of record {done.record}, which is not durable"
            )
        if request.applied is None or request.applied.number != done.record:
            raise BrokenError(
                "exactly-once", f"{_asked(request)} was told of record {done.record}, which is not its own"
            )

    def _rejected(self, request: Requested, why: Rejected, tables: Sequence[TransitionTable]) -> None:
        """A rejection is an answer about a state that is durable, or was while it was asked."""
        self.rejections[why.code] = self.rejections.get(why.code, 0) + 1
        if request.applied is not None:
            raise BrokenError("answers", f"{_asked(request)} was rejected, and applied")
        move = request.move
        if move.id is None or why.code not in {*REJECTIONS, "stale-version", "unknown-instance"}:
            return
        seen = self._seen(Address(move.entity, move.id), request.since, tables[0])
        if seen is not None and not any(_rejects(table, cell, request, why) for table in tables for cell in seen):
            raise BrokenError(
                "durable-first", f"{_asked(request)} was rejected ({why.code}) for what was never durable"
            )

    def _seen(self, address: Address, since: int, table: TransitionTable) -> list[Cell] | None:
        """What the instance was like since then, if that is still known."""
        if since // AGES_MAX != self.commits // AGES_MAX:
            return None
        now = self.cells.get(address) or absent(table, address)
        past = self._past.get(address, ())
        return [now, *(cell for commit, cell in past if commit >= since)]


def _rejects(table: TransitionTable, cell: Cell, request: Requested, why: Rejected) -> bool:
    """Whether the request, asked of this cell, is rejected so."""
    move = request.move
    if why.code == "stale-version":
        return move.expected is not None and move.expected != cell.seq
    if why.code == "unknown-instance":
        return cell.control == NEW
    call = Call(Cause.PERSON, move.action, request.values, cell.clock, move.caller, move.roles, ("?",) * 9)
    answer = step(table, cell, call)
    return isinstance(answer, Rejected) and answer.code == why.code


def _alike(one: Requested, other: Requested) -> bool:
    a, b = one.move, other.move
    return (a.key, a.caller, a.roles, a.entity, a.id, a.action) == (
        b.key,
        b.caller,
        b.roles,
        b.entity,
        b.id,
        b.action,
    ) and one.values == other.values


def _record_in(body: str) -> int | None:
    """The number of the record that a kept answer tells of; None if it is a rejection."""
    applied = json.loads(body).get("applied")
    return None if applied is None else applied["record"]


def _told(response: Response) -> object:
    """What an answer says, whether it is told for the first time or again."""
    match response:
        case Done():
            return ("done", response.entity, response.id, response.record, response.seq, response.state)
        case Rejected():
            return ("rejected", response.code)
        case _:
            return ("problem", _code(response))


def _code(problem: Problem) -> str:
    return problem.code


def _asked(request: Requested) -> str:
    move = request.move
    return f"{move.action} of {move.entity} {move.id or 'with a new id'} by {move.caller} (request {move.name})"
