"""Certificates and traces for people: what holds quietly, what does not with all it takes to see why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from temper.machine import (
    Address,
    Args,
    Certificate,
    Change,
    Exhausted,
    Finding,
    FrozenMap,
    Label,
    Proved,
    Refuted,
    Survived,
    Trace,
    TraceStep,
    TransitionTable,
    Unknown,
    Value,
    Verdict,
    show,
    word,
)

REPEATS = "from here it repeats for ever:"
MANY = 3
"""From so many on, obligations that are unknown for one reason are told together."""
STAYS = "from here it stays for ever: nothing more has to happen"


INDENT = " " * 6


def certificate_lines(certificate: Certificate, *, brief: bool = False) -> list[str]:
    """The findings, one line each: every property, and of the obligations only those that do not hold.

    In `brief`, for somebody who wants to know what stands in the way, properties that hold or are accepted are
    only counted as well.
    """
    accepted = dict(certificate.accepted)
    listed = [finding for finding in certificate.findings if not _is_quiet(finding, accepted, brief=brief)]
    alike = _alike(listed, accepted)
    named = [finding for finding in listed if finding not in alike]
    width = max((len(finding.name) for finding in named), default=0)
    lines = [_finding_line(finding, width, accepted) for finding in named]
    lines += _alike_lines(alike, width)
    lines += _counted(certificate, brief=brief)
    lines += [f"note: {note}" for note in certificate.notes]
    return [*lines, *_search_lines(certificate)]


def trace_text(table: TransitionTable, trace: Trace) -> str:
    """A run as a table: number, who or what, what happened, and what it changed, one line a change.

    An infinite run says where it repeats, or that it stays as it is.
    """
    if not trace.steps:
        return "  at the very start" if trace.loop is None else f"  {STAYS}"
    cells = [
        (f"{number}", _who(step.label), _what(table, step.label), _effects(table, step))
        for number, step in enumerate(trace.steps, 1)
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    lines = []
    for number, who, what, effects in cells:
        if trace.loop is not None and int(number) == trace.loop + 1:
            lines.append(f"  {REPEATS}")
        first, *rest = effects or [""]
        lines.append(f"  {number:>{widths[0]}}  {who:<{widths[1]}}  {what:<{widths[2]}}  {first}".rstrip())
        lines += [" " * (2 + sum(widths) + 6) + line for line in rest]
    if trace.loop == len(trace.steps):
        lines.append(f"  {STAYS}")
    return "\n".join(lines)


def step_parts(table: TransitionTable, step: TraceStep) -> tuple[str, str, list[str]]:
    """One step as the columns of `trace_text`: who or what, what happened, and a line for each thing it changed."""
    return _who(step.label), _what(table, step.label), _effects(table, step)


def step_text(table: TransitionTable, label: Label) -> str:
    """What one step did, and who or what made it: `Deploy d1: approve() by ann`."""
    return f"{_what(table, label)} by {_who(label)}"


def verdict_text(verdict: Verdict) -> str:
    """What the verdict says beside its word.

    >>> verdict_text(Exhausted("1 Deploy", 1200))
    'all 1,200 states'
    """
    match verdict:
        case Proved(because, _) | Unknown(because) | Refuted(because, _):
            return because
        case Exhausted(_, states, whole):
            return f"all {states:,} states" if whole else f"{states:,} states that stand for all"
        case Survived(runs, seeds, faults):
            return f"{runs:,} runs, seeds {seeds}, faults {faults}"
        case _:
            assert_never(verdict)


def value_text(value: Value) -> str:
    """A value without its type, as traces show it.

    >>> value_text(frozenset({"bob", "ann"})), value_text(None)
    ('{ann, bob}', 'None')
    """
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(value_text, value))) + "}" if value else "set()"
    if isinstance(value, FrozenMap):
        return "{" + ", ".join(sorted(f"{value_text(k)}: {value_text(v)}" for k, v in value.items())) + "}"
    return str(value)


def holds(finding: Finding) -> bool:
    """Whether nothing has to be said about the finding: it is known to be so, and not vacuously."""
    return isinstance(finding.verdict, Proved | Exhausted | Survived) and not finding.vacuous


def _is_quiet(finding: Finding, accepted: dict[str, str], *, brief: bool) -> bool:
    if brief and not finding.obligation:
        return holds(finding) or (finding.name in accepted and not isinstance(finding.verdict, Refuted))
    return finding.obligation and holds(finding)


def _finding_line(finding: Finding, width: int, accepted: dict[str, str]) -> str:
    line = f"{word(finding.verdict):<9}  {finding.name:<{width}}  {_brief(finding.verdict)}"
    if finding.vacuous:
        line += f"; vacuous: it holds whatever `{finding.vacuous}` is"
    reason = accepted.get(finding.name)
    return line if reason is None or holds(finding) else f"{line} (accepted: {reason})"


def _brief(verdict: Verdict) -> str:
    """What a line of the list says: a counterexample stands below it, and its reason with it."""
    if isinstance(verdict, Refuted) and verdict.trace is not None:
        steps = len(verdict.trace.steps)
        kind = "a run" if verdict.trace.loop is None else "an infinite run"
        return f"by {kind} of {steps} step{'' if steps == 1 else 's'}, below"
    return _one_below_the_other(verdict_text(verdict)) if isinstance(verdict, Proved) else verdict_text(verdict)


def _one_below_the_other(because: str) -> str:
    """Several lemmas in lines of their own: people learn from them, and each is as long as a line."""
    head, several, lemmas = because.partition(" by the lemmas ")
    return because if not several else f"{head} by the lemmas\n{INDENT}" + lemmas.replace("; ", f"\n{INDENT}")


def _alike(listed: list[Finding], accepted: Mapping[str, str]) -> list[Finding]:
    """The obligations of which nothing is known for a reason that many share, such as a spent budget."""
    reasons = Counter(_unknown_because(finding, accepted) for finding in listed)
    return [finding for finding in listed if reasons[_unknown_because(finding, accepted)] >= MANY]


def _unknown_because(finding: Finding, accepted: Mapping[str, str]) -> str | Finding:
    """Why nothing is known of an obligation; any other finding is like none but itself."""
    is_one = finding.obligation and isinstance(finding.verdict, Unknown) and finding.name not in accepted
    return verdict_text(finding.verdict) if is_one else finding


def _alike_lines(alike: list[Finding], width: int) -> Iterator[str]:
    for because, count in Counter(verdict_text(finding.verdict) for finding in alike).items():
        yield f"{'unknown':<9}  {f'{count} obligations':<{width}}  {because}"


def _counted(certificate: Certificate, *, brief: bool) -> Iterator[str]:
    quiet = sum(finding.obligation and holds(finding) for finding in certificate.findings)
    accepted = dict(certificate.accepted)
    others = [finding for finding in certificate.findings if not finding.obligation]
    settled = sum(_is_quiet(finding, accepted, brief=True) for finding in others)
    if brief and settled:
        yield f"{settled} of {len(others)} properties and {quiet} obligations hold or are accepted"
    elif quiet:
        what = "1 obligation holds" if quiet == 1 else f"{quiet} obligations hold"
        yield f"{what}, too"


def _search_lines(certificate: Certificate) -> Iterator[str]:
    yield f"scope: {certificate.scope}"
    if certificate.assumptions:
        yield f"assumed: {'; '.join(certificate.assumptions)}"
    search = certificate.search
    if search is not None:
        how = "complete" if search.complete else "not complete"
        states = f"{search.states:,} states" + (
            f" that stand for {search.stand_for:,}" if search.stand_for is not None else ""
        )
        yield f"search: {states}, {search.transitions:,} transitions, {search.seconds:.1f} s, {how}"
        yield from (f"reduced by {name}: {what}" for name, what in search.reduced)
        yield from (f"not reduced by {name}: {why}" for name, why in search.not_reduced)


def said_text(label: Label) -> str:
    """What the instance did: the action with its arguments, or what it had to say instead.

    >>> said_text(Label("deliver", Address("Order", "o1"), "refused", outcome="wrong-state"))
    'refuses it (wrong-state)'
    """
    if label.action == "refused" and label.outcome:
        return f"{_SAID[label.action]} ({label.outcome})"
    rejected = " is rejected" if label.case is None else ""
    return _SAID.get(label.action, f"{label.action}({_args(label.args)}){rejected}")


def _what(table: TransitionTable, label: Label) -> str:
    return f"{_place(table, label.address)}: {said_text(label)}"


_SAID = {
    "ignore": "ignores it",
    "again": "asks again",
    "unhandled": "has no answer to it",
    "refused": "refuses it",
}


def _who(label: Label) -> str:
    if label.caller is not None:
        roles = f" ({', '.join(label.roles)})" if label.roles else ""
        return f"{label.caller}{roles}"
    return _DOUBLED.sub(r"\1", label.cause) or label.rule


_DOUBLED = re.compile(r"\b(\w+) \1\b")
"""The one instance of a `single` entity has the entity's name as its id, and is not named twice."""


def _place(table: TransitionTable, address: Address) -> str:
    return address.entity if table.entity(address.entity).single else f"{address.entity} {address.id}"


def _args(args: Args) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in args)


def _effects(table: TransitionTable, step: TraceStep) -> list[str]:
    changed = [line for change in step.changes for line in _changes(table, step.label.address, change)]
    return changed + [f"hands on {text}" for text in step.handed_on]


def _changes(table: TransitionTable, stepped: Address, change: Change) -> Iterable[str]:
    types = {field.name: field.type for field in table.entity(change.address.entity).fields}
    place = "" if change.address == stepped else f"{_place(table, change.address)} "
    for name, before, after in change.changes:
        shown = (value_text(value) if name == "state" else show(types[name], value) for value in (before, after))
        yield f"{place}{name}: {' -> '.join(shown)}"
