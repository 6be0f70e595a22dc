"""Load the runtime with calls of a blueprint's first constructor, and say how many a second it acknowledged.

The journal is a scratch file in the folder that --in names, on the disk that is to be measured, and goes afterwards. It
measures typing, policies, the step, the transaction and the flush, in this process: HTTP comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from temper.cli.building import add_path, build_asked, duration_seconds, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.machine import Certified, TransitionTable
from temper.pipeline import certify

SUMMARY = "measure how many calls a second this machine acknowledges"
CLIENTS, DURATION = 64, "3s"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--clients", type=int, default=CLIENTS, metavar="N", help=f"callers at once; {CLIENTS} if not said"
    )
    parser.add_argument("--for", dest="duration", default=DURATION, metavar="DURATION", help=f"{DURATION} if not said")
    parser.add_argument(
        "--in", dest="folder", type=Path, default=Path(), metavar="FOLDER", help="this folder if not said"
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    built = build_asked(arguments)
    if built.table is None:
        report_findings(built, terminal)
        return 1
    seconds = duration_seconds(arguments.duration, "--for")
    judged = certify(built.table)
    if judged.certified is None:
        message = f"{built.table.blueprint} is not certified: {'; '.join(judged.reasons)}"
        raise MistakeError("not-certified", message, "only what may be served is measured: see `temper verify`")
    try:
        with tempfile.TemporaryDirectory(prefix=".temper-bench-", dir=arguments.folder) as scratch:
            clients = max(1, arguments.clients)
            measured = asyncio.run(_measure(judged.certified, Path(scratch) / "journal.sqlite", clients, seconds))
    except OSError as wrong:
        raise MistakeError("file-unwritable", f"{arguments.folder} cannot be written: {wrong.strerror}") from None
    if terminal.as_json:
        terminal.answer(measured.json())
    else:
        terminal.say("\n".join(measured.lines()))
    return 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it: each call's seconds, sorted."""

    what: str
    clients: int
    seconds: float
    processor_seconds: float
    calls: tuple[float, ...]
    refused: int

    def at(self, part: float) -> float:
        """So long took the call that this part of all calls were no slower than, in milliseconds."""
        return self.calls[min(len(self.calls) - 1, int(len(self.calls) * part))] * 1000

    def json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "clients": self.clients,
            "seconds": round(self.seconds, 3),
            "calls": len(self.calls),
            "calls_per_second": round(len(self.calls) / self.seconds, 1),
            "p50_milliseconds": round(self.at(0.5), 3),
            "p99_milliseconds": round(self.at(0.99), 3),
            "processor_microseconds_per_call": round(self.processor_seconds / len(self.calls) * 1e6, 1),
            "refused": self.refused,
        }

    def lines(self) -> list[str]:
        told = self.json()
        calls = f"{told['calls']:,} of {self.what}, acknowledged in {self.seconds:.1f} s"
        return [
            f"{told['calls_per_second']:,} calls a second: {calls}",
            f"p50 {told['p50_milliseconds']} ms, p99 {told['p99_milliseconds']} ms, {self.clients} callers at once",
            f"{told['processor_microseconds_per_call']} µs of processor time a call",
            "measured: typing, policies, the step, the transaction and the flush, in this process; HTTP comes on top",
            *([f"{self.refused:,} of them were rejected: their answers are not durable"] if self.refused else []),
        ]


async def _measure(certified: Certified, path: Path, clients: int, seconds: float) -> Measured:
    from temper.run import Done, Runtime, SqliteStore, SystemChance, SystemClock, World, open_runtime

    entity, action, args, caller, roles = _constructor(certified.table)
    world = World(SystemClock(), SystemChance(), SqliteStore(path, identity="bench"))
    runtime = await open_runtime(world, certified)
    assert isinstance(runtime, Runtime), runtime
    times: list[float] = []
    refused, ids, end = itertools.count(), itertools.count(1), perf_counter() + seconds

    async def client() -> None:
        while (began := perf_counter()) < end:
            answer = await runtime.call(entity, f"b{next(ids)}", action, args, caller=caller, roles=roles)
            times.append(perf_counter() - began)
            if not isinstance(answer, Done):
                next(refused)

    began, worked = perf_counter(), process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    took, worked = perf_counter() - began, process_time() - worked
    await runtime.close()
    what = f"{entity}.{action} by {caller}"
    return Measured(what, clients, took, worked, tuple(sorted(times)), next(refused))


def _constructor(table: TransitionTable) -> tuple[str, str, Mapping[str, Any], str, frozenset[str]]:
    """The first constructor that a principal of the scope may call, with arguments."""
    from temper.cli.greeting import sampled
    from temper.machine import NEW, Gate
    from temper.serve.openapi import callable_actions

    for entity in table.entities:
        if entity.world or entity.single:
            continue
        for action in callable_actions(entity):
            for name, roles in table.scope.principals:
                if NEW in action.sources and (action.gate is Gate.POLICY or set(roles) & set(action.roles)):
                    args = {each.name: sampled(each) for each in action.params}
                    return entity.name, action.name, args, name, frozenset(roles)
    raise MistakeError("wrong-usage", f"no principal in the scope of {table.blueprint} may construct anything")
