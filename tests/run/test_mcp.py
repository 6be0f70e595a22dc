"""MCP tools: servers of today and of yesterday, over pipes and over HTTP; nothing is called twice to find out which."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from temper.run import Ask, AttemptFailedError, Handler, HandlersBrokenError, load_handlers
from temper.run.handlers.mcp import McpCommand, McpWeb, answer_of

ASK = Ask("parcels", "ship", {"label": "books", "level": 2}, "k-1-0", 7, 1, "Parcel", "p", 5.0)
SERVER = """
import json, sys

KIND = sys.argv[1]
GREETED = False

def said(result=None, error=None):
    told = {"jsonrpc": "2.0", "id": message["id"]}
    told |= {"error": {"code": -32601, "message": error}} if error else {"result": result}
    print(json.dumps(told), flush=True)

for line in sys.stdin:
    message = json.loads(line)
    open("seen", "a").write(line)
    method, params = message["method"], message.get("params", {})
    if KIND == "noisy":
        print("starting up", flush=True)
        print(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}), flush=True)
        print(json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "method": "sampling/createMessage"}), flush=True)
    if KIND == "dead" and method == "tools/call":
        sys.exit(1)
    if method == "server/discover":
        if KIND == "old":
            said(error="Method not found")
        else:
            said({"supportedVersions": ["2026-07-28"], "capabilities": {}})
    elif method == "initialize":
        said({"protocolVersion": "2025-06-18", "capabilities": {}})
    elif method == "notifications/initialized":
        GREETED = True
    elif method == "tools/call":
        if KIND == "old" and not GREETED:
            said(error="not greeted")
        elif KIND == "flood":
            said({"content": [{"type": "text", "text": "x" * (2 << 20)}]})
        else:
            said({"content": [{"type": "text", "text": json.dumps({"outcome": "shipped", "fields": params["arguments"]})}]})
"""
SHIPPED = {"outcome": "shipped", "fields": {"label": "books", "level": 2}}


def loaded(folder: Path, mcp: str, more: str = "") -> Handler:
    path = folder / "temper.toml"
    path.write_text(f"[effects.ship]\nmcp = {mcp}\n{more}\n", encoding="utf-8")
    return load_handlers(path)["ship"]


def attempt(folder: Path, kind: str) -> object:
    (folder / "server.py").write_text(SERVER, encoding="utf-8")
    handler = loaded(folder, f'{{command = ["{sys.executable}", "server.py", "{kind}"], tool = "route"}}')
    assert isinstance(handler, McpCommand)
    return asyncio.run(handler(ASK))


def seen(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "seen").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", ["new", "noisy"])
def test_a_tool_is_called_without_a_session(tmp_path: Path, kind: str) -> None:
    assert attempt(tmp_path, kind) == SHIPPED
    discover, call = seen(tmp_path)
    assert (discover["method"], call["method"]) == ("server/discover", "tools/call")
    assert call["params"]["name"] == "route"
    assert call["params"]["_meta"]["temper/key"] == "k-1-0"
    assert call["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


def test_an_older_server_is_greeted_first_and_the_tool_called_once(tmp_path: Path) -> None:
    assert attempt(tmp_path, "old") == SHIPPED
    methods = [message["method"] for message in seen(tmp_path)]
    assert methods == ["server/discover", "initialize", "notifications/initialized", "tools/call"]


@pytest.mark.parametrize(("kind", "message"), [("dead", "ended without an answer"), ("flood", "a line of more than")])
def test_what_goes_wrong_is_a_failed_attempt(tmp_path: Path, kind: str, message: str) -> None:
    with pytest.raises(AttemptFailedError, match=message):
        attempt(tmp_path, kind)


@pytest.mark.parametrize(
    ("result", "outcome", "answer"),
    [
        ({"structuredContent": {"outcome": "shifted"}}, "other", {"outcome": "shifted"}),
        ({"structuredContent": {"code": "c"}}, "shipped", {"outcome": "shipped", "fields": {"code": "c"}}),
        ({"content": [{"type": "text", "text": "shifted"}]}, "", "shifted"),
        ({"content": [{"type": "image"}]}, "sent", {"outcome": "sent", "fields": {}}),
        ({}, "", ""),
    ],
)
def test_what_a_result_says(result: dict[str, Any], outcome: str, answer: object) -> None:
    assert answer_of(result, outcome) == answer


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"isError": True, "content": [{"type": "text", "text": "no way"}]}, "the tool failed: no way"),
        ({"resultType": "input_required", "inputRequests": {}}, "asks for input"),
    ],
)
def test_what_is_no_answer(result: dict[str, Any], message: str) -> None:
    with pytest.raises(AttemptFailedError, match=message):
        answer_of(result, "sent")


# HTTP


class Site:
    """An MCP server on loopback, of one of two kinds."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.seen: list[tuple[dict[str, str], dict[str, Any]]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        message = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.seen.append((headers, message))
        status, more, body = self.answer(headers, message)
        writer.write(
            f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        )
        await writer.drain()
        writer.close()

    def answer(self, headers: dict[str, str], message: dict[str, Any]) -> tuple[str, str, bytes]:
        method, json_type = message["method"], "Content-Type: application/json\r\n"
        old = self.kind == "old"
        if method == "server/discover":
            if old:
                return (
                    "400 Bad Request",
                    json_type,
                    b'{"jsonrpc": "2.0", "id": null, "error": {"message": "no session"}}',
                )
            return "200 OK", json_type, self.told(message, {"supportedVersions": ["2026-07-28"]})
        if method == "initialize":
            return "200 OK", json_type + "Mcp-Session-Id: s7\r\n", self.told(message, {"protocolVersion": "2025-03-26"})
        if method == "notifications/initialized":
            return "202 Accepted", "", b""
        if self.kind == "broken":
            return "500 Oops", "", b"oops"
        result = self.told(message, {"structuredContent": {"outcome": "shipped"}})
        event = (
            b'event: message\r\ndata: {"jsonrpc": "2.0", "method": "notifications/progress"}\r\n\r\ndata: '
            + result
            + b"\r\n\r\n"
        )
        return "200 OK", "Content-Type: text/event-stream\r\n", event

    def told(self, message: dict[str, Any], result: object) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


