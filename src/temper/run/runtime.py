"""The runtime: certified tables, live. Everything that a server, a test or a simulation does goes through here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from temper.machine import Address, Certificate, Certified, TransitionTable
from temper.run.answer import Armed, Listed, Option, Problem, Response, Seen, Waiting
from temper.run.archive import archived, broken_record
from temper.run.calls import Calls, failed
from temper.run.codec import Versions
from temper.run.cut import cut_of
from temper.run.dispatcher import Answered, Failed
from temper.run.driver import Driver
from temper.run.keeping import Keeping
from temper.run.leases import Completed, Leased
from temper.run.limits import Limits
from temper.run.membership import Membership
from temper.run.past import Past, instance_at
from temper.run.position import Position
from temper.run.queries import Queries
from temper.run.reload import Admitted, Covers, Image, NotAdmitted, Reload, first_load, keep_certificate, live_images
from temper.run.requests import Request
from temper.run.retention import Retention
from temper.run.store.protocol import ConflictError, Store, StoreError
from temper.run.store.rows import Head, RecordRow
from temper.run.tracing import Tracer
from temper.run.upkeep import Attempts, EffectSeen, LetterSeen, Upkeep
from temper.run.version import Version, restaged, stage
from temper.run.work import Work
from temper.run.world import Handler, World

STARTS_MAX = 5
"""How often an empty store is looked at again because another node fills it at the same time."""
Recall: TypeAlias = Callable[[str], Certificate | None]
"""Reads a certificate that was kept as a text; None if it is of a form that is not read any more."""


class Runtime:
    """Serves one blueprint over one store. Made by `open_runtime`; close it with `close`."""

    def __init__(self, world: World, certified: Certified, version: Version, recall: Recall | None = None) -> None:
        self._world, self._certified, self._recall = world, certified, recall
        self.followed: Callable[[], None] = lambda: None
        """Called when another node has put a version in force, which is served from then on."""
        self._driver = Driver(world, version, moved=self._moved)
        self._work = Work(self._driver)
        self._driver.obeys = self._work
        self._driver.begin()
        self._calls = Calls(self._driver, self._work)
        self._queries = Queries(self._driver, self._work)
        self._upkeep = Upkeep(self._driver, self._work)
        self._loading = asyncio.Lock()
        self.keeping: Keeping | None = None
        shared = self._driver.shared
        self.membership = None if shared is None else Membership(self._driver, self._work, shared)

    # Asking for something

    async def call(
        self,
        entity: str,
        id: str | None,  # noqa: A002 (the blueprint's word)
        action: str,
        args: Mapping[str, Any],
        *,
        caller: str,
        roles: frozenset[str],
        key: str | None = None,
        expected: int | None = None,
        trace: str = "",
    ) -> Response:
        """Ask for an action. The answer is durable when it comes; `Retryable` means that nothing changed.

        `args` are JSON data. Without an id a constructor gets one. Under a `key` the same request has one answer,
        however often it is asked. `expected` is the version (`seq`) that the caller has seen,
        `trace` where the caller stands in a trace (`trace_context`).
        """
        return await self.ask(Request(entity, id, action, args, caller, roles, key, expected, trace))

    async def ask(self, request: Request) -> Response:
        """The same for a request that is put together already."""
        return await self._calls.call(request)

    def begin_call(self, request: Request, tell: Callable[[Response], None]) -> bool:
        """As `ask`, without a task: `tell` hears the answer. False if this one needs a task, and nothing was done."""
        return self._calls.begin(request, tell)

    # Looking

    def read(self, entity: str, id: str) -> Seen | Problem:  # noqa: A002
        """One instance as it is durable."""
        return self._queries.read(entity, id)

    async def list(
        self,
        entity: str,
        *,
        state: str | None = None,
        where: Mapping[str, Any] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listed | Problem:
        """A page of instances by id, in a state and with JSON values in fields if they are given."""
        return await self._queries.page(entity, state, where or {}, after, limit)

    def history(
        self,
        entity: str,
        id: str,  # noqa: A002
        *,
        after: int = 0,
        limit: int = 100,
    ) -> tuple[RecordRow, ...] | Problem:
        """The journal records of one instance, oldest first."""
        return self._queries.history(entity, id, after, limit)

    def records(self, *, after: int = 0, limit: int = 100) -> tuple[RecordRow, ...] | Problem:
        """The journal records of all instances, oldest first."""
        return self._queries.records(after, limit)

    async def news(self, *, after: Position, limit: int = 100) -> tuple[RecordRow, ...] | Problem:
        """The journal records behind a position, whoever wrote them; none is told before one that it rests on."""
        return await self._queries.news(after, limit)

    def available(
        self,
        entity: str,
        id: str | None,  # noqa: A002
        *,
        caller: str,
        roles: frozenset[str],
    ) -> tuple[Option, ...] | Problem:
        """What can be done now, and why not; with no id, which constructors there are."""
        return self._queries.available(entity, id, caller, roles)

    def pending(self, *, limit: int = 1000) -> tuple[Waiting, ...] | Problem:
        """Deliveries that wait, and for what."""
        return self._queries.pending(limit)

    def attempts(self, key: str) -> Attempts | Problem:
        """One delivery with its attempts, whether it is pending, settled or a dead letter."""
        return self._upkeep.attempts(key)

    def effects(self) -> tuple[EffectSeen, ...] | Problem:
        """How every effect stands: who handles it, its breaker, its limits, what waits."""
        return self._upkeep.effects()

    def letters(
        self, *, effect: str | None = None, after: str = "", limit: int = 100
    ) -> Problem | tuple[LetterSeen, ...]:
        """Dead letters: what settled `unknown` and was not looked after yet, the oldest first."""
        return self._upkeep.letters(effect, after, limit)

    def timers(self, *, limit: int = 1000) -> tuple[Armed, ...] | Problem:
        """Armed timers and when they are due, the next first."""
        return self._queries.timers(limit)

    @property
    def table(self) -> TransitionTable:
        """The table in force."""
        return self._driver.version.table

    def is_live(self, entity: str) -> bool:
        """Whether the table in force has this entity, and not as a part of the world."""
        return self._driver.version.live(entity) is not None

    def has_action(self, entity: str, action: str) -> bool:
        """Whether the entity has this action in the table in force."""
        return (entity, action) in self._driver.version.actions

    @property
    def table_hash(self) -> str:
        """Its name, as records carry it."""
        return self._driver.version.hash

    @property
    def verdicts(self) -> Certificate:
        """What was decided about the table in force."""
        return self._certified.certificate

    @property
    def status(self) -> str:
        """`good`, `storage-full`, `store-failed`, `store-unsure` or `loading`; told at once, whatever is pending."""
        trouble = self._driver.trouble
        if trouble is not None:
            return failed(trouble.error).code
        return "loading" if self._driver.paused else "good"

    def health(self) -> dict[str, Any]:
        """How it goes, as data: its `status`, and what waits, for which the store is asked."""
        driver, status = self._driver, self.status
        trouble = driver.trouble
        data: dict[str, Any] = {"status": status, "blueprint": driver.version.table.blueprint}
        data |= {"table": driver.version.hash, "now": self._world.clock.now(), "faults": list(self._work.faults)}
        waiting = self.pending()
        if isinstance(waiting, tuple):
            data["pending"] = len(waiting)
            data["parked"] = sum(delivery.status == "parked" for delivery in waiting)
        if trouble is not None:
            data |= {"because": str(trouble.error), "since": trouble.since}
        return data

    @property
    def is_ready(self) -> bool:
        """Whether calls are taken, and everything that was pending when it began is on its way again."""
        return self._driver.takes and self._work.has_taken_up

    @property
    def identity(self) -> str:
        """The store's name, drawn once."""
        return self._driver.journal.identity

    @property
    def tracer(self) -> Tracer | None:
        """Whoever follows what happens."""
        return self._world.tracer

    @property
    def head(self) -> Head:
        """Where the durable journal stands. Raises `StoreError`."""
        return self._world.store.head()

    @property
    def store(self) -> Store:
        """What is durable, to be read."""
        return self._world.store

    def now(self) -> int:
        """The world's time."""
        return self._world.clock.now()

    def keep(self, retention: Retention, folder: Path | None) -> None:
        """Put away what is older than that, from now on when `tidy` is asked for; old records go into the folder."""
        self.keeping = Keeping(self._driver, retention, folder)

    def past(self, address: Address, moment: int, archive: Path | None) -> Past | None:
        """An instance as it was at a moment. Raises `StoreError`."""
        return instance_at(self._world.store, self.versions(), archive, address, moment)

    @property
    def instances_held(self) -> int:
        """How many instances are in memory."""
        return self._driver.held

    # Looking after effects

    async def pause(self, effect: str, *, by: str, because: str = "") -> EffectSeen | Problem:
        """Attempt this effect no more until it is resumed, also after a restart; what is under way goes on."""
        return await self._upkeep.pause(effect, by, because)

    async def resume(self, effect: str) -> EffectSeen | Problem:
        """Attempt this effect again."""
        return await self._upkeep.resume(effect)

    async def redrive(self, key: str, *, by: str) -> LetterSeen | Problem:
        """Have a dead letter performed once more. It has no outcome: what is answered changes no instance."""
        return await self._upkeep.redrive(key, by)

    async def dismiss(self, key: str) -> LetterSeen | Problem:
        """Put a dead letter away: somebody has looked after it."""
        return await self._upkeep.dismiss(key)

    async def lease(
        self, who: str, effects: Sequence[str], *, limit: int = 1, wait_milliseconds: int = 0
    ) -> tuple[Leased, ...] | Problem:
        """Give attempts of these effects to a worker, if there are any that have no handler here."""
        return await self._work.leases.lease(who, effects, limit, wait_milliseconds)

    def let_workers_go(self) -> None:
        """Nobody waits for an attempt any longer; whoever asks hears at once what there is."""
        self._work.leases.let_go()

    async def heartbeat(self, lease: str, who: str) -> int | Problem:
        """Prolong a worker's lease; for how many milliseconds from now."""
        return await self._work.leases.heartbeat(lease, who)

    async def complete(self, lease: str, who: str, end: Answered | Failed) -> Completed | Problem:
        """Hear from a worker what came of an attempt."""
        return await self._work.leases.complete(lease, who, end)

    # Versions and handlers

    async def apply(
        self,
        certified: Certified,
        *,
        handlers: Mapping[str, Handler] | None = None,
        limits: Mapping[str, Limits] | None = None,
        covers: Covers | None = None,
        kept: str = "",
    ) -> Admitted | NotAdmitted | Problem:
        """Load a certified version without stopping, or refuse it with the list of what stands in the way.

        `covers` is asked, while nothing moves, whether the certificate covers what lives by then. `kept` is the
        certificate as a text, which the store keeps with the version.
        """
        async with self._loading:
            self._calls.bar()
            try:
                ended = await Reload(self._driver, covers, kept).load(certified)
                if isinstance(ended, Admitted):
                    self._certified = certified
                    if handlers is not None:
                        self._work.use(handlers, limits)
                return ended
            finally:
                self._calls.unbar()

    def _moved(self, version: Version) -> None:
        """Another node has put a version in force, and kept what was decided about it."""
        row = self._world.store.certificate(version.hash)
        certificate = self._recall(row.body) if row is not None and self._recall is not None else None
        blank = Certificate(version.hash, (), None, "it was certified by another node", (), ())
        self._certified = Certified(version.table, certificate or blank)
        self.followed()

    def use(self, handlers: Mapping[str, Handler], limits: Mapping[str, Limits] | None = None) -> None:
        """Have other handlers, and limits if they are given, from now on; what was parked for want of one goes on."""
        self._work.use(handlers, limits)

    def live_images(self) -> tuple[Image, ...]:
        """The distinct states of live instances with what is pending, so that a search can start from them, too."""
        return live_images(self._driver.version, self._world.store)

    def versions(self) -> Versions:
        """Every version that was ever loaded, by hash, to read old records with."""
        return load_versions(self._world.store)

    def lineage(self) -> tuple[TransitionTable, ...]:
        """The tables that were loaded, one after the other; the last is in force."""
        return lineage_of(self._world.store)

    def first_broken_record(self) -> int | None:
        """Walk the whole hash chain; the number of the first record that is missing or altered.

        Behind a cut it goes on from the hash that the store keeps; what was cut off is checked in the archive.
        """
        return broken_record(self._world.store)

    def unexplained(self) -> tuple[Address, ...]:
        """Instances whose row is not what their records say; for a runtime at rest, where there are none."""
        from temper.run.replaying import unexplained  # brings a guest that nothing else needs

        cut, folder = cut_of(self._world.store), None if self.keeping is None else self.keeping.folder
        assert not cut.number or folder is not None, "what has left the journal is needed, too: say where it lies"
        older = archived(folder, cut) if folder is not None else ()
        return unexplained(self._world.store, self.versions(), self._driver.version, older)

    # Beginning and end

    def begin(self) -> None:
        """Take up what is pending and armed."""
        self._work.resume()
        self.join()

    def join(self) -> None:
        """Be a node among others, if there can be others."""
        if self.membership is not None:
            self.membership.begin()

    async def quiet(self) -> None:
        """Wait until nothing goes on that does not merely wait for its time; for tests and simulation."""
        while self._work.is_busy:
            if self._driver.committer.latest() is not None:
                await self._driver.durable()
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Finish what is on its way to the disk, cut attempts short, and close the store."""
        if self.membership is not None:
            await self.membership.close()
        await self._driver.close()
        await self._work.close()
        for handler in self._work.handlers.values():
            if (close := getattr(handler, "aclose", None)) is not None:
                await close()
        self._world.store.close()


def load_versions(store: Store) -> Versions:
    """Every version that the store was served under, by hash."""
    return {row.hash: restaged(row.body) for row in store.versions()}


def lineage_of(store: Store) -> tuple[TransitionTable, ...]:
    """The tables that a store was served under, one after the other."""
    return tuple(restaged(row.body).table for row in store.versions())


async def open_runtime(
    world: World, certified: Certified, kept: str = "", recall: Recall | None = None
) -> Runtime | NotAdmitted | Problem:
    """Serve a certified table over the world's store, going on where the store left off.

    If the store was last served under another version, the new one must be admitted as in a running system.
    `kept` is the certificate as a text, which the store keeps with the version; `recall` reads such a text.
    """
    version = stage(certified.table)
    try:
        in_force = _in_force(world, version, kept)
    except StoreError as error:
        return failed(error)
    runtime = Runtime(world, certified, in_force, recall)
    if in_force.hash == version.hash:
        runtime.begin()
        return runtime
    runtime.join()  # First, lest other nodes take this one for dead while it plans.
    ended = await runtime.apply(certified, kept=kept)
    if not isinstance(ended, Admitted):
        await runtime.close()
        return ended
    return runtime


def _in_force(world: World, version: Version, kept: str) -> Version:
    """The version that the store was last served under; this one if it is the first."""
    for _ in range(STARTS_MAX):
        with contextlib.suppress(ConflictError):
            rows = world.store.versions()
            if not rows:
                first_load(world, version, kept)
            elif rows[-1].hash != version.hash:
                return restaged(rows[-1].body)
            else:
                keep_certificate(world, version, kept)
            return version
    raise StoreError(f"other nodes were faster {STARTS_MAX} times")
