"""Try a blueprint out in the terminal: play its callers, the outside and time, on the real runtime in memory.

Look at an instance, at what can be done with it and why not; call actions as anybody, choose what an effect comes
back with, let time pass, and keep what happened as a scenario that every later verification takes again. Nothing
stays but that. Needs `pip install 'temper[try]'`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from temper.cli.building import add_path, build_asked, pairs, report_findings
from temper.cli.corpus_beside import to_the_second
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from temper.corpus import Scenario
    from temper.machine import TransitionTable
    from temper.trial import Principal
    from temper.trial.screen import Keep

SUMMARY = "try a blueprint out: play its callers, the outside and time"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    cure = "act as this one at first, as in --as 'ann: engineer, lead'; `you` with every role if not said"
    parser.add_argument("--as", dest="acting_as", metavar="NAME:ROLES", help=cure)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    built = build_asked(arguments)
    if built.table is None:
        report_findings(built, terminal)
        return 1
    principal = _principal(arguments.acting_as, built.table)
    if terminal.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        cure = "run it in a terminal, or `temper up` the blueprint and ask it with `temper call`"
        raise MistakeError("wrong-usage", "a trial has a screen, and here is none", cure)
    _check_guest()
    keep = _keeping(arguments.path, pairs(arguments.constants, "--set"))
    asyncio.run(_try(built.table, principal, keep))
    return 0


async def _try(table: TransitionTable, principal: Principal, keep: Keep) -> None:
    from temper.run import SystemClock
    from temper.trial import Trial, TrialScreen

    async with await Trial.begin(table) as trial:
        await TrialScreen(trial, principal, keep, to_the_second(SystemClock().now())).run_async()


def _principal(text: str | None, table: TransitionTable) -> Principal:
    from temper.trial import Principal, read_principal

    if text is None:
        return Principal("you", frozenset(table.roles))
    try:
        return read_principal(text)
    except ValueError as wrong:
        raise MistakeError("wrong-usage", f"--as {text}: {wrong}", "as in --as 'ann: engineer, lead'") from None


def _keeping(path: Path, constants: dict[str, str]) -> Keep:
    """Writes scenarios beside the blueprint."""
    from temper.corpus import keep, scenarios_folder

    def kept(scenario: Scenario) -> str:
        try:
            written = keep(scenarios_folder(path), replace(scenario, constants=constants))
        except OSError as wrong:
            return f"{wrong.filename or path} cannot be written: {wrong.strerror}"
        return f"kept as {written}" if written is not None else f"the same run lies in {scenarios_folder(path)} already"

    return kept


def _check_guest() -> None:
    try:
        import temper.trial.screen  # noqa: F401
    except ImportError:
        cure = "pip install 'temper[try]'"
        raise MistakeError("wrong-usage", "the screen is drawn by textual, which is not installed", cure) from None
