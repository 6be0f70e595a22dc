"""Run the real runtime in a simulated world, and say what it survives.

Each seed gives callers, answers, clocks and faults, and the same seed the same run. After every step the laws of the
runtime and the properties of the blueprint are looked at; in the end faults stop, and everything must settle. What is
found is made small before it is shown, and a command repeats it.

With --load there are no faults but those of the plan: it runs the load that `load.toml` describes (arrivals, callers,
receivers with their capacities, outages) in virtual time, and says how much went through and how long all of it waited.

Exit code 0 if nothing was broken, 1 if something was.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from temper.cli.building import add_jobs, add_path, build_asked, findings_json, report_findings
from temper.cli.journals import add_archive
from temper.cli.simulating import add_world, asked_of, conclude, hear
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

SUMMARY = "run the real runtime in a simulated world, and say what it survives"
SEEDS = 100


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_world(parser)
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"run N seeds; {SEEDS} if not said")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="N", help="begin with seed N")
    parser.add_argument("--seed", type=int, metavar="N", help="run seed N alone")
    parser.add_argument(
        "--load",
        nargs="?",
        const="",
        metavar="FILE",
        help="run this load; the load.toml beside the blueprint if not said",
    )
    parser.add_argument("--fit", metavar="JOURNAL", help="print the load.toml that fits a journal, and run nothing")
    add_archive(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --load, draw what piled up into an SVG file")
    add_jobs(parser, "run with N processes; one for each core if not said")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.verify import Tally, simulate

    built = build_asked(arguments)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"survived": False, "properties": [], "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    if arguments.fit is not None:
        from temper.cli.loading import fit_asked

        return fit_asked(arguments, built.table, terminal)
    if arguments.load is not None:
        from temper.cli.loading import forecast_asked

        return forecast_asked(arguments, built.table, terminal)
    asked, tally = asked_of(arguments, built.table), Tally()
    for ran in simulate(asked, _seeds(arguments), jobs=arguments.jobs):
        tally.add(ran)
        hear(terminal, tally)
    return conclude(arguments, terminal, asked, tally)


def _seeds(arguments: argparse.Namespace) -> Iterable[int]:
    if arguments.seed is not None:
        return (arguments.seed,)
    return range(arguments.first, arguments.first + max(1, arguments.seeds))
