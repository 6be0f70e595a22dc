"""Show what happens as it happens, from any position on. With --json each line is a CloudEvents envelope.

A position is the number of a journal record, or, where several nodes share a database, one
number for each of them, joined by `-`. When the connection is lost, it goes on behind the last
event that was shown.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from temper.cli.connection import Connection, add_connection, connect
from temper.cli.terminal import Terminal
from temper.serve.client import UnreachableError

SUMMARY = "show what happens, as it happens"
AGAIN_SECONDS = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--after", default="0", metavar="POSITION", help="begin behind this position; 0 if not said")
    parser.add_argument("--entity", metavar="ENTITY", help="only of this entity")
    parser.add_argument("--id", metavar="ID", help="only of this instance")
    parser.add_argument("--action", metavar="ACTION", help="only of this action, or of a rule such as `fire`")
    parser.add_argument("--no-follow", action="store_true", help="end with the last event there is")
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    connection = connect(arguments)
    given = {name: value for name in ("entity", "id", "action") if (value := vars(arguments)[name]) is not None}
    given |= {"after": arguments.after, "follow": "no" if arguments.no_follow else "yes"}
    while True:
        try:
            _show(connection, given, terminal)
        except UnreachableError as wrong:
            terminal.warn(f"{wrong}; trying again")
        if arguments.no_follow:
            return 0
        time.sleep(AGAIN_SECONDS)  # noqa: TID251 - there is nothing to wait for but time


def _show(connection: Connection, given: dict[str, str], terminal: Terminal) -> None:
    """Show events until the stream ends; `given` remembers how far."""
    for position, event in connection.listen("events", given):
        given["after"] = position
        if terminal.as_json:
            terminal.event(event)
        else:
            terminal.say(line_of(event))


def line_of(event: dict[str, Any]) -> str:
    """An event for people."""
    data = event["data"]
    by = data["caller"] or data["cause"]
    changes = ", ".join(f"{name}={value}" for name, value in data["changes"].items())
    parts = [event["sequence"].rjust(6), event["time"], event["subject"], data["action"], f"by {by}" if by else ""]
    parts += [f"→ {data['state']}" if data["state"] else "", changes, data["note"]]
    return "  ".join(filter(None, parts))
