"""Show what two blueprints mean differently, row by row. How they are written does not matter."""

from __future__ import annotations

import argparse
from pathlib import Path

from temper.cli.building import findings_json, report_findings
from temper.cli.terminal import Terminal
from temper.pipeline import build

SUMMARY = "show what two blueprints mean differently"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help="a blueprint, or the folder that holds one")
    parser.add_argument("new", type=Path, metavar="NEW", help="the other")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.machine import diff

    old, new = build(arguments.old), build(arguments.new)
    if old.table is None or new.table is None:
        wrong = old if old.table is None else new
        if terminal.as_json:
            terminal.answer({"changes": None, "findings": findings_json(wrong)})
        else:
            report_findings(wrong, terminal)
        return 1
    changes = [str(change) for change in diff(old.table, new.table)]
    if terminal.as_json:
        terminal.answer({"changes": changes, "findings": []})
    else:
        terminal.say("\n".join(changes) or "they mean the same")
    return 0
