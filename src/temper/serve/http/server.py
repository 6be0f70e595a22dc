"""The server: a socket of its own choosing, uvicorn on it, and a graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from temper.serve.draining import Draining
from temper.serve.http.gathering import GatheringProtocol

GRACE_SECONDS = 10
"""How long requests that are under way may take to end."""
CONNECTIONS_MAX = 1_000


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: it would raise the signal again before we have put things away."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 chooses one. Raises OSError if the port is in use or the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(1024)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def url_of(opened: socket.socket) -> str:
    """The address at which the socket is reached."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: Any) -> Server:
    """A server for the application; `serve(sockets=[…])` runs it until `should_exit`."""
    return Server(
        uvicorn.Config(
            app,
            lifespan="off",
            interface="asgi3",
            http=GatheringProtocol,
            ws="none",
            proxy_headers=False,  # nobody asks where a call comes from: a token says who it is
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            limit_concurrency=CONNECTIONS_MAX,
        )
    )


async def serve_until_stopped(
    app: Any, opened: socket.socket, draining: Draining | None = None, drain_seconds: float = 0
) -> None:
    """Serve until SIGINT or SIGTERM, then let what is under way end. A second signal ends it at once.

    From the signal on `draining` says that it is not ready; for `drain_seconds` it takes calls all the same, so that
    whoever distributes calls has the time to see it.
    """
    server = server_of(app)
    loop = asyncio.get_running_loop()

    def close() -> None:
        server.should_exit = True

    def stop() -> None:
        server.force_exit = server.should_exit
        if draining is None or draining.is_begun or not drain_seconds:
            close()
        else:
            loop.call_later(drain_seconds, close)
        if draining is not None:
            draining.begin()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(sockets=[opened])
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
