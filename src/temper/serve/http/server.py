"""The server: a socket of its own choosing, a connection for each client, and a graceful end."""

from __future__ import annotations

import asyncio
import signal
import socket
from email.utils import formatdate

from temper.serve.draining import Draining
from temper.serve.http.app import Answers
from temper.serve.http.connection import Connection
from temper.serve.http.looping import collect_when_quiet

GRACE_SECONDS = 10
"""How long requests that are under way may take to end."""
CONNECTIONS_MAX = 1_000
BACKLOG = 1024
LOOK_SECONDS = 1.0
QUIET_LOOKS = 10
"""So often in a row nobody must have waited for an answer, before time is taken to clear up."""


class Server:
    """Serves an application. `serve` runs it until `stop`."""

    def __init__(self, application: Answers) -> None:
        self._application = application
        self._connections: set[Connection] = set()
        self.date = _date()
        self._stopping, self._cutting, self._left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def stop(self) -> None:
        """Take no more, and let what is under way end; the second time, end it."""
        if self._stopping.is_set():
            self._cutting.set()
        self._stopping.set()

    async def serve(self, opened: socket.socket) -> None:
        """Serve on a listening socket, which is closed when this returns."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(self, self._application), sock=opened, backlog=BACKLOG)
        looking = loop.create_task(self._look())
        try:
            await self._stopping.wait()
        finally:
            looking.cancel()
            listener.close()
            await self._end()

    def opened(self, connection: Connection) -> bool:
        """A client has come; whether there is room for it."""
        self._connections.add(connection)
        return len(self._connections) <= CONNECTIONS_MAX

    def closed(self, connection: Connection) -> None:
        """A client is gone, and nothing is done for it any more."""
        self._connections.discard(connection)
        if not self._connections:
            self._left.set()

    async def _look(self) -> None:
        """One round for all instead of an alarm for each: to arm and disarm it would cost each request some 2 µs."""
        loop, quiet = asyncio.get_running_loop(), 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.date = _date()
            for connection in list(self._connections):
                connection.look(loop.time())
            quiet = quiet + 1 if all(connection.is_quiet for connection in self._connections) else 0
            if quiet >= QUIET_LOOKS:
                quiet = 0
                collect_when_quiet()

    async def _end(self) -> None:
        for connection in list(self._connections):
            connection.finish()
        self._left.clear()
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._left, self._cutting)]
        if self._connections:
            await asyncio.wait(waiting, timeout=GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        for connection in list(self._connections):
            await connection.abandon()


def _date() -> bytes:
    return formatdate(usegmt=True).encode()


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 chooses one. Raises OSError if the port is in use or the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def url_of(opened: socket.socket) -> str:
    """The address at which the socket is reached."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until_stopped(
    application: Answers, opened: socket.socket, draining: Draining | None = None, drain_seconds: float = 0
) -> None:
    """Serve until SIGINT or SIGTERM, then let what is under way end. A second signal ends it at once.

    From the signal on `draining` says that it is not ready; for `drain_seconds` it takes calls all the same, so that
    whoever distributes calls has the time to see it.
    """
    server = Server(application)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if draining is None or draining.is_begun or not drain_seconds:
            server.stop()
        else:
            loop.call_later(drain_seconds, server.stop)
        if draining is not None:
            draining.begin()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(opened)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
