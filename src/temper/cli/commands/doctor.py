"""Look whether a journal and the machine below it are well.

How fast the disk flushes, how much room there is, how many files may be open, whether the clock is right, whether the
hash chain is whole through archive and journal, whether a server answers. It changes nothing, and may be asked while a
server runs. The exit code is 1 if something is bad.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal, columns
from temper.run.examining import Health, Look, look_at_journal, look_at_machine
from temper.serve.client import Client, UnreachableError
from temper.serve.home import Home, home_of, known_homes
from temper.serve.operations import operation
from temper.serve.premises import Premises
from temper.serve.problem import ProblemError
from temper.serve.tenants.naming import is_name

SUMMARY = "look whether journal and machine are well"
STYLES = {Health.GOOD: "green", Health.WARNING: "yellow", Health.BAD: "red"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--blueprint", metavar="NAME", help="whose journal, where .temper holds several")
    parser.add_argument("--tenant", metavar="NAME", help="the journal of one of several tenants")
    parser.add_argument("--store", type=Path, metavar="PATH", help="a journal elsewhere")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.run import SystemClock

    if arguments.tenant and not is_name(arguments.tenant):
        raise MistakeError("wrong-usage", f"`{arguments.tenant}` is no name of a tenant", "as in --tenant acme")
    home = _home(arguments)
    path = arguments.store or (home.tenant(arguments.tenant) if arguments.tenant else home).store
    if not path.is_file():
        cure = "`temper up` makes it; --store PATH names another"
        raise MistakeError("path-missing", f"there is no journal {path}", cure)
    looks = [*look_at_machine(path.parent), *look_at_journal(path, Premises(path).archive, SystemClock())]
    looks += [] if arguments.store else _server(home)
    if terminal.as_json:
        terminal.answer({"journal": str(path), "looks": [_json(look) for look in looks]})
    else:
        rows = [(look.health.value, look.what, look.said + (f"; {look.cure}" if look.cure else "")) for look in looks]
        for look, line in zip(looks, columns(rows), strict=True):
            terminal.say(terminal.style(line, STYLES[look.health]) if look.health is not Health.GOOD else line)
    return int(any(look.health is Health.BAD for look in looks))


def _home(arguments: argparse.Namespace) -> Home:
    if arguments.blueprint or arguments.store:
        return home_of(arguments.blueprint or "")
    found = known_homes(arguments.tenant or "")
    if len(found) == 1:
        return next(iter(found.values()))
    said = f"journals of {', '.join(found)} lie here" if found else "no journal lies in .temper of this folder"
    raise MistakeError("wrong-usage", said, "name one with --blueprint NAME or --store PATH")


def _server(home: Home) -> Iterator[Look]:
    """Whether the server that announced itself answers, and is ready."""
    url = home.url()
    if url is None:
        yield Look("server", Health.GOOD, "none runs")
        return
    try:
        Client(url).ask(operation("ready"))
    except UnreachableError as wrong:
        yield Look("server", Health.BAD, str(wrong), "it was killed, or hangs: look at its log, and start it again")
    except ProblemError as problem:
        yield Look("server", Health.WARNING, problem.detail, "wait, or look at its log")
    else:
        yield Look("server", Health.GOOD, f"ready at {url}")


def _json(look: Look) -> dict[str, str]:
    return {"what": look.what, "health": look.health.value, "said": look.said, "help": look.cure}
