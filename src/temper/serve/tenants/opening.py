"""Opening one tenant: its store, its world, its runtime, and its application, none of them anybody else's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from temper.machine import Certified, TransitionTable, table_from_json, table_hash
from temper.pipeline import SECONDS_MAX, Read, certify
from temper.run import Handler, Limits, NotAdmitted, Runtime, Store, World, open_runtime
from temper.run.retention import Retention
from temper.run.runtime import load_versions
from temper.run.store.opening import Place, open_store
from temper.run.store.protocol import StoreError
from temper.run.store.rows import VersionRow
from temper.run.store.whole import count_instances
from temper.run.tracing import TracedSpan, Tracer, retold
from temper.run.world import Chance, Clock
from temper.serve.draining import Draining
from temper.serve.home import Home
from temper.serve.http.app import Application
from temper.serve.instruments import Instruments
from temper.serve.logs import tell_untidied
from temper.serve.otlp import Exporter
from temper.serve.premises import Premises
from temper.serve.pressure import Pressure
from temper.serve.problem import ProblemError
from temper.serve.reload import Reloader
from temper.serve.tenants.counting import InstanceCount
from temper.serve.tenants.journals import Journals
from temper.serve.tenants.limits import TenantLimits
from temper.serve.tenants.service import TenantService
from temper.serve.tokens import TokenFile

FILES = Journals()
NO_HANDLERS: tuple[Mapping[str, Handler], Mapping[str, Limits]] = ({}, {})


class NotOpenedError(Exception):
    """A tenant's system cannot be served; the text says why, for whoever runs the server."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The version that every tenant is to have."""

    certified: Certified
    found: Read
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def blueprint(self) -> str:
        return self.certified.table.blueprint


@dataclass(frozen=True, slots=True)
class Making:
    """What a tenant's world is made of. What could be shared is made for each: one's handlers are not another's."""

    clock: Clock
    chance: Callable[[], Chance]
    handlers: Callable[[TransitionTable], tuple[Mapping[str, Handler], Mapping[str, Limits]]] = lambda _: NO_HANDLERS
    retention: Callable[[TransitionTable], Retention] = lambda _: Retention()
    seconds_max: float = SECONDS_MAX
    exporter: Exporter | None = None
    ratio: float = 1.0
    journals: Journals = FILES


@dataclass(slots=True)
class Opened:
    """A tenant that is served. `is_behind`: its journal was last served under another version than is offered."""

    runtime: Runtime
    application: Application
    instruments: Instruments
    reloader: Reloader
    count: InstanceCount
    is_behind: bool
    tidying: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Let go of everything; what is durable stays."""
        if self.tidying is not None:
            self.tidying.cancel()
            await asyncio.gather(self.tidying, return_exceptions=True)
        await self.runtime.close()

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing goes on or is owed but timers. Raises `StoreError`."""
        runtime = self.runtime
        letters = runtime.letters(limit=1000)
        redriven = not isinstance(letters, tuple) or any(letter.redriven_by for letter in letters)
        return runtime.is_ready and not redriven and not runtime.store.pending(0, 1)


async def open_tenant(
    name: str, home: Home, tokens: TokenFile, offer: Offer, making: Making, limits: TenantLimits, draining: Draining
) -> Opened:
    """Serve a tenant, under the version that its journal was last served under. Raises `NotOpenedError`."""
    place = making.journals.place(name, home, offer.blueprint)
    try:
        # A database is asked beside the loop: others are not to wait until it has made a schema.
        store = await asyncio.to_thread(open_store, place, identity=making.chance().id())
    except (StoreError, OSError) as wrong:
        raise NotOpenedError(str(wrong)) from None
    try:
        return await _open(name, home, tokens, offer, making, limits, draining, store, place)
    except BaseException:
        store.close()
        raise


