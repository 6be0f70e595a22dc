"""From what was found to scenarios: the run of each refutation, and of each `possible` if asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from temper.corpus.scenario import Origin, Scenario
from temper.machine import Finding, PropertyKind, Proved, Refuted, TransitionTable, table_hash
from temper.verify import told_of


def scenarios_found(
    table: TransitionTable,
    findings: Iterable[Finding],
    *,
    origin: Origin = Origin.VERIFIED,
    found: str = "",
    constants: tuple[tuple[str, str], ...] = (),
    witnesses: bool = False,
) -> Iterator[Scenario]:
    """A scenario for each refutation that a run shows; with `witnesses` one for each proved `possible`, too."""
    possible = {each.name for each in table.properties if each.kind is PropertyKind.POSSIBLE}
    for finding in findings:
        verdict = finding.verdict
        if not isinstance(verdict, Refuted | Proved) or verdict.trace is None:
            continue
        is_witness = isinstance(verdict, Proved)
        if is_witness and not (witnesses and finding.name in possible):
            continue
        yield Scenario(
            name=finding.name,
            origin=origin,
            steps=told_of(table, verdict.trace),
            found=found,
            table=table_hash(table),
            because="" if is_witness else verdict.because,
            never=() if is_witness else (finding.name,),
            reaches=finding.name if is_witness else "",
            constants=dict(constants),
            loop=verdict.trace.loop,
        )
