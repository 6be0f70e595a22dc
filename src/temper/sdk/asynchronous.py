"""A client for programs that do other things meanwhile: the same as `Client`, with `await`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from temper.sdk.answers import Answer, Instance, Problem, Rejected, Unanswered
from temper.sdk.client import TIMEOUT_SECONDS
from temper.sdk.exchange import Exchange, Nothing, Patience, Reply, Send, asked, drawn_key, path, read
from temper.sdk.requests import (
    blueprint_answer,
    call_answer,
    call_request,
    page_answer,
    page_request,
    read_answer,
)

if TYPE_CHECKING:
    import httpx


class AsyncClient:
    """One server and the token to show it. Use it in an `async with`, or `aclose` it."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        blueprint: str = "",
        patience: Patience | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        import httpx

        self._patience = patience or Patience()
        self._blueprint = blueprint
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def blueprint(self) -> str:
        """The blueprint that is served; asked for once. Raises `ConnectionError` if nobody answers."""
        if not self._blueprint:
            self._blueprint = blueprint_answer(await self.ask(Send("GET", "/health")))
        return self._blueprint

    async def call(
        self,
        entity: str,
        id: str | None,  # noqa: A002 (the blueprint's word)
        action: str,
        /,
        *,
        key: str | None = None,
        expected: int | None = None,
        acting_as: str = "",
        traceparent: str = "",
        **args: Any,
    ) -> Answer:
        """Ask for an action, as `Client.call` does."""
        key = key or drawn_key()
        send = call_request(await self.blueprint(), entity, id, action, args, key, expected, acting_as, traceparent)
        return call_answer(await self.ask(send), key)

    async def get(self, entity: str, id: str) -> Instance | Rejected | Problem | Unanswered:  # noqa: A002
        """One instance."""
        return read_answer(await self.ask(Send("GET", path(await self.blueprint(), entity, id))))

    async def list(self, entity: str, *, state: str | None = None, **where: str) -> AsyncIterator[Instance]:
        """Every instance of an entity, page by page. Raises `LookupError` where a page is missing."""
        cursor = None
        while True:
            reply = await self.ask(page_request(await self.blueprint(), entity, state, where, cursor))
            found, cursor = page_answer(reply)
            for each in found:
                yield each
            if cursor is None:
                return

    async def ask(self, send: Send, patience: Patience | None = None) -> Reply | Nothing:
        """One request of any kind, sent until there is an answer that counts."""
        exchange: Exchange = asked(send, patience or self._patience)
        said: Reply | Nothing | None = None
        while True:
            try:
                step = exchange.send(said)
            except StopIteration as ended:
                answer: Reply | Nothing = ended.value
                return answer
            said = None
            if isinstance(step, Send):
                said = await self._send(step)
            else:
                await asyncio.sleep(step.seconds)

    async def _send(self, send: Send) -> Reply | Nothing:
        import httpx

        try:
            headers = {**self._headers, **send.headers}
            response = await self._http.request(send.method, self._url + send.path, json=send.body, headers=headers)
        except httpx.HTTPError as error:
            return Nothing(f"{self._url} does not answer: {type(error).__name__}: {error}")
        return read(response.status_code, response.text, response.headers.get("retry-after"))
