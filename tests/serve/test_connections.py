"""Connections: what a client may do with HTTP/1.1, well and badly, against an application that only tells what it got."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from temper.serve.http import connection as limits
from temper.serve.http import looping
from temper.serve.http.app import Said
from temper.serve.http.looping import quicker_loop
from temper.serve.http.server import Server, open_socket

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
ECHO = b"POST /echo HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello"


class Told:
    """Answers a body with itself; what the paths do besides is said where they are asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.go_on = asyncio.Event()
        self.ended: list[str] = []

    def begin(self, scope: Mapping[str, Any], body: bytes, say: Callable[[Said], None]) -> bool:
        path = scope["path"]
        if path not in {"/soon", "/at-once"}:
            return False
        self.asked.append(f"{scope['method']} {path}?{scope['query_string'].decode()}")
        said: Said = 200, [], body or path.encode()
        if path == "/at-once":
            say(said)
        else:
            asyncio.get_running_loop().call_soon(say, said)
        return True

    async def answer(self, scope: Mapping[str, Any], receive: Receive) -> Any:
        path = scope["path"]
        self.asked.append(f"{scope['method']} {path}?{scope['query_string'].decode()}")
        if path == "/wait":
            await self.go_on.wait()
        if path == "/events":
            return 200, [], self.events()
        if path == "/deaf":
            return 200, [], b"I did not listen"
        if path == "/unwritable":
            return 200, [(b"x", b"1\r\nset-cookie: 2")], b""
        body, goes_on = b"", True
        while goes_on:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.ended.append("gone")
                return None
            body, goes_on = body + message["body"], message["more_body"]
        self.bodies.append(body)
        return 200, [(b"x", b"y")], body

    async def events(self) -> AsyncGenerator[str, None]:
        try:
            yield "first"
            await self.go_on.wait()
            yield "second"
        finally:
            self.ended.append("events")


def served(talk: Callable[[Told, Server, str, int], Awaitable[None]]) -> None:
    """Let a server run while clients talk to it, on each of the loops that there are."""

    async def run() -> None:
        told, opened = Told(), open_socket("127.0.0.1", 0)
        server = Server(told)  # type: ignore[arg-type]
        serving = asyncio.create_task(server.serve(opened))
        try:
            await asyncio.wait_for(talk(told, server, *opened.getsockname()), 20)
        finally:
            server.stop()
            server.stop()
            await asyncio.wait_for(serving, 20)

    for factory in (None, quicker_loop()):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run())


