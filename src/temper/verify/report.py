"""What `temper verify --json` prints: every finding, flat, for tools and agents."""

from __future__ import annotations

from typing import Any

from temper.machine import Certificate, Exhausted, Finding, Proved, Refuted, TransitionTable, word
from temper.verify.cascade import objections
from temper.verify.certificate_json import summary_to_json, trace_to_json
from temper.verify.sequence import instances_in, sequence_diagram
from temper.verify.text import verdict_text


def report_json(certificate: Certificate, table: TransitionTable | None = None) -> dict[str, Any]:
    """The certificate as a report. `certified` is whether the table may be loaded.

    With its table, a run in which several instances take part comes with a sequence diagram, as Mermaid text.

    >>> report_json(Certificate("00ff", (), None, "nothing", (), ()))["certified"]
    True
    """
    accepted = dict(certificate.accepted)
    return {
        "certified": not any(objections(certificate.findings, accepted)),
        "table": certificate.table,
        "properties": [_finding(finding, accepted, table) for finding in certificate.findings],
        "search": None if certificate.search is None else summary_to_json(certificate.search),
        "scope": certificate.scope,
        "notes": list(certificate.notes),
        "assumptions": list(certificate.assumptions),
        "made_with": dict(certificate.made_with),
    }


def _finding(finding: Finding, accepted: dict[str, str], table: TransitionTable | None) -> dict[str, Any]:
    verdict = finding.verdict
    trace = verdict.trace if isinstance(verdict, Proved | Refuted) else None
    diagram = None
    if table is not None and trace is not None and instances_in(trace) > 1:
        diagram = sequence_diagram(table, trace)
    return {
        "name": finding.name,
        "verdict": word(verdict),
        "because": verdict_text(verdict),
        "states": verdict.states if isinstance(verdict, Exhausted) else None,
        "trace": None if trace is None else trace_to_json(trace),
        "diagram": diagram,
        "obligation": finding.obligation,
        "vacuous": finding.vacuous or None,
        "accepted": accepted.get(finding.name),
    }
