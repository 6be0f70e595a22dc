"""Look after the tenants of a server: list them, make one, archive one, load a version for all.

`temper up --tenants` serves them. Every other command asks one tenant with `--tenant NAME`, or with TEMPER_TENANT
in the environment. Who did what about tenants is in `.temper/<blueprint>/tenants/audit.jsonl`, and in the list.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from temper.cli.building import pairs
from temper.cli.connection import Connection, add_connection, connect
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal, columns
from temper.serve.home import home_of
from temper.serve.operation import Operation
from temper.serve.tenants.operations import TENANT_OPERATIONS

SUMMARY = "look after the tenants of a server"
WAYS = ("list", "create", "archive", "apply")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("way", choices=WAYS, metavar="list|create|archive|apply", help="what is to be done")
    parser.add_argument("what", nargs="?", metavar="NAME|PATH", help="the tenant, or the blueprint of the new version")
    said = "override a constant of the new version, as in --set N=7; may be repeated"
    parser.add_argument("--set", dest="constants", action="append", default=[], metavar="NAME=VALUE", help=said)
    add_connection(parser, tenant=False)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if (arguments.what is None) != (arguments.way == "list"):
        raise MistakeError("wrong-usage", f"`temper tenants {arguments.way}` needs {_needs(arguments.way)}")
    connection = connect(arguments)
    match arguments.way:
        case "list":
            return _list(connection, terminal)
        case "create":
            return _create(connection, arguments.what, terminal)
        case "archive":
            answer = _ask(connection, "archive_tenant", {"tenant": arguments.what})
            said = f"{answer['tenant']} is served no more; its folder is .archived/{answer['archived']}"
        case _:
            answer = _ask(connection, "apply_to_tenants", {}, _version(arguments))
            said = "\n".join([f"{answer['table'][:12]} is offered to all tenants", *map(_loaded, answer["tenants"])])
    if terminal.as_json:
        terminal.answer(answer)
    else:
        terminal.say(said)
    return 0


def _needs(way: str) -> str:
    return {"list": "nothing more", "apply": "the path of a blueprint"}.get(way, "the name of a tenant")


def _ask(connection: Connection, name: str, given: dict[str, str], body: Any = None) -> Any:
    return connection.ask_of(_operation(name), given, body)


def _operation(name: str) -> Operation:
    return next(each for each in TENANT_OPERATIONS if each.name == name)


def _list(connection: Connection, terminal: Terminal) -> int:
    answer = _ask(connection, "tenants", {})
    if terminal.as_json:
        terminal.answer(answer)
        return 0
    rows = [(each["tenant"], each["status"], each["because"] or each["refused"]) for each in answer["tenants"]]
    for line in columns([("tenant", "status", "because"), *rows]) if rows else ["none"]:
        terminal.say(line)
    return 0


def _create(connection: Connection, name: str, terminal: Terminal) -> int:
    """Its tokens are kept for commands from here, if the server's folder is here; they are printed in any case."""
    answer = _ask(connection, "create_tenant", {}, {"tenant": name})
    home = home_of(connection.blueprint).tenant(name)
    if home.tokens.is_file():
        home.keep_drawn(answer["tokens"])
    if terminal.as_json:
        terminal.answer(answer)
        return 0
    terminal.say(f"{name} is served at {answer['url']}; its tokens, which are kept nowhere else:")
    for principal, token in answer["tokens"].items():
        terminal.say(f"  {principal}  {token}")
    return 0


def _version(arguments: argparse.Namespace) -> dict[str, Any]:
    from temper.cli.commands.apply import version_body

    return version_body(Path(arguments.what), pairs(arguments.constants, "--set"))


def _loaded(each: dict[str, str]) -> str:
    return f"  {each['tenant']}: {each['refused'] or 'has it'}"
