"""The two engines of the exhaustive search, side by side."""

from __future__ import annotations

from dataclasses import replace

from temper.machine import PropertyKind, Proved, Refuted, TransitionTable, universe, word
from temper.verify import Budget, Report
from temper.verify.explicit import PlainSearch
from temper.verify.native import NativeExploration, Unsupported, judged


def told(report: Report) -> dict[str, object]:
    """Everything of a report but the seconds and which of several shortest traces was found."""
    found: dict[str, object] = {
        finding.name: (word(finding.verdict), finding.vacuous, finding.obligation, length(finding.verdict))
        for finding in report.findings
    }
    return found | {"states": report.search.states, "transitions": report.search.transitions, "notes": report.notes}


def length(verdict: object) -> int | str | None:
    match verdict:
        case Refuted(_, trace) | Proved(_, trace) if trace is not None:
            return len(trace.steps)
        case Proved(because) | Refuted(because):
            return because
    return None


def without_promises(table: TransitionTable) -> TransitionTable:
    """The table without `eventually`, which native code leaves to the plain search."""
    kept = tuple(each for each in table.properties if each.kind is not PropertyKind.EVENTUALLY)
    return replace(table, properties=kept)


def differences(table: TransitionTable, *, states_max: int = 4_000, levels: tuple[int, ...] = (0,)) -> str:
    """What the two engines say differently of a table: empty if nothing, else the reason, or why it was not compared."""
    table = without_promises(table)
    within = universe(table)
    try:
        native = NativeExploration(table, within, levels=levels)
        native.search(Budget(states_max * 3, 600))
    except Unsupported as refused:
        return f"refused: {refused.because}"
    plain = PlainSearch(table, within)
    plain.go(Budget(states_max, 600))
    if plain.exploration.stopped:
        return "too large"
    ours, theirs = set(native.states), set(plain.exploration.states)
    if ours != theirs or len(native.states) != len(ours):
        return (
            f"states: {len(native.states)} natively, {len(ours - theirs)} of them wrong, {len(theirs - ours)} missing"
        )
    try:
        mine, other = told(judged(native)), told(plain.report((), Budget()))
    except Unsupported as refused:
        return f"noticed: {refused.because}"
    found = [f"{name}: {mine.get(name)} natively, {other.get(name)} plainly" for name in {**other, **mine}]
    return "; ".join(
        text for name, text in zip({**other, **mine}, found, strict=True) if mine.get(name) != other.get(name)
    )


def refused_because(difference: str) -> str:
    """Why native code did not take the table on; empty if it did."""
    return difference.partition("refused: ")[2] if difference.startswith("refused: ") else ""
