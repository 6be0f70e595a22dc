"""Law: nothing that is said to hold for ever is broken in any system that the search reaches."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings

from support.random_tables import random_tables
from temper.machine import PropertyKind, TransitionTable, holder, universe
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch
from temper.verify.symbolic.induction import Induction
from temper.verify.symbolic.lemmas import lemmas, said


def test_what_is_inductive_is_never_broken() -> None:
    """Candidates come from the shapes of lemmas, most of them wrong; what is kept must hold wherever runs get to."""
    seen: Counter[str] = Counter()

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(random_tables())
    def law(table: TransitionTable) -> None:
        plain = PlainSearch(table, universe(table))
        plain.go(Budget(800, 60))
        views = [system.view for system in plain.exploration.states]
        asked = [property_ for property_ in table.properties if property_.kind is PropertyKind.ALWAYS]
        asked += lemmas(table, [])[:40]
        found = Induction(table, 20).decide((), asked)
        for property_ in found.proved:
            look = holder(table, property_)
            broken = next((view for view in views if look(view) is not None), None)
            assert broken is None, f"{said(property_)} is broken in {broken}"
        seen["kept"] += len(found.proved)
        seen["left out"] += len(asked) - len(found.proved)

    law()
    assert seen["kept"] > 100, seen
    assert seen["left out"] > 100, seen
