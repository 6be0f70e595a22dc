"""The HTTP of systems that have none of their own: raw ASGI on uvicorn, one operation, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Amend = Callable[[str, str, int, str], Awaitable[dict[str, Any]]]
"""What is measured: order, idempotency key, amount and note; gives the order as it is then, durable."""


def checked(body: bytes) -> tuple[int, str]:
    """The arguments, typed as the blueprint types them."""
    given = json.loads(body)
    amount, note = given["amount"], given["note"]
    if not isinstance(amount, int) or not 0 <= amount <= 1_000_000 or not isinstance(note, str):
        raise ValueError("these are no arguments of `amend`")
    return amount, note


def application(amend: Amend) -> Any:
    """An ASGI application that amends orders at `/Order/ID/amend`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        order = scope["path"].split("/")[2]
        key = next(value for name, value in scope["headers"] if name == b"idempotency-key").decode()
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answer = json.dumps(await amend(order, key, *checked(body))).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


async def serve(amend: Amend, port: int) -> None:
    """Serve until the process is told to end; says `ready` when it listens."""
    server = uvicorn.Server(uvicorn.Config(application(amend), port=port, log_level="error", access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (it tells nobody)
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await serving
