"""How a client command finds its server and its token: by option, by environment, or by what `temper up` left here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temper.cli.mistake import MistakeError
from temper.serve.client import Client, UnreachableError
from temper.serve.home import Home, home_of, homes
from temper.serve.operation import Operation
from temper.serve.operations import operation
from temper.serve.tenants.naming import is_name
from temper.serve.tokens import OPERATOR

TENANT = "TEMPER_TENANT"


@dataclass(frozen=True, slots=True)
class Connection:
    """A client and the blueprint that its server serves."""

    client: Client
    blueprint: str

    def ask(self, name: str, given: dict[str, str] | None = None, body: Any = None) -> Any:
        """What the operation answers; raises `ProblemError`, or a mistake if the server cannot be reached."""
        return self.ask_of(operation(name), given, body)

    def ask_of(self, asked: Operation, given: dict[str, str] | None = None, body: Any = None) -> Any:
        """The same, of an operation that is in another catalogue."""
        names = {each.name for each in asked.parameters}
        try:
            return self.client.ask(
                asked, ({"blueprint": self.blueprint} if "blueprint" in names else {}) | (given or {}), body
            )
        except UnreachableError as wrong:
            raise _unreachable(str(wrong)) from None

    def listen(self, name: str, given: dict[str, str]) -> Iterator[tuple[str, Any]]:
        """The events that the operation tells, each with its position; raises `UnreachableError` when it breaks off."""
        from temper.serve.listening import listen

        yield from listen(self.client, operation(name), {"blueprint": self.blueprint} | given)

    def lines(self, name: str, given: dict[str, str]) -> Iterator[str]:
        """The lines of what the operation streams; raises `UnreachableError` when it breaks off."""
        from temper.serve.listening import lines

        yield from lines(self.client, operation(name), {"blueprint": self.blueprint} | given)


def add_connection(parser: argparse.ArgumentParser, *, acting: bool = False, tenant: bool = True) -> None:
    """The options that every client command has; one that looks after tenants asks none of them."""
    group = parser.add_argument_group("which server, and as whom")
    group.add_argument("--server", metavar="URL", help="its address; what `temper up` left in .temper if not said")
    if tenant:
        group.add_argument("--tenant", metavar="NAME", help="whose system, where the server has several tenants")
    group.add_argument("--blueprint", metavar="NAME", help="which one, where several are served from here")
    group.add_argument("--token", metavar="TOKEN", help="the bearer token; else TEMPER_TOKEN; else the one in .temper")
    if acting:
        group.add_argument(
            "--as", dest="acting_as", metavar="NAME", help="the principal to act as, with the operator's token"
        )


def connect(arguments: argparse.Namespace) -> Connection:
    """The server that the options name, and the token to show it."""
    acting_as = getattr(arguments, "acting_as", None) or ""
    token = arguments.token or os.environ.get("TEMPER_TOKEN") or ""
    tenant = _tenant(arguments)
    if arguments.server:
        blueprint = arguments.blueprint or _served_at(arguments.server)
        kept = token or _kept(_of_tenant(home_of(blueprint), tenant))
        return Connection(Client(_at_tenant(arguments.server, tenant), kept, acting_as), blueprint)
    blueprint, home = _home(arguments.blueprint)
    url = home.url()
    if url is None:
        raise _unreachable(f"no server of `{blueprint}` has announced itself in {home.folder}")
    kept = token or _kept(_of_tenant(home, tenant))
    return Connection(Client(_at_tenant(url, tenant), kept, acting_as), blueprint)


def _tenant(arguments: argparse.Namespace) -> str:
    """Whose system, by the option or by TEMPER_TENANT; empty where there are no tenants."""
    if not hasattr(arguments, "tenant"):
        return ""
    tenant: str = arguments.tenant or os.environ.get(TENANT) or ""
    if tenant and not is_name(tenant):
        raise MistakeError("wrong-usage", f"`{tenant}` is no name of a tenant", "as in --tenant acme")
    return tenant


def _of_tenant(home: Home, tenant: str) -> Home:
    return home.tenant(tenant) if tenant else home


def _at_tenant(url: str, tenant: str) -> str:
    """The address under which everything of the tenant is found, as everything of a server is found under its own."""
    return f"{url.rstrip('/')}/v1/{tenant}" if tenant else url


def _home(blueprint: str | None) -> tuple[str, Home]:
    if blueprint:
        return blueprint, home_of(blueprint)
    found = homes()
    if len(found) == 1:
        return next(iter(found.items()))
    if not found:
        raise _unreachable("no server has announced itself in .temper of this folder")
    names = ", ".join(found)
    raise MistakeError("wrong-usage", f"several servers run from here: {names}", "choose one with --blueprint NAME")


def _kept(home: Home) -> str:
    token = home.drawn().get(OPERATOR)
    if token is None:
        cure = "give one with --token or TEMPER_TOKEN; `temper up` made them when it started for the first time"
        raise MistakeError("no-token", f"there is no token for this server in {home.folder}", cure)
    return token


def _served_at(url: str) -> str:
    try:
        return str(Client(url).ask(operation("health"))["blueprint"])
    except UnreachableError as wrong:
        raise _unreachable(str(wrong)) from None


def _unreachable(message: str) -> MistakeError:
    return MistakeError("server-unreachable", message, "start one with `temper up PATH`, or name it with --server URL")
