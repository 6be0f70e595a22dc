"""A runtime in a test: a blueprint in text, a clock that stands still, handlers that answer what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from temper.language import check, lower, parse
from temper.machine import Certificate, Certified, TransitionTable, table_hash
from temper.report import Source, render
from temper.run import (
    Ask,
    AttemptFailedError,
    Done,
    Handler,
    Limits,
    ManualClock,
    MemoryStore,
    Response,
    Runtime,
    SeededChance,
    Seen,
    Store,
    World,
    open_runtime,
)
from temper.run.observer import Observers
from temper.run.tracing import Tracer

EVERY_ROLE = frozenset({"engineer", "approver", "operator", "customer", "producer", "scheduler", "person"})


def table_of(text: str) -> TransitionTable:
    """The table of a blueprint that is right."""
    source = Source("test.yaml", text)
    tree, found = parse(source)
    blueprint = None
    if tree is not None:
        blueprint, more = check(tree)
        found += more
    assert blueprint is not None, "\n".join(render(each, (source,)) for each in found)
    return lower(blueprint)


def trusted(table: TransitionTable) -> Certified:
    """Certified without looking: these tests are about running, not about proving."""
    return Certified(table, Certificate(table_hash(table), (), None, "", (), ()))


@dataclass
class Receiver:
    """The outside: remembers what it was asked, and answers what is next in its list, else what it always says."""

    always: object = "done"
    answers: list[object] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def __call__(self, ask: Ask) -> object:
        self.asked.append(ask)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else self.always
        if isinstance(answer, Exception):
            raise answer
        return answer


class Running:
    """A runtime over a store, with a manual clock; ended and begun again as often as a test likes."""

    def __init__(
        self,
        table: TransitionTable,
        store: Store | None = None,
        handlers: Mapping[str, Handler] | None = None,
        limits: Mapping[str, Limits] | None = None,
        **world: Any,
    ) -> None:
        self.certified = trusted(table)
        self.clock = ManualClock(1_000)
        self.store = store if store is not None else MemoryStore()
        self.handlers: Mapping[str, Handler] = handlers or {}
        self.limits: Mapping[str, Limits] = limits or {}
        self.tracer: Tracer | None = None
        self.world = world
        """What else there is to a world than what has a name here."""
        self.runtime: Runtime

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runtime.close()

    async def open(self) -> None:
        watching = Observers(() if self.tracer is None else (self.tracer,))
        world = World(
            self.clock, SeededChance(7), self.store, self.handlers, self.limits, watching, self.tracer, **self.world
        )  # fmt: skip
        opened = await open_runtime(world, self.certified)
        assert isinstance(opened, Runtime), opened
        self.runtime = opened

    async def call(
        self, entity: str, id_: str | None, action: str, args: Mapping[str, Any] | None = None, **more: Any
    ) -> Response:
        given = {"caller": "ann", "roles": EVERY_ROLE, **more}
        return await self.runtime.call(entity, id_, action, args or {}, **given)

    async def done(
        self, entity: str, id_: str | None, action: str, args: Mapping[str, Any] | None = None, **more: Any
    ) -> Done:
        answer = await self.call(entity, id_, action, args, **more)
        assert isinstance(answer, Done), answer
        return answer

    def seen(self, entity: str, id_: str) -> Seen:
        seen = self.runtime.read(entity, id_)
        assert isinstance(seen, Seen), seen
        return seen

    def state(self, entity: str, id_: str) -> str:
        return self.seen(entity, id_).state

    async def pass_time(self, milliseconds: int) -> None:
        """Let time pass in the steps in which somebody waits for it, each until nothing goes on any more."""
        await self.runtime.quiet()
        end = self.clock.now() + milliseconds
        while (due := self.clock.next_due()) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            await turn()
            await self.runtime.quiet()
        self.clock.set(end)
        await turn()
        await self.runtime.quiet()


async def turn(times: int = 10) -> None:
    """Let whoever is ready go on."""
    for _ in range(times):
        await asyncio.sleep(0)


def failing(message: str = "no answer") -> AttemptFailedError:
    return AttemptFailedError(message)
