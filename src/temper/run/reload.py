"""Loading a version into a running system: under a barrier, all in one transaction, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from temper.machine import (
    NEW,
    Address,
    Cell,
    Certified,
    Delivery,
    Effecting,
    Refusal,
    absent,
    initial_cells,
)
from temper.run.admission import Plan, plan
from temper.run.answer import Problem
from temper.run.calls import failed
from temper.run.codec import cell_from_row
from temper.run.driver import Driver
from temper.run.engine import Instance, absorb
from temper.run.journal import Journal
from temper.run.obstacle import Obstacle
from temper.run.record import Pending, Record, owner_of, receiver_of
from temper.run.store.protocol import Store, StoreError
from temper.run.store.rows import CertificateRow, VersionRow
from temper.run.version import Version, kept_text, stage
from temper.run.work import all_pending
from temper.run.world import World


@dataclass(frozen=True, slots=True)
class Admitted:
    """The version is in force. `cells` and `deliveries` were mapped; `unchecked` properties read a world entity."""

    hash: str
    cells: int
    deliveries: int
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """The version stays out, and the old one goes on serving. All obstacles, not only the first."""

    obstacles: tuple[Obstacle, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The obstacles in words."""
        return tuple(map(str, self.obstacles))


MOVED = "instances have come to where the certificate did not look, while it was made"
Covers: TypeAlias = "Callable[[tuple[Image, ...]], bool]"
"""Whether a certificate covers what lives."""


class Reload:
    """Takes one runtime's driver from one version to the next."""

    def __init__(self, driver: Driver, covers: Covers | None = None, kept: str = "") -> None:
        self._driver, self._covers, self._kept = driver, covers, kept

    async def load(self, certified: Certified) -> Admitted | NotAdmitted | Problem:
        """Pause, plan, write, go on. Reads are answered meanwhile; calls wait."""
        driver = self._driver
        new = stage(certified.table)
        if (end := await driver.pause()) is not None:
            driver.proceed()
            return failed(end)
        loaded = None
        try:
            async with self._alone():
                ended = await self._load(new)
            loaded = new if isinstance(ended, Admitted) else None
        except StoreError as error:
            return failed(error)
        finally:
            driver.proceed(loaded)
        return ended

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """No other node commits until the end; what they put in force meanwhile is what the version follows."""
        shared, driver = self._driver.shared, self._driver
        if shared is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            in_force = await asyncio.to_thread(stack.enter_context, shared.bar())
            if in_force != driver.version.hash:
                driver.catch_up()
            driver.journal.witness(*shared.furthest())
            yield

    async def _load(self, new: Version) -> Admitted | NotAdmitted | Problem:
        driver = self._driver
        old, store, now = driver.version, driver.world.store, driver.world.clock.now()
        if new.hash == old.hash:
            return await self._keep(new, now) or Admitted(new.hash, 0, 0)
        if self._covers is not None and not self._covers(live_images(old, store)):
            return NotAdmitted((Obstacle("instances-moved", MOVED),))
        starting = tuple(_starting(new, store, now))
        planned = await _aside(store, old, new, starting, now)
        if not isinstance(planned, Plan):
            return NotAdmitted(planned)
        _write(driver.journal, new, planned, starting, now, store)
        if self._kept:
            driver.journal.certify(CertificateRow(new.hash, now, self._kept))
        end = await driver.committer.flush().wait()
        if end is not None:
            return failed(end)
        return Admitted(new.hash, len(planned.cells), len(planned.deliveries), planned.unchecked)

    async def _keep(self, version: Version, now: int) -> Problem | None:
        """Keep what was decided anew about the version in force."""
        if not self._kept:
            return None
        self._driver.journal.certify(CertificateRow(version.hash, now, self._kept))
        end = await self._driver.committer.flush().wait()
        return None if end is None else failed(end)


async def _aside(
    store: Store, old: Version, new: Version, starting: tuple[Cell, ...], now: int
) -> Plan | tuple[Obstacle, ...]:
    """Plan in a thread where the store is on a disk, so that reads are answered meanwhile."""

    def planned() -> Plan | tuple[Obstacle, ...]:
        return plan(old, new, all_cells(old, store), all_pending(old, store), starting, now)

    return await asyncio.to_thread(planned) if store.blocks else planned()


def all_cells(version: Version, store: Store) -> Iterator[Cell]:
    """Every instance that exists, as it is durable."""
    for entity in version.entities:
        if version.live(entity) is not None:
            yield from (cell_from_row(version, row) for row in store.all_cells(entity) if row.control != NEW)


