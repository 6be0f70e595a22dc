"""Tables built by hand, for tests that must not depend on the language; and a few words to build others with."""

from __future__ import annotations

from typing import Any

from temper.machine import (
    AGAIN,
    BOOL,
    INT,
    NEW,
    PRINCIPAL,
    STR,
    Action,
    Case,
    DeliveryKind,
    Effect,
    Entity,
    EnumType,
    Expression,
    Field,
    Gate,
    IntType,
    Op,
    OptionType,
    Outcome,
    Parameter,
    Performs,
    Property,
    PropertyKind,
    RefType,
    Request,
    Retry,
    Scope,
    Send,
    SetType,
    Spawn,
    Timer,
    TransitionTable,
    Type,
    Update,
    initial,
)
from temper.machine import DURATION as DURATION_TYPE

PERCENT = IntType(0, 100)
HEALTH = EnumType("Health", ("unseen", "good"))
DEPLOY_STATE = EnumType(
    "Deploy.state", ("draft", "approved", "shifting", "watching", "reverting", "live", "rolled_back")
)
MINUTE = 60_000


def lit(type_: Type, value: Any) -> Expression:
    return Expression(Op.LITERAL, type_, value=value)


def number(value: int) -> Expression:
    return lit(INT, value)


def field(name: str, type_: Type) -> Expression:
    return Expression(Op.FIELD, type_, name=name)


def arg(name: str, type_: Type) -> Expression:
    return Expression(Op.ARGUMENT, type_, name=name)


def op(operator: Op, type_: Type, *operands: Expression, **more: Any) -> Expression:
    return Expression(operator, type_, operands, **more)


def eq(a: Expression, b: Expression) -> Expression:
    return op(Op.EQ, BOOL, a, b)


def negated(a: Expression) -> Expression:
    return op(Op.NOT, BOOL, a)


def both(*operands: Expression) -> Expression:
    return op(Op.AND, BOOL, *operands)


def some(a: Expression) -> Expression:
    return op(Op.SOME, OptionType(a.type), a)


def variable(name: str, entity: str) -> Expression:
    return Expression(Op.VARIABLE, RefType(entity), name=name)


def read(of: Expression, name: str, type_: Type, moment: str = "now") -> Expression:
    return Expression(Op.READ, type_, (of,), name=name, moment=moment)


CALLER = Expression(Op.CALLER, PRINCIPAL)
NOW = Expression(Op.NOW, INT)
SELF = Expression(Op.SELF, STR)


def data(name: str, type_: Type, value: Any = ...) -> Field:
    return Field(name, type_, initial(type_) if value is ... else value)


def params(**types: Type) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, type_) for name, type_ in types.items())


def sets(**values: Expression) -> tuple[Update, ...]:
    return tuple(Update(name, None, value) for name, value in values.items())


def action(
    name: str,
    *,
    sources: tuple[str, ...],
    by: tuple[str, ...] = (),
    gate: Gate | None = None,
    takes: tuple[Parameter, ...] = (),
    when: Expression | None = None,
    updates: tuple[Update, ...] = (),
    to: str | None = None,
    deliveries: tuple[Any, ...] = (),
    restarts: tuple[str, ...] = (),
    cases: tuple[Case, ...] = (),
) -> Action:
    """An action; without `cases` it has the one that `to`, `deliveries` and `restarts` describe."""
    return Action(
        name,
        gate or (Gate.ROLES if by else Gate.MACHINE),
        by,
        takes,
        sources,
        when,
        updates,
        cases or (Case(None, (), to, deliveries, restarts),),
    )


def table(
    *entities: Entity, effects: tuple[Effect, ...] = (), properties: tuple[Property, ...] = (), **more: Any
) -> TransitionTable:
    return TransitionTable(
        blueprint=more.pop("blueprint", "test"),
        roles=more.pop("roles", ("engineer", "approver", "operator")),
        types=more.pop("types", ()),
        constants=more.pop("constants", ()),
        effects=effects,
        entities=entities,
        properties=properties,
        **more,
    )


def entity(
    name: str,
    *actions: Action,
    fields: tuple[Field, ...] = (),
    states: tuple[str, ...],
    final: tuple[str, ...] = (),
    waits: tuple[str, ...] | None = None,
    timers: tuple[Timer, ...] = (),
    single: bool = False,
    world: bool = False,
) -> Entity:
    """An entity; without `waits` nothing needs to move by itself."""
    rest = tuple(state for state in states if state not in final)
    return Entity(
        name, single or world, world, fields, states, final, rest if waits is None else waits, actions, timers
    )


