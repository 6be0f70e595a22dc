"""Certify a blueprint and serve it on loopback, with its journal in `.temper/<blueprint>`.

With `--watch` a change of its files is certified and loaded while it serves; what is refused leaves the old
version serving. The journal keeps what was decided about each version: started again with nothing changed, it need
not be verified again, and if the file is refused, the last certified version goes on, which is said aloud.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import add_budget, add_path, budget_seconds, build_asked, findings_json, pairs, report_findings
from temper.cli.commands.verify import judged_json, progress_of, show_judged
from temper.cli.corpus_beside import corpus_beside, with_scenarios
from temper.cli.mistake import MistakeError
from temper.cli.proofs_beside import proofs_beside
from temper.cli.terminal import Terminal
from temper.pipeline import Built, Judged, Read, certify, family

if TYPE_CHECKING:
    from temper.cli.lived import LastVersion
    from temper.machine import Certified, TransitionTable
    from temper.run.store.opening import Place

SUMMARY = "certify a blueprint and serve it"
AS_BEFORE = "served-as-before"
NAMED = re.compile(r"^blueprint:[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*$", re.MULTILINE)
"""The name of a blueprint whose text is no YAML."""
HOST, PORT = "127.0.0.1", 8420


def configure(parser: argparse.ArgumentParser) -> None:
    from temper.serve.logs import LogForm

    add_path(parser)
    add_budget(parser)
    parser.add_argument("--watch", action="store_true", help="load changes of the files while serving")
    cure = "serve this very version or nothing; unsaid, the last certified one goes on if this one is refused"
    parser.add_argument("--only-this", action="store_true", help=cure)
    parser.add_argument("--host", default=HOST, metavar="HOST", help=f"the address to listen at; {HOST} if not said")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"{PORT} if not said; 0 takes a free one")
    home = ".temper/<blueprint>"
    kept = f"the journal: a file, or postgresql://… for several nodes; {home}/journal.sqlite if not said"
    parser.add_argument("--store", metavar="WHERE", help=kept)
    said = "where old records of a journal in a database go, if [retention] says so: the same folder for every node"
    parser.add_argument("--archive", type=Path, metavar="FOLDER", help=said)
    parser.add_argument("--tokens", type=Path, metavar="FILE", help=f"who may call; {home}/tokens.toml if not said")
    parser.add_argument(
        "--handlers", type=Path, metavar="FILE", help="effect handlers; handlers.py beside the blueprint if not said"
    )
    said = "say every call, attempt and timer on the error stream, a line each"
    parser.add_argument("--log", choices=[each.value for each in LogForm], help=said)
    said = "serve several tenants, each with a journal and principals of its own, at /v1/TENANT/…"
    parser.add_argument("--tenants", action="store_true", help=said)
    said = "follow what happens, and send it as OTLP over HTTP, as in http://localhost:4318"
    parser.add_argument("--traces", metavar="URL", help=said)
    said = "which part of all traces that begin here is sent, from 0 to 1; 1 if not said"
    parser.add_argument("--traces-ratio", type=float, default=1.0, metavar="PART", help=said)
    said = "when told to end, take calls for so long after saying that it is not ready; 0 if not said"
    parser.add_argument("--drain", type=float, default=0.0, metavar="SECONDS", help=said)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    _assert_one_for_each(arguments)
    built = build_asked(arguments)
    before = _before(arguments, built)
    if built.table is None:
        _say_not_built(built, terminal, goes_on=before is not None and not arguments.only_this)
        return _serve_as_before(arguments, built, before, terminal)
    report_findings(built, terminal)
    judged = _judged(built, built.table, before, arguments, terminal)
    beside = corpus_beside(built, pairs(arguments.constants, "--set"))
    judged = judged if beside is None else with_scenarios(judged, beside)
    if not terminal.as_json:
        show_judged(judged, built, terminal)
    if judged.certified is None:
        if terminal.as_json:
            _answer(judged_json(judged), terminal, goes_on=before is not None and not arguments.only_this)
        return _serve_as_before(arguments, built, before, terminal)
    from temper.serve.http import run_server

    try:
        return run_server(_serve(arguments, judged.certified, _read(built), terminal))
    except MistakeError as mistake:
        if mistake.code != "not-admitted" or before is None or arguments.only_this:
            raise
        if terminal.as_json:
            terminal.event({"event": "refused", "code": mistake.code, "message": mistake.message})
        else:
            terminal.complain(mistake.code, mistake.message, mistake.cure)
        return _serve_as_before(arguments, built, before, terminal)


def _assert_one_for_each(arguments: argparse.Namespace) -> None:
    """Tenants do not share a file; a database has a schema for each."""
    from temper.run.store.opening import Place

    if arguments.tenants and arguments.store and not Place(arguments.store, "").is_database:
        cure = (
            "leave --store out: each tenant has a journal in .temper/<blueprint>/tenants/<tenant>; or name a database"
        )
        raise MistakeError("wrong-usage", "tenants do not share the journal in one file", cure)


def _before(arguments: argparse.Namespace, built: Built) -> LastVersion | None:
    """The version that the journal was last served under, if one is to go on when the new one is refused."""
    from temper.cli.lived import last_version

    name = _name(built)
    return last_version(_kept(arguments, name)) if name or arguments.store else None


def _kept(arguments: argparse.Namespace, blueprint: str) -> Place:
    """Where the journal is kept."""
    from temper.run.store.opening import Place
    from temper.serve.home import home_of

    return Place(arguments.store or str(home_of(blueprint).store), blueprint)


def _name(built: Built) -> str:
    """The blueprint's name, also of one that cannot be read but for that."""
    if built.tree is not None:
        return built.tree.name.text
    found = NAMED.search(built.sources[0].text) if built.sources else None
    return found[1] if found else ""


