"""The catalogue as an application: each operation at its address, each problem a problem+json answer.

There is no framework in between. A call of an action costs some 100 µs in all, and half of that went into finding its
route again, a request object and a response object; everything that they knew stands in the catalogue already.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl

from temper.serve.asking import Answer, Asked, JsonText
from temper.serve.body import parse_body
from temper.serve.http.routes import Found, Route, Routes
from temper.serve.instruments import Instruments
from temper.serve.operation import TRACEPARENT, TRACESTATE, Operation, Permission
from temper.serve.operations import OPERATIONS, UNBOUNDED, WAITING
from temper.serve.pressure import RETRY_SECONDS, Held, Pressure
from temper.serve.problem import ProblemError, problem_to_json
from temper.serve.service import Service
from temper.serve.tokens import Principal, TokenFile, Tokens

BODY_BYTES_MAX = 1_000_000
APPLYING = frozenset({"apply", "apply_to_tenants"})
APPLY_BYTES_MAX = 8_000_000
"""A new version comes with its policies."""
PASSED_BY_BYTES_MAX = 64_000_000
"""How much of a body that is too large is let go by before the connection is cut."""
LOG = logging.getLogger("temper.serve")

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Perform: TypeAlias = Callable[[Asked], Awaitable[Answer]]
Begin: TypeAlias = Callable[[Asked, Callable[[Callable[[], Answer]], None]], bool]
"""As `Perform`, without a task: tells what gives the answer, or raises; False if nothing was begun."""
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
NO_STORE = (b"cache-control", b"no-store")


class Pieces(Protocol):
    """What is said piece by piece. Whoever has it closes it, whether or not anything was told."""

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def aclose(self) -> None: ...


Said: TypeAlias = tuple[int, Headers, bytes | Pieces]
"""Status, headers, and what is said: all of it, or piece by piece."""


class Answers(Protocol):
    """What a server asks."""

    def begin(self, scope: Mapping[str, Any], body: bytes, say: Callable[[Said], None]) -> bool:
        """Answer a request that has come whole without a task for it; False if `answer` has to."""

    async def answer(self, scope: Mapping[str, Any], receive: Receive) -> Said | None:
        """What is said to a request, as ASGI describes one; None if whoever asked is not there any more."""


class Serves(Protocol):
    """What has a method for each operation, is watched with instruments, and knows whose token is whose."""

    tokens: TokenFile
    instruments: Instruments


class GoneError(Exception):
    """Whoever asked is not there any more."""


class Application:
    """Serves `service`. It holds no state of its own."""

    def __init__(self, service: Serves, operations: Iterable[Operation] = OPERATIONS) -> None:
        self._service = service
        self._pressure: Pressure = service.instruments.pressure
        operations = tuple(operations)
        self._routes = Routes(operations)
        self._tokens: Tokens | None = None
        self._performs: dict[str, Perform] = {each.name: getattr(service, each.name) for each in operations}
        self._begins: dict[str, Begin] = {
            each.name: begin for each in operations if (begin := getattr(service, f"begin_{each.name}", None))
        }

    def begin(self, scope: Mapping[str, Any], body: bytes, say: Callable[[Said], None]) -> bool:
        """Answer a request that has come whole without a task for it; False if `answer` has to.

        Most of what a server does is this. What is wrong with a request before anything is done is left to `answer`.
        """
        found, pressure = self._routes.find(scope["method"], scope["path"]), self._pressure
        if found is None or len(body) > BODY_BYTES_MAX or pressure.is_high(len(body)):
            return False
        route = found[0]
        begin = self._begins.get(route.operation.name)
        if begin is None:
            return False
        held, is_begun = pressure.request(), False

        def tell(answer: Callable[[], Answer]) -> None:
            held.__exit__()
            try:
                said = _answered(route, answer())
            except Exception as wrong:  # noqa: BLE001 (it is logged and told)
                said = _said_of_wrong(scope, wrong)
            say(said)

        held.__enter__()
        try:
            held.take(len(body))
            given, query = _parameters(found, scope)
            principal = self._principal(route.operation, scope["headers"])
            is_begun = begin(Asked(principal, given, query, parse_body(body)), tell)
        except ProblemError:
            return False
        except Exception as wrong:  # noqa: BLE001 (it is logged and told)
            # How far it came nobody knows, so it must not be done again.
            say(_said_of_wrong(scope, wrong))
            return True
        finally:
            if not is_begun:
                held.__exit__()
        return is_begun

    async def answer(self, scope: Mapping[str, Any], receive: Receive) -> Said | None:
        """What is said to a request, as ASGI describes one; None if whoever asked is not there any more."""
        pressure = self._pressure
        try:
            found = self._routes.find(scope["method"], scope["path"])
            if found is None:
                return self._nowhere(scope["method"], scope["path"])
            route = found[0]
            principal = self._principal(route.operation, scope["headers"])
            if route.operation.name in UNBOUNDED:
                return await self._perform(found, scope, receive, principal, Held(pressure))
            place = pressure.stream() if route.operation.name in WAITING else pressure.request()
            with place as held:
                return await self._perform(found, scope, receive, principal, held)
        except GoneError:
            return None
        except Exception as wrong:  # noqa: BLE001 (it is logged and told)
            return _said_of_wrong(scope, wrong)

    async def _perform(
        self, found: Found, scope: Mapping[str, Any], receive: Receive, principal: Principal | None, held: Held
    ) -> Said:
        route = found[0]
        given, query = _parameters(found, scope)
        body = None
        if route.operation.body is not None:
            bytes_max = APPLY_BYTES_MAX if route.operation.name in APPLYING else BODY_BYTES_MAX
            body = parse_body(await _read(receive, bytes_max, held))
        asked = Asked(principal, given, query, body)
        performing = self._performs[route.operation.name](asked)
        if route.operation.name == "lease":
            performing = _while_there(performing, receive)
        return _answered(route, await performing)

    def _nowhere(self, method: str, path: str) -> Said:
        """There is no such address, or it does not take the method."""
        if methods := self._routes.methods(path):
            allowed = ", ".join(sorted(methods))
            detail = f"{path} takes {allowed}, and this is {method}"
            problem = ProblemError("method-not-allowed", detail, {"allow": allowed})
            return said_of(problem, (b"allow", allowed.encode()))
        return said_of(
            ProblemError("unknown-route", f"there is nothing at {path}; GET /openapi.json lists what there is")
        )

    def _principal(self, operation: Operation, headers: Headers) -> Principal | None:
        """Who asks. A token is needed always, on loopback too: everything on a machine can reach loopback."""
        if operation.permission is Permission.NONE:
            return None
        token = token_in(headers)
        if token is None:
            raise ProblemError("no-token", "send the header `Authorization: Bearer TOKEN`")
        principal = self._known().holder(token)
        if principal is None:
            raise ProblemError("unknown-token", "the token is in no line of the tokens file")
        if operation.permission is Permission.OPERATOR and not principal.operator:
            raise ProblemError(
                "not-operator", f"{principal.name} is not the operator of this server", {"caller": principal.name}
            )
        if operation.permission is Permission.WORKER and principal.works_on_effects == frozenset():
            detail = f"{principal.name} is no worker: `worker = true` in its line of the tokens file makes it one"
            raise ProblemError("not-worker", detail, {"caller": principal.name})
        return principal

    def _known(self) -> Tokens:
        """The tokens of now: their file is looked at once for all requests that have come in at the same moment."""
        if self._tokens is None:
            self._tokens = self._service.tokens.tokens
            asyncio.get_running_loop().call_soon(self._look_again)
        return self._tokens

    def _look_again(self) -> None:
        self._tokens = None


def application(service: Service) -> Application:
    """The application that serves `service`."""
    return Application(service)


def token_in(headers: Headers) -> str | None:
    """The token that a request shows."""
    scheme, _, token = (_header(headers, b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _header(headers: Headers, wanted: bytes) -> str | None:
    """The first header of this name, which is in lower case."""
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1")
    return None


def _parameters(found: Found, scope: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The operation's parameters, and what else stands in the query."""
    route, parts = found
    given = {name: parts[at] for at, name in route.names}
    headers = route.headers
    for name, value in scope["headers"]:
        if name in headers:
            _give(given, headers[name], value.decode("latin-1"))
    query = _query(scope["query_string"]) if scope["query_string"] else {}
    for name in route.query:
        if name in query:
            given[name] = query.pop(name)
    if query and route.operation.name != "list":
        raise ProblemError("bad-request", f"{route.operation.name} takes no parameter `{next(iter(query))}`")
    return given, query


