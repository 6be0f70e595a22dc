"""From the arguments to an exit code: 0 good, 1 findings or refuted, 2 usage, 3 a mistake of ours."""

from __future__ import annotations

import argparse
import importlib
import keyword
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal, columns
from temper.serve.problem import ProblemError

if TYPE_CHECKING:
    from temper.verify import ContradictionError

GOOD, FINDINGS, USAGE, OURS, INTERRUPTED = 0, 1, 2, 3, 130
COMMANDS = Path(__file__).parent / "commands"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. Nothing a user gets wrong ends in a traceback.

    >>> main(["no-such-command", "--json"])  # doctest: +ELLIPSIS
    {
      "code": "unknown-command",
    ...
    2
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except SystemExit as ended:  # argparse has printed its usage, or the help that was asked for
        return ended.code if isinstance(ended.code, int) else USAGE
    except BrokenPipeError:
        _quieten()
        return GOOD
    except KeyboardInterrupt:
        return INTERRUPTED


class Command(Protocol):
    """What a command is to its caller."""

    @property
    def summary(self) -> str: ...
    @property
    def description(self) -> str: ...
    def configure(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace, terminal: Terminal) -> int: ...


@dataclass(frozen=True, slots=True)
class FileCommand:
    """A command that is a file in `commands`: `SUMMARY`, `configure`, `run`, and a docstring that describes it."""

    module: ModuleType

    @property
    def summary(self) -> str:
        return str(self.module.SUMMARY)

    @property
    def description(self) -> str:
        return " ".join((self.module.__doc__ or "").split())

    def configure(self, parser: argparse.ArgumentParser) -> None:
        self.module.configure(parser)

    def run(self, arguments: argparse.Namespace, terminal: Terminal) -> int:
        return int(self.module.run(arguments, terminal))


def commands() -> dict[str, Command]:
    """Every command by name, sorted: the files in `commands`, and what the catalogue of operations gives."""
    from temper.cli.derived import derived_commands

    found: dict[str, Command] = {name: _from_file(name) for name in _file_names()}
    return dict(sorted({**derived_commands(), **found}.items()))


def command(name: str) -> Command | None:
    """The command of that name. A file is looked for first, so that nothing else need be imported."""
    if name in _file_names():
        return _from_file(name)
    from temper.cli.derived import derived_commands

    return derived_commands().get(name)


def parser_of(name: str, found: Command) -> argparse.ArgumentParser:
    """The parser of one command, `--json` included, which every command understands."""
    parser = argparse.ArgumentParser(
        prog=f"temper {name}", description=found.description, allow_abbrev=False, formatter_class=_format
    )
    found.configure(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    return parser


def overview() -> str:
    """What `temper` prints when it is asked for nothing in particular."""
    lines = columns([(f"  {name}", each.summary) for name, each in commands().items()])
    return "\n".join(
        [
            "usage: temper COMMAND ...",
            "",
            "Declarative blueprints, proved before they run.",
            "",
            "commands:",
            *lines,
            "",
            "`temper COMMAND --help` tells more. Exit codes: 0 good, 1 findings or refuted, 2 usage,",
            "3 a mistake of Temper's own.",
        ]
    )


def _dispatch(words: list[str]) -> int:
    if not words:
        Terminal(as_json=False).warn(overview())
        return USAGE
    name, rest = words[0], words[1:]
    terminal = Terminal(as_json="--json" in rest)
    if name in {"-h", "--help", "help"}:
        terminal.say(overview())
        return GOOD
    if name == "--version":
        terminal.say(f"temper {_version()}")
        return GOOD
    found = command(name)
    if found is None:
        return _unknown(name, terminal)
    arguments = parser_of(name, found).parse_intermixed_args(rest)
    try:
        return found.run(arguments, terminal)
    except MistakeError as mistake:
        terminal.complain(mistake.code, mistake.message, mistake.cure)
        return USAGE
    except ProblemError as problem:
        terminal.complain_problem(problem)
        return FINDINGS
    except _contradiction() as ours:
        terminal.complain_diagnostic(ours.diagnostic())
        return OURS


def _contradiction() -> type[ContradictionError]:
    """Looked for only where something was raised, so that other commands need not read the verifiers."""
    from temper.verify import ContradictionError

    return ContradictionError


def _file_names() -> tuple[str, ...]:
    """A file whose command is a word of Python ends in `_`."""
    return tuple(path.stem.removesuffix("_") for path in COMMANDS.glob("*.py") if not path.stem.startswith("_"))


def _from_file(name: str) -> FileCommand:
    return FileCommand(importlib.import_module(f"temper.cli.commands.{name}{'_' * keyword.iskeyword(name)}"))


def _unknown(name: str, terminal: Terminal) -> int:
    from temper.report import suggest

    near = suggest(name, tuple(commands()))
    cure = f"did you mean `temper {near}`?" if near else "`temper --help` lists the commands"
    terminal.complain("unknown-command", f"there is no command `{name}`", cure)
    return USAGE


def _format(prog: str) -> argparse.HelpFormatter:
    """A fixed width, so that the help in the documentation is the help of the program."""
    return argparse.HelpFormatter(prog, width=100, max_help_position=30)


def _version() -> str:
    from importlib.metadata import version

    return version("temper")


def _quieten() -> None:
    """The reader of our output has gone: leave without a complaint at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