def _judged(
    built: Built, table: TransitionTable, before: LastVersion | None, arguments: argparse.Namespace, terminal: Terminal
) -> Judged:
    """What was decided about this very table before, if it is still good; else what is decided now."""
    from temper.machine import table_hash
    from temper.verify import still_certified

    if before is not None and before.certificate is not None and before.hash == table_hash(table):
        again = still_certified(table, before.certificate)
        if again is not None:
            if not terminal.as_json:
                terminal.say(f"nothing has changed since {before.when}, so this was not verified again:")
            return Judged(table, again.certificate, again)
    return _certify(built, table, arguments, terminal)


def _certify(built: Built, table: TransitionTable, arguments: argparse.Namespace, terminal: Terminal) -> Judged:
    """From the start and, if the journal was last served under another version, from what lives in it."""
    from temper.cli.lived import what_lives
    from temper.machine import table_hash

    live = what_lives(_kept(arguments, table.blueprint), table_hash(table))
    return certify(
        table,
        seconds_max=budget_seconds(arguments),
        live=live,
        progress=progress_of(terminal),
        waiting=lambda seconds: terminal.progress(f"proving: the search is done, {seconds:.0f} s"),
        family=None if live else family(built, pairs(arguments.constants, "--set")),
        hints=None if live else proofs_beside(built, terminal, overridden=bool(arguments.constants)),
    )


def _serve_as_before(
    arguments: argparse.Namespace, built: Built, before: LastVersion | None, terminal: Terminal
) -> int:
    """Serve the version that was served last, saying so aloud; nothing if there is none that may be loaded."""
    if before is None or arguments.only_this or not built.sources:
        return 1
    from temper.serve.http import run_server
    from temper.verify import still_certified

    good = still_certified(before.table, before.certificate) if before.certificate is not None else None
    good = good or certify(before.table, seconds_max=budget_seconds(arguments)).certified
    if good is None:
        return 1
    message = (
        f"{built.sources[0].path} is refused, so version {before.number} ({before.hash[:12]}), "
        f"loaded {before.when}, is served on"
    )
    cure = "mend the file and `temper apply` it, or serve with --watch; --only-this serves nothing instead"
    if terminal.as_json:
        terminal.event({"event": AS_BEFORE, "code": AS_BEFORE, "message": message, "table": before.hash})
    else:
        terminal.complain("served-as-before", message, cure)
    return run_server(_serve(arguments, good, _read(built), terminal))


def _say_not_built(built: Built, terminal: Terminal, *, goes_on: bool) -> None:
    if terminal.as_json:
        _answer({"certified": False, "findings": findings_json(built)}, terminal, goes_on=goes_on)
    else:
        report_findings(built, terminal)


def _answer(data: dict[str, Any], terminal: Terminal, *, goes_on: bool) -> None:
    """The last answer, or one of several."""
    if goes_on:
        terminal.event({"event": "refused", **data})
    else:
        terminal.answer(data)


def _read(built: Built) -> Read:
    return Read(built.sources[0], built.sources[1:])


async def _serve(arguments: argparse.Namespace, certified: Certified, found: Read, terminal: Terminal) -> int:
    from temper.cli.collecting import Collected
    from temper.cli.serving import Plan, serve
    from temper.cli.serving_tenants import serve_tenants
    from temper.serve.logs import LogForm

    plan = Plan(
        certified=certified,
        path=arguments.path,
        found=found,
        constants=pairs(arguments.constants, "--set"),
        seconds_max=budget_seconds(arguments),
        watch=arguments.watch,
        host=arguments.host,
        port=arguments.port,
        store=_kept(arguments, certified.table.blueprint),
        tokens=arguments.tokens,
        archive=arguments.archive,
        handlers=arguments.handlers,
        log=LogForm(arguments.log) if arguments.log else None,
        drain_seconds=max(0.0, arguments.drain),
        traces=None if arguments.traces is None else Collected(arguments.traces, arguments.traces_ratio),
    )
    return await (serve_tenants(plan, terminal) if arguments.tenants else serve(plan, terminal))