def asked(folder: Path, kind: str) -> tuple[object, Site]:
    async def whole() -> tuple[object, Site]:
        site = Site(kind)
        server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
        handler = loaded(folder, f'{{url = "{url}", tool = "route"}}', 'headers = {Authorization = "Bearer x"}')
        assert isinstance(handler, McpWeb)
        try:
            return await handler(ASK), site
        finally:
            await handler.aclose()
            server.close()
            await server.wait_closed()

    return asyncio.run(whole())


def test_a_tool_is_called_over_http(tmp_path: Path) -> None:
    answer, site = asked(tmp_path, "new")
    assert answer == {"outcome": "shipped"}
    headers, message = site.seen[-1]
    assert (headers["mcp-method"], headers["mcp-name"], headers["mcp-protocol-version"]) == (
        "tools/call", "route", "2026-07-28",
    )  # fmt: skip
    assert headers["authorization"] == "Bearer x"
    assert message["params"]["arguments"] == {"label": "books", "level": 2}
    assert "mcp-session-id" not in headers


def test_an_older_server_over_http_has_a_session(tmp_path: Path) -> None:
    answer, site = asked(tmp_path, "old")
    assert answer == {"outcome": "shipped"}
    assert [message["method"] for _, message in site.seen] == [
        "server/discover", "initialize", "notifications/initialized", "tools/call",
    ]  # fmt: skip
    assert [headers.get("mcp-session-id") for headers, _ in site.seen] == [None, None, "s7", "s7"]
    assert site.seen[-1][0]["mcp-protocol-version"] == "2025-03-26"


def test_a_broken_server_is_a_failed_attempt(tmp_path: Path) -> None:
    with pytest.raises(AttemptFailedError, match=r"the MCP server answered: oops \(500\)"):
        asked(tmp_path, "broken")


@pytest.mark.parametrize(
    ("mcp", "message"),
    [
        ("{}", "mcp has a url or a command"),
        ('{url = "http://x/", command = ["ls"], tool = "t"}', "mcp has a url or a command"),
        ('{url = "http://x/"}', "mcp tool must be a text"),
        ('{url = "x", tool = "t"}', "must begin with http://"),
        ('{command = ["./missing"], tool = "t"}', "is no program"),
        ('{url = "http://x/", tol = "t"}', "did you mean `tool`?"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, mcp: str, message: str) -> None:
    with pytest.raises(HandlersBrokenError) as raised:
        loaded(tmp_path, mcp)
    assert message in str(raised.value)
