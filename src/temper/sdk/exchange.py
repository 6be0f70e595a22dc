"""Asking until there is an answer: the same request with the same key, again and again, further and further apart.

Sans-IO: a generator that says what to send and how long to wait, so that the plain and the asynchronous client do the
same and a test needs neither a server nor a clock.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

FIRST_SECONDS, LONGEST_SECONDS = 0.1, 5.0
GIVE_UP_SECONDS = 60.0
AGAIN = frozenset({429, 502, 503, 504})
"""Answers after which the same request may succeed: nothing was changed, or the idempotency key makes it harmless."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so much time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    data: Any
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nobody answered, and why."""

    because: str


Exchange: TypeAlias = Generator[Send | Wait, Reply | Nothing | None, Reply | Nothing]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking. What waits for the same thing spreads by chance."""

    give_up_seconds: float = GIVE_UP_SECONDS
    first_seconds: float = FIRST_SECONDS
    longest_seconds: float = LONGEST_SECONDS
    chance: random.Random = field(default_factory=random.SystemRandom)

    def wait(self, tried: int) -> float:
        """How long to wait after so many tries.

        >>> patience = Patience(first_seconds=1, longest_seconds=4, chance=random.Random(1))
        >>> all(low <= patience.wait(n) <= high for n, low, high in ((1, 0.5, 1), (2, 1, 2), (9, 2, 4)))
        True
        """
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(tried - 1, 30))
        return longest * (0.5 + 0.5 * self.chance.random())


def asked(send: Send, patience: Patience) -> Exchange:
    """Send until there is an answer that counts, or until it has been long enough."""
    waited, tried = 0.0, 0
    while True:
        said = yield send
        assert isinstance(said, Reply | Nothing), "whoever sends says what came of it"
        if isinstance(said, Reply) and said.status not in AGAIN:
            return said
        tried += 1
        seconds = patience.wait(tried)
        if isinstance(said, Reply) and said.retry_after is not None:
            seconds = max(seconds, said.retry_after)
        if waited + seconds > patience.give_up_seconds:
            return said
        waited += seconds
        yield Wait(seconds)


def drawn_key() -> str:
    """An idempotency key that nobody else has."""
    return secrets.token_hex(16)


def path(*parts: str, **query: str) -> str:
    """An address below `/v1`, each part quoted.

    >>> path("deploy", "Deploy", "a/b", limit="5")
    '/v1/deploy/Deploy/a%2Fb?limit=5'
    """
    found = "/".join(quote(part, safe="") for part in parts)
    return f"/v1/{found}" + (f"?{urlencode(query)}" if query else "")


def told_by(reply: Reply | Nothing) -> str:
    """Why there is no answer, in words."""
    if isinstance(reply, Nothing):
        return reply.because
    detail = reply.data.get("detail", "") if isinstance(reply.data, dict) else ""
    return f"the server answered {reply.status}: {detail}"


def read(status: int, text: str, retry_after: str | None) -> Reply | Nothing:
    """A response as it came. What is no JSON was not said by a server of ours, and is asked again."""
    try:
        data = json.loads(text) if text else None
    except ValueError:
        return Nothing(f"the answer {status} is no JSON")
    if status >= 400 and not (isinstance(data, dict) and "code" in data) and status not in AGAIN:
        return Nothing(f"the answer {status} is none of this server's")
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    return Reply(status, data, seconds)
