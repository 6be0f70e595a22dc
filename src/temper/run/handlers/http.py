"""An HTTP receiver as a handler: one POST with the idempotency key for each attempt.

Only hosts that the operator names, only public addresses unless the operator says otherwise, no proxies from the
environment, a bounded answer. An answer outside 2xx is a failed attempt: the receiver is asked again with the same
key, as often as the effect's `retry` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from temper.run.handlers.hosts import HostRefusedError, Hosts, Resolve, is_literal, resolve
from temper.run.handlers.signing import secret_bytes, signed_headers
from temper.run.handlers.toml import TomlFile
from temper.run.handlers.wire import ANSWER_BYTES_MAX, ask_to_json, parsed, shortened, trace_of_ask
from temper.run.world import Ask, AttemptFailedError, Clock, SystemClock

if TYPE_CHECKING:
    import httpx

KEY_HEADER = "Idempotency-Key"
FENCE_HEADER = "Temper-Fence"
REDIRECTS_MAX = 10
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, headers, a bounded body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str | None:
        """Where a redirect leads that keeps the method and the body; others are no answer to a POST."""
        return self.headers.get("location") if self.status in {307, 308} else None

    @property
    def later(self) -> int:
        """For how many milliseconds the receiver asks to be left alone."""
        said = self.headers.get("retry-after", "")
        busy = self.status in {429, 503} and said.isascii() and said.isdecimal() and len(said) < 10
        return int(said) * 1000 if busy else 0


@dataclass(slots=True)
class Poster:
    """Posts bodies to the operator's hosts. Connections are kept open until `aclose`."""

    hosts: Hosts
    redirects: int = 0
    resolve: Resolve = resolve
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """One POST, with redirects if they are allowed. Raises `AttemptFailedError` if there is no answer."""
        import httpx

        try:
            answer = await self._once(url, body, headers, seconds)
            for _ in range(self.redirects):
                if answer.location is None:
                    break
                following = urljoin(url, answer.location)
                if urlsplit(following)[:2] != urlsplit(url)[:2]:
                    headers = {name: value for name, value in headers.items() if not _is_secret(name)}
                _stay_encrypted(url, following)
                answer, url = await self._once(following, body, headers, seconds), following
        except HostRefusedError as error:
            raise AttemptFailedError(f"nobody was asked: {error}") from error
        except httpx.HTTPError as error:
            raise AttemptFailedError(f"{url}: {type(error).__name__}: {error}") from error
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def _once(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The name is looked up, the address looked at, and that very address connected to."""
        parts = split(url)
        host = str(parts.hostname)
        self.hosts.check(host)
        port = parts.port or PORTS[parts.scheme]
        found = [host] if is_literal(host) else await self.resolve(host, port)
        address = self.hosts.address(host, found)
        at = parts._replace(netloc=f"[{address}]:{port}" if ":" in address else f"{address}:{port}").geturl()
        headers = {**headers, "Host": parts.netloc.rpartition("@")[2], "Content-Type": "application/json"}
        headers["Accept-Encoding"] = "identity"  # What comes is as long as it says, and unpacks to no more.
        extensions = {"sni_hostname": host}
        request = self._client(host, address).stream(
            "POST", at, content=body, headers=headers, timeout=seconds, extensions=extensions
        )
        async with request as response:
            return Answer(url, response.status_code, dict(response.headers), await _body(response))

    def _client(self, host: str, address: str) -> httpx.AsyncClient:
        """Connections are shared by requests to one name at one address, and by no others."""
        import httpx

        if (host, address) not in self._clients:
            self._clients[host, address] = httpx.AsyncClient(follow_redirects=False, trust_env=False)
        client: httpx.AsyncClient = self._clients[host, address]
        return client


@dataclass(slots=True)
class HttpHandler:
    """Posts each attempt to one address."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: bytes | None = None
    poster: Poster | None = None
    clock: Clock = field(default_factory=SystemClock)

    @property
    def way(self) -> str:
        return f"http {split(self.url).hostname}"

    async def __call__(self, ask: Ask) -> object:
        """One POST is one attempt."""
        body = json.dumps(ask_to_json(ask), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {**self.headers, **trace_of_ask(ask), KEY_HEADER: ask.key}
        if ask.fence is not None:
            headers[FENCE_HEADER] = str(ask.fence)
        if self.secret is not None:
            headers |= signed_headers(self.secret, ask.key, self.clock.now() // 1000, body)
        answer = await self._poster().post(self.url, body, headers, ask.timeout_seconds)
        if not 200 <= answer.status < 300:
            said = shortened(answer.body.decode(errors="replace").strip())
            why = f"{answer.url} answered {answer.status}" + (f": {said}" if said else "")
            raise AttemptFailedError(why, later=answer.later)
        return parsed(answer.body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster().aclose()

    def _poster(self) -> Poster:
        if self.poster is None:
            self.poster = Poster(hosts_with(self.url))
        return self.poster


def make(file: TomlFile, place: str, given: Mapping[str, Any], general: Mapping[str, Any]) -> HttpHandler:
    """The handler that `http = "https://…"` asks for."""
    url = address_of(file, f"{place} http", given["http"])
    redirects = file.number(given.get("redirects", 0), f"{place} redirects", 0, REDIRECTS_MAX)
    poster = Poster(hosts_of(file, url, general), redirects)
    return HttpHandler(url, headers_of(file, place, given), secret_of(file, place, given), poster)


def address_of(file: TomlFile, place: str, given: Any) -> str:
    """An address that can be posted to."""
    url = file.text(given, place)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise file.broken(f'{place} = "{url}" must begin with http:// or https:// and name a host')
    return url


def headers_of(file: TomlFile, place: str, given: Mapping[str, Any]) -> dict[str, str]:
    """The headers that the operator wants sent, with variables of the environment put in."""
    headers = file.table(given.get("headers", {}), f"{place} headers")
    return {name: file.expanded(file.text(value, f"{place} headers.{name}")) for name, value in headers.items()}


def secret_of(file: TomlFile, place: str, given: Mapping[str, Any]) -> bytes | None:
    """The secret that bodies are signed with."""
    if "secret" not in given:
        return None
    try:
        return secret_bytes(file.expanded(file.text(given["secret"], f"{place} secret")))
    except ValueError as wrong:
        raise file.broken(f"{place} secret: {wrong}") from None


def hosts_of(file: TomlFile, url: str, general: Mapping[str, Any]) -> Hosts:
    """The hosts of `[http]`, and the one in the address: whoever wrote that wants it asked."""
    file.only(general, ("hosts", "private"), "[http]")
    example = 'names, such as ["router.example"]'
    named, private = (file.texts(general.get(key, []), f"[http] {key}", example) for key in ("hosts", "private"))
    return hosts_with(url, named, private)


def hosts_with(url: str, named: Iterable[str] = (), private: Iterable[str] = ()) -> Hosts:
    """The list that an address makes by itself: its host, private only if the address says where that is."""
    host = str(split(url).hostname)
    at_home = {host} if is_literal(host) or host == "localhost" else set()
    return Hosts(frozenset({*named, *private, host}), frozenset({*private, *at_home}))


def split(url: str) -> SplitResult:
    """The parts of an address. Raises `HostRefusedError` if it is none that can be asked."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise HostRefusedError(f"{shortened(url)} is no address of http or https")
    return parts


def _stay_encrypted(url: str, following: str) -> None:
    if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
        raise HostRefusedError(f"{url} leads to {following}, which is not encrypted")


def _is_secret(header: str) -> bool:
    """A header that only the host it was meant for may see."""
    return header.lower() not in {KEY_HEADER.lower(), FENCE_HEADER.lower()} and not header.lower().startswith(
        "webhook-"
    )


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise AttemptFailedError(f"the answer is longer than {ANSWER_BYTES_MAX:,} bytes")
    return bytes(body)
