"""The relation is the page: `step` and `next_steps` do what a literal transcription of semantics.md does."""

from __future__ import annotations

import random

from hypothesis import event, given
from hypothesis import strategies as st

from support.abstraction import abstract, dues_fit
from support.oracle import Oracle, State, Taken
from support.random_policies import governed
from support.random_tables import random_tables
from temper.machine import Cut, Relation, Step, System, TransitionTable, concrete, universe


def erased(system: System) -> System:
    return system._replace(zones=())


def facts_of_search(step: Step | Cut) -> tuple[object, ...]:
    kinds = frozenset(violation.kind for violation in step.violations)
    rule = "call" if step.label.rule == "environment" else step.label.rule
    return (rule, step.bound) if isinstance(step, Cut) else (rule, erased(step.system), kinds)


def facts_of_oracle(oracle: Oracle, taken: Taken) -> tuple[object, ...]:
    if taken.cut:
        return taken.rule, taken.cut
    return taken.rule, abstract(oracle, taken.state), taken.violations


@given(random_tables() | governed(random_tables()), st.integers(0, 2**32), st.sampled_from([0, 700, 2500]))
def test_every_step_of_one_is_a_step_of_the_other(table: TransitionTable, seed: int, late_by: int) -> None:
    """Along a random run of the oracle, with real clocks, both give the same successors, cuts and violations.

    Only of timers may the search fire more: one that, within its zone, could be the first, but in this run is not.
    """
    chance = random.Random(seed)
    within = universe(table)
    oracle, relation = Oracle(table, within), Relation(table, within)
    state, system = oracle.start(), relation.start()
    assert abstract(oracle, state) == erased(system)
    for _ in range(10):
        found = list(relation.steps(system))
        taken = list(oracle.successors(state, late_by))
        ours, theirs = {facts_of_search(step) for step in found}, {facts_of_oracle(oracle, step) for step in taken}
        assert theirs <= ours
        assert {fact for fact in ours - theirs if fact[0] != "fire"} == set()
        state, system = follow(oracle, found, taken, chance, state, system)


def follow(
    oracle: Oracle, found: list[Step | Cut], taken: list[Taken], chance: random.Random, state: State, system: System
) -> tuple[State, System]:
    """One of the oracle's steps, with the search's step that stands for it; its dues are within the zones."""
    going = [step for step in taken if not step.cut]
    if not going:
        event("stuck")
        return state, system
    rule = chance.choice(sorted({step.rule for step in going}))
    chosen = chance.choice([step for step in going if step.rule == rule])
    event(f"rule {chosen.rule}")
    fact = facts_of_oracle(oracle, chosen)
    matching = [
        s
        for s in found
        if isinstance(s, Step) and facts_of_search(s) == fact and dues_fit(oracle, chosen.state, s.system)
    ]
    assert matching, "the real dues of the step lie within no zone of the search"
    return chosen.state, matching[0].system


@given(random_tables() | governed(random_tables()), st.integers(0, 2**32))
def test_what_is_concrete_is_a_run(table: TransitionTable, seed: int) -> None:
    """A trace of the search for which `concrete` finds times is, at those times, a run of the oracle.

    Where only one cell has timers and nothing else has a clock to disagree with, every trace is concrete.
    """
    chance = random.Random(seed)
    within = universe(table)
    oracle, relation = Oracle(table, within), Relation(table, within)
    system, trace = relation.start(), list[Step]()
    for _ in range(10):
        going = [step for step in relation.steps(system) if isinstance(step, Step)]
        if not going:
            break
        rule = chance.choice(sorted({step.label.rule for step in going}))
        trace.append(chance.choice([step for step in going if step.label.rule == rule]))
        system = trace[-1].system
    times = concrete(table, trace)
    alone = sum(len(ids) for _, ids in within.ids) == 1
    assert times is not None or not alone
    if times is None:
        event("not concrete")
        return
    event("concrete")
    states = [oracle.start()]
    for step, moment in zip(trace, times, strict=True):
        wanted = facts_of_search(step)
        taken = [t for state in states for t in oracle.successors(state, exactly=moment)]
        fitting = [t.state for t in taken if not t.cut and facts_of_oracle(oracle, t) == wanted]
        states = list({repr(state): state for state in fitting}.values())
        assert states, f"no run takes {step.label} at {moment}"
