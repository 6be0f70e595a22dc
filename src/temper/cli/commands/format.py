"""Write a blueprint in its one order, comments kept. Without an option it prints; nothing is changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from temper.cli.building import report_findings
from temper.cli.terminal import Terminal
from temper.cli.writing import write_beside
from temper.pipeline import Built, read
from temper.report import Diagnostic

SUMMARY = "write a blueprint in the one order"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="a blueprint, or the folder that holds one")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only say whether it is formatted; exit code 1 if not")
    what.add_argument("--write", action="store_true", help="change the file")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.language import format_source

    found = read(arguments.path)
    if isinstance(found, Diagnostic):
        return _wrong(Built(None, None, None, (found,), ()), terminal)
    text, findings = format_source(found.source)
    if text is None:
        return _wrong(Built(None, None, None, findings, found.sources), terminal)
    changed = text != found.source.text
    if arguments.write and changed:
        write_beside(Path(found.source.path), before=found.source.text, after=text)
    if terminal.as_json:
        terminal.answer({"path": found.source.path, "changed": changed, "text": text, "findings": []})
    elif arguments.check or arguments.write:
        did = "formatted" if arguments.write else "is not formatted"
        terminal.say(f"{found.source.path} {did if changed else 'is formatted already'}")
    else:
        terminal.out.write(text)
    return 1 if arguments.check and changed else 0


def _wrong(built: Built, terminal: Terminal) -> int:
    from temper.cli.building import findings_json

    if terminal.as_json:
        terminal.answer({"path": None, "changed": False, "text": None, "findings": findings_json(built)})
    else:
        report_findings(built, terminal)
    return 1
