"""All tenants: made, opened when somebody asks or their time has come, closed when they are at rest, archived.

What goes wrong with one stays with it: a journal that cannot be opened answers for itself alone, and is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from temper.run.alarms import Alarms
from temper.run.store.protocol import StoreError
from temper.serve.draining import Draining
from temper.serve.home import Home
from temper.serve.logs import tell
from temper.serve.presenting import moment
from temper.serve.pressure import RETRY_SECONDS
from temper.serve.problem import ProblemError
from temper.serve.tenants.audit import Audit, AuditBrokenError, Audited
from temper.serve.tenants.limits import AllLimits
from temper.serve.tenants.naming import checked, is_name
from temper.serve.tenants.opening import Making, NotOpenedError, Offer, Opened, bring_up_to_date, open_tenant, refused
from temper.serve.tenants.resting import Resting, rests
from temper.serve.tenants.tenant import Tenant
from temper.serve.tokens import create_tokens

IDLE_SECONDS = 300.0
"""How long nobody asks before a tenant that owes nothing is closed."""
SWEEP_SECONDS = 30.0
AGAIN_SECONDS = 10.0
"""When a journal that could not be opened is tried again."""
LEAVE_SECONDS = 10.0
"""How long the requests of a tenant that is archived may take to end."""
ARCHIVED = ".archived"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a version in one tenant: empty if it has it."""

    tenant: str
    refused: str


