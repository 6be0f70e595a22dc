"""The catalogue as a Starlette application: each operation becomes a route, each problem a problem+json answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from temper.serve.asking import Answer, Asked
from temper.serve.body import parse_body
from temper.serve.operation import Operation, Permission, Place
from temper.serve.operations import OPERATIONS
from temper.serve.problem import ProblemError, problem_to_json
from temper.serve.service import Service
from temper.serve.tokens import Principal

BODY_BYTES_MAX = 1_000_000
APPLY_BYTES_MAX = 8_000_000
"""A new version comes with its policies."""
PASSED_BY_BYTES_MAX = 64_000_000
"""How much of a body that is too large is let go by before the connection is cut."""
LOG = logging.getLogger("temper.serve")


def application(service: Service) -> Starlette:
    """The application that serves `service`. It holds no state of its own."""
    app = Starlette(
        routes=[Route(each.path, _endpoint(each, service), methods=[each.method]) for each in OPERATIONS],
        exception_handlers={HTTPException: _on_http_exception, Exception: _on_mistake_of_ours},
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(operation: Operation, service: Service) -> Callable[[Request], Awaitable[Response]]:
    perform = getattr(service, operation.name)

    async def endpoint(request: Request) -> Response:
        try:
            principal = _principal(operation, request, service)
            asked = await _asked(operation, request, principal)
            return _response(operation, await perform(asked))
        except ProblemError as problem:
            return _problem(problem)
        except ClientDisconnect:
            return Response(status_code=400)

    return endpoint


def _principal(operation: Operation, request: Request, service: Service) -> Principal | None:
    """Who asks. A token is needed always, on loopback too: everything on a machine can reach loopback."""
    if operation.permission is Permission.NONE:
        return None
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ProblemError("no-token", "send the header `Authorization: Bearer TOKEN`")
    principal = service.tokens.tokens.holder(token.strip())
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


async def _asked(operation: Operation, request: Request, principal: Principal | None) -> Asked:
    given = {name: str(value) for name, value in request.path_params.items()}
    for parameter in operation.parameters_in(Place.HEADER):
        if (header := request.headers.get(parameter.name)) is not None:
            given[parameter.name] = header
    query = _query(request.query_params.multi_items())
    for parameter in operation.parameters_in(Place.QUERY):
        if parameter.name in query:
            given[parameter.name] = query.pop(parameter.name)
    if query and operation.name != "list":
        raise ProblemError("bad-request", f"{operation.name} takes no parameter `{next(iter(query))}`")
    body = None
    if operation.body is not None:
        body = parse_body(await _read(request, APPLY_BYTES_MAX if operation.name == "apply" else BODY_BYTES_MAX))
    return Asked(principal, given, query, body)


def _query(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in items:
        if name in found:
            raise ProblemError("bad-request", f"the parameter `{name}` is given twice", {"parameter": name})
        found[name] = value
    return found


async def _read(request: Request, bytes_max: int) -> bytes:
    """The body, as long as it is no longer than it may be.

    The rest is let go by, up to a point: whoever is still sending would not see the answer of a closed connection.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= bytes_max:
            chunks.append(chunk)
        elif size > PASSED_BY_BYTES_MAX:
            break
        else:
            chunks.clear()
    if size > bytes_max:
        detail = f"the body has more than {bytes_max:,} bytes"
        raise ProblemError("body-too-large", detail, {"bytes_max": bytes_max})
    return b"".join(chunks)


def _response(operation: Operation, answer: Answer) -> Response:
    content = answer.data if operation.media != "application/json" else json.dumps(answer.data, ensure_ascii=False)
    return Response(
        content,
        status_code=operation.status,
        media_type=operation.media,
        headers={"Cache-Control": "no-store", **answer.headers},
    )


def _problem(problem: ProblemError, headers: dict[str, str] | None = None) -> Response:
    more = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    if problem.status == 413:
        more["Connection"] = "close"
    return Response(
        json.dumps(problem_to_json(problem), ensure_ascii=False),
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **more, **(headers or {})},
    )


async def _on_http_exception(request: Request, wrong: Exception) -> Response:
    """Starlette found no route, or none for the method."""
    assert isinstance(wrong, HTTPException)
    path = unquote(request.url.path)
    if wrong.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        detail = f"{path} takes {allowed}, and this is {request.method}"
        return _problem(ProblemError("method-not-allowed", detail, {"allow": allowed}), {"Allow": allowed})
    return _problem(ProblemError("unknown-route", f"there is nothing at {path}; GET /openapi.json lists what there is"))


def _methods(request: Request) -> set[str]:
    """Every method that some route takes at this path: Starlette names only those of the first."""
    from starlette.routing import Match

    scope = dict(request.scope)
    scope.pop("path_params", None)
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(scope)[0] is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return found


async def _on_mistake_of_ours(request: Request, wrong: Exception) -> Response:
    """What nobody foresaw: said without its insides, which are in the server's own log."""
    LOG.error("%s %s failed", request.method, request.url.path, exc_info=wrong)
    detail = "the server failed at this request; its log says where, and nothing was acknowledged"
    return _problem(ProblemError("internal-error", detail))
