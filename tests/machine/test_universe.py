"""The universe: what the defaults of blueprint.md section 6 come to, and when the world is searched."""

from __future__ import annotations

from dataclasses import replace

from support.tables import INT, action, arg, deploy_table, entity, lit, number, op, orders_table, params, table
from temper.machine import (
    PRINCIPAL,
    STR,
    EnumType,
    FrozenMap,
    IntType,
    MapType,
    Op,
    OptionType,
    RefType,
    Scope,
    SetType,
    universe,
    world_matters,
)


def test_instances_that_can_meet_are_two():
    assert dict(universe(orders_table()).ids) == {"Order": ("o1", "o2"), "Shipment": ("s1", "s2"), "Depot": ("Depot",)}


def test_instances_that_cannot_meet_are_one():
    alone = universe(replace(deploy_table(), scope=Scope()))
    assert alone.ids_of("Deploy") == ("d1",)


def test_an_id_begins_as_no_other_entity_does():
    rooms = table(entity("Job", states=("on",)), entity("Joint", states=("on",)))
    assert dict(universe(rooms).ids) == {"Job": ("job1",), "Joint": ("joi1",)}


def test_three_principals_hold_every_role_and_one_lacks_what_a_policy_forbids():
    forbids = (("a.cedar", 'forbid (principal in Role::"operator", action, resource);'),)
    people = dict(universe(replace(orders_table(), policies=forbids)).principals)
    assert people.keys() == {"ann", "bob", "cid", "not_operator"}
    assert people["ann"] == {"engineer", "approver", "operator"}
    assert people["not_operator"] == {"engineer", "approver"}


def test_texts_are_those_compared_with_and_enough_others():
    asks = action("ask", sources=("on",), by=("operator",), takes=params(word=STR), when=lit(STR, "please"))
    assert universe(table(entity("Clerk", asks, states=("on",)))).values_of(STR) == ("please", "a", "b")


def test_a_short_range_is_tried_whole_and_a_long_one_where_it_matters():
    asks = action(
        "ask",
        sources=("on",),
        by=("operator",),
        takes=params(few=IntType(1, 3), many=IntType(0, 100), any=INT),
        when=lit(IntType(50, 50), 50),
    )
    within = universe(table(entity("Clerk", asks, states=("on",)), scope=Scope(unbounded=(0, 2))))
    assert within.values_of(IntType(1, 3)) == (1, 2, 3)
    assert within.values_of(IntType(0, 100)) == (0, 50, 100)
    assert within.values_of(INT) == (0, 1, 2)


def test_values_of_composed_types():
    within = universe(replace(deploy_table(), scope=Scope(principals=(("ann", ()), ("bob", ())))))
    assert within.values_of(OptionType(PRINCIPAL)) == (None, "ann", "bob")
    assert within.values_of(RefType("Deploy")) == ("d1",)
    assert set(within.values_of(SetType(PRINCIPAL))) == {
        frozenset(),
        frozenset({"ann"}),
        frozenset({"bob"}),
        frozenset({"ann", "bob"}),
    }
    assert within.values_of(SetType(PRINCIPAL, 0)) == (frozenset(),)
    colour = EnumType("Colour", ("red", "green"))
    assert within.values_of(MapType(PRINCIPAL, colour)) == (
        FrozenMap(),
        FrozenMap({"bob": "green"}),
        FrozenMap({"ann": "green"}),
        FrozenMap({"ann": "green", "bob": "green"}),
    )


def test_a_set_of_many_is_given_small_and_says_so():
    many = SetType(IntType(1, 9))
    asks = action("ask", sources=("on",), by=("operator",), takes=params(of=many))
    within = universe(table(entity("Clerk", asks, states=("on",))))
    assert max(map(len, within.values_of(many))) == 2  # type: ignore[arg-type]
    assert "; set[int[1, 9]] small; " in str(within)


def test_a_reference_to_nothing_is_still_a_value():
    nobody = replace(orders_table(), scope=Scope(instances=(("Shipment", 0),)))
    assert universe(nobody).values_of(RefType("Shipment")) == ("nobody",)


def test_a_scope_names_values_by_type():
    health = replace(deploy_table(), scope=Scope(values=(("str", ("web",)), ("Health", ("good",)))))
    within = universe(health)
    assert within.values_of(STR) == ("web",)
    assert within.values_of(dict(health.types)["Health"]) == ("good",)


def test_the_world_matters_where_a_property_reads_it_or_it_can_refuse():
    deploy = deploy_table()
    assert world_matters(deploy)
    unread = replace(deploy, properties=tuple(p for p in deploy.properties if p.name != "only_healthy_goes_live"))
    assert not world_matters(unread)
    router = deploy.entity("Router")
    wary = replace(router, actions=(replace(router.actions[0], guard=lit(INT, 1)),))
    assert world_matters(replace(unread, entities=(deploy.entity("Deploy"), wary)))


def test_the_world_matters_where_what_is_passed_on_may_leave_a_range():
    deploy = deploy_table()
    unread = replace(deploy, properties=())
    shift = deploy.effect("shift_traffic")
    assert shift.performs is not None
    more = op(Op.ADD, INT, arg("percent", IntType(0, 100)), number(1))
    astray = replace(shift, performs=replace(shift.performs, args=(("percent", more),)))
    assert not world_matters(unread)
    assert world_matters(replace(unread, effects=(astray, deploy.effect("probe"))))


def test_it_says_itself_in_words():
    assert str(universe(deploy_table())) == (
        "1 Deploy (d1), 1 Router (Router); principals ann [approver, engineer], bob [approver], "
        'cid [approver, operator]; str among "a", "b", "c", "d"; int[0, 100] among 0, 2, 5, 25, 100; '
        "int within [-2, 6], 1 in flight, 4 late; with the world"
    )
