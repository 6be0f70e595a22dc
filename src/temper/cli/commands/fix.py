"""Look for small edits that mend a refutation: the counterexample says where to look, and each is verified first.

An edit is offered if the property is no longer refuted, everything that held still holds, and whatever was possible or
happened still does: at most three, the smallest first. `--apply` writes one of them into the file. Exit code 0 if
nothing is refuted or there is an offer, 1 if there is none.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import add_budget, add_path, budget_seconds, build_asked, findings_json, pairs, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.cli.writing import write_beside
from temper.pipeline import Built, Read, read

if TYPE_CHECKING:
    from temper.machine import Finding
    from temper.repair import Mending, Offer, Told

SUMMARY = "look for small edits that mend a refutation"


def configure(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    cure = "what to mend, by the name it has in `temper verify`; the first that is refuted if not said"
    parser.add_argument("property", nargs="?", default="", metavar="PROPERTY", help=cure)
    add_budget(parser)
    parser.add_argument("--apply", type=int, default=0, metavar="N", help="write offer N into the file")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from temper.repair import examine_patient, mend, refuted
    from temper.report import Diagnostic

    seconds, constants = budget_seconds(arguments), pairs(arguments.constants, "--set")
    built, found = build_asked(arguments), read(arguments.path)
    if built.table is None or isinstance(found, Diagnostic):
        return _not_built(built, terminal)
    terminal.progress("verifying it as it is")
    patient = examine_patient(found, built.table, seconds_max=seconds, constants=constants)
    wrong = refuted(patient.certificate)
    if not wrong and not arguments.property:
        return _nothing_refuted(terminal)
    finding = _asked(wrong, arguments.property)
    mending = mend(patient, finding, seconds_max=seconds, told=_progress(terminal))
    if arguments.apply:
        _apply(found, mending, arguments.apply)
    if terminal.as_json:
        from temper.repair import mending_json

        terminal.answer({**mending_json(found, mending), "applied": arguments.apply or None})
    else:
        _tell(found, mending, arguments, [each.name for each in wrong], terminal)
    return 0 if mending.offers else 1


def _asked(wrong: Sequence[Finding], name: str) -> Finding:
    from temper.report import suggest

    names = [finding.name for finding in wrong]
    if not name:
        return wrong[0]
    if name not in names:
        near = suggest(name, names)
        listed = f"refuted is {', '.join(f'`{each}`' for each in names[:5])}" if names else "nothing is refuted here"
        cure = f"did you mean `{near}`?" if near else listed
        raise MistakeError("unknown-property", f"`{name}` is not refuted here, so there is nothing to mend", cure)
    return wrong[names.index(name)]


def _apply(found: Read, mending: Mending, number: int) -> None:
    """Write one offer into its file, if the file is still what was read."""
    if not 1 <= number <= len(mending.offers):
        cure = f"there are {len(mending.offers)} offers" if mending.offers else "nothing was found that mends it"
        raise MistakeError("wrong-usage", f"--apply {number}: there is no such offer", cure)
    from temper.exam import edited

    offer = mending.offers[number - 1]
    for before, after in zip(found.sources, edited(found, offer.repair.edits).sources, strict=True):
        if before.text != after.text:
            write_beside(Path(before.path), before=before.text, after=after.text)


def _tell(found: Read, mending: Mending, arguments: argparse.Namespace, wrong: list[str], terminal: Terminal) -> None:
    from temper.repair import mending_lines

    for line in mending_lines(found, mending, arguments.apply):
        terminal.say(line)
    others = [name for name in wrong if name != mending.finding.name]
    if others:
        terminal.say(f"also refuted: {', '.join(others)}")
    if arguments.apply:
        terminal.say(f"offer {arguments.apply} is applied to {_path(mending.offers[arguments.apply - 1])}")
    elif mending.offers:
        terminal.say(f"`temper fix {arguments.path} {mending.finding.name} --apply 1` writes the first one")


def _path(offer: Offer) -> str:
    return offer.repair.edits[0].span.path


def _progress(terminal: Terminal) -> Told:
    def told(tried: int, total: int, verified: int, offers: int, /) -> None:
        terminal.progress(f"{tried} of {total} edits tried, {verified} verified, {offers} found")

    return told


def _nothing_refuted(terminal: Terminal) -> int:
    if terminal.as_json:
        terminal.answer(_nothing())
    else:
        terminal.say("nothing is refuted, so there is nothing to mend")
    return 0


def _nothing() -> dict[str, Any]:
    return {"property": None, "offers": [], "applied": None}


def _not_built(built: Built, terminal: Terminal) -> int:
    if terminal.as_json:
        terminal.answer({**_nothing(), "findings": findings_json(built)})
    else:
        report_findings(built, terminal)
    return 1