async def ask(host: str, port: int, *pieces: bytes) -> bytes:
    """Send that, piece by piece, and hear everything until the server closes."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return await reader.read()
    finally:
        writer.close()


async def hear(asking: Awaitable[bytes]) -> bytes:
    """What was said, or nothing if the connection was cut."""
    try:
        return await asking
    except ConnectionError:
        return b""


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0)


def last(request: bytes) -> bytes:
    return request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def bodies(said: bytes) -> list[bytes]:
    """The bodies of answers that give their length."""
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        length = int(next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))[16:])
        found.append(rest[:length])
        said = rest[length:]
    return found


def test_requests_on_one_connection_are_answered_in_order() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        second = b"GET /a%20b?c=d HTTP/1.1\r\n\r\n"
        said = await ask(host, port, ECHO + second + last(ECHO.replace(b"hello", b"again")))
        assert bodies(said) == [b"hello", b"", b"again"]
        assert told.asked == ["POST /echo?", "GET /a b?c=d", "POST /echo?"]
        assert said.count(b"connection: close") == 1
        assert said.count(b"date: ") == 3

    served(talk)


def test_what_needs_no_task_is_answered_in_its_turn() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        begun = b"GET /soon HTTP/1.1\r\n\r\nGET /at-once HTTP/1.1\r\n\r\n"
        asked = [begun + ECHO] * 400 + [last(b"GET /soon HTTP/1.1\r\n\r\n")]
        assert bodies(await ask(host, port, b"".join(asked))) == [b"/soon", b"/at-once", b"hello"] * 400 + [b"/soon"]
        assert bodies(await ask(host, port, *(bytes([byte]) for byte in last(ECHO.replace(b"echo", b"soon"))))) == [
            b"hello"
        ]

    served(talk)


def test_whoever_does_not_listen_is_begun_nothing_more() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        body = b"x" * (limits.UNREAD_BYTES_MAX - 1)
        request = b"POST /at-once HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        reader, writer = await asyncio.open_connection(host, port, limit=2**16)
        sending = asyncio.create_task(_send(writer, request * 400 + last(b"GET /at-once HTTP/1.1\r\n\r\n")))
        for _ in range(2000):
            await asyncio.sleep(0)
        assert len(told.asked) < 400
        said = await reader.read()
        await sending
        assert len(told.asked) == 401
        assert len(bodies(said)) == 401
        writer.close()

    served(talk)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def test_a_client_that_goes_while_its_answer_is_on_the_way_is_forgotten() -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /soon HTTP/1.1\r\n\r\n")
        writer.transport.abort()
        _, other = await asyncio.open_connection(host, port)
        other.write(b"GET /soon HTTP/1.1\r\n\r\n")
        await until(lambda: told.asked)
        other.close()
        await until(lambda: not server._connections)

    served(talk)


def test_a_connection_that_is_over_is_in_no_cycle() -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.write(ECHO)
        await until(lambda: told.asked and server._connections)
        known = [weakref.ref(connection) for connection in server._connections]
        gc.disable()
        try:
            writer.close()
            await until(lambda: all(connection() is None for connection in known))
        finally:
            gc.enable()

    served(talk)


def test_what_was_lost_in_a_cycle_is_found_when_all_is_quiet(monkeypatch) -> None:
    class Lost:
        def __init__(self) -> None:
            self.me = self

    monkeypatch.setattr(looping, "_settled", looping._settled)
    try:
        looping.collect_all()
        known = weakref.ref(Lost())
        gc.freeze()
        gc.collect()
        looping.collect_when_quiet()
        assert known() is not None, "so little has settled that nobody looks"
        monkeypatch.setattr(looping, "SETTLED_MAX", -(10**9))
        looping.collect_when_quiet()
        assert known() is None
    finally:
        gc.unfreeze()


def test_more_requests_than_wait_at_once_are_all_answered() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        many = 3 * limits.AHEAD_MAX
        asking = asyncio.create_task(ask(host, port, b"GET /wait HTTP/1.1\r\n\r\n", ECHO * many, last(ECHO)))
        await until(lambda: told.asked)
        told.go_on.set()
        assert bodies(await asking) == [b"", *[b"hello"] * (many + 1)]

    served(talk)


def test_a_request_may_come_byte_by_byte() -> None:
    async def talk(_: Told, __: Server, host: str, port: int) -> None:
        assert bodies(await ask(host, port, *(bytes([byte]) for byte in last(ECHO)))) == [b"hello"]

    served(talk)


def test_a_body_may_come_in_chunks_and_when_it_is_asked_for() -> None:
    async def talk(_: Told, __: Server, host: str, port: int) -> None:
        head = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
        assert bodies(await reader.read()) == [b"hello"]
        writer.close()

    served(talk)


def test_a_body_that_nobody_wants_is_let_go_by(monkeypatch) -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        size = 3 * limits.UNREAD_BYTES_MAX
        deaf = b"POST /deaf HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % size
        said = await ask(host, port, deaf + b"x" * size, last(ECHO))
        assert bodies(said) == [b"I did not listen", b"hello"]
        monkeypatch.setattr(limits, "UNHEARD_BYTES_MAX", size // 2)
        assert b"hello" not in await hear(ask(host, port, deaf, *[b"x" * (size // 8)] * 8, last(ECHO)))
        assert len(told.bodies) == 1

    served(talk)


def test_a_large_body_comes_whole() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        body = bytes(range(256)) * 4000
        said = await ask(host, port, last(b"POST /echo HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)), body)
        assert told.bodies == [body]
        assert bodies(said) == [body]

    served(talk)


def test_an_old_client_gets_one_answer_and_no_chunks() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        told.go_on.set()
        old = b"GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        assert (await ask(host, port, old)).endswith(b"connection: close\r\n\r\nfirstsecond")

    served(talk)


def test_an_answer_in_pieces_ends_with_its_last() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        told.go_on.set()
        said = await ask(host, port, b"GET /events HTTP/1.1\r\n\r\n" + last(ECHO))
        assert b"\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\nHTTP/1.1 200 OK" in said
        assert b"content-length" not in said.partition(b"\r\n\r\n")[0]
        assert told.ended == ["events"]
        assert bodies(await ask(host, port, last(b"HEAD /echo HTTP/1.1\r\n\r\n"))) == [b""]

    served(talk)


def test_what_is_told_ends_when_nobody_listens() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /events HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"first")
        writer.close()
        await until(lambda: told.ended)

    served(talk)


def test_whoever_goes_away_in_the_middle_is_not_waited_for() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.write(ECHO[:-2])
        await until(lambda: told.asked)
        writer.close()
        await until(lambda: told.ended == ["gone"])

    served(talk)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"what is this\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n: no name\r\n\r\n", b"400"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nlong: " + b"x" * 100_000, b"431"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_connection_closed(sent, status) -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        said = await ask(host, port, *(sent[at : at + 50_000] for at in range(0, len(sent), 50_000)))
        assert said.startswith(b"HTTP/1.1 " + status)
        assert b"connection: close" in said
        assert told.asked == []

    served(talk)


def test_behind_what_can_be_read_nonsense_gets_no_answer() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        assert bodies(await ask(host, port, ECHO + b"nonsense\r\n\r\n")) == [b"hello"]
        upgrade = b"GET /echo HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
        assert bodies(await ask(host, port, upgrade + ECHO)) == [b""]
        assert len(told.asked) == 2

    served(talk)


def test_a_broken_body_is_no_body() -> None:
    async def talk(told: Told, _: Server, host: str, port: int) -> None:
        broken = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\nno number\r\n"
        assert await hear(ask(host, port, broken)) == b""
        await until(lambda: told.ended == ["gone"])
        assert told.bodies == []

    served(talk)


def test_a_header_is_one_line(caplog) -> None:
    async def talk(_: Told, __: Server, host: str, port: int) -> None:
        assert await ask(host, port, b"GET /unwritable HTTP/1.1\r\n\r\n") == b""
        assert "GET /unwritable was not sent" in caplog.text

    served(talk)


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (b"", limits.IDLE_SECONDS),
        (ECHO[:7], limits.HEAD_SECONDS),
        (ECHO[:-1], limits.PIECE_SECONDS),
        (b"POST /deaf HTTP/1.1\r\ncontent-length: 5\r\n\r\n", limits.PIECE_SECONDS),
    ],
)
def test_a_client_that_takes_too_long_is_let_go(sent, seconds) -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        loop = asyncio.get_running_loop()
        await until(lambda: server._connections)
        connections = list(server._connections)
        for _ in range(100):
            await asyncio.sleep(0)
        connections[0].look(loop.time() + seconds - 5)
        await asyncio.sleep(0)
        assert server._connections
        connections[0].look(loop.time() + seconds + 1)
        await until(lambda: not server._connections)
        writer.close()
        assert told.bodies == []
        del reader

    served(talk)


def test_whoever_waits_for_an_answer_is_not_too_slow() -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        asking = asyncio.create_task(ask(host, port, last(b"GET /wait HTTP/1.1\r\n\r\n")))
        await until(lambda: told.asked)
        for connection in server._connections:
            connection.look(asyncio.get_running_loop().time() + 3600)
        told.go_on.set()
        assert bodies(await asking) == [b""]

    served(talk)


def test_a_client_that_does_not_listen_is_asked_nothing_more() -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        body = b"x" * 4_000_000
        reader, writer = await asyncio.open_connection(host, port, limit=1000)
        one = b"POST /echo HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        writer.write(one * 3)
        await until(lambda: told.bodies and any(each._drained for each in server._connections))
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(told.bodies) < 3
        for connection in server._connections:
            connection.look(asyncio.get_running_loop().time() + limits.PIECE_SECONDS + 1)
        await until(lambda: not server._connections)
        writer.close()
        del reader

    served(talk)


def test_a_crowd_is_told_to_come_back(monkeypatch) -> None:
    monkeypatch.setattr("temper.serve.http.server.CONNECTIONS_MAX", 1)

    async def talk(_: Told, server: Server, host: str, port: int) -> None:
        _, first = await asyncio.open_connection(host, port)
        await until(lambda: server._connections)
        said = await ask(host, port, ECHO)
        assert said.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in said
        first.close()

    served(talk)


def test_the_end_lets_what_is_under_way_end_and_closes_the_rest() -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        idle = asyncio.create_task(ask(host, port))
        await until(lambda: server._connections)
        asking = asyncio.create_task(ask(host, port, b"GET /wait HTTP/1.1\r\n\r\n" + ECHO))
        await until(lambda: told.asked)
        server.stop()
        assert await idle == b""
        assert not asking.done()
        told.go_on.set()
        said = await asking
        assert bodies(said) == [b""]
        assert b"connection: close" in said
        with pytest.raises(OSError):
            await asyncio.open_connection(host, port)

    served(talk)


def test_the_second_word_ends_it_at_once() -> None:
    async def talk(told: Told, server: Server, host: str, port: int) -> None:
        asking = asyncio.create_task(ask(host, port, b"GET /wait HTTP/1.1\r\n\r\n"))
        await until(lambda: told.asked)
        server.stop()
        server.stop()
        assert await hear(asking) == b""

    served(talk)
