"""Properties made executable, and the binding that decides."""

from __future__ import annotations

import pytest

from support.tables import (
    DEPLOY_STATE,
    HEALTH,
    both,
    deploy_table,
    eq,
    lit,
    negated,
    op,
    orders_table,
    read,
    variable,
)
from temper.machine import (
    BOOL,
    PRINCIPAL,
    Address,
    Cell,
    Expression,
    IntType,
    Op,
    OptionType,
    Property,
    PropertyKind,
    RefType,
    SetType,
    TransitionTable,
    absent,
    breaker,
    holder,
    step_holder,
)

DEPLOY = deploy_table()
ALWAYS, POSSIBLE, STEP, EVENTUALLY = (
    PropertyKind.ALWAYS,
    PropertyKind.POSSIBLE,
    PropertyKind.STEP,
    PropertyKind.EVENTUALLY,
)


def deploy(ident: str, control: str, **changes: object) -> Cell:
    start = {"service": "api", "author": "ann", "approvers": frozenset(), "percent": 0, "health": "unseen"}
    return Cell("Deploy", ident, control, tuple({**start, **changes}.values()))


def view(*cells: Cell) -> dict[Address, Cell]:
    return {cell.address: cell for cell in cells}


def named(name: str) -> Property:
    return next(item for item in DEPLOY.properties if item.name == name)


def test_an_invariant_tells_the_instance_that_breaks_it() -> None:
    four_eyes = holder(DEPLOY, named("four_eyes"))
    good, bad = deploy("d1", "draft"), deploy("d2", "draft", approvers=frozenset({"ann"}))
    assert four_eyes(view()) is None
    assert four_eyes(view(good)) is None
    assert four_eyes(view(good, bad)) == (("d", "d2"),)


def test_every_instance_that_breaks_an_invariant_is_told_by_its_breaker() -> None:
    breaks = breaker(DEPLOY, named("nothing_unapproved_goes_live"))
    good = deploy("d2", "live", approvers=frozenset({"b", "c"}))
    assert breaks(view(good)) == []
    assert breaks(view(deploy("d1", "live"), good, deploy("d3", "live"))) == [(("d", "d1"),), (("d", "d3"),)]


def test_whenever_is_the_premise() -> None:
    approved = holder(DEPLOY, named("nothing_unapproved_goes_live"))
    assert approved(view(deploy("d1", "draft"))) is None
    assert approved(view(deploy("d1", "live"))) == (("d", "d1"),)
    assert approved(view(deploy("d1", "live", approvers=frozenset({"b", "c"})))) is None


def test_references_are_followed_into_the_world_and_what_is_absent_reads_as_its_defaults() -> None:
    healthy = holder(DEPLOY, named("only_healthy_goes_live"))
    live = deploy("d1", "live", health="good")
    assert healthy(view(live, Cell("Router", "Router", "up", (100,)))) is None
    assert healthy(view(live, Cell("Router", "Router", "up", (25,)))) == (("d", "d1"),)
    assert healthy(view(live)) == (("d", "d1"),)


def test_possible_tells_who_got_there() -> None:
    can = holder(DEPLOY, named("can_go_live"))
    assert can(view(deploy("d1", "draft"))) is None
    assert can(view(deploy("d1", "draft"), deploy("d2", "live"))) == (("d", "d2"),)


def test_an_instance_that_does_not_exist_yet_is_not_ranged_over() -> None:
    can = holder(DEPLOY, Property("p", POSSIBLE, (("d", "Deploy"),), None, lit(BOOL, True)))
    assert can(view(absent(DEPLOY, Address("Deploy", "d1")))) is None


def test_several_variables_may_coincide_and_none_is_the_empty_binding() -> None:
    d, e = variable("d", "Deploy"), variable("e", "Deploy")
    same = Property(
        "p", ALWAYS, (("d", "Deploy"), ("e", "Deploy")), negated(eq(d, e)), negated(eq(author(d), author(e)))
    )
    look = holder(DEPLOY, same)
    assert look(view(deploy("d1", "draft"))) is None
    assert look(view(deploy("d1", "draft"), deploy("d2", "draft"))) == (("d", "d1"), ("e", "d2"))
    never = holder(DEPLOY, Property("p", ALWAYS, (), None, lit(BOOL, False)))
    assert never(view()) == ()


