"""Show what two blueprints mean differently, row by row. How they are written does not matter.

Where other people may do other things, that is told, too: every smallest set of roles whose calls are newly allowed or
newly denied, with a call by each that Cedar decided under both.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import findings_json, report_findings
from temper.cli.terminal import Terminal
from temper.pipeline import build

if TYPE_CHECKING:
    from temper.machine import TransitionTable

SAME = "roles and policies let the same calls pass: proved for every name, set of roles, value and argument"
SUMMARY = "show what two blueprints mean differently"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help="a blueprint, or the folder that holds one")
    parser.add_argument("new", type=Path, metavar="NEW", help="the other")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.machine import diff, gates_differ

    old, new = build(arguments.old), build(arguments.new)
    if old.table is None or new.table is None:
        wrong = old if old.table is None else new
        if terminal.as_json:
            terminal.answer({"changes": None, "findings": findings_json(wrong)})
        else:
            report_findings(wrong, terminal)
        return 1
    changes = [str(change) for change in diff(old.table, new.table)]
    asked = gates_differ(old.table, new.table)
    if terminal.as_json:
        told = _requests_json(old.table, new.table) if asked else None
        terminal.answer({"changes": changes, "requests": told, "findings": []})
        return 0
    terminal.say("\n".join(changes) or "they mean the same")
    if asked:
        for line in _request_lines(old.table, new.table):
            terminal.say(line)
    return 0


def _request_lines(old: TransitionTable, new: TransitionTable) -> list[str]:
    """What is newly allowed and newly denied; that nothing is, if that is proved."""
    from temper.verify import change_lines, changes

    found = changes(old, new)
    lines = list(change_lines(old, new, found))
    return lines or [
        "roles and policies let the same calls pass: proved for every name, set of roles, value and argument"
    ]


def _requests_json(old: TransitionTable, new: TransitionTable) -> dict[str, Any]:
    from temper.verify import changes, changes_json

    return changes_json(old, new, changes(old, new))
