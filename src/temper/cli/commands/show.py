"""Show how a blueprint was understood: as it is written, resolved and typed, or lowered to its table."""

from __future__ import annotations

import argparse
from typing import Any

from temper.cli.building import add_path, build_asked, findings_json, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import Built

SUMMARY = "show how a blueprint was understood"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--stage", choices=["tree", "blueprint", "table"], default="table", help="which stage; the table if not said"
    )
    parser.add_argument(
        "--as", dest="form", choices=["text", "json", "mermaid"], help="text if not said; mermaid draws a table"
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    form = arguments.form or ("json" if terminal.as_json else "text")
    if form == "mermaid" and arguments.stage != "table":
        raise MistakeError("wrong-usage", "Mermaid draws a table, and nothing else", "leave out --stage")
    built = build_asked(arguments)
    stage = {"tree": built.tree, "blueprint": built.blueprint, "table": built.table}[arguments.stage]
    if stage is None:
        if form == "json":
            terminal.answer({"findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    if form == "json":
        terminal.answer(_data(arguments.stage, stage))
    else:
        terminal.say("\n".join(_lines(arguments.stage, form, built)))
    return 0


def _data(stage: str, value: Any) -> Any:
    from temper.cli.outline import outline
    from temper.machine import table_to_json

    return table_to_json(value) if stage == "table" else outline(value)


def _lines(stage: str, form: str, built: Built) -> list[str]:
    from temper.cli.outline import outline, outline_lines
    from temper.cli.rows import mermaid_lines, table_lines

    if stage == "table":
        assert built.table is not None
        return list((mermaid_lines if form == "mermaid" else table_lines)(built.table))
    return list(outline_lines(outline(built.tree if stage == "tree" else built.blueprint)))
