"""What the commands that simulate share: how the world is, and saying what came of it."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from temper.cli.building import scope_with
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from temper.machine import TransitionTable
    from temper.verify import Asked, Tally


def add_world(parser: argparse.ArgumentParser) -> None:
    """Which faults there are, and how long a run is."""
    parser.add_argument(
        "--faults",
        default="chaos",
        metavar="NAMES",
        help="a profile (calm, moderate, chaos) or faults by name, as in --faults crash,clock; chaos if not said",
    )
    parser.add_argument(
        "--moves", type=int, metavar="N", help="let each run make N moves before faults end; 300 if not said"
    )
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="ENTITY=N",
        help="let callers make N instances of an entity, as in --scope Order=9; may be repeated",
    )
    parser.add_argument("--whole", action="store_true", help="show what was found as it was, and do not make it small")


def asked_of(arguments: argparse.Namespace, table: TransitionTable) -> Asked:
    """What `add_world` asked for."""
    from temper.verify import MOVES_MAX, Asked, UnknownFaultError, rates

    try:
        drawn = rates(arguments.faults)
    except UnknownFaultError as unknown:
        raise MistakeError("wrong-usage", f"--faults {arguments.faults}: {unknown}") from None
    return Asked(table, drawn, scope_with(table, arguments.scope), arguments.moves or MOVES_MAX)


def hear(terminal: Terminal, tally: Tally) -> None:
    """How far it is, where somebody looks on."""
    terminal.progress(f"simulating: {tally.runs:,} runs, {tally.counts.steps:,} steps, {tally.failures:,} failures")


def conclude(arguments: argparse.Namespace, terminal: Terminal, asked: Asked, tally: Tally) -> int:
    """Make small what was found, and say all of it."""
    from temper.verify import run_lines, simulation_json, simulation_lines, simulation_verdicts, smallest

    found = simulation_verdicts(asked.table, tally, arguments.faults, smallest(asked, tally, whole=arguments.whole))
    repeats = {name: command(arguments, seed) for name, (seed, _) in found.shown.items()}
    if terminal.as_json:
        terminal.answer({**simulation_json(asked.table, found), "repeat": repeats})
        return 0 if found.survived else 1
    for line in simulation_lines(asked.table, found):
        terminal.say(line)
    for name, (_, told) in found.shown.items():
        because = "" if told.failure is None else told.failure.message
        terminal.say("")
        terminal.say(terminal.style(f"{name}: {because}", "red"))
        for line in run_lines(asked.table, told):
            terminal.say(line)
        terminal.say(f"repeat: {repeats[name]}")
    return 0 if found.survived else 1


def command(arguments: argparse.Namespace, seed: int) -> str:
    """What repeats the run of one seed exactly."""
    words = ["temper", "simulate", str(arguments.path), "--seed", str(seed), "--faults", arguments.faults]
    for option, given in (("--scope", arguments.scope), ("--set", arguments.constants)):
        for text in given:
            words += [option, text]
    if arguments.moves:
        words += ["--moves", str(arguments.moves)]
    return shlex.join(words)
