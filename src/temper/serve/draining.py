"""The orderly end of a server: it stops being ready, what is under way ends, then it closes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Draining:
    """Whether the server is about to end. Streams of events end as soon as it is, and workers wait no longer."""

    _begun: asyncio.Event = field(default_factory=asyncio.Event)
    _hear: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        """Be ready no more. Calls that still come are answered."""
        self._begun.set()
        for heard in self._hear:
            heard()

    def hear(self, heard: Callable[[], None]) -> None:
        """Call this when it begins."""
        self._hear.append(heard)

    async def wait(self, seconds: float) -> bool:
        """Wait until it begins, but no longer than that; whether it has."""
        try:
            await asyncio.wait_for(self._begun.wait(), seconds)
        except TimeoutError:
            return False
        return True
