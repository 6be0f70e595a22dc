"""`temper up` after certification: socket, store, tokens, runtime, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from temper.cli.collecting import Collected, collecting, followed
from temper.cli.greeting import Greeting, greeting_json, greeting_lines
from temper.cli.handling import follow_handlers, read_handlers, renew_handlers
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.machine import Certified, TransitionTable, asked_of_cedar
from temper.pipeline import Read
from temper.report import Diagnostic, render
from temper.run import (
    Handler,
    HandlersBrokenError,
    Limits,
    NotAdmitted,
    Runtime,
    SystemChance,
    SystemClock,
    World,
    open_runtime,
)
from temper.run.retention import Retention, load_retention
from temper.run.store.opening import DriverMissingError, Place, open_store
from temper.run.store.protocol import StoreCorruptError, StoreError
from temper.serve.home import Home, home_of
from temper.serve.instruments import Instruments
from temper.serve.logs import LogForm, logging_to, tell, tell_untidied
from temper.serve.premises import Premises
from temper.serve.problem import ProblemError, problem_to_json
from temper.serve.reload import Reloaded, Reloader
from temper.serve.tokens import BadTokensError, TokenFile, create_tokens
from temper.serve.watch import FileStamp, file_stamp, follow


@dataclass(frozen=True, slots=True)
class Plan:
    """What `temper up` was asked for."""

    certified: Certified
    path: Path
    found: Read
    constants: Mapping[str, str]
    seconds_max: float
    watch: bool
    host: str
    port: int
    store: Place
    tokens: Path | None
    handlers: Path | None
    log: LogForm | None = None
    drain_seconds: float = 0
    archive: Path | None = None
    """Where old records of a journal in a database go."""
    traces: Collected | None = None

    @property
    def home(self) -> Home:
        return home_of(self.certified.table.blueprint)

    @property
    def tokens_path(self) -> Path:
        return self.tokens or self.home.tokens

    @property
    def premises(self) -> Premises | None:
        """Where it all lies; None for a journal in a database."""
        return None if self.store.is_database else Premises(Path(self.store.text))

    @property
    def archive_folder(self) -> Path | None:
        """Where records go that leave the journal; None if that was not said."""
        return self.archive if self.premises is None else self.premises.archive

    @property
    def settings_path(self) -> Path | None:
        """The `temper.toml` that was named as the handlers' file, or lies beside the blueprint."""
        if self.handlers is not None and self.handlers.suffix == ".toml":
            return self.handlers
        beside = (self.path if self.path.is_dir() else self.path.parent) / "temper.toml"
        return beside if beside.is_file() else None

    @property
    def handlers_path(self) -> Path | None:
        """The file that was named, or the one that lies beside the blueprint."""
        folder = self.path if self.path.is_dir() else self.path.parent
        beside = [folder / name for name in ("handlers.py", "temper.toml") if (folder / name).is_file()]
        return self.handlers or next(iter(beside), None)


@contextlib.asynccontextmanager
async def _tidying(plan: Plan, runtime: Runtime) -> AsyncIterator[None]:
    """Put away what is old while the body runs, if the operator has said what that is."""
    retention = retention_of(plan, runtime.table)
    if retention.keeps_everything:
        yield
        return
    if retention.records is not None and plan.archive_folder is None:
        cure = "say where, as in --archive FOLDER: the same folder for every node, or for the one node that does it"
        message = "old records are to leave the database, and nobody has said where they go"
        raise MistakeError("archive-unnamed", message, cure)
    runtime.keep(retention, plan.archive_folder)
    assert runtime.keeping is not None, "it was just made"
    task = asyncio.create_task(runtime.keeping.every_hour(tell_untidied))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def retention_of(plan: Plan, table: TransitionTable) -> Retention:
    """How long the operator keeps what."""
    path = plan.settings_path
    try:
        return Retention() if path is None else load_retention(path, table)
    except HandlersBrokenError as wrong:
        raise MistakeError("handlers-broken", str(wrong), "mend the file") from None


