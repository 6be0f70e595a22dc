"""`temper verify PATH --certificate FILE`: a certificate, checked by somebody who believes none of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from temper.cli.building import budget_seconds, bytes_asked, count, findings_json, pairs, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.pipeline import build, family

if TYPE_CHECKING:
    from temper.machine import TransitionTable
    from temper.verify import KeptCertificate, Rechecked

BYTES_MAX = 50_000_000
"""A certificate carries its table and its runs; a longer file is none of ours."""
ALONE = ("only", "without", "scope", "out", "coverage", "stop_at_first")
"""What decides how a verification is done: a certificate says that itself."""


def run_recheck(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Read the certificate, build the blueprint, and compare the two. 0 if it holds and the table may be loaded."""
    from temper.cli.commands.verify import progress_of
    from temper.verify import Budget, recheck

    for name in ALONE:
        if getattr(arguments, name):
            raise MistakeError("wrong-usage", f"--certificate goes without --{name.replace('_', '-')}")
    budget = Budget(seconds_max=budget_seconds(arguments), bytes_max=bytes_asked(arguments))
    kept = read_certificate(arguments.certificate)
    constants = {**dict(kept.constants), **pairs(arguments.constants, "--set")}
    built = build(arguments.path, constants)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"confirmed": False, "certified": False, "findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    found = recheck(
        kept,
        built.table,
        budget=budget,
        progress=progress_of(terminal),
        jobs=arguments.jobs,
        family=family(built, constants),
    )
    return _say(kept, built.table, found, terminal)


def read_certificate(path: Path) -> KeptCertificate:
    """The certificate in the file; a mistake of the user if there is none."""
    from temper.verify import kept_certificate_from_json

    try:
        if path.stat().st_size > BYTES_MAX:
            raise _broken(path, f"it has more than {BYTES_MAX:,} bytes")
        return kept_certificate_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as wrong:
        cure = "name a certificate.json"
        raise MistakeError("file-unreadable", f"{path} cannot be read: {wrong.strerror}", cure) from None
    except KeyError as wrong:
        raise _broken(path, f"{wrong} is missing") from None
    except ValueError as wrong:
        raise _broken(path, str(wrong)) from None
    except (TypeError, AttributeError, RecursionError):
        raise _broken(path, "it has another shape") from None


def _broken(path: Path, because: str) -> MistakeError:
    cure = "`temper verify PATH --out FOLDER` writes certificates"
    return MistakeError("certificate-broken", f"{path} holds no certificate: {because}", cure)


def _say(kept: KeptCertificate, table: TransitionTable, found: Rechecked, terminal: Terminal) -> int:
    from temper.verify import certified

    reasons = certified(table, kept.certificate)
    is_loadable = not isinstance(reasons, tuple)
    holds = not found.differences
    if terminal.as_json:
        terminal.answer(
            {
                "confirmed": holds,
                "certified": holds and is_loadable,
                "table": kept.certificate.table,
                "differences": [{"flaw": each.flaw, "what": each.what} for each in found.differences],
                "findings": dict(found.confirmed),
                "notes": list(found.notes),
                "reasons": list(reasons) if isinstance(reasons, tuple) else [],
            }
        )
        return 0 if holds and is_loadable else 1
    for line in _lines(kept, found):
        terminal.say(line)
    if not holds:
        flaws = ", ".join(dict.fromkeys(each.flaw for each in found.differences))
        terminal.say(terminal.style(f"the certificate of {table.blueprint} does not hold: {flaws}", "red"))
    elif isinstance(reasons, tuple):
        terminal.say(terminal.style(f"the certificate holds, and {table.blueprint} is not certified by it", "red"))
        for reason in reasons:
            terminal.say(f"  {reason}")
    else:
        terminal.say(terminal.style(f"the certificate holds: {table.blueprint} is certified", "green"))
    return 0 if holds and is_loadable else 1


def _lines(kept: KeptCertificate, found: Rechecked) -> list[str]:
    """Each property of the author and how it was confirmed, the rest counted, then what differs."""
    own = {finding.name for finding in kept.certificate.findings if not finding.obligation}
    width = max((len(name) for name in own), default=0)
    lines = [f"confirmed  {name:<{width}}  {how}" for name, how in found.confirmed if name in own]
    quiet = len(found.confirmed) - len(lines)
    lines += [f"{count(quiet, 'obligation')} confirmed, too"] if quiet else []
    lines += [str(each) for each in found.differences]
    return [*lines, *(f"note: {note}" for note in found.notes)]
