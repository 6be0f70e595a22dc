"""An answer that is told piece by piece, until it ends or nobody listens any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]


async def stream(
    start: Message,
    pieces: AsyncGenerator[str, None],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Send the pieces as they come. Each is sent when the one before has left, so a slow listener fills no memory."""
    telling = asyncio.ensure_future(_tell(start, pieces, send))
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(start: Message, pieces: AsyncGenerator[str, None], send: Callable[[Message], Awaitable[None]]) -> None:
    async with contextlib.aclosing(pieces):
        await send(start)
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _left(receive: Callable[[], Awaitable[Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