SERVICE, AUTHOR = field("service", STR), field("author", OptionType(PRINCIPAL))
APPROVERS, PERCENTS = field("approvers", SetType(PRINCIPAL)), field("percent", PERCENT)
HEALTHY = field("health", HEALTH)
GOOD, UNSEEN = lit(HEALTH, "good"), lit(HEALTH, "unseen")
SHIFTED = (("shifted", ("watch",)), ("declined", ("revert",)), ("unknown", ("revert",)))
PROBED = (("healthy", ("seen_good", "ignore")), ("sick", ("revert", "ignore")), ("unknown", ("revert", "ignore")))
SHIFT = Request("shift_traffic", (("service", SERVICE), ("percent", PERCENTS)), replaces=False, then=SHIFTED)
PROBE = Request("probe", (("service", SERVICE), ("percent", PERCENTS)), replaces=False, then=PROBED)
SHIFT_BACK = Request(
    "shift_traffic",
    (("service", SERVICE), ("percent", lit(PERCENT, 0))),
    replaces=True,
    then=(("shifted", ("reverted",)), ("declined", (AGAIN,)), ("unknown", (AGAIN,))),
)


def _deploy_entity() -> Entity:
    approvers = op(Op.UNION, SetType(PRINCIPAL), APPROVERS, op(Op.SET, SetType(PRINCIPAL), CALLER))
    enough = op(Op.LE, BOOL, number(2), op(Op.LEN, INT, APPROVERS))
    next_step = op(Op.IF, PERCENT, eq(PERCENTS, number(5)), lit(PERCENT, 25), lit(PERCENT, 100))
    return entity(
        "Deploy",
        action(
            "propose",
            by=("engineer",),
            takes=params(service=STR),
            sources=(NEW,),
            updates=sets(service=arg("service", STR), author=some(CALLER)),
            to="draft",
        ),
        action(
            "approve",
            by=("approver",),
            sources=("draft",),
            when=both(negated(eq(some(CALLER), AUTHOR)), negated(op(Op.IN, BOOL, CALLER, APPROVERS))),
            updates=sets(approvers=approvers),
            cases=(Case(enough, (), "approved"), Case(None, (), "draft")),
        ),
        action(
            "start",
            by=("engineer", "operator"),
            sources=("approved",),
            updates=sets(percent=lit(PERCENT, 5)),
            to="shifting",
            deliveries=(SHIFT,),
        ),
        action("watch", sources=("shifting",), to="watching", deliveries=(PROBE,)),
        action(
            "seen_good",
            takes=params(percent=PERCENT),
            sources=("watching",),
            when=eq(arg("percent", PERCENT), PERCENTS),
            updates=sets(health=GOOD),
        ),
        action(
            "promote",
            sources=("watching",),
            when=eq(HEALTHY, GOOD),
            cases=(
                Case(eq(PERCENTS, number(100)), (), "live"),
                Case(None, sets(percent=next_step, health=UNSEEN), "shifting", (SHIFT,)),
            ),
        ),
        action("revert", by=("operator",), sources=("shifting", "watching"), to="reverting", deliveries=(SHIFT_BACK,)),
        action("reverted", sources=("reverting",), updates=sets(percent=lit(PERCENT, 0)), to="rolled_back"),
        fields=(
            data("service", STR),
            data("author", OptionType(PRINCIPAL)),
            data("approvers", SetType(PRINCIPAL)),
            data("percent", PERCENT),
            data("health", HEALTH),
        ),
        states=DEPLOY_STATE.members,
        final=("live", "rolled_back"),
        waits=("draft", "approved"),
        timers=(Timer("watched_long_enough", ("watching",), lit(DURATION_TYPE, 10 * MINUTE), ("promote", "revert")),),
    )


def _router() -> Entity:
    route = action(
        "route",
        takes=params(percent=PERCENT),
        sources=("up",),
        updates=sets(percent=arg("percent", PERCENT)),
    )
    return entity("Router", route, fields=(data("percent", PERCENT),), states=("up",), world=True)


def _deploy_effects() -> tuple[Effect, ...]:
    takes = params(service=STR, percent=PERCENT)
    performs = Performs("Router", "route", (("percent", arg("percent", PERCENT)),), ("shifted",), ())
    return (
        Effect(
            "shift_traffic",
            takes,
            (Outcome("shifted", ()), Outcome("declined", params(reason=STR))),
            DeliveryKind.IDEMPOTENT,
            fenced=True,
            performs=performs,
            timeout=30_000,
            retry=Retry(5, 1_000, 2, 30_000),
        ),
        Effect(
            "probe",
            takes,
            (Outcome("healthy", ()), Outcome("sick", ())),
            DeliveryKind.IDEMPOTENT,
            fenced=False,
            performs=None,
            timeout=10_000,
            retry=Retry(),
        ),
    )


