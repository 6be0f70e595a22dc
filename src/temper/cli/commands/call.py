"""Call an action of an instance on a running server.

A constructor makes the instance; with `-` as ID the server draws an id. What stands in TRACEPARENT and TRACESTATE of
the environment is sent along, so that the call is a part of that trace.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

from temper.cli.building import pairs
from temper.cli.connection import Connection, add_connection, connect
from temper.cli.terminal import Terminal
from temper.serve.arguments import read_args

SUMMARY = "call an action of an instance"
TRACE = ("traceparent", "tracestate")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entity", metavar="ENTITY", help="the entity, as in Deploy")
    parser.add_argument("id", metavar="ID", help="the instance's id; of a single entity its name; - draws one")
    parser.add_argument("action", metavar="ACTION", help="the action, as in approve")
    parser.add_argument("args", nargs="*", metavar="NAME=VALUE", help="its arguments, as in percent=5; a set is a,b,c")
    parser.add_argument("--key", metavar="KEY", help="an idempotency key: a repeat with the same one changes nothing")
    parser.add_argument("--if-seq", metavar="N", help="only if the instance has not moved on since it was read at N")
    add_connection(parser, acting=True)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    connection = connect(arguments)
    given = {"entity": arguments.entity, "action": arguments.action}
    if arguments.key:
        given["Idempotency-Key"] = arguments.key
    if arguments.if_seq:
        given["If-Match"] = f'"{arguments.if_seq}"'
    given |= {name: os.environ[name.upper()] for name in TRACE if os.environ.get(name.upper())}
    body = read_args(pairs(arguments.args, ""), _schemas(connection, arguments))
    if arguments.id == "-":
        answer = connection.ask("create", given, body)
    else:
        answer = connection.ask("call", {**given, "id": arguments.id}, body)
    if terminal.as_json:
        terminal.answer(answer)
    else:
        terminal.say("\n".join(applied_lines(answer)))
    return 0


def applied_lines(answer: Mapping[str, Any]) -> list[str]:
    """What an applied call did, for people."""
    again = " (it was applied before, under the same key)" if answer["repeated"] else ""
    return [f"{answer['action']} applied: {answer['entity']} {answer['id']} is {answer['state']}{again}"]


def _schemas(connection: Connection, arguments: argparse.Namespace) -> Mapping[str, Any]:
    """The parameters of the action, asked of the server, so that `5` is a text or a number as the blueprint says."""
    if not arguments.args:
        return {}
    drawn = "-" if arguments.id == "-" else arguments.id
    options: Sequence[Mapping[str, Any]] = connection.ask("can", {"entity": arguments.entity, "id": drawn})["actions"]
    return next((option["params"] for option in options if option["action"] == arguments.action), {})
