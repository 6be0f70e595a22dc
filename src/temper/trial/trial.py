"""A blueprint on a runtime of its own, in memory: whoever tries it plays every caller, the outside, and time.

Nothing here knows of a screen. What is decided is decided by the runtime that serves in production.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from temper.corpus import Scenario, captured
from temper.machine import (
    Address,
    Certificate,
    Certified,
    Effect,
    Entity,
    TransitionTable,
    show_duration,
    table_hash,
)
from temper.run import (
    Ask,
    AttemptFailedError,
    Done,
    ManualClock,
    MemoryStore,
    Option,
    Runtime,
    SeededChance,
    Seen,
    World,
    open_runtime,
)
from temper.serve.arguments import read_args
from temper.serve.openapi import args_schema, schema_of
from temper.serve.presenting import handed_on, moment

START = 1_767_225_600_000
"""When a trial begins: 2026-01-01T00:00:00Z."""
TURNS = 200
"""So often does the loop turn before everything that waits for nobody has happened."""
NO_ANSWER = "no answer"
"""What the outside can always do instead of one of the declared outcomes."""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, in which roles."""

    name: str
    roles: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(sorted(self.roles))}" if self.roles else self.name


@dataclass(frozen=True, slots=True)
class Said:
    """What became of something that was tried: `kind` is `applied`, `rejected` or `told`."""

    kind: str
    text: str


