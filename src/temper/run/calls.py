"""One call from request to answer: keys, barriers, the step, and the wait until the answer may leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from temper.machine import Address, Rejected
from temper.run.answer import Done, Response, Retryable, Terminal, answer_from_json, answer_text
from temper.run.committer import Gathering
from temper.run.driver import Driver, Entered, Trouble
from temper.run.engine import Called
from temper.run.lookups import Lookups
from temper.run.record import Record
from temper.run.requests import Request, addressed, arguments, digest, named
from temper.run.store.protocol import ConflictError, StorageFullError, StoreError, StoreUnsureError, VersionMovedError
from temper.run.store.rows import AnswerRow

if TYPE_CHECKING:
    from temper.run.work import Work  # which leases work, and answers as calls do

CONFLICTS_MAX = 1000
"""How often a call is computed again because other nodes were faster, before it is given back."""
CLOSING = Retryable("shutting-down", "the runtime is closing; ask again when it is back")


class _Asking:
    """A request under a key that is being answered. Seldom does anybody else wait for it: there is a future if so."""

    __slots__ = ("_waiting", "bound")

    def __init__(self, bound: str) -> None:
        self.bound = bound
        self._waiting: asyncio.Future[Response | None] | None = None

    async def answered(self) -> Response | None:
        """What it was answered; None if whoever asked went away first."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._waiting)

    def end(self, response: Response | None) -> None:
        if self._waiting is not None:
            self._waiting.set_result(response)


class Decided(NamedTuple):
    """An answer, and the transaction that must be durable before it is given, if there is one."""

    response: Response
    gathering: Gathering | None = None


