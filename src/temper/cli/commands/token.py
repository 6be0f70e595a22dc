"""Draw a token for a principal and add its hash to the tokens file; a running server knows it at once.

The token is printed and kept nowhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.serve.tokens import BadTokensError, add_token

SUMMARY = "draw a token for a principal"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the principal; a new one is added to the file")
    parser.add_argument(
        "--role", dest="roles", action="append", default=[], metavar="ROLE", help="a role; may be repeated"
    )
    parser.add_argument("--worker", action="store_true", help="it may perform effects, as `temper worker` does")
    parser.add_argument(
        "--effect",
        dest="effects",
        action="append",
        default=[],
        metavar="EFFECT",
        help="a worker of this effect alone; may be repeated",
    )
    parser.add_argument("--tokens", type=Path, required=True, metavar="FILE", help="the file, as `temper up` names it")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    try:
        token = add_token(arguments.tokens, arguments.name, arguments.roles, _works_on(arguments))
    except BadTokensError as wrong:
        cure = "roles are given once, to a new principal; the file is made by `temper up`"
        raise MistakeError("tokens-broken", str(wrong), cure) from None
    except OSError as wrong:
        raise MistakeError("file-unwritable", f"{arguments.tokens} cannot be written: {wrong.strerror}") from None
    if terminal.as_json:
        terminal.answer({"principal": arguments.name, "token": token})
    else:
        terminal.say(token)
    return 0


def _works_on(arguments: argparse.Namespace) -> list[str] | None:
    """The effects that it may perform; None for all of them."""
    return arguments.effects or (None if arguments.worker else [])
