"""Laws of the plain search on random tables: it sees what a naive closure sees, and what it refutes replays."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, event, given, settings

from support.random_policies import governed
from support.random_tables import random_tables
from temper.machine import Cut, Proved, Refuted, Relation, Step, System, TransitionTable, Universe, Unknown, universe
from temper.verify import Budget, Replayed, replay, search
from temper.verify.obligations import moving_states, violated

LAW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
STATES_MAX = 400


def closure(table: TransitionTable, within: Universe) -> tuple[set[System], list[tuple[System, Step | Cut]]] | None:
    """Every reachable system and every step, depth first and without any care; None if there are too many."""
    relation = Relation(table, within)
    todo, seen, steps = [relation.start()], {relation.start()}, []
    while todo:
        system = todo.pop()
        for step in relation.steps(system):
            steps.append((system, step))
            if isinstance(step, Step) and step.system not in seen:
                seen.add(step.system)
                todo.append(step.system)
        if len(seen) > STATES_MAX:
            return None
    return seen, steps


@LAW
@given(random_tables() | governed(random_tables()))
def test_it_sees_what_a_naive_closure_sees(table: TransitionTable) -> None:
    within = universe(table)
    naive = closure(table, within)
    assume(naive is not None)
    systems, steps = naive
    report = search(table, universe=within, budget=Budget(seconds_max=600))
    verdicts = {finding.name: finding.verdict for finding in report.findings}

    assert report.search.states == len(systems)
    assert report.search.transitions == sum(isinstance(step, Step) for _, step in steps)
    assert report.search.complete == (not any(isinstance(step, Cut) for _, step in steps))

    stood = {f"reachable:{cell.entity}.{cell.control}" for system in systems for cell in system.cells}
    taken = {
        f"happens:{step.label.address.entity}.{step.label.action}"
        for _, step in steps
        if isinstance(step, Step) and step.label.case is not None
    }
    for name, verdict in verdicts.items():
        if name.startswith(("reachable:", "happens:")):
            claimed = isinstance(verdict, Proved) or _spurious(verdict)
            assert claimed == (name in stood | taken), name

    wrong = {
        violated(table, violation, step.timing.consumed if isinstance(step, Step) else None)
        for _, step in steps
        for violation in step.violations
    }
    wrong |= {name for system in systems for name in stuck(table, system)}
    said = {name for name, verdict in verdicts.items() if isinstance(verdict, Refuted) or _spurious(verdict)}
    assert said & {name for name in verdicts if name.startswith(("range:", "handled:", "moves:", "distinct"))} == wrong
    event(f"{'something' if wrong else 'nothing'} is wrong")


def _spurious(verdict: object) -> bool:
    return isinstance(verdict, Unknown) and verdict.because.startswith("spurious")


def stuck(table: TransitionTable, system: System) -> set[str]:
    """What stands still: written down once more, the other way round."""
    awake = {cell.address for cell in system.cells if cell.timers}
    for delivery in system.pending:
        of = getattr(delivery, "of", None)
        awake |= {delivery.owner} if of is None else {of.owner}
        awake |= {delivery.receiver} if hasattr(delivery, "receiver") else set()
    sleeping = [cell for cell in system.cells if cell.address not in awake]
    owing = {(entity.name, state) for entity in table.entities for state in moving_states(entity)}
    return {f"moves:{cell.entity}.{cell.control}" for cell in sleeping if (cell.entity, cell.control) in owing}


@LAW
@given(random_tables() | governed(random_tables()))
def test_every_refutation_replays(table: TransitionTable) -> None:
    within = universe(table)
    report = search(table, universe=within, budget=Budget(states_max=STATES_MAX))
    for finding in report.findings:
        verdict = finding.verdict
        if isinstance(verdict, Refuted) or (isinstance(verdict, Proved) and verdict.trace is not None):
            assert verdict.trace is not None
            replayed = replay(table, verdict.trace, universe=within)
            assert isinstance(replayed, Replayed), finding
            assert finding.name in replayed.shows
            event(f"replayed {finding.name.partition(':')[0]}")
