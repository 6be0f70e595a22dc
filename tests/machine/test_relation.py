"""The relation by hand: one situation a test, and numbers of states that hold the semantics still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from support.tables import (
    DURATION_TYPE,
    INT,
    action,
    arg,
    data,
    deploy_table,
    entity,
    field,
    lit,
    number,
    op,
    orders_table,
    params,
    read,
    sets,
    table,
)
from temper.machine import (
    AGAIN,
    BOOL,
    NEW,
    STR,
    Case,
    Cut,
    DeliveryKind,
    Effect,
    EnumType,
    Expression,
    IntType,
    MapType,
    Op,
    OptionType,
    Outcome,
    Performs,
    RefType,
    Refusal,
    Relation,
    Request,
    Retry,
    Scope,
    Send,
    SetType,
    Spawn,
    Step,
    System,
    Timer,
    TransitionTable,
    Update,
    concrete,
    next_steps,
    start,
    universe,
)

BY = ("operator",)
ONE = Scope(principals=(("ann", BY),), values=(("str", ("a",)),))
SMALL = IntType(0, 2)


class Walk:
    """A walk through the relation, one named step after the other."""

    def __init__(self, of: TransitionTable) -> None:
        self.table, self.universe = of, universe(of)
        self.system = start(of, self.universe)
        self.steps: list[Step] = []

    def offers(self) -> list[Step | Cut]:
        return list(next_steps(self.table, self.system, self.universe))

    def labels(self) -> set[tuple[str, str]]:
        """(rule, action) of every step that can come next."""
        return {(s.label.rule, s.label.action) for s in self.offers() if isinstance(s, Step)}

    def cuts(self) -> set[str]:
        return {offer.bound for offer in self.offers() if isinstance(offer, Cut)}

    def violations(self) -> set[tuple[str, str]]:
        return {violation[:2] for offer in self.offers() for violation in offer.violations}

    def take(self, rule: str, name: str, where: Callable[[Step], bool] = lambda _: True) -> System:
        """The step by that rule whose action or cause has that name."""
        going = [s for s in self.offers() if isinstance(s, Step) and s.label.rule == rule]
        fitting = [s for s in going if name in {s.label.action, s.label.cause} and where(s)]
        assert fitting, f"no {rule} {name} among {[(s.label.action, s.label.cause) for s in going]}"
        self.steps.append(fitting[0])
        self.system = fitting[0].system
        return self.system


def reachable(of: TransitionTable, **changes: Any) -> set[System]:
    relation = Relation(of, replace(universe(of), **changes))
    todo = [relation.start()]
    seen = set(todo)
    for system in todo:
        for step in relation.steps(system):
            if isinstance(step, Step) and step.system not in seen:
                seen.add(step.system)
                todo.append(step.system)
    return seen


# Counts.


@pytest.mark.parametrize(("texts", "states"), [(1, 29), (4, 113)])
def test_the_deployment_without_its_world(texts: int, states: int):
    """The numbers of semantics.md section 8: with the data of one text, and with nothing sliced away."""
    within = universe(deploy_table())
    values = tuple((type_, given[:texts] if type_ == STR else given) for type_, given in within.values)
    assert len(reachable(deploy_table(), world=False, values=values)) == states


def test_the_deployment_with_its_world():
    assert len(reachable(deploy_table())) == 293


def two_phase_commit(participants: int) -> TransitionTable:
    """Two-phase commit in one entity, no message lost."""
    node = IntType(1, participants)
    nodes = SetType(node)
    phase = EnumType("Phase", ("working", "prepared", "committed", "aborted"))
    phases, r = field("phases", MapType(node, phase)), arg("r", node)
    heard, sent = field("heard", nodes), field("sent", nodes)
    anywhere = ("open", "committed", "aborted")

    def with_r(of: Expression) -> Expression:
        return op(Op.UNION, nodes, of, op(Op.SET, nodes, r))

    def goes(name: str) -> tuple[Update, ...]:
        return (Update("phases", r, lit(phase, name)),)

    working = op(Op.EQ, BOOL, op(Op.GET, phase, phases, r), lit(phase, "working"))
    takes = {"by": BY, "takes": params(r=node)}
    commit = entity(
        "Commit",
        action("hear", sources=("open",), when=op(Op.IN, BOOL, r, sent), updates=sets(heard=with_r(heard)), **takes),
        action(
            "commit",
            sources=("open",),
            by=BY,
            when=op(Op.EQ, BOOL, heard, op(Op.VALUES, nodes)),
            updates=sets(commits=lit(BOOL, True)),
            to="committed",
        ),
        action("abort", sources=("open",), by=BY, updates=sets(aborts=lit(BOOL, True)), to="aborted"),
        action("prepare", sources=anywhere, when=working, updates=goes("prepared") + sets(sent=with_r(sent)), **takes),
        action("give_up", sources=anywhere, when=working, updates=goes("aborted"), **takes),
        action("hear_commit", sources=anywhere, when=field("commits", BOOL), updates=goes("committed"), **takes),
        action("hear_abort", sources=anywhere, when=field("aborts", BOOL), updates=goes("aborted"), **takes),
        fields=(
            data("phases", MapType(node, phase)),
            data("heard", nodes),
            data("sent", nodes),
            data("commits", BOOL),
            data("aborts", BOOL),
        ),
        states=anywhere,
        single=True,
    )
    return table(commit, blueprint="twophase")


@pytest.mark.parametrize(("participants", "states"), [(3, 288), (5, 8_832)])
def test_two_phase_commit(participants: int, states: int):
    assert len(reachable(two_phase_commit(participants))) == states


# Rule 1.


def counter(type_: Any, most: int = 2) -> TransitionTable:
    more = op(Op.ADD, INT, field("count", type_), number(most))
    up = action("up", sources=("on",), by=BY, updates=sets(count=more))
    return table(entity("Counter", up, fields=(data("count", type_),), states=("on",), single=True), scope=ONE)


def test_a_call_that_would_leave_a_range_changes_nothing_and_is_a_violation():
    walk = Walk(counter(SMALL))
    walk.take("call", "up")
    assert walk.violations() == {("range", "Counter.up")}
    assert [offer.system for offer in walk.offers() if isinstance(offer, Step)] == [walk.system]


def test_an_int_without_a_range_is_cut_where_the_universe_ends():
    walk = Walk(counter(INT, 6))
    assert walk.universe.unbounded == (-2, 7)
    walk.take("call", "up")
    assert walk.cuts() == {"int"}


def test_nobody_without_a_role_calls():
    barred = replace(counter(SMALL), scope=Scope(principals=(("eve", ("engineer",)),)))
    assert Walk(barred).offers() == []


# Rule 2.


def test_an_order_spawns_its_shipment_and_messages_to_it_wait():
    walk = Walk(
        replace(
            orders_table(),
            scope=Scope(instances=(("Order", 1), ("Shipment", 1)), principals=(("ann", ("engineer", "operator")),)),
        )
    )
    walk.take("call", "place")
    walk.take("call", "pack")
    assert [type(mail).__name__ for mail in walk.system.mail] == ["Message", "Spawning"]
    assert {action for rule, action in walk.labels() if rule == "deliver"} == {"open"}
    walk.take("deliver", "open")
    walk.take("deliver", "leave")
    walk.take("deliver", "take")
    walk.take("call", "delivered")
    walk.take("deliver", "arrived")
    assert {cell.control for cell in walk.system.cells} == {"done", "gone", "open"}


def door(*, refused: tuple[str, ...], opens: bool = False) -> TransitionTable:
    """A bell that rings at a door which need not open."""
    ring = action(
        "ring",
        sources=("quiet",),
        by=BY,
        to="ringing",
        deliveries=(Send(lit(RefType("Door"), "Door"), "Door", "open", (), refused),),
    )
    give_up = action(
        "give_up", sources=("ringing",), takes=params(reason=STR), to="quiet", updates=sets(why=arg("reason", STR))
    )
    bell = entity("Bell", ring, give_up, fields=(data("why", STR),), states=("quiet", "ringing"), single=True)
    open_ = action("open", sources=("shut",), to="ajar")
    slam = action("slam", sources=("shut",), by=BY, to="locked")
    return table(
        bell, entity("Door", open_, slam, states=("shut", "ajar", "locked"), final=("locked",), single=True), scope=ONE
    )


def test_a_rejected_message_comes_back_as_a_refusal():
    walk = Walk(door(refused=("give_up",)))
    walk.take("call", "ring")
    walk.take("call", "slam")
    walk.take("deliver", "refused")
    assert isinstance(walk.system.mail[0], Refusal)
    walk.take("deliver", "give_up")
    bell = walk.system.cells[0]
    assert (bell.control, bell.data, walk.system.mail) == ("quiet", ("wrong-state",), ())


def test_a_refusal_that_is_ignored_is_none():
    walk = Walk(door(refused=("ignore",)))
    walk.take("call", "ring")
    walk.take("call", "slam")
    assert walk.take("deliver", "refused").mail == ()


def test_a_message_asked_again_is_the_same_message_and_is_never_cut():
    walk = Walk(door(refused=(AGAIN,)))
    walk.take("call", "ring")
    mail = walk.system.mail
    walk.take("call", "slam")
    walk.take("deliver", "refused")
    assert walk.take("deliver", AGAIN).mail == mail
    assert walk.cuts() == set()


def mother(*, accepts: bool, as_: str = "child") -> TransitionTable:
    child, mine = RefType("Child"), field("child", OptionType(RefType("Child")))
    bear = action("bear", sources=("on",), by=BY, deliveries=(Spawn("Child", "wake", (), as_, ("ignore",)),))
    greet = action("greet", sources=("on",), by=BY, deliveries=(Send(mine, "Child", "hear", (), ("ignore",)),))
    wake = action("wake", sources=(NEW,), to="awake", when=lit(BOOL, accepts))
    hear = action("hear", sources=("awake",))
    return table(
        entity("Mother", bear, greet, fields=(data("child", OptionType(child)),), states=("on",), single=True),
        entity("Child", wake, hear, states=("awake",)),
        scope=replace(ONE, instances=(("Child", 2),)),
    )


def test_a_spawn_takes_the_lowest_unused_id_until_none_is_left():
    walk = Walk(mother(accepts=True))
    for child in ("c1", "c2"):
        assert walk.take("call", "bear").cells[-1].data == (child,)
        walk.take("deliver", "wake")
    assert walk.cuts() == {"spawn"}


def test_an_id_whose_constructor_was_rejected_stays_new_for_ever():
    walk = Walk(mother(accepts=False))
    walk.take("call", "bear")
    walk.take("deliver", "refused")
    assert [address.id for address in walk.system.burnt] == ["c1"]
    assert walk.take("call", "bear").cells[0].data == ("c2",)


def test_a_second_message_of_one_place_is_cut():
    walk = Walk(mother(accepts=True))
    walk.take("call", "bear")
    walk.take("call", "greet")
    assert walk.cuts() == {"in-flight"}


# Rules 3 and 4.


def shop(kind: str, *, fenced: bool = False, replaces: bool = False, late: int = 4) -> TransitionTable:
    """A till that charges a bank, which may have happened or not."""
    told = read(lit(RefType("Bank"), "Bank"), "paid", SMALL)
    charge = Effect(
        "charge",
        params(amount=SMALL),
        (Outcome("paid", params(paid=SMALL), (("paid", told),)), Outcome("declined", ())),
        DeliveryKind(kind),
        fenced=fenced,
        performs=Performs(
            "Bank", "pay", (("amount", arg("amount", SMALL)),), (), () if kind == "idempotent" else ("declined",)
        ),
        timeout=1,
        retry=Retry(),
    )
    then = (("paid", ("settle",)), ("declined", (AGAIN,)), ("unknown", ("reopen",)))
    asks = Request("charge", (("amount", field("amount", SMALL)),), replaces, then)
    till = entity(
        "Till",
        action(
            "ask",
            sources=("open",),
            by=BY,
            takes=params(amount=SMALL),
            updates=sets(amount=arg("amount", SMALL)),
            deliveries=(asks,),
        ),
        action(
            "settle", sources=("open",), takes=params(paid=SMALL), updates=sets(amount=arg("paid", SMALL)), to="settled"
        ),
        action("reopen", sources=("open",)),
        fields=(data("amount", SMALL),),
        states=("open", "settled"),
        single=True,
    )
    pay = action("pay", sources=("open",), takes=params(amount=SMALL), updates=sets(paid=arg("amount", SMALL)))
    bank = entity("Bank", pay, fields=(data("paid", SMALL),), states=("open",), world=True)
    return table(till, bank, effects=(charge,), scope=replace(ONE, late=late))


def amount(value: int) -> Callable[[Step], bool]:
    return lambda step: ("amount", value) in step.label.args


def outcomes(walk: Walk) -> set[str]:
    return {step.label.outcome for step in walk.offers() if isinstance(step, Step) and step.label.rule == "settle"}


def test_what_tells_comes_after_a_perform_and_what_denies_before():
    walk = Walk(shop("keyed"))
    walk.take("call", "ask", amount(2))
    assert outcomes(walk) == {"declined", "unknown"}
    walk.take("perform", "pay")
    assert outcomes(walk) == {"paid", "unknown"}
    assert walk.take("settle", "charge.paid").cells[1].data == (2,)


def test_a_keyed_request_is_performed_once_and_an_idempotent_one_often():
    for kind, again in (("keyed", False), ("at_most_once", False), ("idempotent", True)):
        walk = Walk(shop(kind))
        walk.take("call", "ask", amount(1))
        walk.take("perform", "pay")
        assert (("perform", "pay") in walk.labels()) is again


def test_an_unknown_request_may_still_happen_late_and_then_no_more():
    walk = Walk(shop("at_most_once"))
    walk.take("call", "ask", amount(2))
    walk.take("settle", "charge.unknown")
    assert len(walk.system.late) == 1
    after = walk.take("perform", "late charge of Till Till")
    assert (after.late, after.cells[0].data) == ((), (2,))


def test_an_idempotent_one_stays_late_and_is_cut_where_the_lane_is_full():
    walk = Walk(shop("idempotent", late=1))
    walk.take("call", "ask", amount(1))
    walk.take("settle", "charge.unknown")
    walk.take("perform", "late charge of Till Till")
    assert len(walk.system.late) == 1
    walk.take("call", "ask", amount(2))
    assert walk.cuts() == {"late", "in-flight"}


def test_a_replaced_request_gets_no_outcome_and_may_still_happen():
    walk = Walk(shop("keyed", replaces=True))
    walk.take("call", "ask", amount(1))
    walk.take("call", "ask", amount(2))
    assert [dict(request.args)["amount"] for request in walk.system.effects] == [2]
    assert [dict(request.args)["amount"] for request in walk.system.late] == [1]


def test_a_fence_refuses_what_was_replaced():
    walk = Walk(shop("keyed", fenced=True, replaces=True))
    walk.take("call", "ask", amount(1))
    walk.take("call", "ask", amount(2))
    assert walk.take("perform", "charge of Till Till").late == ()


def test_again_asks_in_the_same_place_and_has_not_happened_yet():
    walk = Walk(shop("keyed"))
    walk.take("call", "ask", amount(1))
    before = walk.system
    assert walk.take("settle", "charge.declined") == before


# Rule 5.


def clockwork(*timers: Timer) -> TransitionTable:
    again = action("again_", sources=("on",), restarts=(timers[0].name,))
    stop = action("stop", sources=("on",), to="off")
    return table(entity("Clock", again, stop, states=("on", "off"), timers=timers, single=True), scope=ONE)


def timer(name: str, after: int, target: str) -> Timer:
    return Timer(name, ("on",), lit(DURATION_TYPE, after), (target,))


def test_timers_fire_in_the_order_of_their_dues():
    walk = Walk(clockwork(timer("tick", 10, "again_"), timer("deadline", 25, "stop")))
    assert walk.labels() == {("fire", "again_")}
    walk.take("fire", "tick")
    assert walk.labels() == {("fire", "again_"), ("fire", "stop")}, "the first tick may have come late"
    walk.take("fire", "tick")
    assert walk.labels() == {("fire", "stop")}
    walk.take("fire", "deadline")
    assert concrete(walk.table, walk.steps) == (10, 20, 25)


def test_a_timer_that_nothing_takes_is_disarmed_and_a_violation():
    walk = Walk(
        table(
            entity(
                "Clock",
                action("never", sources=("off",)),
                states=("on", "off"),
                timers=(timer("tick", 1, "never"),),
                single=True,
            )
        )
    )
    assert walk.violations() == {("unhandled", "Clock.tick")}
    assert walk.take("fire", "tick").cells[0].timers == ()


def two_clocks() -> TransitionTable:
    """A fast clock wakes a slow one, whose snooze can then be due only after."""
    wake = Send(lit(RefType("Slow"), "Slow"), "Slow", "wake", (), ("ignore",))
    ring = action("ring", sources=("on",), to="off", deliveries=(wake,))
    fast = entity("Fast", ring, states=("on", "off"), timers=(timer("alarm", 50, "ring"),), single=True)
    slow = entity(
        "Slow",
        action("wake", sources=("on",), cases=(Case(None, sets(woken=lit(BOOL, True)), None),)),
        action("nod", sources=("on",), when=field("woken", BOOL)),
        action("sleep", sources=("on",)),
        fields=(data("woken", BOOL),),
        states=("on",),
        timers=(Timer("nap", ("on",), lit(DURATION_TYPE, 10), ("nod", "ignore")), timer("night", 100, "sleep")),
        single=True,
    )
    return table(fast, slow, scope=ONE)


def test_a_trace_carries_times_from_cell_to_cell():
    walk = Walk(two_clocks())
    walk.take("fire", "alarm")
    walk.take("deliver", "wake")
    walk.take("fire", "nap")
    walk.take("fire", "night")
    assert concrete(walk.table, walk.steps) == (50, 50, 50, 100)
