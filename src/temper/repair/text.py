"""Offers for people and for programs: each as the lines it changes, and what its certificate says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from temper.exam import change_lines
from temper.machine import Certificate, Exhausted, Finding, Proved, word
from temper.pipeline import Read
from temper.repair.mend import Mending, Offer
from temper.repair.repair import COSTS
from temper.verify import verdict_text


def mending_lines(read: Read, mending: Mending, only: int = 0) -> list[str]:
    """The offers, or only the one of that number, and how they were found."""
    lines = [f"{mending.finding.name} is refuted: {verdict_text(mending.finding.verdict)}", ""]
    for number, offer in enumerate(mending.offers, 1):
        if only in {0, number}:
            lines += [*_offer_lines(read, mending.finding, offer, number), ""]
    if not mending.offers:
        lines += ["no small edit was found that mends it and keeps everything else", ""]
    return [*lines, _effort(mending)]


def mending_json(read: Read, mending: Mending) -> dict[str, Any]:
    """The answer of `fix --json`."""
    return {
        "property": mending.finding.name,
        "because": verdict_text(mending.finding.verdict),
        "offers": [_offer_json(read, mending.finding, offer) for offer in mending.offers],
        "proposed": mending.proposed,
        "ruled_out": mending.ruled_out,
        "verified": mending.verified,
        "stopped": mending.stopped,
        "seconds": round(mending.seconds, 3),
    }


def _offer_lines(read: Read, finding: Finding, offer: Offer, number: int) -> Iterator[str]:
    yield f"{number}. {offer.repair.message}"
    yield from (f"  {line}" for line in change_lines(read, offer.repair.edits))
    now = _now(offer.certificate, finding.name)
    held = f"{_holding(offer.certificate)} of {len(offer.certificate.findings)} findings hold"
    yield f"  then {finding.name} is {now}; {held}"
    if offer.mended:
        yield f"  mends {', '.join(offer.mended)}, too"
    if offer.left:
        yield f"  still refuted: {', '.join(offer.left)}"
    if offer.repair.cost in COSTS:
        yield f"  careful: this {COSTS[offer.repair.cost]}"


def _effort(mending: Mending) -> str:
    tried = (
        f"{mending.proposed:,} edits proposed, {mending.ruled_out:,} ruled out by runs, {mending.verified:,} verified"
    )
    over = ", and the time was over" if mending.stopped else ""
    return f"{tried}, {mending.seconds:.1f} s{over}"


def _now(certificate: Certificate, name: str) -> str:
    found = next((each for each in certificate.findings if each.name == name), None)
    return "not asked any more" if found is None else f"{word(found.verdict)}, {verdict_text(found.verdict)}"


def _holding(certificate: Certificate) -> int:
    return sum(isinstance(each.verdict, Proved | Exhausted) for each in certificate.findings)


def _offer_json(read: Read, finding: Finding, offer: Offer) -> dict[str, Any]:
    return {
        "kind": offer.repair.kind,
        "message": offer.repair.message,
        "size": offer.size,
        "careful": COSTS.get(offer.repair.cost),
        "edits": [
            {
                "path": edit.span.path,
                "start": edit.span.start,
                "end": edit.span.end,
                "line": edit.span.line,
                "replacement": edit.replacement,
            }
            for edit in offer.repair.edits
        ],
        "change": change_lines(read, offer.repair.edits),
        "verdict": _now(offer.certificate, finding.name),
        "table": offer.certificate.table,
        "holding": _holding(offer.certificate),
        "findings": len(offer.certificate.findings),
        "mends_too": list(offer.mended),
        "still_refuted": list(offer.left),
    }