class Calls:
    """Takes requests while versions come and go, answers each once, and repeats an answer under its key."""

    def __init__(self, driver: Driver, work: Work) -> None:
        self._driver, self._work = driver, work
        self._lookups = Lookups(driver.world.store)
        self._opened: asyncio.Future[None] | None = None
        self._asked: dict[str, _Asking] = {}

    def bar(self) -> None:
        """Let new calls wait, while a version is loaded."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()

    def unbar(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.set_result(None)

    def begin(self, request: Request, tell: Callable[[Response], None]) -> bool:
        """Decide a call now, if there is nothing to wait for but the disk; `tell` hears the answer, once.

        False if something else must be waited for, or if it is refused before it is looked at: then nothing was done,
        and `call` does it. Nearly all calls go this way, and none of them needs a task of its own.
        """
        key, bound = request.key, None
        if self._opened is not None or request.id is None:
            return False
        if key is not None and (key in self._asked or not self._lookups.is_new(key)):
            return False
        address = Address(request.entity, request.id)
        if not self._driver.holds(address) or self._refused(request) is not None:
            return False
        if key is not None:
            try:
                bound = digest(self._driver.version.table.blueprint, request)
            except (ValueError, RecursionError):
                return False
        try:
            response, gathering = self._decide(request, address, bound)
        except StoreError as error:
            response, gathering = failed(error), None
        if gathering is None:
            tell(response)
        elif key is None or bound is None:
            gathering.then(lambda end: tell(response if end is None else failed(end)))
        else:
            self._asked[key] = asking = _Asking(bound)
            gathering.then(lambda end: self._end(key, asking, response if end is None else failed(end), tell))
        self._driver.committer.hurry()
        return True

    def _end(self, key: str, asking: _Asking, response: Response, tell: Callable[[Response], None]) -> None:
        del self._asked[key]
        asking.end(response)
        tell(response)

    async def call(self, request: Request) -> Response:
        """Whatever happens, the answer says it; nothing is raised for what a caller or the world did."""
        told: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        if self.begin(request, lambda response: None if told.done() else told.set_result(response)):
            return await told
        for _ in range(CONFLICTS_MAX):
            while self._opened is not None:
                await asyncio.shield(self._opened)
            while self._driver.is_full:
                await self._driver.committer.flush().wait()
            if (problem := self._refused(request)) is not None:
                return problem
            try:
                if request.key is None:
                    return await self._asked_once(request, None)
                return await self._asked_under(request, request.key)
            except VersionMovedError:
                # What is on its way notices, too, and the version is followed.
                await self._driver.durable()
                await asyncio.sleep(0)
            except ConflictError:
                continue
            except StoreError as error:
                return failed(error)
        return failed(StoreError(f"other nodes were faster {CONFLICTS_MAX} times"))

    def _refused(self, request: Request) -> Response | None:
        driver = self._driver
        if driver.closed:
            return CLOSING
        if driver.trouble is not None:
            return troubled(driver.trouble)
        problem = addressed(driver.version, request.entity, request.id) or named("caller", request.caller)
        if problem is None and request.key is not None:
            problem = named("idempotency key", request.key)
        return problem

    async def _asked_under(self, request: Request, key: str) -> Response:
        """Under a key the first request decides; the same request gets the same answer, another one a problem."""
        try:
            bound = digest(self._driver.version.table.blueprint, request)
        except (ValueError, RecursionError):
            return Rejected("bad-args", "the arguments are no JSON that can be kept")
        while (asking := self._asked.get(key)) is not None:
            response = await asking.answered()
            if asking.bound == bound and response is not None:
                return _repeated(response)
            # Another request under the same key decides nothing about this one: the store says whose it is.
            # Whoever asked first went away; what was decided is in the store once it is durable.
            await self._driver.durable()
        asking = self._asked[key] = _Asking(bound)
        response = None
        try:
            version = self._driver.version
            row = None if self._lookups.is_new(key) else await self._lookups.answer(key)
            if row is None:
                problem = None if version is self._driver.version else self._refused(request)
                response = problem or await self._asked_once(request, bound)
            elif row.digest != bound:
                return _reused(key)
            else:
                response = answer_from_json(json.loads(row.body))
        except ConflictError:
            raise
        except StoreError as error:
            response = failed(error)
        finally:
            del self._asked[key]
            asking.end(response)
        return response

    async def _asked_once(self, request: Request, bound: str | None) -> Response:
        driver, version = self._driver, self._driver.version
        address = self._address(request)
        is_fresh = request.id is not None and await driver.fetched(address)
        while self._opened is not None:
            await asyncio.shield(self._opened)
        if version is not driver.version:
            # Whoever waited, for a load or for somebody else's answer, may find another version in force.
            if (problem := self._refused(request)) is not None:
                return problem
            address, is_fresh = self._address(request), False
        response, gathering = self._decide(request, address, bound)
        if gathering is not None:
            end = await gathering.wait()
        else:
            end = await driver.settled(address, is_fresh=is_fresh) if isinstance(response, Rejected) else None
        if isinstance(end, ConflictError):
            raise end
        return response if end is None else failed(end)

    def _decide(self, request: Request, address: Address, bound: str | None) -> Decided:
        driver = self._driver
        values = arguments(driver.version, address, request.action, request.args)
        if isinstance(values, Rejected):
            return self._rejected(request, address, values, bound)
        taken = self._work.courier.is_expected(address)
        called = Called(request.action, values, request.caller, request.roles, request.expected, taken)
        entered = driver.enter(address, called, request.trace)
        if entered is None:
            return Decided(troubled(driver.trouble) if driver.trouble is not None else CLOSING)
        outcome = entered.reply
        if isinstance(outcome, Rejected):
            return self._rejected(request, address, outcome, bound)
        return self._applied(request, entered, outcome, bound)

    def _address(self, request: Request) -> Address:
        if request.id is not None:
            return Address(request.entity, request.id)
        entity = self._driver.version.entities[request.entity]
        return Address(request.entity, request.entity if entity.single else self._driver.world.chance.id())

    def _applied(self, request: Request, entered: Entered, record: Record, bound: str | None) -> Decided:
        cell = entered.after.cell
        written = self._driver.version.fields[cell.entity].write(cell.data)
        facts = (cell.entity, cell.id, record.action, cell.control, cell.seq, written)
        done = Done(*facts, record.number, record.at)
        if request.key is not None and bound is not None:
            self._remember(request.key, bound, record.at, done)
        return Decided(done, entered.gathering)

    def _rejected(self, request: Request, address: Address, why: Rejected, bound: str | None) -> Decided:
        """A rejection, too, is told only when the state that it read is durable."""
        driver = self._driver
        if request.key is None or bound is None or not driver.takes:
            return Decided(why, driver.unsettled(address))
        driver.rely(address)
        self._remember(request.key, bound, driver.world.clock.now(), why)
        return Decided(why, driver.committer.flush())

    def _remember(self, key: str, bound: str, at: int, answer: Done | Rejected) -> None:
        self._lookups.remember(key)
        self._driver.journal.remember(AnswerRow(key, bound, at, answer_text(answer)))


def failed(error: StoreError) -> Retryable:
    """Why a call that was under way got no answer, and whether anything of it was kept."""
    if isinstance(error, StorageFullError):
        return Retryable("storage-full", f"{error}; nothing changed, and calls are taken again when there is room")
    if isinstance(error, StoreUnsureError):
        return Retryable("store-unsure", f"{error}; ask again with the same idempotency key, or look before you do")
    return Retryable("store-failed", f"{error}; nothing changed, and the same call may be made again")


def troubled(trouble: Trouble) -> Retryable:
    """Why no call is taken just now."""
    error = StoreError(str(trouble.error)) if isinstance(trouble.error, StoreUnsureError) else trouble.error
    problem = failed(error)
    return replace(problem, facts=(("since", str(trouble.since)), ("next", "the store is tried again every second")))


def _reused(key: str) -> Terminal:
    message = "this idempotency key already stands for another request; take a new key for a new request"
    return Terminal("idempotency-key-reused", message, (("key", key),))


def _repeated(response: Response) -> Response:
    return response._replace(repeated=True) if isinstance(response, Done) else response
