"""Targets: the first part that fits, parameters filled by name."""

from __future__ import annotations

from support.tables import deploy_table
from temper.machine import AGAIN, IGNORE, Again, Cell, Ignored, Stepped, Unhandled, apply_target

DEPLOY = deploy_table()


def watching(health: str = "unseen", percent: int = 5) -> Cell:
    return Cell("Deploy", "d1", "watching", ("api", "ann", frozenset(), percent, health), (), 5, 3)


def test_the_first_action_that_fits_steps() -> None:
    taken = apply_target(DEPLOY, watching("good"), ("promote", "revert"), {}, 9)
    assert isinstance(taken, Stepped)
    assert (taken.action, taken.applied.cell.control, taken.applied.cell.clock) == ("promote", "shifting", 9)
    taken = apply_target(DEPLOY, watching(), ("promote", "revert"), {}, 9)
    assert isinstance(taken, Stepped)
    assert (taken.action, [name for name, _ in taken.declined]) == ("revert", ["promote"])


def test_parameters_are_filled_by_name_and_the_rest_of_the_pool_is_left_out() -> None:
    taken = apply_target(DEPLOY, watching(), ("seen_good", IGNORE), {"service": "api", "percent": 5}, 9)
    assert isinstance(taken, Stepped)
    assert isinstance(apply_target(DEPLOY, watching(percent=25), ("seen_good", IGNORE), {"percent": 5}, 9), Ignored)


def test_again_and_ignore_always_fit() -> None:
    assert apply_target(DEPLOY, watching(), (AGAIN,), {}, 9) == Again()
    assert apply_target(DEPLOY, watching(), (IGNORE, "revert"), {}, 9) == Ignored()


def test_a_target_of_which_nothing_fits_is_unhandled_and_says_why() -> None:
    taken = apply_target(DEPLOY, watching(), ("watch", "reverted"), {}, 9)
    assert isinstance(taken, Unhandled)
    assert [(name, rejection.code) for name, rejection in taken.rejections] == [
        ("watch", "wrong-state"),
        ("reverted", "wrong-state"),
    ]
