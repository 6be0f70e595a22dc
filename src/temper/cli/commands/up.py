"""Certify a blueprint and serve it on loopback, with its journal in `.temper/<blueprint>`.

With `--watch` a change of its files is certified and loaded while it serves; what is refused leaves the old
version serving.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from temper.cli.building import add_budget, add_path, budget_seconds, build_asked, findings_json, pairs, report_findings
from temper.cli.commands.verify import judged_json, progress_of, show_judged
from temper.cli.terminal import Terminal
from temper.pipeline import Judged, Read, certify

if TYPE_CHECKING:
    from temper.machine import TransitionTable

SUMMARY = "certify a blueprint and serve it"
HOST, PORT = "127.0.0.1", 8420


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_budget(parser)
    parser.add_argument("--watch", action="store_true", help="load changes of the files while serving")
    parser.add_argument("--host", default=HOST, metavar="HOST", help=f"the address to listen at; {HOST} if not said")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"{PORT} if not said; 0 takes a free one")
    home = ".temper/<blueprint>"
    parser.add_argument("--store", type=Path, metavar="PATH", help=f"the journal; {home}/journal.sqlite if not said")
    parser.add_argument("--tokens", type=Path, metavar="FILE", help=f"who may call; {home}/tokens.toml if not said")
    parser.add_argument(
        "--handlers", type=Path, metavar="FILE", help="effect handlers; handlers.py beside the blueprint if not said"
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    built = build_asked(arguments)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"certified": False, "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    report_findings(built, terminal)
    judged = _certify(built.table, arguments, terminal)
    if not terminal.as_json:
        show_judged(judged, built, terminal)
    if judged.certified is None:
        if terminal.as_json:
            terminal.answer(judged_json(judged))
        return 1
    return asyncio.run(_serve(arguments, judged, Read(built.sources[0], built.sources[1:]), terminal))


def _certify(table: TransitionTable, arguments: argparse.Namespace, terminal: Terminal) -> Judged:
    """From the start and, if the journal was last served under another version, from what lives in it."""
    from temper.cli.lived import what_lives
    from temper.machine import table_hash
    from temper.serve.home import home_of

    live = what_lives(arguments.store or home_of(table.blueprint).store, table_hash(table))
    return certify(table, seconds_max=budget_seconds(arguments), live=live, progress=progress_of(terminal))


async def _serve(arguments: argparse.Namespace, judged: Judged, found: Read, terminal: Terminal) -> int:
    from temper.cli.serving import Plan, serve

    assert judged.certified is not None, "only what is certified is served"
    plan = Plan(
        certified=judged.certified,
        path=arguments.path,
        found=found,
        constants=pairs(arguments.constants, "--set"),
        seconds_max=budget_seconds(arguments),
        watch=arguments.watch,
        host=arguments.host,
        port=arguments.port,
        store=arguments.store,
        tokens=arguments.tokens,
        handlers=arguments.handlers,
    )
    return await serve(plan, terminal)
