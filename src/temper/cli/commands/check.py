"""Say whether a blueprint is well formed, with every finding in one run. Proves nothing: that is `verify`."""

from __future__ import annotations

import argparse

from temper.cli.building import add_path, build_asked, count, findings_json, report_findings
from temper.cli.terminal import Terminal

SUMMARY = "find everything that is wrong with a blueprint"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    built = build_asked(arguments)
    table = built.table
    if terminal.as_json:
        from temper.machine import table_hash

        terminal.answer(
            {
                "blueprint": table.blueprint if table else None,
                "table": table_hash(table) if table else None,
                "findings": findings_json(built),
            }
        )
        return 0 if table else 1
    report_findings(built, terminal)
    if table is None:
        terminal.warn(f"{count(built.errors, 'error')}")
        return 1
    rows = sum(len(action.cases) for entity in table.entities for action in entity.actions)
    terminal.say(
        f"{table.blueprint} is well formed: {count(len(table.entities), 'entity', 'entities')}, {count(rows, 'row')}, "
        f"{count(len(table.properties), 'property', 'properties')}"
    )
    return 0
