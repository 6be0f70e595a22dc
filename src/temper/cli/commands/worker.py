"""Perform effects for a server, in this process and its children: take deliveries under leases, bring back answers.

The server gives out effects that have no handler of its own. A worker that dies loses nothing: its leases run out, and
the attempts are made again or settle `unknown`, as their delivery kinds say. SIGINT or SIGTERM ends it when what is
under way has been answered.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.connection import Connection, add_connection, connect
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from temper.run import Handler

SUMMARY = "perform effects for a server"
CONCURRENCY = 8


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("handlers", type=Path, metavar="HANDLERS", help="a handlers.py or a temper.toml")
    parser.add_argument(
        "--concurrency", type=int, default=CONCURRENCY, metavar="N", help=f"attempts at once; {CONCURRENCY} if not said"
    )
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    if not 1 <= arguments.concurrency <= 100:
        raise MistakeError("wrong-usage", "--concurrency is a number from 1 to 100", "as in --concurrency 8")
    connection = connect(arguments)
    effects = {str(each["effect"]): each for each in connection.ask("effects")["effects"]}
    handlers = _handlers(arguments.handlers, effects, terminal)
    names = ", ".join(sorted(handlers))
    if terminal.as_json:
        terminal.event({"event": "working", "blueprint": connection.blueprint, "effects": sorted(handlers)})
    else:
        terminal.say(f"working on {names} of {connection.blueprint}; end it with Ctrl-C")
    asyncio.run(_work(connection, handlers, arguments.concurrency, terminal))
    return 0


def _handlers(path: Path, effects: dict[str, Any], terminal: Terminal) -> dict[str, Handler]:
    """The handlers of effects that the server has nobody for."""
    from temper.run.handlers import HandlersBrokenError, load_handlers

    try:
        found = load_handlers(path)
    except HandlersBrokenError as wrong:
        raise MistakeError("handlers-broken", str(wrong), "mend the file, or name another") from None
    for name in sorted(set(found) & set(effects)):
        if effects[name]["handler"]:
            terminal.warn(f"{name} is handled by the server itself ({effects[name]['handler']}), and is not given out")
    ours = {name: handler for name, handler in found.items() if name in effects and not effects[name]["handler"]}
    if not ours:
        cure = f"its effects are {', '.join(effects) or 'none'}; those with a handler on the server are not given out"
        raise MistakeError("handlers-broken", f"{path} handles no effect that the server gives out", cure)
    return ours


async def _work(connection: Connection, handlers: dict[str, Handler], concurrency: int, terminal: Terminal) -> None:
    from temper.sdk import AsyncClient, Worker

    def tell(text: str) -> None:
        if terminal.as_json:
            terminal.event({"event": "told", "message": text})
        else:
            terminal.say(text)

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    client = connection.client
    async with AsyncClient(client.url, client.token, blueprint=connection.blueprint) as http:
        await Worker(http, handlers, concurrency, tell).run(stop)
    for handler in handlers.values():
        if (close := getattr(handler, "aclose", None)) is not None:
            await close()
