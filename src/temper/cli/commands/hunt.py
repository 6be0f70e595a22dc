"""Simulate fresh seeds until something is broken or you interrupt.

Seeds go on from where `--from` says, or from one that no earlier hunt began with, on all cores. It ends with the first
run that breaks anything, made small, and with the command that repeats it.

With --cluster the workers of a Dask cluster run the seeds, which have nothing to do with each other. They need the same
version of Temper, and Dask: `pip install 'temper[cluster]'`.

Exit code 0 if it was interrupted and nothing was broken, 1 if something was.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from temper.cli.building import add_jobs, add_path, build_asked, findings_json, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.simulating import add_world, asked_of, conclude, hear
from temper.cli.terminal import Terminal

SUMMARY = "simulate fresh seeds until something is broken or you interrupt"
SEEDS_MAX = 1 << 40


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_world(parser)
    parser.add_argument(
        "--from", dest="first", type=int, metavar="N", help="begin with seed N; a fresh one if not said"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="end after N seeds; never if not said")
    add_jobs(parser, "run with N processes; one for each core if not said")
    cluster = "run on the Dask cluster whose scheduler is there, as in tcp://127.0.0.1:8786"
    parser.add_argument("--cluster", metavar="ADDRESS", help=cluster)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.verify import Tally, simulate

    built = build_asked(arguments)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"survived": False, "properties": [], "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    asked, tally = asked_of(arguments, built.table), Tally()
    first = secrets.randbelow(SEEDS_MAX) if arguments.first is None else arguments.first
    seeds = itertools.count(first) if arguments.seeds is None else range(first, first + arguments.seeds)
    try:
        with _cluster(arguments):
            for ran in simulate(asked, seeds, jobs=arguments.jobs, cluster=arguments.cluster):
                tally.add(ran)
                hear(terminal, tally)
                if tally.failures:
                    break
    except KeyboardInterrupt:
        terminal.clear()
    return conclude(arguments, terminal, asked, tally)


@contextmanager
def _cluster(arguments: argparse.Namespace) -> Iterator[None]:
    """Say what is wrong with the cluster, if one is asked for."""
    if arguments.cluster is None:
        yield
        return
    if arguments.jobs is not None:
        raise MistakeError("wrong-usage", "--cluster goes without --jobs", "its workers say how many there are")
    try:
        from temper.verify.simulate.cluster import ClusterError
    except ImportError:
        message, cure = "clusters are spoken to by Dask, which is not installed", "pip install 'temper[cluster]'"
        raise MistakeError("wrong-usage", message, cure) from None
    try:
        yield
    except ClusterError as wrong:
        raise MistakeError("cluster-unusable", str(wrong), wrong.cure) from None
