"""List the scenarios beside a blueprint: what each caught and when, and what becomes of it in this version.

A scenario is a run that once showed something: a refutation, a failure of a simulation, an incident. Every one is
taken again, on the real step function. Exit code 1 if one shows its fault again.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from temper.cli.building import add_path, build_asked, findings_json, pairs, report_findings
from temper.cli.corpus_beside import Beside, corpus_beside, rerun_json, rerun_text
from temper.cli.terminal import Terminal, columns

if TYPE_CHECKING:
    from temper.corpus import Rerun, Scenario

SUMMARY = "list what was found once, and take every run again"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.report import diagnostic_to_json, render

    built = build_asked(arguments)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"scenarios": [], "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    beside = corpus_beside(built, pairs(arguments.constants, "--set"))
    broken = () if beside is None else beside.corpus.findings
    code = 1 if broken or (beside is not None and beside.shows) else 0
    if terminal.as_json:
        listed = [] if beside is None else [rerun_json(each) for each in beside.reruns]
        terminal.answer({"scenarios": listed, "findings": [diagnostic_to_json(each) for each in broken]})
        return code
    for finding in broken:
        assert beside is not None, "what is broken lies there"
        terminal.warn(render(finding, beside.corpus.sources, color=terminal.color))
    if beside is None or not (beside.reruns or beside.skipped):
        terminal.say("no scenarios yet: `temper verify --keep` and `temper capture` write them")
        return code
    for line in _lines(beside):
        terminal.say(line)
    return code


def _lines(beside: Beside) -> list[str]:
    head = ("scenario", "from", "found", "caught", "steps", "now")
    rows = [_row(each.scenario, each) for each in beside.reruns] + [_row(each, None) for each in beside.skipped]
    table = columns([head, *rows])
    told = [f"  {each.scenario.name}: {rerun_text(each)}" for each in beside.reruns if each.result != "passes"]
    return [*table, "", *told] if told else table


def _row(scenario: Scenario, rerun: Rerun | None) -> tuple[str, ...]:
    now = "not taken again" if rerun is None else str(rerun.result)
    caught = ", ".join(scenario.never) or scenario.reaches or "-"
    found = scenario.found.replace("T", " ").replace("Z", "") or "-"
    return scenario.name, str(scenario.origin), found, caught, str(len(scenario.steps)), now
