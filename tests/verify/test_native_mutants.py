"""The comparison of both engines is worth what it notices: native code with something missing or wrong shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.engines import differences, told
from support.rules import RULES
from support.small import table_of
from support.tree import ROOT
from temper.machine import universe
from temper.verify import NO_REDUCTIONS, exhaustive
from temper.verify import search as search_plainly
from temper.verify.native import looks, monitors, outside, pending, row, rules, search


def found() -> str:
    """What differs on a table in which every rule is taken, and on one that is all guards."""
    twophase = (ROOT / "examples" / "twophase" / "twophase.yaml").read_text(encoding="utf-8")
    return differences(table_of(RULES)) or differences(table_of(twophase))


def test_nothing_is_noticed_where_nothing_is_wrong() -> None:
    assert found() == ""


Breaking = Callable[[pytest.MonkeyPatch], None]


def without(owner: object, name: str) -> Breaking:
    """The method does nothing."""
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: None)


BROKEN: dict[str, Breaking] = {
    "no calls": without(rules.Rules, "_calls"),
    "no deliveries": without(rules.Rules, "_deliver"),
    "no settling": without(rules.Rules, "_settle"),
    "no timers": without(rules.Rules, "_fire"),
    "nothing performed": without(outside.Outside, "perform"),
    "no property is looked at": without(looks.Looks, "_property"),
    "nothing is remembered": lambda patch: patch.setattr(
        monitors.Monitors, "watch", lambda self, _, monitor, __: self.numbers.setdefault(monitor, 0)
    ),
    "the docket is told nothing": lambda patch: patch.setattr(search, "tell", lambda *_: None),
    "timers stay as they are": lambda patch: patch.setattr(row, "fate", lambda *_: None),
    "guards are not read": without(row.Rows, "_unless"),
    "a settled request stays": lambda patch: patch.setattr(
        pending.Pending, "without_first", lambda _, words, __: words
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[broken](monkeypatch)
    assert found() != ""


@pytest.mark.parametrize("rule", ["_calls", "_deliver", "_settle", "_fire"])
def test_a_search_notices_by_itself_that_a_rule_is_missing(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some states are compared with the relation in every search; then the plain one takes over, and says why."""
    table = table_of(RULES)
    expected = told(search_plainly(table, universe=universe(table)))
    monkeypatch.setattr(exhaustive, "NATIVE_FROM", 2)
    monkeypatch.setattr(rules.Rules, rule, lambda *_: None)
    report = exhaustive.exhaust(table, universe=universe(table), reductions=NO_REDUCTIONS)
    assert report.notes[-1].endswith("which is a mistake of ours")
    assert told(report) | {"notes": ()} == expected | {"notes": ()}
