"""Keep what happened to an instance as a scenario: its records, and those of all that it rests on.

The records come from the running server, or with --store from a journal that nobody need serve.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.connection import Connection, add_connection, connect
from temper.cli.corpus_beside import keep_scenarios, to_the_second
from temper.cli.journals import add_archive
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from temper.corpus import Records, Scenario
    from temper.machine import Address

SUMMARY = "keep what happened to an instance as a scenario"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entity", metavar="ENTITY", help="the entity, as in Deploy")
    parser.add_argument("id", metavar="ID", help="the instance's id; of a single entity its name")
    parser.add_argument(
        "--into",
        type=Path,
        default=Path(),
        metavar="PATH",
        help="keep it beside this blueprint; here if not said",
    )
    parser.add_argument("--name", default="", metavar="NAME", help="what to call it; ENTITY-ID if not said")
    cure = "a property that it violates and must never violate again; may be repeated"
    parser.add_argument("--never", action="append", default=[], metavar="PROPERTY", help=cure)
    parser.add_argument("--store", metavar="WHERE", help="a journal to read, instead of asking a server")
    add_archive(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.corpus import scenario_to_yaml, scenarios_folder
    from temper.machine import Address

    address = Address(arguments.entity, arguments.id)
    scenario = _captured(arguments, address)
    if not scenario.steps:
        message = f"the journal has no record of {arguments.entity} {arguments.id}"
        raise MistakeError("unknown-instance", message, "look at its name with `temper list`")
    if terminal.as_json:
        terminal.answer({"name": scenario.name, "steps": len(scenario.steps), "scenario": scenario_to_yaml(scenario)})
    keep_scenarios([scenario], scenarios_folder(arguments.into), terminal)
    return 0


def _captured(arguments: argparse.Namespace, address: Address) -> Scenario:
    from temper.cli.journals import opened, records_in

    if arguments.store is None:
        return _cut(arguments, address, _asking(connect(arguments)))
    with opened(arguments.store, arguments.blueprint or "") as store:
        return _cut(arguments, address, lambda one: list(records_in(store, arguments.store, one, arguments.archive)))


def _cut(arguments: argparse.Namespace, address: Address, records_of: Records) -> Scenario:
    from temper.corpus import TooWideError, captured
    from temper.run import SystemClock
    from temper.verify import NoRecordError

    found = to_the_second(SystemClock().now())
    try:
        return captured(records_of, address, name=arguments.name, never=arguments.never, found=found)
    except (NoRecordError, TooWideError) as wrong:
        cure = "take another instance, or `temper log` it and write a scenario by hand"
        raise MistakeError("not-capturable", f"{address.entity} {address.id} is not captured: {wrong}", cure) from None


def _asking(connection: Connection) -> Records:
    def records_of(address: Address) -> Sequence[Mapping[str, Any]]:
        return list(_pages(connection, address))

    return records_of


def _pages(connection: Connection, address: Address) -> Iterator[Mapping[str, Any]]:
    given = {"entity": address.entity, "id": address.id}
    while True:
        page = connection.ask("history", given)
        records = page["records"]
        if page["archived"] and "cursor" not in given and not (records and records[0].get("before") == "new"):
            # What is left would look like a whole history, and be none.
            message = (
                f"records up to {page['archived']:,} have left the journal, {address.entity} {address.id}'s among them"
            )
            cure = "capture from the journal and its archive, which --store names, and --archive for a database"
            raise MistakeError("not-capturable", message, cure)
        yield from ({**record, "entity": address.entity, "id": address.id} for record in page["records"])
        if page["next"] is None:
            return
        given["cursor"] = page["next"]
