"""What the commands that take a blueprint share: its arguments, and saying what was found in it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import SECONDS_MAX, Built, build

if TYPE_CHECKING:
    from temper.machine import Scope, TransitionTable


JOBS_MAX = 64
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
"""Sizes of memory, as people write them."""


def add_path(parser: argparse.ArgumentParser) -> None:
    """The blueprint a command is about, and the constants that may be overridden for the run."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a blueprint, or the folder that holds one")
    parser.add_argument(
        "--set",
        dest="constants",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a constant for this run, as in --set N=7; may be repeated",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """How long a verification may take."""
    default = f"{SECONDS_MAX:.0f}s"
    cure = f"stop after this long, as in 30s; {default} if not said"
    parser.add_argument("--budget", default=default, metavar="DURATION", help=cure)


def budget_seconds(arguments: argparse.Namespace) -> float:
    """What `add_budget` asked for."""
    return duration_seconds(arguments.budget, "--budget")


def duration_seconds(text: str, option: str) -> float:
    """The seconds of a duration such as `30s`; a mistake of the user if it is none.

    >>> duration_seconds("2m", "--budget")
    120.0
    """
    from temper.machine import parse_duration

    milliseconds = parse_duration(text)
    if milliseconds is None or milliseconds <= 0:
        raise MistakeError("wrong-usage", f"{option} {text}: that is no length of time", f"as in {option} 30s")
    return milliseconds / 1000


def add_room(parser: argparse.ArgumentParser) -> None:
    """How much memory and how many cores a verification may take."""
    cure = "stop when a search has taken this much memory, as in 2GiB; half of what is free if not said"
    parser.add_argument("--memory", metavar="SIZE", help=cure)
    add_jobs(parser, "search with N workers; one, then one for each core once a search is large, if not said")


def add_jobs(parser: argparse.ArgumentParser, cure: str) -> None:
    """How many may work at the same time."""
    parser.add_argument("--jobs", type=_positive, metavar="N", help=cure)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= JOBS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {JOBS_MAX}")
    return int(text)


def bytes_asked(arguments: argparse.Namespace) -> int | None:
    """What `add_room` asked for; None if nothing."""
    if arguments.memory is None:
        return None
    number = arguments.memory.rstrip("KMGTiB")
    unit = UNITS.get(arguments.memory[len(number) :])
    if unit is None or not number.isdecimal() or int(number) == 0:
        raise MistakeError("wrong-usage", f"--memory {arguments.memory}: that is no size", "as in --memory 2GiB")
    return int(number) * unit


def build_asked(arguments: argparse.Namespace) -> Built:
    """The blueprint that `add_path` asked for."""
    return build(arguments.path, pairs(arguments.constants, "--set"))


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """`["N=3"]` as a mapping; a mistake of the user if one is no pair.

    >>> pairs(["N=3"], "--set")
    {'N': '3'}
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise MistakeError("wrong-usage", f"{option} takes NAME=VALUE, and this is {text!r}", f"as in {option} N=3")
        found[name] = value
    return found


def report_findings(built: Built, terminal: Terminal) -> None:
    """Every finding in full, on the error stream, so that it does not mix with an answer."""
    from temper.report import render

    for finding in built.diagnostics:
        terminal.warn(render(finding, built.sources, color=terminal.color))
        terminal.warn("")


def findings_json(built: Built) -> list[Any]:
    """The findings as data."""
    from temper.report import diagnostic_to_json

    return [diagnostic_to_json(finding) for finding in built.diagnostics]


def count(number: int, noun: str, plural: str = "") -> str:
    """The number with its noun.

    >>> count(1, "error"), count(2, "property", "properties")
    ('1 error', '2 properties')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def scope_with(table: TransitionTable, texts: Sequence[str]) -> Scope:
    """The table's scope with `--scope Deploy=3` put over it."""
    from dataclasses import replace

    from temper.report import suggest

    asked: dict[str, int] = {}
    names = [entity.name for entity in table.entities if not entity.single]
    for name, value in pairs(texts, "--scope").items():
        if name not in names:
            near = suggest(name, names)
            cure = f"did you mean `{near}`?" if near else f"the entities with instances are {', '.join(names)}"
            raise MistakeError("unknown-entity", f"--scope names `{name}`, which is no entity here", cure)
        if not value.isdecimal() or int(value) < 1:
            raise MistakeError("wrong-usage", f"--scope {name}={value}: how many instances?", f"as in --scope {name}=3")
        asked[name] = int(value)
    return replace(table.scope, instances=tuple({**dict(table.scope.instances), **asked}.items()))
