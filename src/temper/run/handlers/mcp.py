"""A tool of an MCP server as a handler: over its standard input and output, or over HTTP.

A small client of our own: one method is needed, and the official package weighs 30 others. Servers of the protocol of
2026-07-28 are asked without a session, every request by itself. Older ones are greeted first. Which of the two it is
is found out with a question that does nothing, so that a tool is never called twice to find out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from temper.run.handlers.command import argument_vector, environment_of
from temper.run.handlers.ending import end
from temper.run.handlers.http import Poster, address_of, headers_of, hosts_of
from temper.run.handlers.toml import TomlFile
from temper.run.handlers.wire import ANSWER_BYTES_MAX, shortened, trace_of_ask
from temper.run.world import Ask, AttemptFailedError

MODERN, OLDER = "2026-07-28", "2025-06-18"
META = "io.modelcontextprotocol/"
CLIENT = {"name": "temper", "version": "0.1"}
LINES_MAX = 10_000
"""How many messages a server may send before its answer."""


class Channel(Protocol):
    """A way to a server: send one message, and hear the answer to it."""

    async def ask(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """The answer with the message's id. Raises `AttemptFailedError`."""
        ...

    async def tell(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Send what has no answer."""


@dataclass(slots=True)
class Client:
    """One conversation: it finds out which protocol the server speaks, then calls a tool."""

    channel: Channel
    _number: int = 0
    _version: str = MODERN

    async def call(self, tool: str, ask: Ask) -> dict[str, Any]:
        """The result of a tool. Raises `AttemptFailedError`."""
        if not await self._is_modern():
            await self._greet()
        meta = {"temper/key": ask.key, **trace_of_ask(ask)}
        params = {"name": tool, "arguments": dict(ask.args), "_meta": meta}
        answer = await self._ask("tools/call", params, {"mcp-name": tool, **trace_of_ask(ask)})
        if "error" in answer:
            raise AttemptFailedError(f"the MCP server answered: {_told(answer['error'])}")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise AttemptFailedError("the MCP server's answer has no result")
        return result

    async def _is_modern(self) -> bool:
        """Ask what the server can; whatever else it says, it is of the older kind."""
        answer = await self._ask("server/discover", {}, {})
        result = answer.get("result")
        return isinstance(result, dict) and MODERN in result.get("supportedVersions", ())

    async def _greet(self) -> None:
        self._version = OLDER
        params = {"protocolVersion": OLDER, "capabilities": {}, "clientInfo": CLIENT}
        answer = await self._ask("initialize", params, {})
        result = answer.get("result")
        if not isinstance(result, dict):
            raise AttemptFailedError(f"the MCP server does not greet: {_told(answer.get('error'))}")
        self._version = str(result.get("protocolVersion", OLDER))
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await self.channel.tell(note, {"mcp-protocol-version": self._version})

    async def _ask(self, method: str, params: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        self._number += 1
        if self._version == MODERN:
            said = {"protocolVersion": MODERN, "clientInfo": CLIENT, "clientCapabilities": {}}
            known = {f"{META}{name}": value for name, value in said.items()}
            params = {**params, "_meta": {**params.get("_meta", {}), **known}}
            headers = {**headers, "mcp-method": method}
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        return await self.channel.ask(message, {**headers, "mcp-protocol-version": self._version})


def answer_of(result: Mapping[str, Any], outcome: str) -> object:
    """What a tool's result says of the effect: an outcome of its own, or the one that the operator names for it.

    >>> answer_of({"structuredContent": {"outcome": "shifted"}}, "")
    {'outcome': 'shifted'}
    >>> answer_of({"content": [{"type": "text", "text": "ok"}]}, "shifted")
    {'outcome': 'shifted', 'fields': {}}
    """
    if result.get("resultType") == "input_required":
        raise AttemptFailedError("the tool asks for input, and there is nobody to give it")
    said = result.get("structuredContent")
    if said is None:
        said = _text(result)
    if result.get("isError"):
        raise AttemptFailedError(f"the tool failed: {shortened(said if isinstance(said, str) else json.dumps(said))}")
    if outcome and not (isinstance(said, dict) and "outcome" in said):
        return {"outcome": outcome, "fields": said if isinstance(said, dict) else {}}
    return said


def _text(result: Mapping[str, Any]) -> object:
    """The text of a result, as JSON if it is that."""
    parts = result.get("content")
    texts = [str(each.get("text", "")) for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []
    text = "\n".join(texts)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _told(error: object) -> str:
    if isinstance(error, dict):
        return shortened(f"{error.get('message', '')} ({error.get('code', '')})")
    return shortened(str(error))


# Standard input and output


@dataclass(slots=True)
class Pipe:
    """A server that was started for this attempt: one message a line."""

    process: asyncio.subprocess.Process

    async def ask(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        await self.tell(message, headers)
        assert self.process.stdout is not None, "it is a pipe"
        for _ in range(LINES_MAX):
            try:
                line = await self.process.stdout.readline()
            except ValueError:
                raise AttemptFailedError(
                    f"the MCP server wrote a line of more than {ANSWER_BYTES_MAX:,} bytes"
                ) from None
            if not line:
                raise AttemptFailedError("the MCP server ended without an answer")
            answer = _message(line)
            if answer.get("id") == message["id"] and "method" not in answer:
                return answer
        raise AttemptFailedError(f"the MCP server wrote {LINES_MAX:,} lines without an answer")

    async def tell(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        del headers
        assert self.process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            await self.process.stdin.drain()


@dataclass(frozen=True, slots=True)
class McpCommand:
    """A tool of a server that is started for each attempt, and ended after it with everything it started."""

    argv: tuple[str, ...]
    tool: str
    outcome: str
    folder: Path
    environment: Mapping[str, str]

    @property
    def way(self) -> str:
        return f"mcp {self.tool}"

    async def __call__(self, ask: Ask) -> object:
        """One call of the tool is one attempt."""
        async with self._started() as pipe:
            return answer_of(await Client(pipe).call(self.tool, ask), self.outcome)

    @contextlib.asynccontextmanager
    async def _started(self) -> AsyncIterator[Pipe]:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self.argv,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=pipe,
                stdout=pipe,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                limit=ANSWER_BYTES_MAX,
            )
        except OSError as error:
            raise AttemptFailedError(f"{self.argv[0]} cannot be started: {error.strerror}") from error
        try:
            yield Pipe(process)
        finally:
            await end(process)


# HTTP


@dataclass(slots=True)
class Web:
    """A server at an address: each message is a POST, answered as JSON or as a stream of events."""

    url: str
    headers: Mapping[str, str]
    poster: Poster
    seconds: float
    _session: dict[str, str] = field(default_factory=dict)

    async def ask(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        answer = await self._post(message, headers)
        if "mcp-session-id" in answer.headers:
            self._session = {"mcp-session-id": answer.headers["mcp-session-id"]}
        for data in _messages(answer.headers.get("content-type", ""), answer.body):
            found = _message(data)
            if found.get("id") == message["id"] and "method" not in found:
                return found
        if answer.status >= 400:
            return {"error": {"code": answer.status, "message": shortened(answer.body.decode(errors="replace"))}}
        raise AttemptFailedError(f"{self.url} gave no answer to {message['method']}")

    async def tell(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        await self._post(message, headers)

    async def _post(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        told = {**self.headers, **headers, **self._session, "Accept": "application/json, text/event-stream"}
        return await self.poster.post(self.url, json.dumps(message).encode(), told, self.seconds)


@dataclass(slots=True)
class McpWeb:
    """A tool of a server at an address."""

    url: str
    tool: str
    outcome: str
    headers: Mapping[str, str]
    poster: Poster

    @property
    def way(self) -> str:
        return f"mcp {self.tool}"

    async def __call__(self, ask: Ask) -> object:
        """One call of the tool is one attempt."""
        web = Web(self.url, self.headers, self.poster, ask.timeout_seconds)
        return answer_of(await Client(web).call(self.tool, ask), self.outcome)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.poster.aclose()


def make(file: TomlFile, place: str, given: Mapping[str, Any], general: Mapping[str, Any]) -> McpCommand | McpWeb:
    """The handler that `mcp = {url = "…", tool = "…"}` or `mcp = {command = […], tool = "…"}` asks for."""
    told = file.table(given["mcp"], f"{place} mcp")
    file.only(told, ("url", "command", "tool"), f"{place} mcp")
    if ("url" in told) == ("command" in told):
        raise file.broken(f"{place} mcp has a url or a command, and the tool's name")
    tool = file.text(told.get("tool"), f"{place} mcp tool")
    outcome = file.text(given.get("outcome", ""), f"{place} outcome")
    if "command" in told:
        argv = argument_vector(file, f"{place} mcp command", told["command"])
        return McpCommand(argv, tool, outcome, file.folder, environment_of(file, place, given))
    url = address_of(file, f"{place} mcp url", told["url"])
    return McpWeb(url, tool, outcome, headers_of(file, place, given), Poster(hosts_of(file, url, general)))


def _message(line: bytes) -> dict[str, Any]:
    """A message; what is none is passed over, as a server's log line would be."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _messages(kind: str, body: bytes) -> list[bytes]:
    """The messages in a body: one, or those of its events."""
    if "text/event-stream" not in kind:
        return [body]
    events = body.replace(b"\r\n", b"\n").split(b"\n\n")
    return [
        b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")) for event in events
    ]
