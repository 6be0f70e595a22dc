"""A worker: takes attempts from a server, lets handlers make them, and brings back the answers.

It holds no state that matters. If it dies, its leases run out and somebody else makes the attempts, as each effect's
delivery kind allows. If the server dies, the worker goes on and brings the answer when the server is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from temper.run import Ask, AttemptFailedError, Handler
from temper.sdk.asynchronous import AsyncClient
from temper.sdk.exchange import Nothing, Patience, Reply, Send, path, told_by

CONCURRENCY = 8
WAIT_SECONDS = 5.0
"""How long one request for work may wait: also how long a worker that is to stop may take to notice."""
BEATS = 3
"""How many heartbeats fit into a lease, so that two may be lost."""
UNREACHABLE_SECONDS = 2.0
BRING_SECONDS = 600.0
"""How long an answer is brought again to a server that is not there. Later than its lease, it is still written down."""
LOST = "lease-lost"


@dataclass(slots=True)
class Worker:
    """Works on the effects of these handlers until `stop` is set, then ends what is under way."""

    client: AsyncClient
    handlers: Mapping[str, Handler]
    concurrency: int = CONCURRENCY
    tell: Callable[[str], None] = lambda _: None
    _trouble: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        """Work. Whatever goes wrong with one attempt or one request does not end it."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                if len(self._tasks) >= self.concurrency:
                    await asyncio.wait({stopping, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
                    continue
                for leased in await self._lease(stopping):
                    task = asyncio.create_task(self._attempt(leased))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            await asyncio.gather(*self._tasks)
        finally:
            stopping.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _lease(self, stopping: asyncio.Future[Any]) -> list[dict[str, Any]]:
        """Ask for work. The answer is waited for even if we are to stop: what it grants is ours to do."""
        body = {
            "effects": sorted(self.handlers),
            "limit": min(100, self.concurrency - len(self._tasks)),
            "wait_seconds": WAIT_SECONDS,
        }
        reply = await self._post(("leases",), body, Patience(give_up_seconds=0))
        if isinstance(reply, Reply) and reply.status < 400:
            leases: list[dict[str, Any]] = reply.data["leases"]
            self._trouble = ""
            return leases
        if (trouble := told_by(reply)) != self._trouble:
            self._trouble = trouble
            self.tell(f"no work: {trouble}; asking again every {UNREACHABLE_SECONDS:g} s")
        await asyncio.wait({stopping}, timeout=UNREACHABLE_SECONDS)
        return []

    async def _attempt(self, leased: Mapping[str, Any]) -> None:
        lease = str(leased["lease"])
        ask = Ask(**leased["ask"], timeout_seconds=leased["timeout_seconds"])
        making = asyncio.ensure_future(self._made(ask))
        beating = asyncio.ensure_future(self._beat(lease, leased["milliseconds"] / 1000, making))
        try:
            await asyncio.wait({making})
            if making.cancelled():
                self.tell(f"{lease} {ask.effect}: the lease is lost, so the attempt was ended")
                return
            end = making.result()
        finally:
            making.cancel()
            beating.cancel()
        await self._bring(lease, ask, end)

    async def _made(self, ask: Ask) -> dict[str, Any]:
        """The attempt, within its time, as it is told to the server."""
        handler: Callable[[Ask], Awaitable[object]] = self.handlers[ask.effect]
        try:
            async with asyncio.timeout(ask.timeout_seconds):
                return {"answer": await handler(ask)}
        except TimeoutError:
            return {"failed": f"no answer within {ask.timeout_seconds:g} s"}
        except AttemptFailedError as error:
            return {"failed": str(error)}
        except Exception as error:  # noqa: BLE001 (a handler may raise anything, and that is a failed attempt)
            return {"failed": f"the handler raised {type(error).__name__}: {error}"}

    async def _beat(self, lease: str, seconds: float, making: asyncio.Future[Any]) -> None:
        """Prolong the lease while the attempt goes on; end the attempt when the lease is lost."""
        while True:
            await asyncio.sleep(seconds / BEATS)
            reply = await self._post(("leases", lease, "heartbeat"), {}, Patience(give_up_seconds=0))
            if isinstance(reply, Reply) and reply.status < 400:
                seconds = max(0.1, reply.data["milliseconds"] / 1000)
            elif isinstance(reply, Reply) and reply.data.get("code") == LOST:
                making.cancel()
                return

    async def _bring(self, lease: str, ask: Ask, end: dict[str, Any]) -> None:
        reply = await self._post(("leases", lease, "complete"), end, Patience(give_up_seconds=BRING_SECONDS))
        if isinstance(reply, Nothing) or reply.status >= 400:
            self.tell(f"{lease} {ask.effect}: the answer is not taken: {told_by(reply)}")
        else:
            late = "" if reply.data["counts"] else ", too late"
            note = f" ({reply.data['note']})" if reply.data["note"] else ""
            self.tell(f"{lease} {ask.effect} of {ask.entity} {ask.id}: {reply.data['outcome']}{late}{note}")

    async def _post(self, parts: tuple[str, ...], body: dict[str, Any], patience: Patience) -> Reply | Nothing:
        with contextlib.suppress(ConnectionError):
            send = Send("POST", path(await self.client.blueprint(), *parts), body)
            return await self.client.ask(send, patience)
        return Nothing("the server does not answer")
