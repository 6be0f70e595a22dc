"""Explain a code that a diagnostic or a problem showed, with an example and what to do about it."""

from __future__ import annotations

import argparse

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import codes, explain

SUMMARY = "explain a code that a message showed"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="the code in brackets; without it, every code is listed"
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if arguments.code is None:
        return _list(terminal)
    page = explain(arguments.code)
    if page is None:
        raise _unknown(arguments.code)
    if terminal.as_json:
        terminal.answer({"code": arguments.code, "page": page})
    else:
        terminal.say(page.rstrip())
    return 0


def _list(terminal: Terminal) -> int:
    if terminal.as_json:
        terminal.answer({"codes": list(codes())})
    else:
        terminal.say("\n".join(codes()))
    return 0


def _unknown(code: str) -> MistakeError:
    from temper.report import suggest

    near = suggest(code, codes())
    cure = f"did you mean `temper explain {near}`?" if near else "`temper explain` lists every code"
    return MistakeError("unknown-code", f"there is no code `{code}`", cure)
