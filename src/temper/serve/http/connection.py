"""One connection: requests are parsed as they come and answered in order, and each answer leaves in one piece.

A call takes some 100 µs in all, and a server that is made for any application takes half of that again: it asks of
every header what it may mean, arms a timer for every silence, and sends the head of an answer before its body. Here
the parser (httptools, which is C) calls the methods `on_…`; all else is one task for a request and one write for its
answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from functools import partial
from typing import Protocol
from urllib.parse import unquote

import httptools

from temper.serve.http.app import Answers, Headers, Pieces, Said, said_of
from temper.serve.http.exchange import Exchange
from temper.serve.http.head import CHUNKED, UNTIL_CLOSED, head_of
from temper.serve.problem import ProblemError

HEAD_BYTES_MAX = 65_536
"""How long the head of a request may become before it is complete."""
UNREAD_BYTES_MAX = 65_536
"""How much of a body waits for whoever is to receive it, before no more is read."""
UNHEARD_BYTES_MAX = 64_000_000
"""How much of a body is let go by behind an answer that did not need it."""
AHEAD_MAX = 16
"""How many requests may wait on one connection for their turn, before no more is read."""
IDLE_SECONDS = 20.0
"""How long a connection is kept between two requests."""
HEAD_SECONDS = 10.0
"""How long the head of a request may take."""
LINGER_SECONDS = 5.0
"""How long a client may go on sending behind an answer that was the last."""
PIECE_SECONDS = 60.0
"""How long a client may take to send the next piece of a body, or to take the next piece of an answer."""
CROWDED = "there are too many connections; ask again in a second"
LOG = logging.getLogger("temper.serve")


class Connected(Protocol):
    """Whoever has all the connections."""

    date: bytes
    """Now, as answers say it."""

    def opened(self, connection: Connection) -> bool:
        """A client has come; whether there is room for it."""

    def closed(self, connection: Connection) -> None:
        """The client is gone, and nothing is done for it any more."""


class Connection(asyncio.Protocol):
    """Serves one client."""

    def __init__(self, server: Connected, application: Answers) -> None:
        self._server, self._application = server, application
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._exchanges: deque[Exchange] = deque()
        """The first of them is being answered; the others wait for their turn."""
        self._parsed: Exchange | None = None
        """The one whose body is on its way."""
        self._task: asyncio.Task[None] | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = self._unheard_bytes = 0
        self._is_in_head = self._is_held = self._is_deaf = False
        self._is_crowded = self._is_ending = self._is_telling = self._is_answering = False
        self._drained: asyncio.Future[None] | None = None
        self._heard = self._loop.time()
        """When the client last did what it is waited for."""
        self.is_lost = False

    # What the server asks

    @property
    def is_quiet(self) -> bool:
        """Whether nobody waits for an answer here."""
        return not self._exchanges or self._is_telling

    def look(self, now: float) -> None:
        """Close if the client takes too long; asked now and then."""
        if self._exchanges:
            if self._drained is None and not self._exchanges[0].awaits_body:
                return
            patience = PIECE_SECONDS
        elif self._is_in_head:
            patience = HEAD_SECONDS
        elif self._is_deaf:
            patience = LINGER_SECONDS
        else:
            patience = IDLE_SECONDS if self._parsed is None else PIECE_SECONDS
        if now - self._heard > patience:
            self._transport.abort()

    def finish(self) -> None:
        """Let what is under way end, and take nothing more."""
        self._is_ending = True
        if not self._exchanges:
            self._transport.close()

    async def abandon(self) -> None:
        """End what is under way at once."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._transport.abort()

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._is_crowded = not self._server.opened(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = self._is_deaf = True
        # It knows this connection, and nobody looks for what is lost in a cycle before all is quiet.
        self._parser = None
        self.resume_writing()
        if not self._exchanges:
            self._server.closed(self)
        elif self._is_telling and self._task is not None:
            self._task.cancel()
        else:
            self._exchanges[0].wake()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf or self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # There is nothing to change to: what was asked is answered as it stands, and nothing behind it is read.
            self._end_here()
        except httptools.HttpParserError:
            self._refuse(400, "the request is not HTTP/1.1 as it should be")
        if self._is_in_head:
            self._watch_head(len(data))
        elif self._exchanges:
            self._heard = self._loop.time()
        if self._exchanges and not self._is_answering:
            self._go_on()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()
        self._heard = self._loop.time()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the parser finds

    def on_message_begin(self) -> None:
        self._url, self._headers, self._head_bytes, self._is_in_head = b"", [], 0, True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None, "whoever is told of a head has a parser"
        path, query = _target(self._url)
        method = parser.get_method().decode("ascii")
        scope = {"method": method, "path": path, "query_string": query, "headers": self._headers}
        is_new = parser.get_http_version() == "1.1"
        exchange = Exchange(self, scope, is_new=is_new, is_kept_alive=is_new and parser.should_keep_alive())
        self._parsed, self._is_in_head, self._unheard_bytes = exchange, False, 0
        self._exchanges.append(exchange)
        if len(self._exchanges) > AHEAD_MAX:
            self._hold()

    def on_body(self, body: bytes) -> None:
        exchange = self._parsed
        assert exchange is not None, "a body comes behind its head"
        exchange.feed(body)
        if exchange.held > UNREAD_BYTES_MAX:
            self._hold()
        if exchange.is_answered:
            self._heard = self._loop.time()
            self._unheard_bytes += len(body)
            if self._unheard_bytes > UNHEARD_BYTES_MAX:
                self._transport.abort()

    def on_message_complete(self) -> None:
        if self._parsed is not None:
            self._parsed.complete()
            self._parsed = None

    # What an exchange asks

    def take_more(self) -> None:
        """Read on, if reading was held up and there is room again."""
        if self._is_held and len(self._exchanges) <= AHEAD_MAX and not self._transport.is_closing():
            self._is_held = False
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send this, unless nobody is there."""
        if not self.is_lost:
            self._transport.write(data)

    # One answer

    def _go_on(self) -> None:
        """Begin the first request that waits for its turn: in a task of its own, unless it can do without."""
        if self._is_answering or not self._exchanges:
            return
        exchange, self._is_answering = self._exchanges[0], True
        can_be_begun = exchange.is_complete and not self._is_crowded and not self.is_lost
        if not (can_be_begun and self._application.begin(exchange.scope, exchange.whole, partial(self._end, exchange))):
            self._task = self._loop.create_task(self._answer(exchange))

    def _end(self, exchange: Exchange, said: Said) -> None:
        """Give an answer that no task waits for."""
        if exchange.is_answered:
            return
        try:
            self._write_answer(exchange, said)
        except Exception as wrong:  # noqa: BLE001 (it is logged)
            self._not_sent(exchange, wrong)
        if self._drained is None:
            self._answered(exchange)
        else:
            self._task = self._loop.create_task(self._end_drained(exchange))

    async def _end_drained(self, exchange: Exchange) -> None:
        try:
            await self._listened()
        except asyncio.CancelledError:
            exchange.is_kept_alive = False
        finally:
            self._answered(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            if self._is_crowded:
                exchange.is_kept_alive = False
                said: Said | None = said_of(ProblemError("too-busy", CROWDED))
            else:
                said = await self._application.answer(exchange.scope, exchange.receive)
            if said is None:
                exchange.is_kept_alive = False
            else:
                await self._say(exchange, said)
        except Exception as wrong:  # noqa: BLE001 (it is logged)
            self._not_sent(exchange, wrong)
        except asyncio.CancelledError:
            exchange.is_kept_alive = False  # The client is gone, or the server ends: nobody waits for this task.
        finally:
            self._answered(exchange)

    async def _say(self, exchange: Exchange, said: Said) -> None:
        status, headers, content = said
        if isinstance(content, bytes):
            self._write_answer(exchange, said)
        elif exchange.scope["method"] != "HEAD":
            await self._tell(exchange, status, self._last_headers(exchange, headers), content)
        else:
            await content.aclose()
            self._write_answer(exchange, (status, headers, b""))
        await self._listened()

    async def _listened(self) -> None:
        """Whoever asks and does not listen is asked nothing more."""
        if self._drained is not None:
            await self._drained

    def _write_answer(self, exchange: Exchange, said: Said) -> None:
        """An answer in one piece."""
        status, headers, content = said
        assert isinstance(content, bytes), "what is told piece by piece has a task"
        headers = self._last_headers(exchange, headers)
        head = self._head(status, headers, len(content), exchange.is_kept_alive)
        self.write(head + content if exchange.scope["method"] != "HEAD" else head)

    def _last_headers(self, exchange: Exchange, headers: Headers) -> Headers:
        """The headers as they are said, once it is clear whether this answer is the last."""
        if self._is_ending or (b"connection", b"close") in headers:
            exchange.is_kept_alive = False
            return [header for header in headers if header[0] != b"connection"]
        return headers

    def _not_sent(self, exchange: Exchange, wrong: Exception) -> None:
        scope = exchange.scope
        LOG.error("an answer to %s %s was not sent", scope["method"], scope["path"], exc_info=wrong)
        exchange.is_kept_alive = False

    async def _tell(self, exchange: Exchange, status: int, headers: Headers, pieces: Pieces) -> None:
        """Each piece is sent when the one before has left, so that a slow listener fills no memory.

        When the client goes away the task is cancelled, and with it whatever waits for the next piece.
        """
        async with contextlib.aclosing(pieces):
            if self.is_lost:
                return
            self._is_telling = True
            try:
                if not exchange.is_new:
                    exchange.is_kept_alive = False
                length = CHUNKED if exchange.is_new else UNTIL_CLOSED
                self.write(self._head(status, headers, length, exchange.is_kept_alive))
                async for piece in pieces:
                    if data := piece.encode():
                        self.write(b"%x\r\n%b\r\n" % (len(data), data) if exchange.is_new else data)
                    if self._drained is not None:
                        await self._drained
            finally:
                self._is_telling = False
        if exchange.is_new:
            self.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: Headers, length: int, kept: bool) -> bytes:  # noqa: FBT001 (one of four facts)
        return head_of(status, headers, length, date=self._server.date, is_kept_alive=kept)

    def _answered(self, exchange: Exchange) -> None:
        """Go on with the next request, if there is to be one."""
        self._task, self._is_answering = None, False
        exchange.is_answered = True
        self._exchanges.popleft()
        self._heard = self._loop.time()
        if self.is_lost:
            self._server.closed(self)
        elif self._is_ending or not exchange.is_kept_alive:
            self._exchanges.clear()
            self._close(is_midway=not exchange.is_complete)
        else:
            if self._exchanges:
                self._loop.call_soon(self._go_on)  # Not at once: a long line of them would become a deep recursion.
            self.take_more()

    # What goes wrong

    def _hold(self) -> None:
        """Read nothing more for now."""
        if not self._is_held:
            self._is_held = True
            self._transport.pause_reading()

    def _close(self, *, is_midway: bool) -> None:
        """Send what was written, and close. What comes in the middle of a request is let go by for some time.

        Otherwise a client that still sends would be told that the connection is broken, and lose the answer.
        """
        self._is_deaf, self._is_in_head = True, False
        if is_midway and self._transport.can_write_eof():
            self.take_more()
            self._transport.write_eof()
        else:
            self._transport.close()

    def _watch_head(self, size: int) -> None:
        """How long the head is already, and since when it is on its way."""
        if not self._head_bytes:
            self._heard = self._loop.time()
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431, f"the head of the request has more than {HEAD_BYTES_MAX:,} bytes")

    def _end_here(self) -> None:
        """Answer what was asked so far, and hear nothing more."""
        self._is_deaf = True
        self._exchanges[-1].is_kept_alive = False
        self.on_message_complete()

    def _refuse(self, status: int, why: str) -> None:
        """Say that this cannot be read, unless something is being answered: then that is the last."""
        if self._parsed is not None:
            self._transport.abort()  # The body is broken, and whoever waits for it gets none.
        elif self._exchanges:
            self._end_here()
        elif not self._is_deaf:
            content = f"{why}\n".encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            self.write(self._head(status, headers, len(content), False) + content)
            self._close(is_midway=True)


def _target(url: bytes) -> tuple[str, bytes]:
    """Path and query of what was asked for. Raises what the parser takes for a broken request."""
    if url.startswith(b"/") and b"#" not in url:
        raw, _, query = url.partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        raw, query = parsed.path or b"/", parsed.query or b""
    path = raw.decode("ascii")
    return (unquote(path) if "%" in path else path), query
