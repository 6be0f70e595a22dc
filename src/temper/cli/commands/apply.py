"""Load a new version into a running server without stopping it.

It is certified apart, and every live instance must have its place in it; otherwise the old version keeps serving.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from temper.cli.building import add_path, pairs
from temper.cli.connection import add_connection, connect
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import read
from temper.report import Diagnostic, Source
from temper.serve.problem import ProblemError

SUMMARY = "load a new version into a running server"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    body = version_body(arguments.path, pairs(arguments.constants, "--set"))
    connection = connect(arguments)
    try:
        answer = connection.ask("apply", body=body)
    except ProblemError as problem:
        if terminal.as_json or problem.code not in {"not-certified", "not-admitted"}:
            raise
        terminal.warn(str(problem.facts.get("report", "")).rstrip())
        short = problem.detail.partition(":")[0]  # the report has told the rest
        terminal.complain(problem.code, short, "the old version keeps serving")
        return 1
    if terminal.as_json:
        terminal.answer(answer)
        return 0
    terminal.say("\n".join(applied_lines(answer["before"], answer["table"], answer["changes"])))
    return 0


def version_body(path: Path, constants: Mapping[str, str]) -> dict[str, Any]:
    """The files of a version, as they are sent."""
    found = read(path)
    if isinstance(found, Diagnostic):
        raise MistakeError(found.code, found.message, found.helps[0].text)
    policies = [_source(policy) for policy in found.policies]
    return {"blueprint": _source(found.source), "policies": policies, "constants": dict(constants)}


def applied_lines(before: str, after: str, changes: list[str]) -> list[str]:
    """What a reload did, for people."""
    if before == after:
        return [f"nothing to do: {after[:12]} is in force already"]
    return [f"applied: {before[:12]} → {after[:12]}", *(f"  {change}" for change in changes)]


def _source(source: Source) -> dict[str, str]:
    return {"path": source.path, "text": source.text}