def _deploy_properties() -> tuple[Property, ...]:
    d = variable("d", "Deploy")
    for_d = (("d", "Deploy"),)
    state = read(d, "state", DEPLOY_STATE)
    health = read(d, "health", HEALTH)
    approvers = read(d, "approvers", SetType(PRINCIPAL))
    author = read(d, "author", OptionType(PRINCIPAL))
    routed = read(lit(RefType("Router"), "Router"), "percent", PERCENT)
    gone_live = op(
        Op.IN,
        BOOL,
        state,
        op(Op.SET, SetType(DEPLOY_STATE), *(lit(DEPLOY_STATE, name) for name in ("shifting", "watching", "live"))),
    )
    live = eq(state, lit(DEPLOY_STATE, "live"))
    wrote = op(
        Op.OR,
        BOOL,
        eq(author, lit(OptionType(PRINCIPAL), None)),
        negated(op(Op.IN, BOOL, op(Op.THE, PRINCIPAL, author), approvers)),
    )
    unseen = eq(read(d, "health", HEALTH, "before"), UNSEEN)
    enough = op(Op.LE, BOOL, number(2), op(Op.LEN, INT, approvers))
    return (
        Property("nothing_unapproved_goes_live", PropertyKind.ALWAYS, for_d, gone_live, enough),
        Property("four_eyes", PropertyKind.ALWAYS, for_d, None, wrote),
        Property(
            "only_healthy_goes_live",
            PropertyKind.ALWAYS,
            for_d,
            live,
            both(eq(health, GOOD), eq(routed, number(100))),
        ),
        Property("each_step_is_seen_anew", PropertyKind.STEP, for_d, None, unseen, on=("Deploy", "watch")),
        Property("can_go_live", PropertyKind.POSSIBLE, for_d, None, live),
    )


def deploy_table() -> TransitionTable:
    """The example of blueprint.md: effects with lanes, a timer with a list of targets, a world entity."""
    principals = (("ann", ("engineer", "approver")), ("bob", ("approver",)), ("cid", ("approver", "operator")))
    return table(
        _deploy_entity(),
        _router(),
        blueprint="deploy",
        effects=_deploy_effects(),
        properties=_deploy_properties(),
        types=(("Health", HEALTH), ("Percent", PERCENT)),
        scope=Scope(instances=(("Deploy", 1),), principals=principals),
    )


ORDER, SHIPMENT, DEPOT = RefType("Order"), RefType("Shipment"), RefType("Depot")


def orders_table() -> TransitionTable:
    """Messages and spawns: an order makes its shipment, tells it to leave, and hears from it; a depot counts."""
    shipment = field("shipment", OptionType(SHIPMENT))
    left = field("left", IntType(0, 3))
    order = entity(
        "Order",
        action(
            "place",
            by=("engineer",),
            takes=params(items=IntType(1, 2)),
            sources=(NEW,),
            updates=sets(items=arg("items", IntType(1, 2))),
            to="placed",
        ),
        action(
            "pack",
            by=("operator",),
            sources=("placed",),
            to="packed",
            deliveries=(
                Spawn("Shipment", "open", (("order", SELF_ORDER),), "shipment", ("no_shipment",)),
                Send(shipment, "Shipment", "leave", (("items", field("items", IntType(1, 2))),), ("stuck",)),
            ),
        ),
        action("arrived", sources=("packed",), to="done"),
        action("no_shipment", takes=params(reason=STR), sources=("packed",), to="failed"),
        action("stuck", takes=params(reason=STR, receiver=SHIPMENT), sources=("packed",), to="failed"),
        fields=(data("items", IntType(1, 2)), data("shipment", OptionType(SHIPMENT))),
        states=("placed", "packed", "done", "failed"),
        final=("done", "failed"),
        waits=("placed", "packed"),
    )
    depot_literal = lit(DEPOT, "Depot")
    ship = entity(
        "Shipment",
        action(
            "open", takes=params(order=ORDER), sources=(NEW,), updates=sets(order=arg("order", ORDER)), to="waiting"
        ),
        action(
            "leave",
            takes=params(items=IntType(1, 2)),
            sources=("waiting",),
            to="leaving",
            deliveries=(Send(depot_literal, "Depot", "take", (("items", arg("items", IntType(1, 2))),), ("short",)),),
        ),
        action("short", takes=params(reason=STR), sources=("leaving",), to="lost"),
        action(
            "delivered",
            by=("operator",),
            sources=("leaving",),
            to="gone",
            deliveries=(Send(field("order", ORDER), "Order", "arrived", (), ("ignore",)),),
        ),
        fields=(data("order", ORDER),),
        states=("waiting", "leaving", "gone", "lost"),
        final=("gone", "lost"),
        waits=("waiting", "leaving"),
    )
    depot = entity(
        "Depot",
        action(
            "take",
            takes=params(items=IntType(1, 2)),
            sources=("open",),
            updates=sets(left=op(Op.SUB, INT, left, arg("items", IntType(1, 2)))),
        ),
        fields=(data("left", IntType(0, 3), 3),),
        states=("open",),
        single=True,
    )
    return table(order, ship, depot, blueprint="orders")


SELF_ORDER = Expression(Op.SELF, ORDER)
