"""Which hosts the HTTP handler asks, at which addresses, where it lets itself be led, and how it signs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from temper.run import Ask, AttemptFailedError, HandlersBrokenError, ManualClock, load_handlers
from temper.run.handlers.hosts import HostRefusedError, Hosts, is_public, resolve
from temper.run.handlers.http import HttpHandler, Poster, hosts_with
from temper.run.handlers.signing import SIGNATURE, secret_bytes, signature

ASK = Ask("parcels", "ship", {"label": "books"}, "k-1-0", 7, 1, "Parcel", "p", 5.0)
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four+").decode()


@dataclass
class Site:
    """A server on loopback. `answers` maps a path to a status line and a body; it keeps what it was sent."""

    answers: dict[str, str]
    port: int = 0
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split()[1]
        self.seen.append((path, headers, body))
        status = self.answers.get(path, "200 OK").format(port=self.port)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 6\r\nConnection: close\r\n\r\n".encode() + b'"done"')
        await writer.drain()
        writer.close()


def run(test: Callable[[Site], Awaitable[Any]], **answers: str) -> tuple[Any, Site]:
    async def whole() -> tuple[Any, Site]:
        site = Site({f"/{path}": answer for path, answer in answers.items()})
        server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
        site.port = server.sockets[0].getsockname()[1]
        try:
            return await test(site), site
        finally:
            server.close()
            await server.wait_closed()

    return asyncio.run(whole())


async def posted(handler: HttpHandler) -> object:
    try:
        return await handler(ASK)
    finally:
        await handler.aclose()


def told(*addresses: str) -> Any:
    """A name server that says this, and remembers how often it was asked."""

    async def resolve(host: str, port: int) -> list[str]:
        resolve.asked += 1  # type: ignore[attr-defined]
        return list(addresses)

    resolve.asked = 0  # type: ignore[attr-defined]
    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::", "fe80::1%eth0",
    ],
)  # fmt: skip
def test_a_name_at_a_private_address_is_not_asked(address: str) -> None:
    assert not is_public(address)
    poster = Poster(hosts_with("http://depot.example/"), resolve=told("93.184.216.34", address))
    with pytest.raises(AttemptFailedError, match="no public address; name it in"):
        asyncio.run(posted(HttpHandler("http://depot.example/", poster=poster)))


def test_a_private_name_is_asked_if_the_operator_says_so() -> None:
    async def test(site: Site) -> object:
        url = f"http://depot.internal:{site.port}/x"
        poster = Poster(hosts_with(url, private=["depot.internal"]), resolve=told("127.0.0.1"))
        return await posted(HttpHandler(url, poster=poster))

    answer, site = run(test)
    assert answer == "done"
    assert site.seen[0][1]["host"] == f"depot.internal:{site.port}"


def test_a_name_is_looked_up_once_for_each_request_and_that_address_is_asked() -> None:
    """Whatever the name server says next, the connection goes where was looked: there is no second look-up."""

    async def test(site: Site) -> int:
        url = f"http://depot.internal:{site.port}/x"
        resolver = told("127.0.0.1")
        poster = Poster(hosts_with(url, private=["depot.internal"]), resolve=resolver)
        await posted(HttpHandler(url, poster=poster))
        asked: int = resolver.asked
        return asked

    assert run(test)[0] == 1


def test_a_name_without_an_address_and_the_systems_own_names() -> None:
    with pytest.raises(HostRefusedError, match="has no address"):
        Hosts(frozenset(), frozenset()).address("depot.example", [])
    assert "127.0.0.1" in asyncio.run(resolve("localhost", 80))


async def _redirected(site: Site, path: str, redirects: int = 3, named: tuple[str, ...] = (), **more: Any) -> object:
    url = f"http://127.0.0.1:{site.port}/{path}"
    poster = Poster(hosts_with(url, named, named), redirects, resolve=told("127.0.0.1"))
    return await posted(HttpHandler(url, {"Authorization": "Bearer x"}, poster=poster, **more))


def test_redirects_are_followed_only_as_far_as_is_allowed() -> None:
    answers = {"a": "307 There\r\nLocation: /b", "b": "308 There\r\nLocation: /c"}
    answer, site = run(lambda site: _redirected(site, "a", 2), **answers)
    assert answer == "done"
    assert [path for path, _, _ in site.seen] == ["/a", "/b", "/c"]
    assert len({body for _, _, body in site.seen}) == 1
    assert [headers["authorization"] for _, headers, _ in site.seen] == ["Bearer x"] * 3
    with pytest.raises(AttemptFailedError, match="answered 308"):
        run(lambda site: _redirected(site, "a", 1), **answers)


@pytest.mark.parametrize("status", ["301", "302", "303"])
def test_a_redirect_that_loses_the_body_is_no_answer(status: str) -> None:
    with pytest.raises(AttemptFailedError, match=f"answered {status}"):
        run(lambda site: _redirected(site, "a"), a=f"{status} There\r\nLocation: /b")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("http://169.254.169.254/latest", "169.254.169.254 is none of the hosts"),
        ("http://depot.example/", "depot.example is none of the hosts"),
        ("ftp://127.0.0.1/", "is no address of http or https"),
    ],
)
def test_a_redirect_leads_to_no_other_host(to: str, message: str) -> None:
    with pytest.raises(AttemptFailedError, match=message):
        run(lambda site: _redirected(site, "a"), a=f"307 There\r\nLocation: {to}")


def test_a_redirect_to_a_named_host_at_a_private_address_is_refused() -> None:
    async def test(site: Site) -> object:
        url = f"http://127.0.0.1:{site.port}/a"
        poster = Poster(hosts_with(url, ["depot.example"]), 1, resolve=told("10.0.0.1"))
        return await posted(HttpHandler(url, poster=poster))

    with pytest.raises(AttemptFailedError, match=r"depot.example is at 10.0.0.1"):
        run(test, a="307 There\r\nLocation: http://depot.example/")


def test_secrets_stay_with_the_host_that_they_are_for() -> None:
    async def test(site: Site) -> object:
        return await _redirected(site, "a", named=("depot.internal",))

    answer, site = run(test, a="307 There\r\nLocation: http://depot.internal:{port}/b")
    assert answer == "done"
    assert "authorization" in site.seen[0][1]
    assert "authorization" not in site.seen[1][1]
    assert site.seen[1][1]["idempotency-key"] == "k-1-0"


def test_a_redirect_to_what_is_not_encrypted_is_refused() -> None:
    from temper.run.handlers.http import _stay_encrypted

    with pytest.raises(HostRefusedError, match="not encrypted"):
        _stay_encrypted("https://depot.example/", "http://depot.example/")


@pytest.mark.parametrize(
    ("status", "later"),
    [
        ("429 Slow down\r\nRetry-After: 7", 7_000),
        ("503 Busy\r\nRetry-After: 7", 7_000),
        ("500 Oops\r\nRetry-After: 7", 0),
        ("503 Busy\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("503 Busy", 0),
    ],
)
def test_a_receiver_may_ask_to_be_left_alone(status: str, later: int) -> None:
    with pytest.raises(AttemptFailedError) as raised:
        run(lambda site: _redirected(site, "a"), a=status)
    assert raised.value.later == later


# Signatures


def test_bodies_are_signed() -> None:
    async def test(site: Site) -> object:
        clock = ManualClock(1_700_000_000_500)
        return await posted(HttpHandler(f"http://127.0.0.1:{site.port}/a", {}, secret_bytes(SECRET), clock=clock))

    _, site = run(test)
    _, headers, body = site.seen[0]
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("k-1-0", "1700000000")
    assert headers[SIGNATURE] == signature(secret_bytes(SECRET), "k-1-0", 1_700_000_000, body)


def test_a_signature_as_the_standard_shows_it() -> None:
    """The example of Standard Webhooks, so that other people's libraries verify ours."""
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    said = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "abc", "whsec_", "whsec_YWJj", "whsec_???"])
def test_a_weak_secret_is_refused(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "temper.toml"
    path.write_text(f'[effects.ship]\nhttp = "http://depot.example/"\nsecret = "{secret}"\n', encoding="utf-8")
    with pytest.raises(HandlersBrokenError, match="a secret is `whsec_` and at least 24 bytes"):
        load_handlers(path)


# The file


def test_hosts_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    text = """
    [http]
    hosts = ["other.example"]
    private = ["depot.internal"]
    [effects.ship]
    http = "https://depot.example/ship"
    secret = "${HOOK_SECRET}"
    redirects = 2
    """
    path = tmp_path / "temper.toml"
    path.write_text(text, encoding="utf-8")
    handler = load_handlers(path)["ship"]
    assert isinstance(handler, HttpHandler)
    assert handler.poster is not None
    assert handler.poster.hosts == Hosts(
        frozenset({"depot.example", "other.example", "depot.internal"}), frozenset({"depot.internal"})
    )
    assert (handler.poster.redirects, handler.secret, handler.way) == (2, secret_bytes(SECRET), "http depot.example")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[http]\nhost = []\n[effects.ship]\nhttp = 'http://x/'", "did you mean `hosts`?"),
        ("[http]\nhosts = 'x'\n[effects.ship]\nhttp = 'http://x/'", "[http] hosts is a list of names"),
        ("[effects.ship]\nhttp = 'http://x/'\nredirects = 11", "redirects is a number from 0 to 10"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "temper.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HandlersBrokenError) as raised:
        load_handlers(path)
    assert message in str(raised.value)
