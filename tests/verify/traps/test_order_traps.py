"""Traps for partial order: small blueprints in which a wrong order hides something, with the mistake that it catches.

Each says in its opening comment why, what is there to be found, and which mistake is fooled by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.small import findings_of, table_of
from temper.machine import Refuted, TransitionTable, universe
from temper.verify import Budget
from temper.verify.explicit import PlainSearch, search
from temper.verify.explicit.clusters import Clusters, Ties
from temper.verify.explicit.ordered import OrderedSearch
from temper.verify.explicit.partial_order import PartialOrder
from temper.verify.explicit.prospects import Prospect, Prospects
from temper.verify.explicit.sight import Sight

TRAPS = sorted((Path(__file__).parent / "order").glob("*.yaml"))
Patch = pytest.MonkeyPatch


def ordered(table: TransitionTable) -> OrderedSearch:
    """The search by partial order, from the very start."""
    found = OrderedSearch(PlainSearch(table, universe(table)))
    found.go(Budget())
    return found


def said(text: str, what: str) -> list[str]:
    return re.findall(rf"^# {what}: (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("path", TRAPS, ids=lambda path: path.stem)
def test_what_is_there_is_found(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    table = table_of(text)
    (there,) = said(text, "found")
    report = search(table, universe=universe(table))
    refuted = [name for name, finding in findings_of(report).items() if isinstance(finding.verdict, Refuted)]
    cuts = [note.rpartition(":")[0] for note in report.notes if note.startswith("cut")]
    assert refuted + cuts == [there]
    assert ordered(table).found == there


@pytest.mark.parametrize("path", TRAPS, ids=lambda path: path.stem)
def test_the_mistake_is_fooled(path: Path, monkeypatch: Patch) -> None:
    """If it were not, the trap would be none, and the tests would not notice the mistake."""
    text = path.read_text(encoding="utf-8")
    (mistake,) = said(text, "fooled")
    MISTAKES[mistake](monkeypatch)
    assert ordered(table_of(text)).found == ""


def test_every_mistake_has_its_trap() -> None:
    assert {mistake for path in TRAPS for mistake in said(path.read_text(encoding="utf-8"), "fooled")} == set(MISTAKES)


def with_prospects(change: Callable[[Prospect], Prospect]) -> Callable[[Patch], None]:
    """The mistake of thinking less of what an instance can do."""
    real = Prospects.__init__

    def mistaken(self: Prospects, table: TransitionTable, *, world: bool) -> None:
        real(self, table, world=world)
        self.of = {key: change(prospect) for key, prospect in self.of.items()}

    return lambda patch: patch.setattr(Prospects, "__init__", mistaken)


def with_sight(change: Callable[[Sight], None]) -> Callable[[Patch], None]:
    """The mistake of seeing less."""
    real = Sight.__init__

    def mistaken(self: Sight, *args: Any) -> None:
        real(self, *args)
        change(self)

    return lambda patch: patch.setattr(Sight, "__init__", mistaken)


def drops_the_proviso(patch: Patch) -> None:
    real = PartialOrder.choose
    patch.setattr(PartialOrder, "choose", lambda self, system, steps, _: real(self, system, steps, lambda _: True))


def takes_all_for_isolated(patch: Patch) -> None:
    real = Sight.sees
    patch.setattr(Sight, "sees", lambda self, before, step, **_: real(self, before, step, isolated=True))


def wakes_nobody(patch: Patch) -> None:
    patch.setattr(PartialOrder, "_wakes", lambda *_: False)


def forgets_makers(patch: Patch) -> None:
    patch.setattr(Clusters, "_makers", lambda *_: 0)


def expects_no_refusal(patch: Patch) -> None:
    """Whoever sends does not care who gets it."""
    real = Clusters._mail

    def mistaken(self: Clusters, mail: Any, prospects: Any, knows: Any, asks: Any, needs: Any) -> None:
        del needs
        real(self, mail, prospects, knows, asks, [0] * len(knows))

    patch.setattr(Clusters, "_mail", mistaken)


def passes_nothing_on(patch: Patch) -> None:
    """What somebody knows, nobody else learns."""
    real = Clusters.ties

    def mistaken(self: Clusters, system: Any) -> Ties:
        found = real(self, system)
        prospects = [self.prospect(system, address) for address in self.addresses]
        mails = [self._all_of(prospect.sends) for prospect in prospects]
        given = [self._all_of(prospect.given) for prospect in prospects]
        knows = [held | told for held, told in zip(found.refers, given, strict=True)]
        return found._replace(influences=[known & mail for known, mail in zip(knows, mails, strict=True)], knows=knows)

    patch.setattr(Clusters, "ties", mistaken)


def shares_ids(patch: Patch) -> None:
    patch.setattr(Clusters, "_take_ids", lambda *_: None)


def forgets_the_world(patch: Patch) -> None:
    patch.setattr(Clusters, "_perform", lambda *_: None)


MISTAKES: dict[str, Callable[[Patch], None]] = {
    "drops_the_proviso": drops_the_proviso,
    "sees_no_joins": with_sight(lambda sight: sight.joins.clear()),
    "sees_no_steps": with_sight(lambda sight: sight.steps.clear()),
    "counts_nobody": with_sight(lambda sight: sight.counts.clear()),
    "takes_all_for_isolated": takes_all_for_isolated,
    "wakes_nobody": wakes_nobody,
    "forgets_sends": with_prospects(lambda prospect: replace(prospect, sends=frozenset())),
    "forgets_what_people_give": with_prospects(lambda prospect: replace(prospect, given=frozenset())),
    "passes_nothing_on": passes_nothing_on,
    "forgets_makers": forgets_makers,
    "expects_no_refusal": expects_no_refusal,
    "shares_ids": shares_ids,
    "forgets_the_world": forgets_the_world,
}
