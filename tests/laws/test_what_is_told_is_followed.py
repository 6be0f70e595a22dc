"""The law of scenarios: a run of the relation, told in JSON and followed again, is that run.

And what is told is not believed: a step that the relation does not have is not taken, whoever tells of it.
"""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from support.random_policies import governed
from support.random_tables import random_tables
from temper.corpus import Origin, Scenario, scenario_from_yaml, scenario_to_yaml
from temper.machine import Step, System, TransitionTable, concrete, next_steps, start, universe
from temper.report import Source
from temper.verify import retrace, told_of
from temper.verify.explicit.tracing import trace_of

STEPS = 10


def a_run(table: TransitionTable, seed: int) -> tuple[System, list[Step]]:
    chance, within = random.Random(seed), universe(table)
    begin = system = start(table, within)
    steps: list[Step] = []
    for _ in range(STEPS):
        found = [step for step in next_steps(table, system, within) if isinstance(step, Step)]
        found = [step for step in found if step.system != system or step.violations]
        if not found:
            break
        steps.append(chance.choice(found))
        system = steps[-1].system
    return begin, steps


@settings(max_examples=60)
@given(random_tables() | governed(random_tables()), st.integers(0, 2**32))
def test_a_run_that_is_told_is_followed(table: TransitionTable, seed: int) -> None:
    begin, steps = a_run(table, seed)
    trace = trace_of(table, begin, steps)
    scenario = Scenario("a run", Origin.TRIED, told_of(table, trace))
    read = scenario_from_yaml(Source("a.yaml", scenario_to_yaml(scenario)))
    assert isinstance(read, Scenario), read
    followed = retrace(table, read.steps)
    if any(step.label.case is None and step.label.rule == "call" for step in steps):
        event("a call that was rejected is no step")
        return
    event(f"{len(steps)} steps")
    assert followed.gone is None, (followed.gone, scenario_to_yaml(scenario))
    if followed.several:
        event("what is told may mean several steps")
        return
    ours = [(step.label.rule, step.label.address, step.label.action, step.label.args) for step in steps]
    theirs = [(s.label.rule, s.label.address, s.label.action, s.label.args) for s in followed.trace.steps]
    assert ours == theirs
    assert followed.final == (steps[-1].system if steps else begin)
    assert followed.untimed == (concrete(table, steps) is None)


@settings(max_examples=40)
@given(random_tables(), st.integers(0, 2**32))
def test_what_did_not_happen_is_not_followed(table: TransitionTable, seed: int) -> None:
    begin, steps = a_run(table, seed)
    told = told_of(table, trace_of(table, begin, steps))
    machines = [n for n, step in enumerate(told) if step.rule in {"settle", "fire", "deliver"}]
    if not machines:
        return
    wrong = machines[0]
    gone = told[wrong]
    broken = replace(gone, cause="nobody") if gone.rule != "settle" else replace(gone, outcome="nothing of the kind")
    followed = retrace(table, (*told[:wrong], broken, *told[wrong + 1 :]))
    assert followed.gone is not None
    assert followed.gone.at <= wrong + 1