async def serve(plan: Plan, terminal: Terminal) -> int:
    """Serve until a signal ends it. Whatever keeps it from starting is a mistake with its cure."""
    from temper.serve.http import application, serve_until_stopped, url_of
    from temper.serve.service import Service

    os.umask(0o077)  # the journal holds what was said to the system, and is for its owner's eyes
    instruments = Instruments(premises=plan.premises, archive=plan.archive_folder)
    log = logging_to(terminal.err, plan.log) if plan.log else contextlib.nullcontext()
    sent = collecting(plan.traces, plan.certified.table.blueprint, instruments)
    with log, sent, contextlib.closing(listen(plan)) as opened:
        stamp = file_stamp(plan.handlers_path) if plan.handlers_path else None
        handlers, limits = read_handlers(plan.handlers_path, plan.certified.table)
        tokens, drawn = host_tokens(plan)
        runtime = await _open(plan, handlers, limits, instruments)
        try:
            runtime.followed = partial(renew_handlers, plan.handlers_path, runtime, terminal)
            reloader = Reloader(runtime, seconds_max=plan.seconds_max, tell=partial(_tell, plan, runtime, terminal))
            plan.home.announce(url_of(opened))
            _greet(Greeting(plan, url_of(opened), tokens.tokens, drawn, tuple(handlers)), terminal)
            tell("serving", {"blueprint": runtime.table.blueprint, "table": runtime.table_hash, "url": url_of(opened)})
            async with _tidying(plan, runtime), _watching(plan, stamp, runtime, reloader, terminal):
                app = application(Service(runtime, tokens, reloader, instruments))
                await serve_until_stopped(app, opened, instruments.draining, plan.drain_seconds)
        finally:
            tell("ending", {"blueprint": runtime.table.blueprint})
            plan.home.withdraw()
            await runtime.close()
    return 0


def listen(plan: Plan) -> socket.socket:
    """The socket that was asked for."""
    from temper.serve.http import open_socket

    try:
        return open_socket(plan.host, plan.port)
    except OSError as wrong:
        if wrong.errno == errno.EADDRINUSE:
            cure = "stop what listens there, or take another port, as in --port 0"
            raise MistakeError("port-in-use", f"port {plan.port} of {plan.host} is in use", cure) from None
        raise MistakeError("wrong-usage", f"cannot listen at {plan.host} port {plan.port}: {wrong.strerror}") from None
    except OverflowError:
        raise MistakeError("wrong-usage", f"--port {plan.port}: a port is a number from 0 to 65535") from None


def host_tokens(plan: Plan) -> tuple[TokenFile, dict[str, str]]:
    """The tokens file, made if it is missing, and the tokens that this machine's user holds."""
    path, home = plan.tokens_path, plan.home
    try:
        if not path.exists():
            home.keep_drawn(create_tokens(path, plan.certified.table.scope.principals))
        return TokenFile(path), home.drawn()
    except BadTokensError as wrong:
        raise MistakeError("tokens-broken", str(wrong), "mend the file, or delete it to have a new one made") from None
    except OSError as wrong:
        raise _unwritable(wrong) from None


async def _open(
    plan: Plan, handlers: Mapping[str, Handler], limits: Mapping[str, Limits], instruments: Instruments
) -> Runtime:
    chance = SystemChance()
    try:
        store = open_store(plan.store, identity=chance.id())
    except StoreError as wrong:
        raise MistakeError("store-failed", str(wrong), store_cure(plan, wrong)) from None
    except OSError as wrong:
        raise _unwritable(wrong) from None
    from temper.verify import certificate_from_line, certificate_to_line

    kept = certificate_to_line(plan.certified.certificate)
    instruments.tracer = tracer = followed(plan.traces, store, instruments)
    world = World(SystemClock(), chance, store, handlers, limits, instruments.observer, tracer)
    runtime = await open_runtime(world, plan.certified, kept, certificate_from_line)
    if isinstance(runtime, Runtime):
        return runtime
    store.close()
    if isinstance(runtime, NotAdmitted):
        listed = "; ".join(f"{each.where}: {each.message}" for each in runtime.obstacles)
        cure = "give it a place with `migrate:`, serve the old version, or name another journal with --store PATH"
        raise MistakeError("not-admitted", f"the journal holds what has no place in this version: {listed}", cure)
    raise MistakeError(runtime.code, runtime.message)


