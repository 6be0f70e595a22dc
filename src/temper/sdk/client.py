"""A client for programs that wait: typed answers, one idempotency key for each call, and patience."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from temper.sdk.answers import Answer, Instance, Problem, Rejected, Unanswered
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

TIMEOUT_SECONDS = 30.0


class Client:
    """One server and the token to show it. Use it in a `with`, or `close` it; threads may share it.

    with Client("http://127.0.0.1:8420", token) as client:
        match client.call("Deploy", "d1", "propose", service="web"):
            case Done(state=state): ...
            case Rejected(code="wrong-state"): ...
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        blueprint: str = "",
        patience: Patience | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        import httpx

        self._patience = patience or Patience()
        self._blueprint = blueprint
        self._http = http or httpx.Client(timeout=TIMEOUT_SECONDS)
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def blueprint(self) -> str:
        """The blueprint that is served; asked for once. Raises `ConnectionError` if nobody answers."""
        if not self._blueprint:
            self._blueprint = blueprint_answer(self._ask(Send("GET", "/health")))
        return self._blueprint

    def call(
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
        """Ask for an action, with its arguments by name. Without an id a constructor gets one.

        The call has an idempotency key in any case, so it is applied at most once however often it is sent. After
        an `Unanswered` ask again with its `key`. `expected` is the `seq` that was read before,
        `traceparent` where the caller stands in a trace: in a handler that is `ask.traceparent`.
        """
        key = key or drawn_key()
        send = call_request(self.blueprint, entity, id, action, args, key, expected, acting_as, traceparent)
        return call_answer(self._ask(send), key)

    def get(self, entity: str, id: str) -> Instance | Rejected | Problem | Unanswered:  # noqa: A002
        """One instance."""
        return read_answer(self._ask(Send("GET", path(self.blueprint, entity, id))))

    def list(self, entity: str, *, state: str | None = None, **where: str) -> Iterator[Instance]:
        """Every instance of an entity, page by page. Raises `LookupError` where a page is missing."""
        cursor = None
        while True:
            reply = self._ask(page_request(self.blueprint, entity, state, where, cursor))
            found, cursor = page_answer(reply)
            yield from found
            if cursor is None:
                return

    def _ask(self, send: Send) -> Reply | Nothing:
        exchange: Exchange = asked(send, self._patience)
        said: Reply | Nothing | None = None
        while True:
            try:
                step = exchange.send(said)
            except StopIteration as ended:
                answer: Reply | Nothing = ended.value
                return answer
            said = None
            if isinstance(step, Send):
                said = self._send(step)
            else:
                threading.Event().wait(step.seconds)

    def _send(self, send: Send) -> Reply | Nothing:
        import httpx

        try:
            headers = {**self._headers, **send.headers}
            response = self._http.request(send.method, self._url + send.path, json=send.body, headers=headers)
        except httpx.HTTPError as error:
            return Nothing(f"{self._url} does not answer: {type(error).__name__}: {error}")
        return read(response.status_code, response.text, response.headers.get("retry-after"))
