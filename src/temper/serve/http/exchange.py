"""One request and whoever answers it: its scope, and its body piece by piece as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from temper.serve.http.app import Message

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """What an exchange needs of its connection."""

    is_lost: bool

    def take_more(self) -> None:
        """Read on, if reading was held up."""

    def write(self, data: bytes) -> None:
        """Send this, unless nobody is there."""


class Exchange:
    """A request under way. `scope` and `receive` are what ASGI calls so."""

    __slots__ = (
        *("scope", "is_new", "is_kept_alive", "is_complete", "is_answered", "held"),
        *("_wire", "_chunks", "_is_told", "_waiter"),
    )

    def __init__(self, wire: Wire, scope: Mapping[str, Any], *, is_new: bool, is_kept_alive: bool) -> None:
        self.scope = scope
        self.is_new = is_new
        """Whether the client knows HTTP/1.1, and so answers in pieces."""
        self.is_kept_alive = is_kept_alive
        self.is_complete = self.is_answered = False
        self.held = 0
        """How many bytes of the body wait to be received."""
        self._wire = wire
        self._chunks: list[bytes] = []
        self._is_told = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def awaits_body(self) -> bool:
        """Whether the client is waited for, to send the rest of the body."""
        return self._waiter is not None and not self._waiter.done() and not self.is_complete

    @property
    def whole(self) -> bytes:
        """All of the body, once it is complete and as long as nothing of it was received."""
        return b"".join(self._chunks)

    def feed(self, chunk: bytes) -> None:
        """More of the body has come."""
        if not self.is_answered:
            self._chunks.append(chunk)
            self.held += len(chunk)
            self.wake()

    def complete(self) -> None:
        """All of the body has come."""
        self.is_complete = True
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """The next piece of the body, or that the client is gone."""
        while not self._wire.is_lost:
            if self._chunks or (self.is_complete and not self._is_told):
                return self._piece()
            if not self.is_complete and _waits_for_word(self.scope["headers"]):
                self._wire.write(CONTINUE)
            self._wire.take_more()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    def _piece(self) -> Message:
        body = b"".join(self._chunks)
        self._chunks.clear()
        self.held = 0
        self._is_told = self.is_complete
        self._wire.take_more()
        return {"type": "http.request", "body": body, "more_body": not self.is_complete}


def _waits_for_word(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the client sends its body only when it is told to, which it is once."""
    for at, (name, value) in enumerate(headers):
        if name == b"expect" and value.lower() == b"100-continue":
            del headers[at]
            return True
    return False
