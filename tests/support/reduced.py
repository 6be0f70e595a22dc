"""A search with reductions and one without, side by side."""

from __future__ import annotations

from temper.machine import Finding, Proved, Refuted, TransitionTable, Universe, Unknown, universe, word
from temper.verify import NO_REDUCTIONS, Budget, Reductions, Replayed, Report, replay, search
from temper.verify.native import Unsupported, search_natively

EVERY_WAY = tuple(
    Reductions(slicing=slicing, symmetry=symmetry, partial_order=partial_order)
    for slicing in (False, True)
    for symmetry in (False, True)
    for partial_order in (False, True)
    if slicing or symmetry or partial_order
)


def differences(
    table: TransitionTable, reductions: Reductions, *, states_max: int = 400, natively: bool = False
) -> str:
    """What a search with reductions says otherwise than one without.

    "too large" if that was not done, "refused: …" if native code does not take it on.
    """
    within = universe(table)
    whole = search(table, universe=within, budget=Budget(states_max, 600), reductions=NO_REDUCTIONS)
    if whole.findings and whole.search.states > states_max:
        return "too large"
    budget = Budget(10 * states_max, 600)
    try:
        part = (
            search_natively(table, universe=within, budget=budget, levels=(0,), reductions=reductions)
            if natively
            else search(table, universe=within, budget=budget, reductions=reductions)
        )
    except Unsupported as unsupported:
        return f"refused: {unsupported.because}"
    return "; ".join((*_verdicts(whole, part), *_counts(whole, part, reductions), *_replays(table, within, part)))


def _verdicts(whole: Report, part: Report) -> list[str]:
    """Words, vacuity and lengths. Which of several shortest runs is tried for times is nobody's promise."""
    others = {finding.name: finding for finding in part.findings}
    if others.keys() != {finding.name for finding in whole.findings}:
        return [f"other findings: {others.keys() ^ {finding.name for finding in whole.findings}}"]
    pairs = [(finding, others[finding.name]) for finding in whole.findings]
    clear = [pair for pair in pairs if not any(map(_is_spurious, pair))]
    if whole.search.complete != part.search.complete:
        return [f"complete: {part.search.complete}"]
    lenient = len(clear) < len(pairs)
    return [
        f"{a.name}: {_told(b)} for {_told(a)}"
        for a, b in clear
        if _told(a) != _told(b) and not (lenient and "unknown" in (word(a.verdict), word(b.verdict)))
    ]


def _told(finding: Finding) -> tuple[object, ...]:
    return word(finding.verdict), finding.vacuous, _length(finding)


def _length(finding: Finding) -> object:
    match finding.verdict:
        case Refuted(_, trace) | Proved(_, trace) if trace is not None:
            return len(trace.steps)
        case Proved(because):
            return because
    return None


def _is_spurious(finding: Finding) -> bool:
    return isinstance(finding.verdict, Unknown) and finding.verdict.because.startswith("spurious")


def _counts(whole: Report, part: Report, reductions: Reductions) -> list[str]:
    found = []
    if part.search.states > whole.search.states:
        found.append(f"more states: {part.search.states} for {whole.search.states}")
    meant = part.search.stand_for
    if meant is not None and not (reductions.slicing or reductions.partial_order) and meant != whole.search.states:
        found.append(f"stand for {meant} of {whole.search.states}")
    return found


def _replays(table: TransitionTable, within: Universe, part: Report) -> list[str]:
    return [
        f"{finding.name} does not replay"
        for finding in part.findings
        if isinstance(finding.verdict, Proved | Refuted)
        and finding.verdict.trace is not None
        and not isinstance(replay(table, finding.verdict.trace, universe=within), Replayed)
    ]
