"""A scenario taken again on a table: whether it still shows its fault, passes, or is no run of this table any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from temper.corpus.scenario import Scenario
from temper.machine import Certificate, Finding, Proved, Refuted, Trace, TransitionTable, universe
from temper.report import Span
from temper.verify import Retraced, owed, replay, retrace, standing_differences
from temper.verify.replay import Replayed


class Result(StrEnum):
    """What became of a scenario."""

    PASSES = "passes"
    """Every step is taken, nothing that must never be is shown, and what is expected is so."""
    SHOWS = "shows"
    """It is a run that shows what must never be: a refutation."""
    ENDS_OTHERWISE = "ends otherwise"
    """Every step is taken, and it ends in another way than it was written down to."""
    GONE = "no run"
    """Some step of it is none any more."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """One scenario, taken again."""

    scenario: Scenario
    result: Result
    because: str
    steps: int
    """How many of its steps were taken."""
    findings: tuple[Finding, ...] = ()
    """Each finding that it refutes, with the run that shows it."""
    span: Span | None = None
    notes: tuple[str, ...] = ()
    """Where a step is still one and comes to something else."""


def rerun(table: TransitionTable, scenario: Scenario) -> Rerun:
    """Take the scenario's steps again on this table, from its start.

    >>> from temper.corpus.scenario import Origin
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> rerun(empty, Scenario("nothing", Origin.TRIED, ())).result
    <Result.PASSES: 'passes'>
    """
    gone = retrace(table, scenario.steps, asked=scenario.reaches)
    found = tuple(_findings(table, scenario, gone))
    whole = Rerun(scenario, Result.PASSES, "", gone.taken, found, notes=gone.otherwise)
    if found:
        said = "; ".join(f"`{each.name}` does not hold: {_because(each)}" for each in found)
        return replace(whole, result=Result.SHOWS, because=said)
    if gone.gone is not None:
        because = f"step {gone.gone.at} of {len(scenario.steps)} is none any more: {gone.gone.because}"
        return replace(whole, result=Result.GONE, because=because, span=gone.gone.span)
    if gone.untimed:
        because = "there are no times at which all its steps could happen: a timer is due too late or too early for it"
        return replace(whole, result=Result.GONE, because=because)
    ends = [*gone.ends, *_ends(table, scenario, gone)]
    if ends:
        return replace(whole, result=Result.ENDS_OTHERWISE, because="; ".join(ends))
    return replace(whole, because=_passing(scenario))


def _because(finding: Finding) -> str:
    assert isinstance(finding.verdict, Refuted), "what a run shows is refuted"
    return finding.verdict.because


def _findings(table: TransitionTable, scenario: Scenario, gone: Retraced) -> Iterator[Finding]:
    """Everything that the run refutes, the scenario's own first; what nobody asks of the table is nothing to it."""
    known, properties = set(owed(table)), {property_.name for property_ in table.properties}
    seen = sorted(gone.faults, key=lambda each: each.fault.name not in scenario.never)
    for each in seen:
        name = each.fault.name
        if name in known:
            yield Finding(name, Refuted(each.fault.because, each.trace), obligation=name not in properties)
    if scenario.loop is not None and gone.gone is None and not gone.untimed:
        yield from _promises(table, scenario, gone.trace)


def _promises(table: TransitionTable, scenario: Scenario, trace: Trace) -> Iterator[Finding]:
    """The promises that the run breaks if it goes round for ever, which takes what the scope says of fairness."""
    lasso = replace(trace, loop=scenario.loop)
    ended = replay(table, lasso, universe=universe(table))
    for name in sorted(ended.shows) if isinstance(ended, Replayed) else ():
        yield Finding(name, Refuted(scenario.because or "the run never meets it", lasso))


def _ends(table: TransitionTable, scenario: Scenario, gone: Retraced) -> Iterator[str]:
    for standing in scenario.ends:
        if all(entity.name != standing.address.entity for entity in table.entities):
            yield f"there is no entity `{standing.address.entity}`"
        else:
            yield from standing_differences(table, gone.final, standing.address, standing.state, standing.data)
    if scenario.reaches and not gone.reached:
        yield f"`{scenario.reaches}` is not reached"


def _passing(scenario: Scenario) -> str:
    if scenario.never:
        names = ", ".join(f"`{name}`" for name in scenario.never)
        return f"every step is taken, and {names} {'holds' if len(scenario.never) == 1 else 'hold'}"
    return f"it reaches `{scenario.reaches}`" if scenario.reaches else "every step is taken, and nothing is violated"


def with_refutations(certificate: Certificate, reruns: Iterable[Rerun]) -> Certificate:
    """The certificate with what scenarios refute refuted in it, too: a run is a run, whatever the scope of a search.

    A finding that a search refuted keeps its shorter run.
    """
    shown: dict[str, Finding] = {}
    notes: list[str] = []
    for each in reruns:
        for finding in each.findings:
            shown.setdefault(finding.name, finding)
        if each.findings:
            notes.append(f"scenario `{each.scenario.name}` shows {', '.join(f.name for f in each.findings)}")
    if not shown:
        return certificate
    proved = [each.name for each in certificate.findings if each.name in shown and isinstance(each.verdict, Proved)]
    notes += [f"`{name}` was proved and a run refutes it, so a verifier is wrong: please report it" for name in proved]
    findings = [_refuted(finding, shown) for finding in certificate.findings]
    return replace(certificate, findings=tuple(findings), notes=(*certificate.notes, *notes))


def _refuted(finding: Finding, shown: dict[str, Finding]) -> Finding:
    other = shown.get(finding.name)
    return finding if other is None or isinstance(finding.verdict, Refuted) else replace(finding, verdict=other.verdict)
