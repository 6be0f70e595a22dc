"""Check that a journal is a behaviour of a blueprint, and explain the first step that is none.

The journal is a store of ours, records as `temper log --json` prints them, or JSON Lines of calls of another system.
What it does not say is not compared; steps that must have happened in between are looked for.
Exit code 0 if it conforms, 1 if not.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from temper.cli.building import add_path, build_asked, count, findings_json, report_findings
from temper.cli.journals import CURE, add_archive, journal_told
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from temper.pipeline import Built
    from temper.report import Diagnostic
    from temper.verify import Conformance

SUMMARY = "check that a journal is a behaviour of a blueprint"
SHOWN_MAX = 10


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument("--journal", required=True, metavar="WHERE", help="a store, or a file of JSON Lines")
    add_archive(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.verify import NoRecordError, conform

    built = build_asked(arguments)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"conforms": False, "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    try:
        found = conform(built.table, tuple(journal_told(arguments.journal, built.table, arguments.archive)))
    except NoRecordError as wrong:
        raise MistakeError("journal-broken", f"{arguments.journal} is no journal: {wrong}", CURE) from None
    if terminal.as_json:
        terminal.answer(_json(found))
    else:
        _say(found, built, arguments.journal, terminal)
    return 0 if found.conforms else 1


def _json(found: Conformance) -> dict[str, Any]:
    deviation = found.deviation
    return {
        "conforms": found.conforms,
        "steps": found.steps,
        "deviation": None
        if deviation is None
        else {"where": deviation.told.where, "because": deviation.because, "allowed": list(deviation.allowed)},
        "hidden": list(found.hidden),
        "with_something_unsaid": found.untold,
        "ended": found.ended,
    }


def _say(found: Conformance, built: Built, where: str, terminal: Terminal) -> None:
    from temper.report import render

    assert built.table is not None, "a blueprint that is wrong is told before"
    if found.hidden:
        terminal.say(f"not in the journal, and must have happened: {count(len(found.hidden), 'step')}")
        for text in found.hidden[:SHOWN_MAX]:
            terminal.say(f"  {text}")
        if len(found.hidden) > SHOWN_MAX:
            terminal.say(f"  and {len(found.hidden) - SHOWN_MAX:,} more")
    if found.ended:
        terminal.say(f"note: {found.ended}: what comes later was not looked at")
    if found.untold:
        unsaid = count(found.untold, "step")
        terminal.say(f"note: {unsaid} without a caller, arguments or a state: what is not said is not compared")
    if found.deviation is None:
        said = f"{where} is a behaviour of {built.table.blueprint}: {count(found.steps, 'step')}"
        terminal.say(terminal.style(said, "green"))
        return
    terminal.say(render(_deviated(found, built), built.sources, terminal.color))


def _deviated(found: Conformance, built: Built) -> Diagnostic:
    from temper.report import Diagnostic, Help

    deviation = found.deviation
    assert deviation is not None, "only a deviation is told so"
    told, blueprint = deviation.told, built.table.blueprint if built.table else ""
    whose = f"{told.address.entity} {told.address.id}".strip()
    what = f"`{told.action}` of {whose}" if told.action else whose
    there = ", ".join(deviation.allowed) or "nothing"
    return Diagnostic(
        "not-a-behaviour",
        f"{told.where}, {what}, is no step of `{blueprint}`: {deviation.because}",
        deviation.span,
        reason="here the two part" if deviation.span else "",
        notes=(f"{count(found.steps, 'step')} before it are steps; what the blueprint allows {whose} there: {there}",),
        helps=(Help("mend the blueprint, or whoever wrote the journal"),),
    )
