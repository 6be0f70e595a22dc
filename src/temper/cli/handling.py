"""The operator's effect handlers: loaded at the start, after each new version, and when their file changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.serve.watch import LOOK_SECONDS, FileStamp, file_stamp

if TYPE_CHECKING:
    from temper.machine import TransitionTable
    from temper.run import Handler, Limits, Runtime


def read_handlers(path: Path | None, table: TransitionTable) -> tuple[dict[str, Handler], dict[str, Limits]]:
    """The handlers of the table's effects and their limits; other functions of the file are its own business."""
    from temper.run.handlers import HandlersBrokenError, load_handlers, load_limits

    if path is None:
        return {}, {}
    try:
        limits = load_limits(path, table.effects)
        found = load_handlers(path, table.effects)
    except HandlersBrokenError as wrong:
        cure = "mend the file, or name another with --handlers FILE"
        raise MistakeError("handlers-broken", str(wrong), cure) from None
    return {effect.name: found[effect.name] for effect in table.effects if effect.name in found}, limits


def renew_handlers(path: Path | None, runtime: Runtime, terminal: Terminal) -> None:
    """Load the file again, for the table in force; if it is broken, the handlers so far stay."""
    if path is None:
        return
    try:
        handlers, limits = read_handlers(path, runtime.table)
    except MistakeError as mistake:
        terminal.complain(mistake.code, mistake.message, "the handlers so far go on")
        return
    runtime.use(handlers, limits)
    if not terminal.as_json:
        terminal.say(f"handlers {path}: {', '.join(sorted(handlers)) or 'none of this blueprint'}")


async def follow_handlers(path: Path, known: FileStamp | None, runtime: Runtime, terminal: Terminal) -> None:
    """Load the file again each time it has changed and come to rest; `known` is how it was when it was loaded."""
    last = file_stamp(path)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        seen = file_stamp(path)
        if seen == last and seen not in {known, None}:
            known = seen
            renew_handlers(path, runtime, terminal)
        last = seen
