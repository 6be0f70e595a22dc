"""What many runs say of a blueprint, in the words that all verifiers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from temper.machine import Finding, PropertyKind, Refuted, Survived, TransitionTable, Unknown, word
from temper.verify.certificate_json import trace_to_json
from temper.verify.simulate.faults import missing, rates
from temper.verify.simulate.seeds import Tally
from temper.verify.simulate.tracing import Told
from temper.verify.text import step_parts, verdict_text

LAWS: Mapping[str, str] = {
    "refinement": "each record is the one step that its rule takes, in the order of the records",
    "journal-and-rows": "the rows say what the records say",
    "audit-chain": "no record is missing, added or altered",
    "linear-history": "the records of one instance follow each other, and no number is given twice",
    "lane-order": "the effects of one lane settle in order",
    "timer-order": "timers fire when they are due, in order",
    "exactly-once": "a delivery is settled once, a request applied once and answered alike, with its record",
    "durable-first": "nobody hears of what is not durable",
    "answers": "who hears that nothing changed can believe it",
    "effect-after-record": "an effect is attempted when its record is durable, and first in its lane",
    "at-most-once": "what is to happen at most once is attempted once",
    "as-answered": "an effect settles as it was answered, and is given up when nothing is left to be tried",
    "attempts-counted": "attempts are numbered as the rows say, wait for their time, and end where the blueprint says",
    "leases": "a lease is given when the store says so, and an answer under an older one settles nothing",
    "paused": "what an operator was told is paused is not attempted",
    "reloads": "a version that differs in nothing that lives is loaded",
    "comes-to-rest": "nothing goes on for ever while no time passes",
    "no-mistakes": "nothing goes wrong within the runtime that nobody asked for",
    "fencing": "nothing is kept of a node that the others took for dead",
    "whose-work": "an effect is attempted by the node whose it is to carry out",
    "settles": "when faults end, everything that waits is settled, fired and answered",
}
"""What is looked at in every run, besides what the author wrote."""
OF_NODES = {"fencing", "whose-work"}
"""Laws that say nothing of a node that is alone."""
KINDS = {PropertyKind.ALWAYS, PropertyKind.STEP, PropertyKind.EVENTUALLY}
NOTHING = "nothing was injected: no fault happened in these runs"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The findings of many runs, with what they did."""

    findings: tuple[Finding, ...]
    tally: Tally
    shown: Mapping[str, tuple[int, Told]]
    """By what was broken: the seed that found it, and its run made small."""
    nodes: int = 1

    @property
    def laws(self) -> Mapping[str, str]:
        """Those that were looked at."""
        return {law: says for law, says in LAWS.items() if self.nodes > 1 or law not in OF_NODES}

    @property
    def survived(self) -> bool:
        """Whether nothing was broken."""
        return not self.tally.failures


def simulation_verdicts(
    table: TransitionTable, tally: Tally, faults: str, shown: Mapping[str, tuple[int, Told]], nodes: int = 1
) -> Verdicts:
    """A verdict on each property, and on each law that does not hold."""
    names = [each.name for each in table.properties if each.kind in KINDS]
    never = missing(table, rates(faults, nodes), tally.counts.faults)
    idle = NOTHING if not tally.counts.faults else f"{', '.join(never)}: asked for, and never happened in these runs"
    because = idle if never or not tally.counts.faults else ""
    found = [_finding(name, tally, faults, shown, because) for name in names]
    others = [_finding(name, tally, faults, shown, because, is_obligation=True) for name in shown if name not in names]
    return Verdicts((*found, *others), tally, shown, nodes)


def _finding(
    name: str,
    tally: Tally,
    faults: str,
    shown: Mapping[str, tuple[int, Told]],
    idle: str,
    *,
    is_obligation: bool = False,
) -> Finding:
    if name in shown:
        seed, told = shown[name]
        because = told.failure.message if told.failure is not None else "seen once, and not again"
        return Finding(name, Refuted(f"seed {seed}: {because}", told.trace), is_obligation)
    if name in tally.unmet:
        seed, how = tally.unmet[name]
        return Finding(name, Unknown(f"seed {seed}: {how}"))
    if idle:
        return Finding(name, Unknown(idle))
    return Finding(name, Survived(tally.runs, seeds_text(tally), faults))


