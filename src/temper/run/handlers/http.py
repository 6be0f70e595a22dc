"""An HTTP receiver as a handler: one POST with the idempotency key for each attempt.

No redirects, no proxies from the environment, a bounded answer. An answer outside 2xx is a failed attempt: the
receiver is asked again with the same key, as often as the effect's `retry` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from temper.run.handlers.wire import ANSWER_BYTES_MAX, ask_to_json, parsed, shortened
from temper.run.world import Ask, AttemptFailedError

if TYPE_CHECKING:
    import httpx

KEY_HEADER = "Idempotency-Key"
FENCE_HEADER = "Temper-Fence"


@dataclass(slots=True)
class HttpHandler:
    """Posts to one address. The connection is kept open between attempts until `aclose`."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    _client: Any = None

    async def __call__(self, ask: Ask) -> object:
        """One POST is one attempt."""
        import httpx

        headers = {**self.headers, KEY_HEADER: ask.key}
        if ask.fence is not None:
            headers[FENCE_HEADER] = str(ask.fence)
        request = self._opened().stream(
            "POST", self.url, json=ask_to_json(ask), headers=headers, timeout=ask.timeout_seconds
        )
        try:
            async with request as response:
                return _answer(self.url, response.status_code, await _body(response))
        except httpx.HTTPError as error:
            raise AttemptFailedError(f"{self.url}: {type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Close the connection."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False)
        client: httpx.AsyncClient = self._client
        return client


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise AttemptFailedError(f"the answer is longer than {ANSWER_BYTES_MAX:,} bytes")
    return bytes(body)


def _answer(url: str, status: int, body: bytes) -> object:
    if not 200 <= status < 300:
        said = shortened(body.decode(errors="replace").strip())
        raise AttemptFailedError(f"{url} answered {status}" + (f": {said}" if said else ""))
    return parsed(body)
