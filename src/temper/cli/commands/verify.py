"""Verify a blueprint: every property, and what is checked without being asked, gets the strongest honest verdict.

Exit code 0 if it may be loaded, 1 if not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from temper.cli.building import (
    add_budget,
    add_path,
    budget_seconds,
    build_asked,
    findings_json,
    report_findings,
    scope_with,
)
from temper.cli.terminal import Terminal
from temper.pipeline import Built, Judged, certify

SUMMARY = "verify a blueprint, and say how each verdict is known"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_budget(parser)
    parser.add_argument("--only", choices=["explicit"], help="use one verifier alone")
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="ENTITY=N",
        help="look at N instances of an entity, as in --scope Deploy=3; may be repeated",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    seconds = budget_seconds(arguments)
    built = build_asked(arguments)
    if built.table is None:
        return _not_built(built, terminal)
    judged = certify(
        built.table,
        scope=scope_with(built.table, arguments.scope),
        seconds_max=seconds,
        only=(arguments.only,) if arguments.only else (),
        progress=progress_of(terminal),
    )
    if terminal.as_json:
        terminal.answer(judged_json(judged))
    else:
        report_findings(built, terminal)
        show_judged(judged, built, terminal)
    return 0 if judged.certified is not None else 1


def show_judged(judged: Judged, built: Built, terminal: Terminal) -> None:
    """Verdicts, then whether the table may be loaded and why not."""
    from temper.verify import certificate_text

    terminal.say(certificate_text(judged.table, judged.certificate, built.sources, color=terminal.color))
    if judged.certified is not None:
        terminal.say(terminal.style(f"{judged.table.blueprint} is certified", "green"))
        return
    terminal.say(terminal.style(f"{judged.table.blueprint} is not certified", "red"))
    for reason in judged.reasons:
        terminal.say(f"  {reason.partition(': ')[0]}")  # the lines above say why


def _not_built(built: Built, terminal: Terminal) -> int:
    if terminal.as_json:
        terminal.answer(
            {"certified": False, "table": None, "properties": [], "search": None, "findings": findings_json(built)}
        )
    else:
        report_findings(built, terminal)
    return 1


def progress_of(terminal: Terminal) -> Callable[[int, int, float], None]:
    """How far a search is, where somebody looks on."""

    def tell(states: int, transitions: int, seconds: float) -> None:
        terminal.progress(f"verifying: {states:,} states, {transitions:,} transitions, {seconds:.0f} s")

    return tell


def judged_json(judged: Judged) -> dict[str, Any]:
    """The answer of `verify --json`."""
    from temper.verify import report_json

    return {**report_json(judged.certificate), "reasons": list(judged.reasons)}
