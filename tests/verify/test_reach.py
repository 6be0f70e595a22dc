"""Who can drive an instance into a state: proved, exhausted or shown by a run that replays."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from support.random_tables import random_tables
from support.tree import ROOT
from temper.machine import Entity, TransitionTable, universe
from temper.pipeline import Read, build, build_read
from temper.report import Source
from temper.verify import Gets, Never, NotWithin, Reach, reach, reaches_alone, replay, who_reaches
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch
from temper.verify.reach import GOAL, reaches


def example(name: str) -> TransitionTable:
    table = build(ROOT / "examples" / name).table
    assert table is not None
    return table


def asked(table: TransitionTable, entity: str, state: str) -> Reach:
    return who_reaches(table, table.entity(entity), state)


def test_nobody_alone_gives_themselves_a_privilege() -> None:
    """For any number of grants, and whatever roles: the guard compares with who asked for it."""
    found = asked(example("access"), "Grant", "active")
    assert isinstance(found.anybody.reached, Never)
    assert "Grant.holder is nobody else" in found.anybody.reached.because
    assert all(isinstance(each.reached, Never) for each in found.alone)
    assert isinstance(found.together.reached, Gets)
    assert found.together.reached.callers == ("ann", "bob")
    assert found.takes_two is True


def test_a_run_that_gets_there_replays() -> None:
    found = asked(example("access"), "Grant", "active").together.reached
    assert isinstance(found, Gets)
    again = replay(found.table, found.trace, universe=universe(found.table))
    assert GOAL in getattr(again, "shows", ())


def test_who_deploys_needs_others() -> None:
    found = asked(example("deploy"), "Deploy", "approved")
    assert isinstance(found.anybody.reached, Never)
    assert found.takes_two is True


def test_one_person_is_enough_where_nobody_is_compared() -> None:
    found = asked(example("queue"), "Job", "done")
    assert isinstance(found.anybody.reached, Gets)
    assert found.takes_two is False


def test_one_principal_alone() -> None:
    table = example("access")
    grant = table.entity("Grant")
    asking = reaches_alone(table, grant, "requested", ("ann", ("engineer",)))
    assert isinstance(asking.reached, Gets)
    assert isinstance(reaches_alone(table, grant, "requested", ("sam", ("security",))).reached, NotWithin)


VOTE = """
temper: 1
blueprint: vote
roles: [member]
entities:
  Motion:
    data: {by: principal, seconded: "principal | None"}
    states: [open, carried]
    final: [carried]
    waits: [open]
    actions:
      move: {by: member, params: {for_: principal}, from: new, set: {by: args.for_}, to: open}
      second: {by: member, from: open, when: caller != by, set: {seconded: caller}, to: carried}
"""


def test_arguments_may_name_somebody_who_never_calls() -> None:
    """So one person is enough, if they move in somebody else's name."""
    table = build_read(Read(Source("vote.yaml", VOTE.replace("for_", "whom")), ())).table
    assert table is not None
    found = reaches_alone(table, table.entity("Motion"), "carried", ("ann", ("member",)))
    assert isinstance(found.reached, Gets)
    assert found.reached.callers == ("ann",)


# Law: what is proved of one person alone, no search with one person ever shows.


def proofs_that_are_wrong(table: TransitionTable, counts: Counter[str]) -> str:
    """A state that nobody is said to reach alone although somebody does; nothing if there is none."""
    alone = replace(table, scope=replace(table.scope, principals=(("ann", table.roles),)))
    looked_at = universe(alone)
    plain = PlainSearch(alone, looked_at)
    plain.go(Budget(100, 2))
    seen = {(cell.entity, cell.control) for system in plain.exploration.states for cell in system.cells}
    for entity in (each for each in table.entities if not each.world):
        for state in entity.states[-1:]:
            if said_never(table, entity, state):
                counts["never"] += 1
                if (entity.name, state) in seen:
                    return f"{entity.name} in {state}"
            else:
                counts["not proved"] += 1
    return ""


def said_never(table: TransitionTable, entity: Entity, state: str) -> bool:
    looked_at = universe(replace(table, scope=replace(table.scope, principals=(("ann", table.roles),))))
    return isinstance(reach._proved(table, entity, state, "ann", looked_at, reach.monotonic() + 0.8), Never)


def test_what_is_proved_of_one_person_is_never_seen() -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(random_tables())
    def law(table: TransitionTable) -> None:
        wrong = proofs_that_are_wrong(table, counts)
        assert not wrong, wrong

    law()
    assert counts["never"], counts


def test_a_proof_that_leaves_out_calls_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if one person could not do what looks at who calls."""
    same = VOTE.replace("params: {for_: principal}, ", "").replace("args.for_", "caller")
    table = build_read(Read(Source("vote.yaml", same.replace("caller != by", "caller == by")), ())).table
    assert table is not None
    assert not proofs_that_are_wrong(table, Counter())

    def fewer(whole: TransitionTable, _: str) -> TransitionTable:
        motion = whole.entity("Motion")
        return replace(whole, entities=(replace(motion, actions=motion.actions[:1]),))

    monkeypatch.setattr(reach, "_called_by", fewer)
    assert proofs_that_are_wrong(table, Counter()) == "Motion in carried"


def test_people_together_are_asked_as_they_are() -> None:
    table = example("access")
    two = (("ann", ("engineer",)), ("sam", ("security",)))
    found = reaches(table, table.entity("Grant"), "active", two, until=reach.monotonic() + 20, prove=False)
    assert isinstance(found.reached, Gets)
    assert found.reached.callers == ("ann", "sam")
