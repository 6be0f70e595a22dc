"""Reads. They go to the store, so nothing is shown that could still be lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from temper.machine import (
    NEW,
    Action,
    Address,
    Effecting,
    EnumType,
    Gate,
    IntType,
    Message,
    OptionType,
    PrincipalType,
    Refusal,
    Rejected,
    Spawning,
    Type,
    Value,
    absent,
    contains,
    initial,
)
from temper.run.answer import Armed, Listed, Option, Problem, Seen, Terminal, Waiting
from temper.run.calls import failed
from temper.run.codec import cell_from_row, pending_args
from temper.run.driver import Driver
from temper.run.engine import Called, Instance, Moment, Reply, advance
from temper.run.position import Position
from temper.run.record import Pending, kind_of, owner_of, receiver_of
from temper.run.requests import addressed, field_value
from temper.run.store.protocol import Query, StoreError
from temper.run.store.rows import CellRow, RecordRow
from temper.run.work import Work, all_pending

LIMIT_MAX = 1000
"""The longest page of anything."""
FROM_ARGUMENTS = "whether it fits depends on its arguments"


class Queries:
    """What can be looked at: instances, their history, what can be done now, what waits."""

    def __init__(self, driver: Driver, work: Work) -> None:
        self._driver, self._work = driver, work

    def read(self, entity: str, id_: str) -> Seen | Problem:
        """One instance as it is durable."""
        version = self._driver.version
        if (problem := addressed(version, entity, id_)) is not None:
            return problem
        try:
            row = self._driver.world.store.cell(Address(entity, id_))
        except StoreError as error:
            return failed(error)
        return _missing(entity, id_) if row is None or row.control == NEW else seen(row)

    async def page(
        self, entity: str, state: str | None, where: Mapping[str, Any], after: str | None, limit: int
    ) -> Listed | Problem:
        """A page of instances by id."""
        version = self._driver.version
        if (problem := addressed(version, entity, None)) is not None:
            return problem
        if state is not None and state not in version.entities[entity].states:
            message = f"{entity} has no state `{state}`; it has {', '.join(version.entities[entity].states)}"
            return Terminal("bad-filter", message, (("state", state),))
        wanted: list[tuple[str, Any]] = []
        for name, data in where.items():
            value = field_value(version, entity, name, data)
            if isinstance(value, Terminal):
                return value
            wanted.append((name, value))
        limit = max(1, min(limit, LIMIT_MAX))
        query = Query(entity, state, tuple(wanted), after, limit + 1)
        try:
            rows = await self._look(query)
        except StoreError as error:
            return failed(error)
        return Listed(tuple(map(seen, rows[:limit])), rows[limit - 1].id if len(rows) > limit else None)

    async def _look(self, query: Query) -> Sequence[CellRow]:
        """A long look happens aside, so that calls go on."""
        store = self._driver.world.store
        return await asyncio.to_thread(store.cells, query) if store.blocks else store.cells(query)

    def history(self, entity: str, id_: str, after: int, limit: int) -> tuple[RecordRow, ...] | Problem:
        """The records of one instance, oldest first."""
        if (problem := addressed(self._driver.version, entity, id_)) is not None:
            return problem
        store, address = self._driver.world.store, Address(entity, id_)
        try:
            rows = store.records(address, after, max(1, min(limit, LIMIT_MAX)))
            return tuple(rows) if rows or store.cell(address) is not None else _missing(entity, id_)
        except StoreError as error:
            return failed(error)

    def records(self, after: int, limit: int) -> tuple[RecordRow, ...] | Problem:
        """The records of everything, oldest first."""
        try:
            return tuple(self._driver.world.store.records(None, after, max(1, min(limit, LIMIT_MAX))))
        except StoreError as error:
            return failed(error)

    async def news(self, after: Position, limit: int) -> tuple[RecordRow, ...] | Problem:
        """The records behind a position, of all chains; a database elsewhere is asked aside, so that calls go on."""
        shared = self._driver.shared
        if shared is None:
            return self.records(max(after.numbers, default=0), limit)
        try:
            return tuple(await asyncio.to_thread(shared.news, after, limit))
        except StoreError as error:
            return failed(error)

    def available(
        self, entity: str, id_: str | None, caller: str, roles: frozenset[str]
    ) -> tuple[Option, ...] | Problem:
        """Every action with why it could not be called now; of an id that nobody has, the constructors."""
        version = self._driver.version
        if (problem := addressed(version, entity, id_)) is not None:
            return problem
        address = Address(entity, id_ if id_ is not None else "?")
        try:
            row = None if id_ is None else self._driver.world.store.cell(address)
        except StoreError as error:
            return failed(error)
        cell = absent(version.table, address) if row is None else cell_from_row(version, row)
        instance = Instance(cell, burnt=row is not None and bool(row.burnt))
        actions = version.entities[entity].actions
        shown = [action for action in actions if row is not None or action.is_constructor]
        return tuple(self._option(instance, action, caller, roles) for action in shown)

    def _option(self, instance: Instance, action: Action, caller: str, roles: frozenset[str]) -> Option:
        params = tuple((param.name, str(param.type)) for param in action.params)
        sample = {param.name: _sample(param.type, caller) for param in action.params}
        why = self._tried(instance, Called(action.name, sample, caller, roles))
        if why is not None and action.params and _may_depend(why, action, roles):
            return Option(action.name, params, None, FROM_ARGUMENTS)
        return Option(action.name, params, why)

    def _tried(self, instance: Instance, called: Called) -> Rejected | None:
        """What the engine would answer. It is pure, so asking changes nothing."""
        fresh = ("?",) * self._driver.version.spawns_max[instance.cell.entity]
        moment = Moment(self._driver.world.clock.now(), 0, 0, fresh)
        commands = advance(self._driver.version, instance, called, moment)[1]
        reply = commands[-1]
        assert isinstance(reply, Reply), "a call is always answered"
        return reply.outcome if isinstance(reply.outcome, Rejected) else None

    def pending(self, limit: int = LIMIT_MAX) -> tuple[Waiting, ...] | Problem:
        """Deliveries that wait, oldest first, with what they wait for."""
        pairs = zip(all_pending(self._driver.version, self._driver.world.store), range(limit), strict=False)
        try:
            return tuple(self._waiting(pending) for pending, _ in pairs)
        except StoreError as error:
            return failed(error)

    def timers(self, limit: int = LIMIT_MAX) -> tuple[Armed, ...] | Problem:
        """Armed timers, those of the instance first that is due first."""
        try:
            rows = self._driver.world.store.armed(limit)
        except StoreError as error:
            return failed(error)
        armed = (Armed(row.address, name, due) for row in rows for name, due in json.loads(row.timers))
        return tuple(sorted(armed, key=lambda timer: timer.due)[:limit])

    def _waiting(self, pending: Pending) -> Waiting:
        delivery, kind = pending.delivery, kind_of(pending.delivery)
        owner, receiver = owner_of(delivery), receiver_of(delivery)
        status, why = self._work.dispatcher.status(pending.key) if kind == "effect" else ("waiting", "")
        note = NO_HANDLER if status == "parked" else "; ".join(filter(None, (why, pending.note)))
        return Waiting(
            key=f"{pending.place}-{pending.round}",
            kind=kind,
            owner=f"{owner.entity} {owner.id}",
            receiver="" if kind == "effect" else f"{receiver.entity} {receiver.id}",
            what=_what(pending),
            args=pending_args(self._driver.version, delivery),
            status=status,
            attempts=pending.attempts,
            not_before=pending.not_before,
            note=note,
        )


NO_HANDLER = "no handler is configured for this effect, and no worker has taken it; it is attempted as soon as one does"


def seen(row: CellRow) -> Seen:
    """A row as it is shown."""
    timers = tuple((name, due) for name, due in json.loads(row.timers))
    return Seen(
        row.entity, row.id, row.control, row.seq, row.clock, json.loads(row.data), timers, tuple(json.loads(row.marks))
    )


def _missing(entity: str, id_: str) -> Terminal:
    return Terminal("unknown-instance", f"there is no {entity} `{id_}`", (("id", id_),))


def _what(pending: Pending) -> str:
    match pending.delivery:
        case Effecting(effect=effect):
            return effect
        case Message(action=action) | Spawning(action=action):
            return action
        case Refusal(of, reason, _):
            return f"{of.action} refused: {reason}"


def _may_depend(why: Rejected, action: Action, roles: frozenset[str]) -> bool:
    """Whether other arguments than the sample could have another answer."""
    if why.code == "denied":
        return action.gate is Gate.POLICY or bool(roles & set(action.roles))
    return why.code in {"bad-args", "guard-false", "no-case", "out-of-range"}


def _sample(type_: Type, caller: str) -> Value:
    """Some value of the type, to try an action with."""
    match type_:
        case PrincipalType():
            return caller
        case IntType(lo, hi):
            return min(max(0, lo), hi)
        case EnumType(_, members):
            return members[0]
        case OptionType():
            return None
        case _:
            value = initial(type_)
            return value if value is not None else next(v for v in ("null", 0) if contains(type_, v))
