"""The two engines of the exhaustive search, side by side."""

from __future__ import annotations

from dataclasses import replace

from temper.machine import PropertyKind, Proved, Refuted, TransitionTable, universe, word
from temper.verify import Budget, Report
from temper.verify.explicit import PlainSearch
from temper.verify.explicit.deadline import Deadline
from temper.verify.explicit.fairness import Fairness, assumed_by
from temper.verify.explicit.graph import Graph
from temper.verify.native import NativeExploration, Unsupported, judged
from temper.verify.native.kernel import SLICE_MAX
from temper.verify.native.terrain import NativeTerrain


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
            return len(trace.steps) if trace.loop is None else f"{trace.loop} + {len(trace.steps) - trace.loop}"
        case Proved(because) | Refuted(because):
            return because
    return None


def without_promises(table: TransitionTable) -> TransitionTable:
    """The table without `eventually`, which rules some reductions out."""
    kept = tuple(each for each in table.properties if each.kind is not PropertyKind.EVENTUALLY)
    return replace(table, properties=kept)


def differences(
    table: TransitionTable,
    *,
    states_max: int = 4_000,
    levels: tuple[int, ...] = (0,),
    jobs: int = 1,
    slice_max: int = SLICE_MAX,
) -> str:
    """What the two engines say differently of a table: empty if nothing, else the reason, or why it was not compared.

    With a small `slice_max`, native workers wait for each other all the time.
    """
    within = universe(table)
    try:
        native = NativeExploration(table, within, levels=levels, jobs=jobs, slice_max=slice_max)
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
    unlike = misread(native)
    if unlike:
        return f"what steps mean in {unlike[:3]}"
    try:
        mine, other = told(judged(native)), told(_reported(plain))
    except Unsupported as refused:
        return f"noticed: {refused.because}"
    found = [f"{name}: {mine.get(name)} natively, {other.get(name)} plainly" for name in {**other, **mine}]
    return "; ".join(
        text for name, text in zip({**other, **mine}, found, strict=True) if mine.get(name) != other.get(name)
    )


def differences_from_elsewhere(table: TransitionTable, *, states_max: int = 400, jobs: int = 1) -> str:
    """The same of runs that begin where nothing is pending any more, in the middle of others."""
    within = universe(table)
    plain = PlainSearch(table, within)
    plain.go(Budget(states_max, 600))
    if plain.exploration.stopped:
        return "too large"
    begins = [state._replace(effects=(), mail=()) for state in plain.exploration.states]
    starts = tuple(dict.fromkeys(begins))[:: max(1, len(begins) // 12)]
    plain.keep_promises(Budget(seconds_max=600))
    plain.go_on(starts, Budget(states_max * 3, 600))
    try:
        native = NativeExploration(table, within, starts=starts, levels=(0,), jobs=jobs, slice_max=9)
        native.search(Budget())
        mine = told(judged(native, Budget(states_max * 10, 600)))
    except Unsupported as refused:
        return f"refused: {refused.because}"
    if plain.exploration.expanded < len(plain.exploration.states):
        return "too large"
    if set(native.states) != set(plain.exploration.states):
        return "states"
    other = told(plain.report(len(starts)))
    return "; ".join(f"{n}: {mine.get(n)} natively, {other.get(n)} plainly" for n in other if mine.get(n) != other[n])


def misread(native: NativeExploration) -> list[int]:
    """The states of which native code says otherwise than the relation what is owed there, or what a step pays."""
    table = native.rules.table
    promises = [each for each in table.properties if each.kind is PropertyKind.EVENTUALLY]
    if not promises:
        return []
    graph = Graph(native, Fairness(table, assumed_by(promises)))
    terrain = NativeTerrain(native, graph, Deadline(600))
    for _ in terrain.ground.link():
        pass
    return [number for number in range(native.expanded) if not terrain.agrees(number)]


def _reported(plain: PlainSearch) -> Report:
    plain.keep_promises(Budget(seconds_max=600))
    return plain.report()


def refused_because(difference: str) -> str:
    """Why native code did not take the table on; empty if it did."""
    return difference.partition("refused: ")[2] if difference.startswith("refused: ") else ""