@dataclass(slots=True)
class Attempt:
    """An attempt of an effect that waits for what the outside says."""

    effect: Effect
    ask: Ask
    answer: asyncio.Future[object]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What may be said: the declared outcomes, and nothing at all."""
        return (*(outcome.name for outcome in self.effect.outcomes), NO_ANSWER)

    def fields(self, outcome: str) -> Mapping[str, Any]:
        """The JSON Schema of each field of an outcome."""
        found = next((each for each in self.effect.outcomes if each.name == outcome), None)
        return {} if found is None else {each.name: schema_of(each.type) for each in found.fields}


@dataclass(slots=True)
class Trial:
    """One blueprint, tried out. Made by `begin`; close it with `close`."""

    table: TransitionTable
    runtime: Runtime
    clock: ManualClock
    _asked: list[Attempt] = field(default_factory=list)

    @staticmethod
    async def begin(table: TransitionTable) -> Trial:
        """Begin in an empty store at the beginning of 2026."""
        asked: list[Attempt] = []
        effects = {effect.name: effect for effect in table.effects}

        async def wait(ask: Ask) -> object:
            attempt = Attempt(effects[ask.effect], ask, asyncio.get_running_loop().create_future())
            asked.append(attempt)
            return await attempt.answer

        clock = ManualClock(START)
        # What is tried is what the table does, whatever the verifiers say of it.
        blank = Certificate(table_hash(table), (), None, "nothing was looked at", (), ())
        world = World(clock, SeededChance(1), MemoryStore(), dict.fromkeys(effects, wait))
        runtime = await open_runtime(world, Certified(table, blank))
        assert isinstance(runtime, Runtime), f"an empty store is served: {runtime}"
        return Trial(table, runtime, clock, asked)

    async def close(self) -> None:
        """End it; nothing of it stays."""
        await self.runtime.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Looking

    def entities(self) -> tuple[Entity, ...]:
        """What instances can be of."""
        return tuple(entity for entity in self.table.entities if not entity.world)

    async def instances(self) -> tuple[Seen, ...]:
        """Every instance, by entity and id."""
        found: list[Seen] = []
        for entity in self.entities():
            after: str | None = None
            while True:
                listed = await self.runtime.list(entity.name, after=after, limit=PAGE)
                found += getattr(listed, "seen", ())
                after = getattr(listed, "after", None)
                if after is None:
                    break
        known = {(seen.entity, seen.id) for seen in found}
        single = (self.runtime.read(entity.name, entity.name) for entity in self.entities() if entity.single)
        return (*found, *(seen for seen in single if isinstance(seen, Seen) and (seen.entity, seen.id) not in known))

    def options(self, entity: str, id_: str | None, principal: Principal) -> tuple[Option, ...]:
        """What can be done with an instance, then what not and why; without an id, which constructors there are."""
        found = self.runtime.available(entity, id_, caller=principal.name, roles=principal.roles)
        if not isinstance(found, tuple):
            return ()
        declared = self._entity(entity)
        options = (option for option in found if id_ is None or not declared.action(option.action).is_constructor)
        return tuple(sorted(options, key=lambda option: option.because is not None))

    def params(self, entity: str, action: str) -> Mapping[str, Any]:
        """The JSON Schema of each argument of an action."""
        schema: Mapping[str, Any] = args_schema(self._entity(entity).action(action))["properties"]
        return schema

    def attempts(self) -> tuple[Attempt, ...]:
        """Attempts that wait for what the outside says, oldest first."""
        self._asked[:] = [attempt for attempt in self._asked if not attempt.answer.done()]
        return tuple(self._asked)

    def now(self) -> str:
        """The time in the trial."""
        return moment(self.clock.now())

    def next_due(self) -> str | None:
        """What is left until something happens by itself, a timer or a retry; None if nothing will."""
        due = self.clock.next_due()
        return None if due is None else show_duration(max(0, due - self.clock.now()))

    def history(self, entity: str, id_: str) -> list[str]:
        """What happened to an instance, a line each."""
        return [line_of(record) for record in self._records(Address(entity, id_))]

    # Trying

    async def act(
        self, entity: str, id_: str | None, action: str, args: Mapping[str, str], principal: Principal
    ) -> Said:
        """Call an action with arguments as people type them."""
        body = read_args(args, self.params(entity, action))
        answer = await self.runtime.call(
            entity, id_ or None, action, body, caller=principal.name, roles=principal.roles
        )
        await self.settle()
        if isinstance(answer, Done):
            return Said("applied", f"{action} applied by {principal.name}: {entity} {answer.id} is {answer.state}")
        return Said("rejected", f"{action} by {principal.name}: {answer.code}: {answer.message}")

    async def answer(self, attempt: Attempt, outcome: str, fields: Mapping[str, str]) -> Said:
        """Let the outside say something to an attempt, or nothing at all."""
        asked = f"{attempt.ask.effect} for {attempt.ask.entity} {attempt.ask.id}"
        if attempt.answer.done():
            return Said("told", f"{asked} does not wait any more")
        if outcome == NO_ANSWER:
            attempt.answer.set_exception(AttemptFailedError("nobody answered"))
        else:
            said = {"outcome": outcome, "fields": read_args(fields, attempt.fields(outcome))}
            attempt.answer.set_result(said)
        await self.settle()
        return Said("told", f"{asked}: {outcome}")

    async def pass_time(self, milliseconds: int) -> Said:
        """Let time pass, with everything that happens meanwhile at its own time."""
        end = self.clock.now() + milliseconds
        while (due := self.clock.next_due()) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            await self.settle()
        self.clock.set(end)
        await self.settle()
        return Said("told", f"{show_duration(milliseconds)} later it is {self.now()}")

    async def pass_to_next(self) -> Said:
        """Let time pass until something happens by itself."""
        due = self.clock.next_due()
        if due is None:
            return Said("told", "nothing is going to happen by itself")
        return await self.pass_time(max(0, due - self.clock.now()))

    async def settle(self) -> None:
        """Let everything happen that waits for nobody."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def _entity(self, name: str) -> Entity:
        return next(entity for entity in self.table.entities if entity.name == name)

    # Keeping

    def scenario(self, entity: str, id_: str, name: str, found: str) -> Scenario:
        """What happened to an instance as a scenario. Raises `NoRecordError` and `TooWideError`."""
        return captured(self._records, Address(entity, id_), name=name, found=found)

    def _records(self, address: Address) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while rows := self.runtime.history(*address, after=found[-1]["number"] if found else 0, limit=PAGE):
            if not isinstance(rows, tuple):
                break  # Nobody has such an instance.
            found += [json.loads(row.body) for row in rows]
        return found


def read_principal(text: str) -> Principal:
    """A principal as people type it; raises `ValueError` if it is none.

    >>> print(read_principal("ann: engineer, lead"))
    ann: engineer, lead
    """
    name, _, roles = text.partition(":")
    if not name.strip():
        raise ValueError("say who acts, as in `ann: engineer, lead`")
    return Principal(name.strip(), frozenset(role.strip() for role in roles.split(",") if role.strip()))


def line_of(record: Mapping[str, Any]) -> str:
    """A journal record in a line."""
    by = record.get("caller") or record.get("cause", "")
    changes = ", ".join(f"{name}={value}" for name, value in record.get("data", record.get("set", {})).items())
    asks = ", ".join(handed_on(made["delivery"]) for made in record.get("made", []))
    parts = [
        moment(record["at"])[11:23],
        record.get("action", record["rule"]),
        f"by {by}" if by else "",
        f"→ {record['state']}" if record.get("state") else "",
        changes,
        f"asks {asks}" if asks else "",
        record.get("note", ""),
    ]
    return "  ".join(filter(None, parts))
