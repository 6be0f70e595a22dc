"""Zones by hand: which timer can be the first, and what firing one says about the others."""

from __future__ import annotations

from temper.machine.zone import NO_TIMERS, arm, fire, reach

SHORT, LONG = "short", "long"


def test_of_two_armed_at_once_the_shorter_fires_first():
    zone = arm(NO_TIMERS, (), (SHORT, LONG), {SHORT: 10, LONG: 20})
    assert fire(zone, 0) is not None
    assert fire(zone, 1) is None


def test_of_two_due_at_once_the_earlier_declared_fires_first():
    zone = arm(NO_TIMERS, (), (SHORT, LONG), {SHORT: 10, LONG: 10})
    assert fire(zone, 0) is not None
    assert fire(zone, 1) is None


def test_a_longer_one_armed_before_may_be_due_before():
    """Time may pass in between, or not: either can be first."""
    zone = arm(NO_TIMERS, (), (LONG,), {LONG: 20})
    zone = arm(zone, (LONG,), (SHORT, LONG), {SHORT: 10})
    assert fire(zone, 0) is not None
    assert fire(zone, 1) is not None


def test_a_shorter_one_armed_before_is_due_before():
    zone = arm(NO_TIMERS, (), (SHORT,), {SHORT: 10})
    zone = arm(zone, (SHORT,), (SHORT, LONG), {LONG: 20})
    assert fire(zone, 0) is not None
    assert fire(zone, 1) is None


def test_firing_the_short_one_twice_uses_up_the_long_one():
    """A round of 10 within a deadline of 25 goes through twice, and the third time the deadline comes first."""
    zone = arm(NO_TIMERS, (), (SHORT, LONG), {SHORT: 10, LONG: 25})
    for _ in range(2):
        fired = fire(zone, 0)
        assert fired is not None
        zone = arm(reach(fired, 0), (SHORT, LONG), (SHORT, LONG), {SHORT: 10})
    assert fire(zone, 0) is None
    assert fire(zone, 1) is not None


def test_what_is_known_is_one_value():
    once = arm(NO_TIMERS, (), (SHORT, LONG), {SHORT: 10, LONG: 20})
    again = arm(once, (SHORT, LONG), (SHORT, LONG), {SHORT: 10, LONG: 20})
    assert once == again
