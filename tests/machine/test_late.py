"""Late requests by hand: the table of semantics.md section 3, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.tables import deploy_table
from temper.machine import Address, DeliveryKind, Effecting, Late, Performs, Site
from temper.machine.late import joins, merged, ranked, without_older

OWNER = Address("Deploy", "d1")
PERFORMS = Performs("Router", "route", (), (), ("declined",))
SHIFT = replace(deploy_table().effect("shift_traffic"), performs=PERFORMS)
IDEMPOTENT = frozenset({"shift_traffic"})


@pytest.mark.parametrize(
    ("kind", "performed", "outcome", "expected"),
    [
        ("at_most_once", False, "unknown", True),
        ("at_most_once", False, None, True),
        ("at_most_once", False, "shifted", False),
        ("at_most_once", True, "unknown", False),
        ("keyed", False, "shifted", True),
        ("keyed", False, "declined", False),
        ("keyed", False, None, True),
        ("keyed", True, "unknown", False),
        ("idempotent", True, "shifted", True),
        ("idempotent", False, "declined", True),
    ],
)
def test_what_is_settled_or_replaced_joins_the_late_ones(kind, performed, outcome, expected):
    effect = replace(SHIFT, delivery=DeliveryKind(kind))
    assert joins(effect, performed=performed, outcome=outcome) is expected


def late(percent: int, seq: int) -> Late:
    return Late(OWNER, "shift_traffic", (("percent", percent),), seq)


def test_equal_neighbours_are_one_only_if_idempotent():
    twice = (late(5, 0), late(5, 1), late(25, 2))
    assert merged(twice, IDEMPOTENT) == (late(5, 1), late(25, 2))
    assert merged(twice, frozenset()) == twice


def test_equal_requests_with_another_in_between_stay_two():
    """Once the one in between has been seen, a fenced receiver refuses the first and not the last."""
    around = (late(5, 0), late(25, 1), late(5, 2))
    assert merged(around, IDEMPOTENT) == around


def test_a_request_beside_another_of_its_rank_has_no_neighbour():
    """Asking the older again refuses nobody, asking the younger refuses what stood beside the older."""
    beside = (late(5, 0), late(25, 0), late(5, 1))
    assert set(merged(beside, IDEMPOTENT)) == set(beside)


def test_a_fence_refuses_what_is_older():
    lane = (OWNER, "shift_traffic")
    assert without_older((late(5, 0), late(25, 1), late(100, 2)), lane, 1) == [late(25, 1), late(100, 2)]


def test_ranks_keep_the_order_and_forget_the_numbers():
    pending = [Effecting(OWNER, Site("Deploy", "start", 0, 0), "shift_traffic", (), 0, 9)]
    effects, ordered = ranked(pending, (late(5, 3), late(25, 7)), IDEMPOTENT)
    assert [request.seq for request in effects] == [2]
    assert [request.seq for request in ordered] == [0, 1]
