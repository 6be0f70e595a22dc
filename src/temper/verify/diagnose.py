"""Findings that stand in the way of loading, as diagnostics: marked in the blueprint, with the run that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from temper.machine import (
    Action,
    Case,
    Certificate,
    Finding,
    Property,
    PropertyKind,
    Refuted,
    Trace,
    TransitionTable,
    Unknown,
)
from temper.report import Diagnostic, Help, Label, Source, Span, render
from temper.verify.explicit.exploration import ENOUGH
from temper.verify.text import certificate_lines, step_text, trace_text

CODES = {
    "range": "range-refuted",
    "distinct_keys": "keys-may-coincide",
    "handled": "unhandled",
    "moves": "stuck",
}
"""The code of a refuted obligation, by the kind its name begins with."""

PROPERTY_CODES = {PropertyKind.STEP: "step-refuted", PropertyKind.EVENTUALLY: "eventually-refuted"}
"""The code of a refuted property; `possible` is never refuted by a run."""

NOT_SEEN = "not within U: no run"


def certificate_text(
    table: TransitionTable,
    certificate: Certificate,
    sources: Iterable[Source] = (),
    *,
    color: bool = False,
    brief: bool = False,
) -> str:
    """The certificate for people: a line for each property, then in full whatever keeps the table from being loaded.

    With the `sources` of the blueprint each of these is shown where it is written. In `brief`, what holds is counted.
    """
    lines = certificate_lines(certificate, brief=brief)
    for diagnostic in diagnose(table, certificate):
        lines += ["", render(diagnostic, sources, color)]
    return "\n".join(lines)


def diagnose(table: TransitionTable, certificate: Certificate) -> tuple[Diagnostic, ...]:
    """One diagnostic for each refutation, each vacuous property and each thing that never comes, if not accepted.

    What is unknown for one and the same reason, such as a spent budget, makes one diagnostic together. What a search
    left open that was to stop at the first refutation makes none: it was asked to.
    """
    accepted = dict(certificate.accepted)
    found: list[Diagnostic] = []
    undecided: dict[str, list[Finding]] = {}
    for finding in certificate.findings:
        if isinstance(finding.verdict, Refuted):
            found.append(_refuted(table, finding, finding.verdict))
        elif finding.name in accepted:
            continue
        elif isinstance(finding.verdict, Unknown) and _is_missing(finding):
            found.append(_missing(table, finding))
        elif isinstance(finding.verdict, Unknown) and not finding.verdict.because.startswith(ENOUGH):
            undecided.setdefault(finding.verdict.because, []).append(finding)
        elif finding.vacuous:
            found.append(_vacuous(table, finding))
    return (*found, *(_undecided(table, because, findings) for because, findings in undecided.items()))


def _refuted(table: TransitionTable, finding: Finding, verdict: Refuted) -> Diagnostic:
    trace = verdict.trace
    notes = () if trace is None else (f"{_shown_by(trace)}\n{trace_text(table, trace)}",)
    return Diagnostic(
        _refuted_code(table, finding),
        f"`{finding.name}` does not hold{_after(trace)}: {verdict.because}",
        place(table, finding.name),
        reason=f"this does not hold{_after(trace)}",
        labels=tuple(_row_labels(table, trace)),
        notes=notes,
        helps=(Help("a counterexample is never accepted: change the blueprint or the property"),),
    )


def _shown_by(trace: Trace) -> str:
    return "the shortest run that shows it:" if trace.loop is None else "an infinite run that shows it:"


def _refuted_code(table: TransitionTable, finding: Finding) -> str:
    if finding.obligation:
        return CODES[finding.name.partition(":")[0]]
    return PROPERTY_CODES.get(_property(table, finding.name).kind, "invariant-refuted")


def _after(trace: Trace | None) -> str:
    """When it is seen. A promise is broken by the whole of an infinite run."""
    if trace is not None and trace.loop is not None:
        return ""
    if trace is None or not trace.steps:
        return " at the very start"
    return " after 1 step" if len(trace.steps) == 1 else f" after {len(trace.steps)} steps"


def _row_labels(table: TransitionTable, trace: Trace | None) -> Iterator[Label]:
    """The row that took the last step. Of an infinite run no step did it."""
    if trace is None or not trace.steps or trace.loop is not None:
        return
    last = trace.steps[-1].label
    entity = table.entity(last.address.entity)
    action = next((action for action in entity.actions if action.name == last.action), None)
    span = None if action is None else row_span(action, last.case)
    if span is not None:
        yield Label(span, f"step {len(trace.steps)} did it: {step_text(table, last)}")


def row_span(action: Action, case: int | None) -> Span | None:
    """Where the row is written: its case, or the action where the case has no place of its own."""
    taken: Case | None = None if case is None else action.cases[case]
    return (taken.span if taken is not None else None) or action.span


def _is_missing(finding: Finding) -> bool:
    return isinstance(finding.verdict, Unknown) and finding.verdict.because.startswith(NOT_SEEN)


def _missing(table: TransitionTable, finding: Finding) -> Diagnostic:
    kind, _, where = finding.name.partition(":")
    said = {
        "reachable": f"no run reaches the state `{where}`",
        "happens": f"no run ever does `{where}`",
        "fires": f"no run ever takes the row `{where}`",
    }.get(kind, f"no run reaches what `{finding.name}` asks for")
    return Diagnostic(
        "not-reached",
        f"{said} within the scope",
        place(table, finding.name),
        reason="never, in any state within the scope",
        helps=(Help("widen `scope:`, mend or remove what cannot happen, or name it under `accept:` with a reason"),),
    )


def _vacuous(table: TransitionTable, finding: Finding) -> Diagnostic:
    return Diagnostic(
        "vacuous",
        f"`{finding.name}` holds whatever `{finding.vacuous}` is",
        place(table, finding.name),
        reason="a part of this changes nothing",
        helps=(Help("remove the part, or make the situation that it speaks of possible"),),
    )


def _undecided(table: TransitionTable, because: str, findings: list[Finding]) -> Diagnostic:
    names = [f"`{finding.name}`" for finding in findings]
    said = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    notes = () if len(names) == 1 else (f"all of them: {', '.join(names)}",)
    return Diagnostic(
        "undecided",
        f"{said} {'is' if len(names) == 1 else 'are'} not decided: {because}",
        place(table, findings[0].name),
        reason="nothing is known of this",
        notes=notes,
        helps=(Help(_cure(because)),),
    )


def _cure(because: str) -> str:
    if because.startswith("construct"):
        return "until a verifier decides it, name it under `accept:` with a reason"
    return "give the search what it lacks, or name it under `accept:` with a reason"


def place(table: TransitionTable, name: str) -> Span | None:
    """Where in the blueprint a finding's name belongs."""
    kind, colon, where = name.partition(":")
    if not colon:
        return _property(table, name).span
    entity_name, _, rest = where.partition(".")
    entity = next((entity for entity in table.entities if entity.name == entity_name), None)
    if entity is None:
        return next((effect.span for effect in table.effects if effect.name == entity_name), None)
    part, *detail = rest.split(".")
    timer = next((timer for timer in entity.timers if timer.name == part), None)
    action = next((action for action in entity.actions if action.name == part), None)
    field = next((field for field in entity.fields if field.name == part), None)
    if kind == "range" and field is not None and not detail:
        return field.span or entity.span
    if kind in ("handled", "range") and timer is not None and not detail:
        return timer.span
    if action is None or kind in ("moves", "final", "reachable"):
        return entity.span
    if kind == "handled":
        case, position = map(int, detail)
        return action.cases[case].deliveries[position].span or action.span
    return row_span(action, int(detail[-1])) if kind == "fires" else action.span


def _property(table: TransitionTable, name: str) -> Property:
    return next(property_ for property_ in table.properties if property_.name == name)
