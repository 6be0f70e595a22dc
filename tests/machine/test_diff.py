"""What differs between two tables, in words."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from support.expressions import expressions
from support.tables import action, data, deploy_table, entity, field, op, orders_table, sets, table
from temper.machine import BOOL, INT, Action, Op, Scope, TransitionTable, diff

DEPLOY = deploy_table()


def with_action(name: str, **changes: object) -> TransitionTable:
    deploy, router = DEPLOY.entities
    actions = tuple(replace(one, **changes) if one.name == name else one for one in deploy.actions)
    return replace(DEPLOY, entities=(replace(deploy, actions=actions), router))


def told(new: TransitionTable) -> list[str]:
    return [str(difference) for difference in diff(DEPLOY, new)]


def approve() -> Action:
    return DEPLOY.entity("Deploy").action("approve")


def test_equal_tables_differ_in_nothing() -> None:
    assert diff(DEPLOY, deploy_table()) == ()
    assert diff(DEPLOY, replace(DEPLOY, doc="other words", scope=Scope())) == ()


def test_a_guard_is_told_by_its_text() -> None:
    assert approve().guard is not None
    assert told(with_action("approve", guard=approve().guard.operands[0])) == [
        "~ entity Deploy action approve when: caller != author and caller not in approvers -> caller != author"
    ]
    assert told(with_action("approve", guard=None)) == [
        "~ entity Deploy action approve when: caller != author and caller not in approvers -> nothing"
    ]


def test_roles_sources_and_targets_are_told() -> None:
    assert told(with_action("revert", roles=("approver",))) == [
        "~ entity Deploy action revert by: operator -> approver"
    ]
    assert told(with_action("revert", sources=("shifting",))) == [
        "~ entity Deploy action revert from: shifting, watching -> shifting"
    ]
    (case,) = DEPLOY.entity("Deploy").action("revert").cases
    (line,) = told(with_action("revert", cases=(replace(case, target="rolled_back"),)))
    assert line == "~ entity Deploy action revert to: reverting -> rolled_back"


def test_an_action_that_comes_or_goes_is_one_line() -> None:
    deploy, router = DEPLOY.entities
    fewer = replace(DEPLOY, entities=(replace(deploy, actions=deploy.actions[:-1]), router))
    assert told(fewer) == ["- entity Deploy action reverted"]
    assert [str(difference) for difference in diff(fewer, DEPLOY)] == ["+ entity Deploy action reverted"]


def test_an_order_is_told_where_the_same_things_stand_in_another_one() -> None:
    deploy, router = DEPLOY.entities
    assert told(replace(DEPLOY, entities=(router, deploy))) == ["~ order of entities: Deploy, Router -> Router, Deploy"]


def test_deliveries_are_told_whole() -> None:
    (case,) = DEPLOY.entity("Deploy").action("watch").cases
    (line,) = told(with_action("watch", cases=(replace(case, deliveries=()),)))
    assert line.startswith("- entity Deploy action watch delivery 1: do probe(service: service, percent: percent) then")


def test_quite_other_tables_can_be_told_apart() -> None:
    lines = told(orders_table())
    assert "- entity Deploy" in lines
    assert "+ entity Order" in lines
    assert not any(line.startswith("- entity Deploy action") for line in lines)


def test_a_difference_that_no_text_shows_is_still_a_difference() -> None:
    n = field("n", INT)

    def made(swapped: object) -> TransitionTable:
        return table(
            entity("E", action("go", sources=("s",), updates=sets(n=swapped)), fields=(data("n", INT),), states=("s",))
        )

    wrapped = op(Op.THE, INT, op(Op.SOME, INT, n))
    assert [difference.what for difference in diff(made(n), made(wrapped))] == ["types of expressions"]


@given(st.data())
def test_tables_differ_exactly_if_they_are_not_equal(drawing: st.DataObject) -> None:
    one, other = drawing.draw(expressions(BOOL, depth=2)), drawing.draw(expressions(BOOL, depth=2))
    old, new = with_action("approve", guard=one), with_action("approve", guard=other)
    assert bool(diff(old, new)) == (old != new)
    assert diff(old, old) == ()