class Tenants:
    """Those that lie in one folder."""

    def __init__(self, folder: Path, offer: Offer, making: Making, limits: AllLimits, draining: Draining) -> None:
        self.folder, self.offer, self._making, self._limits, self._draining = folder, offer, making, limits, draining
        self.audit = Audit(folder / "audit.jsonl")
        self._known: dict[str, Tenant] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarms = Alarms(making.clock)
        self._upgrading = asyncio.Lock()
        self._room = asyncio.Lock()
        self.is_looked_over = False
        """Whether everything that was pending at the start is on its way."""
        for path in sorted(folder.glob("*")):
            if path.is_dir() and is_name(path.name):
                self._learn(path.name)

    def find(self, name: str) -> Tenant | None:
        """The tenant of that name, if there is one and it is not about to leave."""
        found = self._known.get(name)
        return None if found is None or found.is_leaving else found

    def __iter__(self) -> Iterator[Tenant]:
        return iter([self._known[name] for name in sorted(self._known)])

    # Serving one

    @contextlib.asynccontextmanager
    async def entered(self, tenant: Tenant) -> AsyncIterator[Opened]:
        """Be one of a tenant's requests; it is opened if it has to be. Raises `ProblemError`."""
        tenant.users += 1
        try:
            yield tenant.opened if tenant.opened is not None and not tenant.is_leaving else await self.open(tenant)
        finally:
            tenant.users -= 1
            tenant.used_at = monotonic()

    async def open(self, tenant: Tenant) -> Opened:
        """Its system, opened if it is not. Raises `store-failed` if it cannot be, or `too-busy` if there is no room."""
        async with tenant.lock:
            if tenant.is_leaving:
                raise unknown_tenant(tenant.name)
            if tenant.opened is not None:
                return tenant.opened
            if tenant.failed and monotonic() - tenant.failed_at < AGAIN_SECONDS:
                raise _failed(tenant)
            await self._make_room()
            draining = tenant.draining = Draining()
            if self._draining.is_begun:
                draining.begin()
            try:
                tenant.opened = await open_tenant(
                    *(tenant.name, tenant.home, tenant.tokens, self.offer, self._making, tenant.limits, draining)
                )
            except Exception as wrong:  # noqa: BLE001 (one tenant's trouble is to be nobody else's)
                # Whatever it is, it is this tenant's: others must not hear of it, and the operator must.
                self._give_up(tenant, wrong)
                raise _failed(tenant) from None
            tenant.failed = ""
            tell("tenant-opened", {"tenant": tenant.name})
        if tenant.opened.is_behind:
            self._start(self._upgrade(tenant))
        return tenant.opened

    def _give_up(self, tenant: Tenant, wrong: Exception) -> None:
        said = str(wrong) if isinstance(wrong, NotOpenedError) else f"{type(wrong).__name__}: {wrong}"
        if said != tenant.failed:
            tell("tenant-failed", {"tenant": tenant.name, "because": said}, logging.ERROR)
        tenant.failed, tenant.failed_at = said, monotonic()

    async def _make_room(self) -> None:
        """Close whoever has rested longest, if so many are open as may be."""
        async with self._room:
            opened = [each for each in self._known.values() if each.opened is not None]
            if len(opened) < self._limits.open:
                return
            for each in sorted(opened, key=lambda each: each.used_at):
                if await self._close_at_rest(each):
                    return
        detail = f"{self._limits.open:,} tenants have something to do, and no more are opened at once"
        raise ProblemError("too-busy", detail, {"retry_seconds": RETRY_SECONDS})

    # At rest

    async def begin(self) -> None:
        """Look over everybody: whoever owes something is opened, whoever waits for a timer is woken in time."""
        for tenant in self:
            place = self._making.journals.place(tenant.name, tenant.home, self.offer.blueprint)
            self._heed(tenant, await asyncio.to_thread(rests, place))
            if tenant.failed:
                tell("tenant-failed", {"tenant": tenant.name, "because": tenant.failed}, logging.ERROR)
        self.is_looked_over = True
        self._start(self._sweep())

    def _heed(self, tenant: Tenant, resting: Resting) -> None:
        tenant.failed, tenant.failed_at = resting.failed, monotonic() if resting.failed else 0.0
        if resting.owes:
            self._wake(tenant)
        elif resting.due is not None:
            self._alarms.at(resting.due, lambda: self._wake(tenant))

    def _wake(self, tenant: Tenant) -> None:
        if self._known.get(tenant.name) is tenant:
            self._start(self._awake(tenant))

    async def _awake(self, tenant: Tenant) -> None:
        try:
            await self.open(tenant)
        except ProblemError:
            if not tenant.is_leaving:
                due = self._making.clock.now() + int(AGAIN_SECONDS * 1000)
                self._alarms.at(due, lambda: self._wake(tenant))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.close_idle(IDLE_SECONDS)

    async def close_idle(self, seconds: float) -> None:
        """Close everybody whom nobody has asked for so long and who owes nothing."""
        for tenant in self:
            if monotonic() - tenant.used_at >= seconds:
                await self._close_at_rest(tenant)

    async def _close_at_rest(self, tenant: Tenant) -> bool:
        """Close one who owes nothing; a timer that is armed wakes it. Whether it was closed."""
        async with tenant.lock:
            opened = tenant.opened
            try:
                if opened is None or tenant.users or not opened.is_at_rest:
                    return False
                armed = opened.runtime.store.armed(1)
            except StoreError:
                return False
            tenant.opened = None
            await opened.close()
        if armed and armed[0].due is not None:
            self._alarms.at(armed[0].due, lambda: self._wake(tenant))
        return True

    # Made and archived

    async def create(self, name: object, by: str) -> dict[str, str]:
        """Make one; the tokens that were drawn for it are given here and kept nowhere."""
        text = checked(name)
        if text in self._known:
            raise ProblemError("tenant-exists", f"there is a tenant `{text}` already", {"tenant": text})
        await self._assert_free(text)
        half = self.folder / f".making-{text}"
        self._audit(by, "create", text)
        half.mkdir(parents=True, exist_ok=True)
        drawn = create_tokens(half / "tokens.toml", self.offer.certified.table.scope.principals)
        half.rename(self.folder / text)
        self._learn(text)
        return drawn

    async def _assert_free(self, name: str) -> None:
        """Nobody is given a journal that is there already."""
        try:
            is_taken = await asyncio.to_thread(self._making.journals.is_taken, name, self.offer.blueprint)
        except StoreError as wrong:
            raise ProblemError("store-failed", f"the database does not say whether there is one: {wrong}") from None
        if is_taken:
            detail = f"the database has a journal of a tenant `{name}` that is not served here; nobody else is given it"
            raise ProblemError("tenant-exists", detail, {"tenant": name})

    async def archive(self, name: str, by: str) -> Path:
        """Let one go: its requests end, its journal is closed, and its folder is put aside as it is.

        A journal in a database is called otherwise after that: if all ends in between, the name is free nowhere.
        """
        tenant = self.find(name)
        if tenant is None:
            raise unknown_tenant(name)
        self._audit(by, "archive", name)
        tenant.is_leaving = True
        tenant.draining.begin()
        for _ in range(int(LEAVE_SECONDS * 100)):
            if not tenant.users:
                break
            await asyncio.sleep(0.01)
        async with tenant.lock:
            opened, tenant.opened = tenant.opened, None
            if opened is not None:
                await opened.close()
        stamp = moment(self._making.clock.now()).replace(":", "").replace("-", "").replace(".", "-")
        target = self.folder / ARCHIVED / f"{name}-{stamp}"
        number = 1
        while target.exists():
            number += 1
            target = self.folder / ARCHIVED / f"{name}-{stamp}-{number}"
        target.parent.mkdir(parents=True, exist_ok=True)
        tenant.home.folder.rename(target)
        del self._known[name]
        try:
            await asyncio.to_thread(self._making.journals.put_aside, name, self.offer.blueprint, stamp)
        except StoreError as wrong:
            detail = f"it is served no more, and its schema keeps its name until somebody calls it otherwise: {wrong}"
            raise ProblemError("store-failed", detail, {"tenant": name}) from None
        return target

    def _audit(self, by: str, what: str, name: str, note: str = "") -> None:
        """First written down, then done: nothing is done that nobody can find."""
        try:
            self.audit.write(Audited(self._making.clock.now(), by, what, name, note))
        except (OSError, AuditBrokenError) as wrong:
            raise ProblemError("store-failed", f"it cannot be written down, so it is not done: {wrong}") from None
        tell(f"tenant-{what}", {"tenant": name, "by": by, "note": note})

    def _learn(self, name: str) -> None:
        self._known[name] = Tenant(name, Home(self.folder / name), self._limits.limits_of(name))

    # Versions

    async def load(self, offer: Offer, by: str) -> list[Loaded]:
        """Offer a version to everybody: those that are open load it now, the others when they are opened."""
        self._audit(by, "load", "", offer.certified.certificate.table)
        self.offer = offer
        found = [tenant for tenant in self if tenant.opened is not None]
        for tenant in found:
            await self._upgrade(tenant)
        return [Loaded(tenant.name, tenant.refused) for tenant in found]

    async def _upgrade(self, tenant: Tenant) -> None:
        """One after the other: to certify a version takes a processor."""
        async with self._upgrading:
            tenant.users += 1
            try:
                if tenant.opened is not None:
                    await bring_up_to_date(tenant.opened, self.offer, self._making)
                    tenant.refused = ""
            except ProblemError as problem:
                tenant.refused = refused(problem)
                told = {"tenant": tenant.name, "because": tenant.refused}
                tell("tenant-stays-behind", told, logging.WARNING)
            finally:
                tenant.users -= 1

    # The end

    def drain(self) -> None:
        """Nobody is ready any more; streams end."""
        for tenant in self:
            tenant.draining.begin()

    async def close(self) -> None:
        """Close everybody."""
        self._alarms.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for tenant in self:
            async with tenant.lock:
                opened, tenant.opened = tenant.opened, None
                if opened is not None:
                    await opened.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def unknown_tenant(name: str) -> ProblemError:
    """The same for a tenant that is not there and for a token that is not one of its."""
    detail = "no tenant of this name is served here, or the token is not one of its"
    return ProblemError("unknown-tenant", detail, {"tenant": name[:60]})


def _failed(tenant: Tenant) -> ProblemError:
    """What the tenant hears; why, its server's log says, and whoever runs the server."""
    detail = "the journal of this tenant cannot be served just now; whoever runs the server can see why"
    return ProblemError("store-failed", detail, {"tenant": tenant.name})