async def _open(
    name: str,
    home: Home,
    tokens: TokenFile,
    offer: Offer,
    making: Making,
    limits: TenantLimits,
    draining: Draining,
    store: Store,
    place: Place,
) -> Opened:
    try:
        versions = store.versions()
        count = InstanceCount(await asyncio.to_thread(count_instances, place))
        certified, is_behind = offer.certified, False
        if versions and versions[-1].hash != table_hash(certified.table):
            certified, is_behind = await _as_before(store, versions[-1], making), True
        premises = making.journals.premises(home)
        archive = Premises(home.store).archive  # beside the tokens, wherever the journal is
        instruments = Instruments(
            draining=draining, premises=premises, archive=archive, exporter=None, tenant=name, others=(count,)
        )
        instruments.pressure = Pressure(instruments.meters, requests_max=limits.requests, streams_max=limits.requests)
        instruments.tracer = _tracer(name, store, making)
        handlers, attempted = await asyncio.to_thread(making.handlers, certified.table)
    except StoreError as wrong:
        raise NotOpenedError(str(wrong)) from None
    chance, observer, tracer = making.chance(), instruments.observer, instruments.tracer
    world = World(making.clock, chance, store, handlers, attempted, observer, tracer, tenant=name)
    runtime = await _runtime(world, certified)
    reloader = Reloader(runtime, seconds_max=making.seconds_max)
    service = TenantService(runtime, tokens, reloader, instruments, name, count, limits.instances)
    opened = Opened(runtime, Application(service), instruments, reloader, count, is_behind)
    retention = making.retention(runtime.table)
    if not retention.keeps_everything:
        runtime.keep(retention, archive)
        assert runtime.keeping is not None, "it was just made"
        opened.tidying = asyncio.create_task(runtime.keeping.every_hour(tell_untidied))
    return opened


async def _runtime(world: World, certified: Certified) -> Runtime:
    from temper.verify import certificate_from_line, certificate_to_line

    runtime = await open_runtime(world, certified, certificate_to_line(certified.certificate), certificate_from_line)
    if isinstance(runtime, Runtime):
        return runtime
    if isinstance(runtime, NotAdmitted):
        raise NotOpenedError("; ".join(f"{each.where}: {each.message}" for each in runtime.obstacles))
    raise NotOpenedError(runtime.message)


async def _as_before(store: Store, last: VersionRow, making: Making) -> Certified:
    """The version that a journal was last served under: it goes on, and from there the new one is loaded."""
    from temper.verify import certificate_from_line, still_certified

    table, kept = table_from_json(json.loads(last.body)), store.certificate(last.hash)
    certificate = None if kept is None else certificate_from_line(kept.body)
    good = None if certificate is None else still_certified(table, certificate)
    if good is None:
        good = (await asyncio.to_thread(certify, table, seconds_max=making.seconds_max)).certified
    if good is None:
        raise NotOpenedError(f"it was last served under version {last.hash[:12]}, which is not certified any more")
    return good


def _tracer(name: str, store: Store, making: Making) -> Tracer | None:
    exporter = making.exporter
    if exporter is None:
        return None
    of: tuple[tuple[str, str], ...] = (("temper.tenant", name),)

    def tell(span: TracedSpan) -> None:
        exporter.tell(span._replace(attributes=span.attributes + of))

    tracer = Tracer(store.head().identity, tell, ratio=making.ratio)
    retold(tracer, store, load_versions(store))
    return tracer


async def bring_up_to_date(opened: Opened, offer: Offer, making: Making) -> None:
    """Load the version that is offered, from what lives in this tenant. Raises `ProblemError` if it is refused."""
    if opened.runtime.table_hash == table_hash(offer.certified.table):
        opened.is_behind = False
        return
    opened.is_behind = True
    await opened.reloader.reload(offer.found, offer.constants)
    opened.is_behind = False
    handlers, limits = await asyncio.to_thread(making.handlers, opened.runtime.table)
    opened.runtime.use(handlers, limits)


def refused(problem: ProblemError) -> str:
    """Why a tenant stays with the version it has."""
    return f"{problem.code}: {problem.detail}"
