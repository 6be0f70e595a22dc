"""The loop of the search, on models of whole numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pytest

from temper.machine import Address, Cut, Label
from temper.verify import Budget
from temper.verify.explicit import Exploration, explore

LABEL = Label("call", Address("N", "n"), "go")


class Move(NamedTuple):
    label: Label
    system: int


class Numbers:
    """From n to n + 1 and 2n, up to a limit; beyond it the step is cut."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def initial(self) -> Iterable[int]:
        return (1,)

    def successors(self, state: int, /) -> Iterator[Move | Cut]:
        for after in (state + 1, 2 * state):
            yield Move(LABEL, after) if after <= self.limit else Cut("limit", "N", LABEL)


class Seen:
    def __init__(self) -> None:
        self.states: list[int] = []
        self.steps: list[tuple[int, int]] = []
        self.cuts: list[int] = []

    def state(self, number: int, state: int, /) -> None:
        assert number == len(self.states)
        self.states.append(state)

    def step(self, number: int, state: int, step: Move, /) -> None:
        assert self.states[number] == state
        self.steps.append((state, step.system))

    def cut(self, number: int, state: int, cut: Cut, /) -> None:
        self.cuts.append(state)


def explored(limit: int, budget: Budget | None = None) -> tuple[Exploration[int], Seen]:
    exploration, seen = Exploration(Numbers(limit)), Seen()
    explore(exploration, (1,), seen, budget or Budget())
    return exploration, seen


def test_every_state_once_and_every_step_told() -> None:
    exploration, seen = explored(20)
    assert sorted(seen.states) == list(range(1, 21))
    assert len(seen.steps) == exploration.transitions
    assert set(seen.steps) == {(n, m) for n in range(1, 21) for m in (n + 1, 2 * n) if m <= 20}
    assert not exploration.stopped


def test_runs_are_shortest() -> None:
    exploration, seen = explored(64)
    assert exploration.path(seen.states.index(64)) == (1, 2, 4, 8, 16, 32, 64)
    assert [step.system for step in exploration.run(seen.states.index(12))] == [2, 3, 6, 12]


def test_cuts_are_told_and_not_taken() -> None:
    _, seen = explored(4)
    assert sorted(seen.cuts) == [3, 4, 4]
    assert max(seen.states) == 4


def test_it_stops_at_too_many_states_and_says_so() -> None:
    exploration, seen = explored(1000, Budget(states_max=50))
    assert 50 < len(seen.states) <= 52
    assert exploration.stopped.startswith("budget: 50 states are not enough")


def test_a_bound_that_is_just_enough_is_no_stop() -> None:
    exploration, _ = explored(50, Budget(states_max=50))
    assert not exploration.stopped


def test_it_stops_when_the_time_is_over_and_says_so() -> None:
    exploration, _ = explored(1000, Budget(seconds_max=0))
    assert exploration.stopped == "budget: 0 s are over; 1 states seen"


def test_other_roots_are_searched_on_top_of_what_was_seen() -> None:
    exploration, seen = explored(10)
    exploration.model.limit = 12
    explore(exploration, (5, 11), seen, Budget())
    assert seen.states[10:] == [11, 12]
    assert exploration.path(11) == (11, 12)


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temper.verify.explicit.exploration.TELL_EVERY_SECONDS", 0)
    told: list[tuple[int, int, tuple[int, ...]]] = []

    def tell(states: int, _transitions: int, _seconds: float, /, queued: int = 0, layers: Sequence[int] = ()) -> None:
        told.append((states, queued, tuple(layers)))

    explored = Exploration(Numbers(10))
    explore(explored, (1,), Seen(), Budget(), tell)
    assert told[0] == (1, 1, ())
    assert told[-1][0] == 10
    depths = [len(explored.path(number)) - 1 for number in range(len(explored.states))]
    assert explored.layers == [depths.count(depth) for depth in range(max(depths) + 1)]
    assert told[-1][2] == tuple(explored.layers[: len(told[-1][2])])


def test_a_key_pressed_ends_the_search_and_keeps_what_was_seen() -> None:
    class Impatient(Numbers):
        def successors(self, state: int, /) -> Iterator[Move | Cut]:
            if state == 9:
                raise KeyboardInterrupt
            return super().successors(state)

    exploration, seen = Exploration(Impatient(1_000)), Seen()
    explore(exploration, (1,), seen, Budget())
    assert exploration.stopped == f"budget: interrupted; {len(seen.states)} states seen"
    assert 9 in seen.states
