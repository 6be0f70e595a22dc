"""What is said to behave alike is judged alike, in every way that a search has."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.random_promises import promising
from support.random_tables import Draw
from temper.exam.behaviour import Different, Same, Unclear, compare
from temper.machine import Action, Entity, TransitionTable, assert_wellformed, universe, word
from temper.verify import Budget, search

STATES_MAX = 400


@st.composite
def faulty(draw: Draw) -> tuple[TransitionTable, TransitionTable]:
    """A random table with a promise, and the same with one thing wrong."""
    table = draw(promising())
    entity = draw(st.sampled_from([entity for entity in table.entities if entity.actions]))
    action = draw(st.sampled_from(entity.actions))
    wrong = draw(st.sampled_from([_unguarded, _elsewhere, _unset, _case_gone, _cases_moved, _handing_less]))(
        draw, entity, action
    )
    assume(wrong != action)
    actions = tuple(wrong if each == action else each for each in entity.actions)
    changed = replace(entity, actions=actions)
    after = replace(table, entities=tuple(changed if each == entity else each for each in table.entities))
    try:
        assert_wellformed(after)
    except AssertionError:
        assume(False)
    return table, after


def _unguarded(draw: Draw, entity: Entity, action: Action) -> Action:
    return replace(action, guard=None)


def _elsewhere(draw: Draw, entity: Entity, action: Action) -> Action:
    case = draw(st.sampled_from(action.cases))
    other = replace(case, target=draw(st.sampled_from(entity.states)))
    return replace(action, cases=tuple(other if each == case else each for each in action.cases))


def _unset(draw: Draw, entity: Entity, action: Action) -> Action:
    return replace(action, updates=action.updates[1:])


def _case_gone(draw: Draw, entity: Entity, action: Action) -> Action:
    return replace(action, cases=action.cases[1:] or action.cases)


def _cases_moved(draw: Draw, entity: Entity, action: Action) -> Action:
    return replace(action, cases=action.cases[::-1])


def _handing_less(draw: Draw, entity: Entity, action: Action) -> Action:
    return replace(action, cases=tuple(replace(case, deliveries=case.deliveries[1:]) for case in action.cases))


def test_what_behaves_alike_is_judged_alike() -> None:
    """How many were the same is counted: a law that compares nothing says nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(faulty())
    def holds(pair: tuple[TransitionTable, TransitionTable]) -> None:
        one, other = pair
        found = compare(one, other, scope=one.scope, states_max=STATES_MAX, seconds_max=20)
        seen[type(found).__name__] += 1
        if not isinstance(found, Same):
            assert isinstance(found, Different | Unclear)
            return
        within = replace(universe(one), world=any(entity.world for entity in one.entities))
        reports = [search(table, universe=within, budget=Budget(seconds_max=20)) for table in pair]
        named = {property_.name for property_ in one.properties}
        said = [{each.name: word(each.verdict) for each in report.findings if each.name in named} for report in reports]
        assert said[0] == said[1]

    holds()
    assert seen["Same"] >= 10, seen
    assert seen["Different"] >= 10, seen
