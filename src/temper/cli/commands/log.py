"""Show what happened to an instance, oldest first. The entity may be left out where the id names one instance only."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from temper.cli.connection import Connection, add_connection, connect
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal, columns
from temper.serve.problem import ProblemError

SUMMARY = "show what happened to an instance"
OPTIONAL = {"note", "trace"}
"""Columns that are left out where nothing stands in them."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("instance", nargs="+", metavar="[ENTITY] ID", help="the instance")
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    connection = connect(arguments)
    entity, instance = _instance(connection, arguments.instance)
    records = list(_records(connection, entity, instance))
    if terminal.as_json:
        terminal.answer({"entity": entity, "id": instance, "records": records})
        return 0
    head = ("seq", "at", "action", "by", "state", "changes", "hands on", "note", "trace")
    rows = list(map(_row, records))
    shown = [at for at, name in enumerate(head) if name not in OPTIONAL or any(row[at] for row in rows)]
    rows = [tuple(row[at] for at in shown) for row in (head, *rows)]
    for number, line in enumerate(columns(rows)):
        terminal.say(terminal.style(line, "bold") if number == 0 else line)
    return 0


def _instance(connection: Connection, words: list[str]) -> tuple[str, str]:
    match words:
        case [entity, instance]:
            return entity, instance
        case [instance]:
            return _search(connection, instance), instance
        case _:
            raise MistakeError(
                "wrong-usage", "log takes an entity and an id, or an id alone", "as in temper log Deploy d1"
            )


def _search(connection: Connection, instance: str) -> str:
    """The entity in which the id exists; ids are unique within an entity only."""
    table = connection.ask("table")["table"]
    names = [entity["name"] for entity in table["entities"] if not entity.get("world")]
    found = [name for name in names if _exists(connection, name, instance)]
    match found:
        case [one]:
            return str(one)
        case []:
            raise ProblemError("unknown-instance", f"no entity has an instance `{instance}`", {"id": instance})
    choices = ", ".join(f"temper log {name} {instance}" for name in found)
    raise MistakeError("wrong-usage", f"`{instance}` is an id in {' and '.join(found)}", choices)


def _exists(connection: Connection, entity: str, instance: str) -> bool:
    try:
        connection.ask("get", {"entity": entity, "id": instance})
    except ProblemError as problem:
        if problem.code == "unknown-instance":
            return False
        raise
    return True


def _records(connection: Connection, entity: str, instance: str) -> Iterator[dict[str, Any]]:
    given = {"entity": entity, "id": instance}
    while True:
        page = connection.ask("history", given)
        yield from page["records"]
        if page["next"] is None:
            return
        given["cursor"] = page["next"]


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    by = record["caller"] or record["cause"]
    changes = ", ".join(f"{name}={_short(value)}" for name, value in record["changes"].items())
    at = str(record["at"]).replace("T", " ").replace("Z", "")
    seq = "" if record["seq"] is None else str(record["seq"])
    state, handed_on = record["state"] or "", ", ".join(record["handed_on"])
    return (seq, at, record["action"], by, state, changes, handed_on, record["note"], record.get("trace", ""))


def _short(value: Any) -> str:
    import json

    if isinstance(value, list):
        return "{" + ", ".join(map(_short, value)) + "}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
