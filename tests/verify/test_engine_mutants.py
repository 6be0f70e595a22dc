"""The search is worth what it notices: a relation with a rule missing, or a loop with a binding dropped, shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from support.rules import RULES
from support.small import table_of
from support.tree import ROOT
from temper.machine import Cut, Step, System, universe, word
from temper.verify import Budget, Report, TableModel, search
from temper.verify.explicit import docket


class Without(TableModel):
    """The relation without the steps of one rule."""

    def __init__(self, rule: str) -> None:
        table = table_of(RULES)
        super().__init__(table, universe(table))
        self.rule = rule

    def successors(self, state: System, /) -> Iterator[Step | Cut]:
        return (step for step in super().successors(state) if step.label.rule != self.rule)


def searched(model: TableModel | None = None) -> Report:
    table = table_of(RULES)
    return search(table, universe=universe(table), model=model)


def told(report: Report) -> tuple[object, ...]:
    return report.search.states, report.search.transitions, tuple((f.name, word(f.verdict)) for f in report.findings)


def test_every_rule_is_taken() -> None:
    report = searched()
    assert told(searched(Without("no rule"))) == told(report)
    assert {f.name: word(f.verdict) for f in report.findings if not f.obligation} == {
        "calm": "exhausted",
        "heard": "exhausted",
        "can_ring": "proved",
    }
    assert (report.search.states, report.search.transitions) == (18, 36)


@pytest.mark.parametrize("rule", ["call", "deliver", "settle", "perform", "fire", "environment"])
def test_a_skipped_rule_is_noticed(rule: str) -> None:
    assert told(searched(Without(rule))) != told(searched())


class Forgetful(TableModel):
    """The relation, which loses every second step."""

    def successors(self, state: System, /) -> Iterable[Step | Cut]:
        return list(super().successors(state))[::2]


def test_lost_steps_are_noticed() -> None:
    table = table_of(RULES)
    assert told(searched(Forgetful(table, universe(table)))) != told(searched())


def test_a_loop_that_looks_at_the_first_state_alone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant of the docket itself: invariants that are never looked at would all be exhausted."""
    text = (ROOT / "examples" / "twophase" / "twophase.yaml").read_text(encoding="utf-8")
    wrong = table_of(text.replace("when: all(n in heard for n in Node)", "when: any(n in heard for n in Node)"))

    def refuted() -> set[str]:
        report = search(wrong, universe=universe(wrong), budget=Budget())
        return {finding.name for finding in report.findings if word(finding.verdict) == "refuted"}

    assert "commit_needs_every_vote" in refuted()
    monkeypatch.setattr(docket.Docket, "_look", lambda *_: None)
    assert refuted() == set()
