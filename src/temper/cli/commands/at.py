"""Show an instance as it was at a moment, from the records alone: those in the journal, and those in the archive."""

from __future__ import annotations

import argparse

from temper.cli.connection import add_connection, connect
from temper.cli.derived import lines_of
from temper.cli.terminal import Terminal

SUMMARY = "show an instance as it was at a moment"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("moment", metavar="MOMENT", help="as in 2026-11-20T10:00; UTC if it names no zone")
    parser.add_argument("entity", metavar="ENTITY", help="an entity of the blueprint")
    parser.add_argument("id", metavar="ID", help="the instance's id")
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    given = {"moment": arguments.moment, "entity": arguments.entity, "id": arguments.id}
    past = connect(arguments).ask("at", given)
    if terminal.as_json:
        terminal.answer(past)
    else:
        terminal.say("\n".join(lines_of(past)))
    return 0
