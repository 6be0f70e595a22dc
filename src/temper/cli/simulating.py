"""What the commands that simulate share: how the world is, and saying what came of it."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from temper.cli.building import pairs, scope_with
from temper.cli.corpus_beside import keep_scenarios, to_the_second
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from temper.corpus import Scenario
    from temper.machine import TransitionTable
    from temper.verify import Asked, Tally
    from temper.verify.simulate import Verdicts


NODES_MAX = 8
"""More of them show nothing that three do not."""


def add_world(parser: argparse.ArgumentParser) -> None:
    """Which faults there are, and how long a run is."""
    parser.add_argument(
        "--faults",
        default="chaos",
        metavar="NAMES",
        help="a profile (calm, moderate, chaos) or faults by name, as in --faults crash,clock; chaos if not said",
    )
    parser.add_argument(
        "--nodes",
        type=int,
        default=1,
        metavar="N",
        help=f"let N nodes on one database serve, {NODES_MAX} at most; some faults take several",
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
    kept = "keep the run of each property that was broken as a scenario beside the blueprint, for every later version"
    parser.add_argument("--keep", action="store_true", help=kept)
    parser.add_argument("--whole", action="store_true", help="show what was found as it was, and do not make it small")


def asked_of(arguments: argparse.Namespace, table: TransitionTable) -> Asked:
    """What `add_world` asked for."""
    from temper.verify import MOVES_MAX, Asked, UnknownFaultError, rates

    if not 1 <= arguments.nodes <= NODES_MAX:
        raise MistakeError("wrong-usage", f"--nodes {arguments.nodes}: a run has one node to {NODES_MAX} of them")
    try:
        drawn = rates(arguments.faults, arguments.nodes)
    except UnknownFaultError as unknown:
        raise MistakeError("wrong-usage", f"--faults {arguments.faults}: {unknown}") from None
    return Asked(table, drawn, scope_with(table, arguments.scope), arguments.moves or MOVES_MAX, arguments.nodes)


def hear(terminal: Terminal, tally: Tally) -> None:
    """How far it is, where somebody looks on."""
    terminal.progress(f"simulating: {tally.runs:,} runs, {tally.counts.steps:,} steps, {tally.failures:,} failures")


def conclude(arguments: argparse.Namespace, terminal: Terminal, asked: Asked, tally: Tally) -> int:
    """Make small what was found, and say all of it."""
    from temper.verify import run_lines, simulation_json, simulation_lines, simulation_verdicts, smallest
    from temper.verify.simulate import LAWS

    shown = smallest(asked, tally, whole=arguments.whole)
    found = simulation_verdicts(asked.table, tally, arguments.faults, shown, asked.nodes)
    repeats = {name: command(arguments, seed) for name, (seed, _) in found.shown.items()}
    if terminal.as_json:
        terminal.answer({**simulation_json(asked.table, found), "repeat": repeats})
        if arguments.keep:
            _keep(arguments, terminal, asked.table, found)
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
        if not arguments.keep and name not in LAWS:
            terminal.say(f"keep: {repeats[name]} --keep")
    if arguments.keep:
        _keep(arguments, terminal, asked.table, found)
    return 0 if found.survived else 1


def _keep(arguments: argparse.Namespace, terminal: Terminal, table: TransitionTable, found: Verdicts) -> None:
    """Keep the runs that show a fault of the blueprint; of the others say why they are no scenarios."""
    from temper.corpus import Origin, Result, read_corpus, rerun, scenarios_found
    from temper.run import SystemClock
    from temper.verify.simulate import LAWS

    at, constants = to_the_second(SystemClock().now()), tuple(pairs(arguments.constants, "--set").items())
    shown: list[Scenario] = []
    for scenario in scenarios_found(table, found.findings, origin=Origin.SIMULATED, found=at, constants=constants):
        if scenario.name in LAWS:
            terminal.warn(
                f"not kept: `{scenario.name}` is about the runtime, which a scenario does not run; what repeats it does"
            )
        elif (again := rerun(table, scenario)).result is Result.SHOWS:
            shown.append(scenario)
        else:
            terminal.warn(
                f"not kept: the steps alone do not show `{scenario.name}` ({again.because}); what repeats it does"
            )
    if shown or not found.shown:
        keep_scenarios(shown, read_corpus(arguments.path, table.blueprint).folder, terminal)


def command(arguments: argparse.Namespace, seed: int) -> str:
    """What repeats the run of one seed exactly."""
    words = ["temper", "simulate", str(arguments.path), "--seed", str(seed), "--faults", arguments.faults]
    for option, given in (("--scope", arguments.scope), ("--set", arguments.constants)):
        for text in given:
            words += [option, text]
    if arguments.nodes > 1:
        words += ["--nodes", str(arguments.nodes)]
    if arguments.moves:
        words += ["--moves", str(arguments.moves)]
    return shlex.join(words)
