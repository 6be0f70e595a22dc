"""Traps: small blueprints at which verifiers of liveness are known to go wrong, with the verdict worked out by hand.

Each says in its opening comment why, and behind each property what is right: `exhausted`; `refuted`, with the steps
of the way in and of the loop (0 where the run stutters); `unknown` and how the reason begins; `vacuous` and the part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.small import findings_of, table_of
from temper.machine import Exhausted, Finding, Refuted, Unknown, universe
from temper.verify import Budget, Reductions, Replayed, Report, replay, search
from temper.verify.native import search_natively

HERE = Path(__file__).parent
TRAPS = sorted(HERE.glob("*.yaml"))
PROPERTY = re.compile(r"^  (\w+): \{.*\} +# (exhausted|refuted|unknown|vacuous)\b ?(.*)$", re.MULTILINE)


natively = partial(search_natively, levels=(0,))
reduced = partial(search, reductions=Reductions())


def said(finding: Finding) -> tuple[str, str]:
    match finding.verdict:
        case _ if finding.vacuous:
            return "vacuous", finding.vacuous
        case Exhausted():
            return "exhausted", ""
        case Refuted(_, trace):
            assert trace is not None
            assert trace.loop is not None
            return "refuted", f"{trace.loop} + {len(trace.steps) - trace.loop}"
        case Unknown(because):
            return "unknown", because
        case other:
            return type(other).__name__, ""


@pytest.mark.parametrize("engine", [search, natively, reduced], ids=["plainly", "natively", "reduced"])
@pytest.mark.parametrize("path", TRAPS, ids=lambda path: path.stem)
def test_every_promise_gets_the_verdict_that_is_right(path: Path, engine: Callable[..., Report]) -> None:
    text = path.read_text(encoding="utf-8")
    table = table_of(text)
    states = re.search(r"budget: (\d+)", text)
    budget = Budget(states_max=int(states[1])) if states else Budget()
    findings = findings_of(engine(table, universe=universe(table), budget=budget))
    right = PROPERTY.findall(text)
    assert {name for name, _, _ in right} == {property_.name for property_ in table.properties}
    for name, verdict, detail in right:
        found, because = said(findings[name])
        assert found == verdict, f"{name}: {found} {because}"
        assert because.startswith(detail) if verdict == "unknown" else because == detail, f"{name}: {because}"


@pytest.mark.parametrize("engine", [search, natively], ids=["plainly", "natively"])
@pytest.mark.parametrize("path", TRAPS, ids=lambda path: path.stem)
def test_every_lasso_replays_to_the_promise_that_it_breaks(path: Path, engine: Callable[..., Report]) -> None:
    text = path.read_text(encoding="utf-8")
    table = table_of(text)
    within = universe(table)
    for name, finding in findings_of(engine(table, universe=within)).items():
        if isinstance(finding.verdict, Refuted) and not finding.obligation:
            assert finding.verdict.trace is not None
            replayed = replay(table, finding.verdict.trace, universe=within)
            assert isinstance(replayed, Replayed), f"{name} diverged at step {replayed.at}"
            assert name in replayed.shows


def test_there_are_many_and_of_every_kind() -> None:
    kinds = [kind for path in TRAPS for _, kind, _ in PROPERTY.findall(path.read_text(encoding="utf-8"))]
    assert len(TRAPS) >= 30
    assert set(kinds) == {"exhausted", "refuted", "unknown", "vacuous"}
