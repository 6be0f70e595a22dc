"""Plant faults in a blueprint, one at a time, and say which of them verification does not notice.

Each of those is a property that nobody wrote. The blueprint itself is left as it is.

Exit code 0 if every fault that makes a difference was noticed, 1 if one survived, or the blueprint is not certified.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from temper.cli.building import add_jobs, add_path, build_asked, duration_seconds, findings_json, pairs, report_findings
from temper.cli.terminal import Terminal
from temper.pipeline import Built, Judged, certify, read

if TYPE_CHECKING:
    from temper.exam import Told

SUMMARY = "plant faults, and say which of them nothing notices"


def configure(parser: argparse.ArgumentParser) -> None:
    from temper.exam import KINDS

    add_path(parser)
    add_jobs(parser, "judge with N processes; one for each core if not said")
    parser.add_argument(
        "--kind", action="append", default=[], choices=KINDS, metavar="KIND", help="plant only such; may be repeated"
    )
    parser.add_argument("--each", default="10s", metavar="DURATION", help="verify each for so long; 10s if not said")
    parser.add_argument("--budget", default="10m", metavar="DURATION", help="stop after this long; 10m if not said")
    parser.add_argument("--all", action="store_true", help="list what was noticed, too, and by what")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.exam import Exam, examine, score_json, score_lines
    from temper.report import Diagnostic

    each, budget = duration_seconds(arguments.each, "--each"), duration_seconds(arguments.budget, "--budget")
    built, found = build_asked(arguments), read(arguments.path)
    if built.table is None or isinstance(found, Diagnostic):
        return _not_built(built, terminal)
    terminal.progress("verifying it as it is")
    judged = certify(built.table, seconds_max=each, jobs=arguments.jobs)
    if judged.certified is None:
        return _not_certified(judged, terminal)
    exam = Exam(found, each, tuple(pairs(arguments.constants, "--set").items()))
    score = examine(exam, kinds=arguments.kind, seconds_max=budget, jobs=arguments.jobs, told=_progress(terminal))
    if terminal.as_json:
        terminal.answer(score_json(found, score))
    else:
        for line in score_lines(found, score, in_full=arguments.all):
            terminal.say(line)
    return 1 if score.survived else 0


def _progress(terminal: Terminal) -> Told:
    def told(done: int, total: int, survived: int, /) -> None:
        terminal.progress(f"{done} of {total} faults judged, {survived} survived")

    return told


def _not_built(built: Built, terminal: Terminal) -> int:
    if terminal.as_json:
        terminal.answer({"score": None, "mutants": [], "findings": findings_json(built)})
    else:
        report_findings(built, terminal)
    return 1


def _not_certified(judged: Judged, terminal: Terminal) -> int:
    """Faults tell nothing where something is wrong already."""
    if terminal.as_json:
        terminal.answer({"score": None, "mutants": [], "reasons": list(judged.reasons)})
        return 1
    terminal.warn(f"{judged.table.blueprint} is not certified as it is, so faults would tell nothing:")
    for reason in judged.reasons[:8]:
        terminal.warn(f"  {reason}")
    return 1