def store_cure(plan: Plan, wrong: StoreError) -> str:
    """What may help where a store cannot be opened."""
    if isinstance(wrong, DriverMissingError):
        return "install it with `pip install 'temper[postgres]'`"
    if plan.store.is_database:
        return f"is {plan.store} served, and may its user make a schema there?"
    if isinstance(wrong, StoreCorruptError):
        return "put a backup in its place, as `temper backup` makes them; `temper doctor` looks at both"
    return "it may be an earlier `temper up`: stop it, or name another journal with --store PATH"


def _unwritable(wrong: OSError) -> MistakeError:
    return MistakeError("file-unwritable", f"{wrong.filename} cannot be written: {wrong.strerror}")


def _greet(greeting: Greeting, terminal: Terminal) -> None:
    if terminal.as_json:
        terminal.event(greeting_json(greeting))
    else:
        terminal.say("\n".join(greeting_lines(greeting)))
        for action, why in asked_of_cedar(greeting.plan.certified.table).items():
            terminal.say(f"  {action} is slower than it could be: each call asks Cedar itself, because of {why}")


@contextlib.asynccontextmanager
async def _watching(
    plan: Plan, stamp: FileStamp | None, runtime: Runtime, reloader: Reloader, terminal: Terminal
) -> AsyncIterator[None]:
    """Follow the files while the body runs, if that was asked for."""
    following = [_follow(plan, reloader, terminal)] if plan.watch else []
    if plan.watch and plan.handlers_path is not None:
        following.append(follow_handlers(plan.handlers_path, stamp, runtime, terminal))
    tasks = [asyncio.create_task(each) for each in following]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(plan: Plan, reloader: Reloader, terminal: Terminal) -> None:
    async for found in follow(plan.path, plan.found):
        if isinstance(found, Diagnostic):
            terminal.say(render(found))
            continue
        if not terminal.as_json:
            terminal.say(f"{found.source.path} changed: certifying")
        with contextlib.suppress(ProblemError):  # told by the reloader, as is what came of an `apply`
            await reloader.reload(found, plan.constants)


def _tell(plan: Plan, runtime: Runtime, terminal: Terminal, end: Reloaded | ProblemError) -> None:
    """What came of a new version, whoever brought it. It may have effects that only now have somebody to ask."""
    if isinstance(end, Reloaded) and end.before != end.after:
        renew_handlers(plan.handlers_path, runtime, terminal)
    if isinstance(end, ProblemError):
        tell("refused", {"code": end.code, "because": end.detail}, logging.WARNING)
    else:
        tell("applied", {"before": end.before, "table": end.after})
    if terminal.as_json:
        told = {"event": "refused", **problem_to_json(end)} if isinstance(end, ProblemError) else _reloaded_json(end)
        terminal.event(told)
        return
    from temper.cli.commands.apply import applied_lines

    if isinstance(end, ProblemError):
        terminal.say(str(end.facts.get("report", "")).rstrip())
        terminal.complain(end.code, end.detail, "the old version keeps serving")
    else:
        terminal.say("\n".join(applied_lines(end.before, end.after, list(end.changes))))


def _reloaded_json(end: Reloaded) -> dict[str, Any]:
    return {"event": "applied", "before": end.before, "table": end.after, "changes": list(end.changes)}