def seeds_text(tally: Tally) -> str:
    """The seeds in words."""
    return f"{tally.first}" if tally.first == tally.last else f"{tally.first} to {tally.last}"


def simulation_lines(table: TransitionTable, found: Verdicts) -> list[str]:
    """A line for each finding, then what the runs did: nobody shall take them for more than they were."""
    width = max((len(finding.name) for finding in found.findings), default=0)
    lines = [f"{word(f.verdict):<9}  {f.name:<{width}}  {verdict_text(f.verdict)}" for f in found.findings]
    counts = found.tally.counts
    taken, of = _rows_taken(table, found)
    outcomes, declared = len(counts.outcomes), sum(len(effect.outcomes) + 1 for effect in table.effects)
    lines.append(
        f"{found.tally.runs:,} runs of the runtime{_nodes(found)}, {counts.steps:,} steps; "
        f"{taken} of {of} rows taken, {outcomes} of {declared} outcomes settled"
    )
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.faults.items()))
    lines.append(f"faults that happened: {told or 'none'}")
    if found.survived:
        lines.append(
            f"after every step: {', '.join(law for law in found.laws if law != 'settles')}; at the end: settles"
        )
    return lines


def _nodes(found: Verdicts) -> str:
    return f" on {found.nodes} nodes" if found.nodes > 1 else ""


def _rows_taken(table: TransitionTable, found: Verdicts) -> tuple[int, int]:
    counted = found.tally.counts.rows
    cases = {
        (entity.name, action.name, number)
        for entity in table.entities
        if not entity.world
        for action in entity.actions
        for number in range(len(action.cases))
    }
    return sum(case in counted for case in cases), len(cases)


def run_lines(table: TransitionTable, told: Told) -> list[str]:
    """The run as a table, a line for each fault in between."""
    parts = [(str(number), *step_parts(table, step)) for number, step in enumerate(told.trace.steps, 1)]
    widths = [max((len(row[column]) for row in parts), default=0) for column in (0, 1, 2)]
    faults: dict[int, list[str]] = {}
    for at, said in told.faults:
        faults.setdefault(at, []).append(said)
    lines: list[str] = []
    for at, (number, who, what, effects) in enumerate(parts):
        lines += [f"  {'':>{widths[0]}}  ({said})" for said in faults.get(at, ())]
        first, *rest = effects or [""]
        lines.append(f"  {number:>{widths[0]}}  {who:<{widths[1]}}  {what:<{widths[2]}}  {first}".rstrip())
        lines += [" " * (sum(widths) + 8) + line for line in rest]
    return [*lines, *(f"  {'':>{widths[0]}}  ({said})" for said in faults.get(len(parts), ()))]


def simulation_json(table: TransitionTable, found: Verdicts) -> dict[str, Any]:
    """The same as data."""
    counts = found.tally.counts
    taken, of = _rows_taken(table, found)
    return {
        "survived": found.survived,
        "runs": found.tally.runs,
        "nodes": found.nodes,
        "seeds": [found.tally.first, found.tally.last],
        "steps": counts.steps,
        "properties": [
            {
                "name": finding.name,
                "verdict": word(finding.verdict),
                "because": verdict_text(finding.verdict),
                "obligation": finding.obligation,
                "seed": found.shown[finding.name][0] if finding.name in found.shown else None,
                "trace": _trace_json(finding),
            }
            for finding in found.findings
        ],
        "faults": dict(sorted(counts.faults.items())),
        "coverage": {"rows": taken, "rows_of": of, "outcomes": sorted(map(".".join, counts.outcomes))},
        "laws": dict(found.laws),
    }


def _trace_json(finding: Finding) -> Any:
    verdict = finding.verdict
    return trace_to_json(verdict.trace) if isinstance(verdict, Refuted) and verdict.trace is not None else None
