"""Each rule of fairness is held by a trap: leave the rule out, and that trap gets another verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.small import findings_of, table_of
from temper.machine import Step, universe, word
from temper.verify import search
from temper.verify.explicit import fairness, graph, terrain
from temper.verify.explicit.fairness import CallDebt, Fairness, Insistence, LaneDebt, MailDebt, TimerDebt

HERE = Path(__file__).parent


def verdicts(trap: str) -> dict[str, str]:
    table = table_of((HERE / f"{trap}.yaml").read_text(encoding="utf-8"))
    found = findings_of(search(table, universe=universe(table)))
    return {property_.name: word(found[property_.name].verdict) for property_ in table.properties}


def without(kind: type) -> Callable[[pytest.MonkeyPatch], None]:
    """Nobody owes debts of this kind."""
    whole = Fairness.debts

    def broken(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Fairness, "debts", lambda *given: (d for d in whole(*given) if not isinstance(d, kind)))

    return broken


def unpaid(kind: type) -> Callable[[pytest.MonkeyPatch], None]:
    """No step pays debts of this kind."""
    whole = Fairness.paid

    def broken(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Fairness, "paid", lambda *given: (d for d in whole(*given) if not isinstance(d, kind)))

    return broken


def nobody_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fairness, "_is_alone", lambda *_: True)


def asking_again_is_leaving(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fairness, "AGAIN", "no action is called like this")


def nothing_replaces(patch: pytest.MonkeyPatch) -> None:
    whole = Fairness.__init__

    def broken(self: Fairness, *given) -> None:
        whole(self, *given)
        self.replacing = frozenset()

    patch.setattr(Fairness, "__init__", broken)


def no_outcome_is_assumed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fairness, "asked", lambda *_: iter(()))


def one_site_for_all(patch: pytest.MonkeyPatch) -> None:
    whole = Fairness.asked

    def broken(self: Fairness, step: Step) -> Iterator[Insistence]:
        anywhere = next(iter(self.effects))
        return (replace(asked, site=anywhere) for asked in whole(self, step))

    patch.setattr(Fairness, "asked", broken)


def one_owner_for_all(patch: pytest.MonkeyPatch) -> None:
    whole = Fairness.asked

    def broken(self: Fairness, step: Step) -> Iterator[Insistence]:
        return (replace(asked, owner=asked.owner._replace(id="any")) for asked in whole(self, step))

    patch.setattr(Fairness, "asked", broken)


def cuts_are_nothing(patch: pytest.MonkeyPatch) -> None:
    whole = graph.Graph._expand
    patch.setattr(graph.Graph, "_expand", lambda self, number: whole(self, number)._replace(cuts=()))


def goals_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(terrain, "MET", 0)


RULES = [
    (without(MailDebt), "message-waits-for-a-spawn"),
    (without(MailDebt), "another-message-overtakes-for-ever"),
    (without(LaneDebt), "pending-is-settled"),
    (without(LaneDebt), "one-lane-starves-the-other"),
    (without(TimerDebt), "armed-timer-fires"),
    (without(TimerDebt), "timer-kept-while-moving"),
    (without(CallDebt), "weak-assumption"),
    (unpaid(MailDebt), "delivered-and-sent-again"),
    (unpaid(LaneDebt), "asks-again-for-ever"),
    (unpaid(TimerDebt), "timer-restarts-itself"),
    (nobody_waits, "nobody-waits-behind-for-ever"),
    (nothing_replaces, "replaced-again-and-again"),
    (no_outcome_is_assumed, "asks-again-for-ever"),
    (one_site_for_all, "outcome-of-each-site"),
    (one_owner_for_all, "outcome-of-each-instance"),
    (cuts_are_nothing, "asks-without-waiting"),
    (goals_are_forgotten, "armed-timer-fires"),
    (asking_again_is_leaving, "asking-again-replaces-nothing"),
]


@pytest.mark.parametrize(("broken", "trap"), RULES, ids=[f"{number}-{trap}" for number, (_, trap) in enumerate(RULES)])
def test_a_rule_left_out_is_noticed(
    broken: Callable[[pytest.MonkeyPatch], None], trap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = verdicts(trap)
    broken(monkeypatch)
    assert verdicts(trap) != right
