"""A server of several tenants as an application: whose address it is, whose token, and whether there is room."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from temper.serve.http.app import Application, Pieces, Receive, Said, said_of, token_in
from temper.serve.problem import ProblemError
from temper.serve.tenants.host import HostService
from temper.serve.tenants.limits import over_limit
from temper.serve.tenants.operations import HOST_OPERATIONS
from temper.serve.tenants.tenant import Tenant
from temper.serve.tenants.tenants import Tenants, unknown_tenant
from temper.serve.tokens import nobodys

OF_ALL = "tenants"
ROOT = ("/health", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""Addresses without a version in front."""


class TenantsApplication:
    """Gives each request to whom it is for. A stranger cannot tell which tenants there are."""

    def __init__(self, tenants: Tenants, host: HostService) -> None:
        self._tenants, self._host = tenants, host
        self._host_application = Application(host, HOST_OPERATIONS)

    def begin(self, scope: Mapping[str, Any], body: bytes, say: Callable[[Said], None]) -> bool:
        """A tenant may have to be opened first, so every request takes a task."""
        del scope, body, say
        return False

    async def answer(self, scope: Mapping[str, Any], receive: Receive) -> Said | None:
        """What is said to a request; None if whoever asked is not there any more."""
        path = scope["path"]
        name, slash, rest = path.removeprefix("/v1/").partition("/")
        if not path.startswith("/v1/") or name == OF_ALL:
            return await self._host_application.answer(scope, receive)
        try:
            tenant = self._admitted(name, scope)
            async with contextlib.AsyncExitStack() as stay:
                opened = await stay.enter_async_context(self._tenants.entered(tenant))
                inner = {**scope, "path": inner_path(f"{slash}{rest}")}
                said = await opened.application.answer(inner, receive)
                if said is None or isinstance(said[2], bytes):
                    return said
                return said[0], said[1], _Staying(said[2], stay.pop_all())
        except ProblemError as problem:
            return said_of(problem)

    def _admitted(self, name: str, scope: Mapping[str, Any]) -> Tenant:
        """The tenant, if the token is one of its and it asks no more than it may."""
        token = token_in(scope["headers"])
        if token is None:
            raise ProblemError("no-token", "send the header `Authorization: Bearer TOKEN`")
        tenant = self._tenants.find(name)
        if tenant is None:
            nobodys(self._tenants.folder / ".nobody", token)
            raise unknown_tenant(name)
        if tenant.holder(token) is None:
            raise unknown_tenant(name)
        limits = tenant.limits
        if seconds := tenant.rate.take():
            self._host.refused.add(tenant=name, what="rate")
            raise over_limit("more requests a second come", limits.calls_per_second, seconds)
        if tenant.users >= 2 * limits.requests:
            self._host.refused.add(tenant=name, what="requests")
            raise over_limit(f"{tenant.users:,} requests and streams are under way", 2 * limits.requests, 1.0)
        return tenant


class _Staying:
    """An answer in pieces, with whoever asked at the tenant's until it is closed."""

    def __init__(self, pieces: Pieces, stay: contextlib.AsyncExitStack) -> None:
        self._pieces, self._stay = pieces, stay

    def __aiter__(self) -> AsyncIterator[str]:
        return aiter(self._pieces)

    async def aclose(self) -> None:
        async with self._stay:
            await self._pieces.aclose()


def inner_path(rest: str) -> str:
    """The address as the tenant's own application knows it.

    >>> inner_path("/deploy/Deploy/d1"), inner_path("/v1/deploy/Deploy/d1"), inner_path("/metrics")
    ('/v1/deploy/Deploy/d1', '/v1/deploy/Deploy/d1', '/metrics')
    """
    return rest if rest in ROOT or rest.startswith(("/v1/", "/explain/")) else f"/v1{rest}"
