"""`temper up --tenants` after certification: socket, tokens of whoever runs the server, tenants, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping

from temper.cli.collecting import collecting
from temper.cli.handling import read_handlers
from temper.cli.mistake import MistakeError
from temper.cli.serving import Plan, host_tokens, listen, retention_of, store_cure
from temper.cli.terminal import Terminal
from temper.machine import TransitionTable, table_hash
from temper.report import Diagnostic, render
from temper.run import Handler, HandlersBrokenError, Limits, SystemChance, SystemClock
from temper.run.store.protocol import StoreError
from temper.run.store.whole import is_there
from temper.serve.apart import ChildFailedError, Request, certify_apart
from temper.serve.instruments import Instruments
from temper.serve.logs import logging_to, tell
from temper.serve.tenants.host import HostService
from temper.serve.tenants.journals import Journals
from temper.serve.tenants.limits import AllLimits, load_limits
from temper.serve.tenants.opening import Making, Offer
from temper.serve.tenants.tenants import Tenants
from temper.serve.watch import follow

WATCH = "watch"


async def serve_tenants(plan: Plan, terminal: Terminal) -> int:
    """Serve until a signal ends it. Whatever keeps it from starting is a mistake with its cure."""
    from temper.serve.http import serve_until_stopped, url_of
    from temper.serve.http.tenants import TenantsApplication

    os.umask(0o077)  # the journals hold what was said to the systems, and are for their owner's eyes
    instruments = Instruments()
    log = logging_to(terminal.err, plan.log) if plan.log else contextlib.nullcontext()
    sent = collecting(plan.traces, plan.certified.table.blueprint, instruments)
    with log, sent, contextlib.closing(listen(plan)) as opened:
        tokens, _ = host_tokens(plan)
        making = _making(plan, instruments)
        # What is broken keeps the server from starting, and not a tenant.
        making.handlers(plan.certified.table)
        making.retention(plan.certified.table)
        _reach(plan)
        offer = Offer(plan.certified, plan.found, plan.constants)
        tenants = Tenants(plan.home.tenants, offer, making, _limits(plan), instruments.draining)
        instruments.draining.hear(tenants.drain)
        host = HostService(tenants, making, tokens, instruments)
        plan.home.announce(url_of(opened))
        _greet(plan, url_of(opened), tenants, terminal)
        tell(
            "serving", {"blueprint": offer.blueprint, "table": table_hash(plan.certified.table), "url": url_of(opened)}
        )
        looking = asyncio.create_task(tenants.begin())
        try:
            async with _watching(plan, tenants, terminal):
                await serve_until_stopped(
                    TenantsApplication(tenants, host), opened, instruments.draining, plan.drain_seconds
                )
        finally:
            tell("ending", {"blueprint": offer.blueprint})
            plan.home.withdraw()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await tenants.close()
    return 0


def _making(plan: Plan, instruments: Instruments) -> Making:
    def handlers(table: TransitionTable) -> tuple[Mapping[str, Handler], Mapping[str, Limits]]:
        return read_handlers(plan.handlers_path, table)

    return Making(
        SystemClock(),
        SystemChance,
        handlers,
        lambda table: retention_of(plan, table),
        plan.seconds_max,
        instruments.exporter,
        1.0 if plan.traces is None else plan.traces.ratio,
        Journals(plan.store.text) if plan.store.is_database else Journals(),
    )


def _reach(plan: Plan) -> None:
    """A database that does not answer keeps the server from starting, too."""
    try:
        is_there(plan.store)
    except StoreError as wrong:
        raise MistakeError("store-failed", str(wrong), store_cure(plan, wrong)) from None


def _limits(plan: Plan) -> AllLimits:
    try:
        return load_limits(plan.settings_path)
    except HandlersBrokenError as wrong:
        raise MistakeError("handlers-broken", str(wrong), "mend the file") from None


def _greet(plan: Plan, url: str, tenants: Tenants, terminal: Terminal) -> None:
    names = [tenant.name for tenant in tenants]
    if terminal.as_json:
        told = {"event": "serving", "blueprint": tenants.offer.blueprint, "url": url, "tenants": names}
        terminal.event({**told, "table": table_hash(plan.certified.table), "tokens": str(plan.tokens_path)})
        return
    terminal.say("")
    terminal.say(f"serving {tenants.offer.blueprint} to tenants at {url}; end it with Ctrl-C")
    terminal.say(f"  tenants   {plan.home.tenants}: {', '.join(names) or 'none yet'}")
    if plan.store.is_database:
        terminal.say(f"  journals  {plan.store}, a schema for each")
    terminal.say(f"  tokens    {plan.tokens_path}")
    if not names:
        terminal.say("\nmake the first one, in another terminal here:\n  temper tenants create acme")


@contextlib.asynccontextmanager
async def _watching(plan: Plan, tenants: Tenants, terminal: Terminal) -> AsyncIterator[None]:
    """Follow the files while the body runs, if that was asked for, and offer every version to all tenants."""
    task = asyncio.create_task(_follow(plan, tenants, terminal)) if plan.watch else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _follow(plan: Plan, tenants: Tenants, terminal: Terminal) -> None:
    async for found in follow(plan.path, plan.found):
        if isinstance(found, Diagnostic):
            terminal.say(render(found))
            continue
        try:
            judgement = await certify_apart(Request(found, plan.constants, None, plan.seconds_max))
        except ChildFailedError as wrong:
            terminal.complain("internal-error", f"certification broke down: {wrong}", "the old version keeps serving")
            continue
        certified = judgement.certified
        if certified is None or certified.table.blueprint != tenants.offer.blueprint:
            terminal.say(judgement.report.rstrip())
            terminal.complain("not-certified", "the new version is not loaded", "the old version keeps serving")
            continue
        loaded = await tenants.load(Offer(certified, found, plan.constants), WATCH)
        has = [each.tenant for each in loaded if not each.refused]
        terminal.say(
            f"{table_hash(certified.table)[:12]} is offered to all tenants; {', '.join(has) or 'none'} has it now"
        )
        for each in loaded:
            if each.refused:
                terminal.complain("not-admitted", f"{each.tenant}: {each.refused}", "it goes on as before")
