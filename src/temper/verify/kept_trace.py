"""A trace as a file: the run, what it shows, and the table that it is a run of, so that anybody can repeat it later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from temper.machine import (
    Certificate,
    Proved,
    Refuted,
    Scope,
    Trace,
    TransitionTable,
    contains,
    table_from_json,
    table_hash,
    table_to_json,
    word,
)
from temper.verify.certificate_json import trace_from_json, trace_to_json
from temper.verify.sequence import sequence_diagram
from temper.verify.text import trace_text

VERSION = 1
TEXTS = ("finding", "verdict", "because", "blueprint")


@dataclass(frozen=True, slots=True)
class KeptTrace:
    """What a trace file holds. The table carries the scope that was searched."""

    finding: str
    verdict: str
    because: str
    trace: Trace
    table: TransitionTable
    blueprint: str = ""
    """Where the blueprint lay, as the user named it."""
    constants: tuple[tuple[str, str], ...] = ()
    """(name, value) of each constant that was overridden for the run."""

    @property
    def file_name(self) -> str:
        """`trace-no_two.json`; the colon of an obligation's name is none that every file system takes."""
        return f"trace-{self.finding.replace(':', '-')}.json"


def kept_traces(
    table: TransitionTable,
    certificate: Certificate,
    *,
    scope: Scope | None = None,
    blueprint: str = "",
    constants: tuple[tuple[str, str], ...] = (),
) -> Iterator[KeptTrace]:
    """Every run that the certificate shows: of what is refuted, and of each `possible` that is proved."""
    looked_at = table if scope is None else replace(table, scope=scope)
    for finding in certificate.findings:
        verdict = finding.verdict
        if isinstance(verdict, Refuted | Proved) and verdict.trace is not None:
            yield KeptTrace(
                finding.name, word(verdict), verdict.because, verdict.trace, looked_at, blueprint, constants
            )


def kept_trace_to_json(kept: KeptTrace) -> dict[str, Any]:
    """The file's content. `text` and `diagram` are for readers, and are made anew from the rest."""
    return {
        "temper_trace": VERSION,
        "finding": kept.finding,
        "verdict": kept.verdict,
        "because": kept.because,
        "blueprint": kept.blueprint,
        "constants": dict(kept.constants),
        "table_hash": table_hash(kept.table),
        "text": trace_text(kept.table, kept.trace).splitlines(),
        "diagram": sequence_diagram(kept.table, kept.trace),
        "trace": trace_to_json(kept.trace),
        "table": table_to_json(kept.table),
    }


def kept_trace_from_json(data: Any) -> KeptTrace:
    """What was written. Anything else raises `KeyError`, `TypeError` or `ValueError`."""
    if data["temper_trace"] != VERSION:
        raise ValueError(f"traces of version {data['temper_trace']} are not read here")
    finding, verdict, because, blueprint = texts = [data[name] for name in TEXTS]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{', '.join(TEXTS)} are texts")
    constants = tuple((str(name), str(value)) for name, value in data["constants"].items())
    trace, table = trace_from_json(data["trace"]), table_from_json(data["table"])
    must_fit(table, trace)
    return KeptTrace(finding, verdict, because, trace, table, blueprint, constants)


def must_fit(table: TransitionTable, trace: Trace) -> None:
    """A trace that speaks of what its own table does not have was not written here."""
    entities = {entity.name: entity for entity in table.entities}
    for number, step in enumerate(trace.steps, 1):
        label = step.label
        texts = (label.rule, *label.address, label.action, label.cause, label.outcome, *label.roles)
        if not all(isinstance(text, str) for text in texts) or not isinstance(label.caller, str | None):
            raise ValueError(f"step {number} has something else where a text belongs")
        for address in (label.address, *(change.address for change in step.changes)):
            if address.entity not in entities:
                raise ValueError(f"step {number} names {address.entity}, and its table has no such entity")
        for change in step.changes:
            types = {field.name: field.type for field in entities[change.address.entity].fields}
            for name, *values in change.changes:
                given = [value for value in values if value is not None]  # as of an instance that does not exist yet
                wrong = name != "state" and (name not in types or not all(contains(types[name], v) for v in given))
                if wrong:
                    raise ValueError(f"step {number} changes `{name}` as its table does not let it")