def _starting(new: Version, store: Store, now: int) -> Iterator[Cell]:
    """The `single` cells that the version brings and the store does not have."""
    return (cell for cell in initial_cells(new.table, now=now) if store.cell(cell.address) is None)


def first_load(world: World, version: Version, kept: str = "") -> None:
    """The first version of an empty store, with its `single` instances."""
    journal, now = Journal(world.store.head()), world.clock.now()
    nothing = Plan((), (), ())
    _write(journal, version, nothing, tuple(_starting(version, world.store, now)), now, world.store)
    if kept:
        journal.certify(CertificateRow(version.hash, now, kept))
    world.store.commit(journal.take())


def keep_certificate(world: World, version: Version, kept: str) -> None:
    """Keep what was decided anew about the version in force, before it is served."""
    before = world.store.certificate(version.hash)
    if kept and (before is None or before.body != kept):
        journal = Journal(world.store.head())
        journal.certify(CertificateRow(version.hash, world.clock.now(), kept))
        world.store.commit(journal.take())


def _write(journal: Journal, new: Version, planned: Plan, starting: tuple[Cell, ...], now: int, store: Store) -> None:
    """The records of a load: the version itself, then every cell and delivery that it changes."""
    number = len(store.versions()) + 1
    journal.load(VersionRow(number, new.hash, now, kept_text(new)))
    blank = Record(journal.next_record, now, new.hash, Address("", ""), "load", cause=f"version {number}")
    journal.append(new, blank, None)
    for cell in starting:
        _append_cell(journal, new, Instance(absent(new.table, cell.address)), cell, "start")
    for before, after in planned.cells:
        row = store.cell(before.address)
        assert row is not None, "a cell that was mapped lies in the store"
        marks = tuple(_marks(row.marks))
        _append_cell(journal, new, Instance(before, (), marks), after, "reload")
    for waiting, placed in planned.deliveries:
        address = owner_of(placed.delivery)
        record = Record(journal.next_record, now, new.hash, address, "reload", made=(placed,), consumed=(waiting.key,))
        journal.append(new, record, None)


def _append_cell(journal: Journal, new: Version, before: Instance, cell: Cell, rule: str) -> None:
    record = Record(
        number=journal.next_record,
        at=cell.clock,
        table=new.hash,
        address=cell.address,
        rule=rule,
        before=before.cell.control,
        control=cell.control,
        seq=cell.seq,
        data=cell.data,
        timers=cell.timers,
    )
    journal.append(new, record, absorb(before, record))


def _marks(body: str) -> list[str]:
    marks: list[str] = json.loads(body)
    return marks


# What lives, for a search that starts from it


@dataclass(frozen=True, slots=True)
class Image:
    """A distinct state of live instances, without ids, clocks and counters, with what is pending from or to it."""

    look: tuple[object, ...]
    """What makes it this image: two images are equal if their instances look alike."""
    cell: Cell = field(compare=False)
    """One of them, with clock and seq 0 and every due 0."""
    pending: tuple[Delivery, ...] = field(compare=False)
    count: int = field(compare=False)


def live_images(version: Version, store: Store) -> tuple[Image, ...]:
    """The distinct images of live cells with how many instances look like that."""
    concerning: dict[Address, list[Delivery]] = {}
    for pending in all_pending(version, store):
        for address in {owner_of(pending.delivery), receiver_of(pending.delivery)}:
            concerning.setdefault(address, []).append(_timeless(pending))
    counts: Counter[tuple[object, ...]] = Counter()
    examples: dict[tuple[object, ...], tuple[Cell, tuple[Delivery, ...]]] = {}
    for cell in all_cells(version, store):
        timers = tuple((name, 0) for name, _ in cell.timers)
        still = cell._replace(timers=timers, clock=0, seq=0)
        deliveries = tuple(concerning.get(cell.address, ()))
        look = (cell.entity, cell.control, cell.data, timers, tuple(map(_look, deliveries)))
        counts[look] += 1
        examples.setdefault(look, (still, deliveries))
    return tuple(Image(look, *examples[look], count) for look, count in counts.items())


def _timeless(pending: Pending) -> Delivery:
    delivery = pending.delivery
    if isinstance(delivery, Refusal):
        return delivery._replace(of=delivery.of._replace(stamp=0, seq=0), stamp=0)
    return delivery._replace(stamp=0, seq=0)


def _look(delivery: Delivery) -> tuple[object, ...]:
    """A delivery without who it belongs to, so that instances in the same situation look alike."""
    if isinstance(delivery, Refusal):
        return ("refusal", delivery.reason, *_look(delivery.of))
    asked = delivery.effect if isinstance(delivery, Effecting) else delivery.action
    return (type(delivery).__name__, delivery.site, asked, delivery.args)