def author(of: Expression) -> Expression:
    return read(of, "author", OptionType(PRINCIPAL))


def test_instances_can_be_counted() -> None:
    nodes = SetType(RefType("Deploy"))
    live = eq(read(variable("x", "Deploy"), "state", DEPLOY_STATE), lit(DEPLOY_STATE, "live"))
    count = op(Op.COUNT, IntType(), Expression(Op.INSTANCES, nodes, name="Deploy"), live, name="x")
    at_most_one = Property("p", ALWAYS, (), None, op(Op.LE, BOOL, count, lit(IntType(), 1)))
    look = holder(DEPLOY, at_most_one)
    assert look(view(deploy("d1", "live"), deploy("d2", "draft"))) is None
    assert look(view(deploy("d1", "live"), deploy("d2", "live"))) == ()


def test_a_step_property_sees_before_and_after_of_the_instance_that_stepped() -> None:
    anew = step_holder(DEPLOY, named("each_step_is_seen_anew"))
    address = Address("Deploy", "d1")
    unseen, good = view(deploy("d1", "shifting")), view(deploy("d1", "shifting", health="good"))
    assert anew(unseen, good, address, "watch", {}) is None
    assert anew(good, unseen, address, "watch", {}) == (("d", "d1"),)
    assert anew(good, unseen, address, "revert", {}) is None
    assert anew(good, unseen, Address("Router", "Router"), "watch", {}) is None


def test_a_step_property_reads_arguments_and_a_constructor_starts_in_new() -> None:
    d = variable("d", "Deploy")
    was_new = eq(read(d, "state", DEPLOY_STATE, "before"), lit(DEPLOY_STATE, "new"))
    given = eq(Expression(Op.ARGUMENT, HEALTH, name="health"), read(d, "health", HEALTH))
    made = Property("p", STEP, (("d", "Deploy"),), None, both(was_new, given), on=("Deploy", "propose"))
    look = step_holder(DEPLOY, made)
    after = view(deploy("d1", "draft", health="good"))
    assert look(view(), after, Address("Deploy", "d1"), "propose", {"health": "good"}) is None
    assert look(view(), after, Address("Deploy", "d1"), "propose", {"health": "unseen"}) == (("d", "d1"),)
    assert look(after, after, Address("Deploy", "d1"), "propose", {"health": "good"}) == (("d", "d1"),)


def test_each_kind_has_its_holder() -> None:
    with pytest.raises(AssertionError):
        holder(DEPLOY, named("each_step_is_seen_anew"))
    with pytest.raises(AssertionError):
        step_holder(DEPLOY, named("four_eyes"))
    goal = holder(DEPLOY, Property("p", EVENTUALLY, (), lit(BOOL, False), lit(BOOL, True)))
    assert goal(view()) == ()


def test_a_chain_of_references_is_followed() -> None:
    orders: TransitionTable = orders_table()
    o = variable("o", "Order")
    shipment = op(Op.THE, RefType("Shipment"), read(o, "shipment", OptionType(RefType("Shipment"))))
    back = eq(read(shipment, "order", RefType("Order")), o)
    has = negated(eq(read(o, "shipment", OptionType(RefType("Shipment"))), lit(OptionType(RefType("Shipment")), None)))
    look = holder(orders, Property("p", ALWAYS, (("o", "Order"),), has, back))
    order = Cell("Order", "o1", "packed", (1, "s1"))
    assert look(view(order, Cell("Shipment", "s1", "waiting", ("o1",)))) is None
    assert look(view(order, Cell("Shipment", "s1", "waiting", ("o2",)))) == (("o", "o1"),)
    assert look(view(order)) == (("o", "o1"),)