def _give(given: dict[str, str], name: str, value: str) -> None:
    """Of a header that comes twice the first counts; but a list may come in pieces, and two parents are none."""
    if name not in given:
        given[name] = value
    elif name in {TRACEPARENT.name, TRACESTATE.name}:
        given[name] += f",{value}"


async def _while_there(performing: Awaitable[Answer], receive: Receive) -> Answer:
    """The answer, as long as whoever asked waits for it: what is given out must not be given to nobody."""
    working, gone = asyncio.ensure_future(performing), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise GoneError
        return await working
    finally:
        working.cancel()
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _query(text: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True):
        if name in found:
            raise ProblemError("bad-request", f"the parameter `{name}` is given twice", {"parameter": name})
        found[name] = value
    return found


async def _read(receive: Receive, bytes_max: int, held: Held) -> bytes:
    """The body, as long as it is no longer than it may be.

    The rest is let go by, up to a point: whoever is still sending would not see the answer of a closed connection.
    """
    chunks: list[bytes] = []
    size, goes_on = 0, True
    while goes_on:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        chunk, goes_on = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= bytes_max:
            held.take(len(chunk))
            chunks.append(chunk)
        elif size > PASSED_BY_BYTES_MAX:
            break
        else:
            chunks.clear()
    if size > bytes_max:
        detail = f"the body has more than {bytes_max:,} bytes"
        raise ProblemError("body-too-large", detail, {"bytes_max": bytes_max})
    return b"".join(chunks)


def _answered(route: Route, answer: Answer) -> Said:
    is_text = not route.is_json or isinstance(answer.data, JsonText)
    content: Any = answer.data if is_text else json.dumps(answer.data, ensure_ascii=False)
    headers = [NO_STORE, route.content_type]
    for name, value in answer.headers.items():
        headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    return route.operation.status, headers, content.encode() if isinstance(content, str) else content


def _said_of_wrong(scope: Mapping[str, Any], wrong: Exception) -> Said:
    """How it is told that there is no answer."""
    if isinstance(wrong, ProblemError):
        return said_of(wrong)
    # What nobody foresaw: said without its insides, which are in the server's own log.
    LOG.error("%s %s failed", scope["method"], scope["path"], exc_info=wrong)
    detail = "the server failed at this request; its log says where, and nothing was acknowledged"
    return said_of(ProblemError("internal-error", detail))


def said_of(problem: ProblemError, *more: tuple[bytes, bytes]) -> Said:
    """How a problem is told."""
    headers = [NO_STORE, (b"content-type", b"application/problem+json"), *more]
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if problem.status == 503:
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    if problem.status == 413:
        headers.append((b"connection", b"close"))
    headers += ((name.encode(), value.encode("latin-1")) for name, value in problem.headers.items())
    return problem.status, headers, json.dumps(problem_to_json(problem), ensure_ascii=False).encode()
