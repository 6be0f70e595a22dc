"""Small tables made by hand: what the verifiers are tried on, without the language above them."""

from __future__ import annotations

from dataclasses import replace

from temper.machine import (
    BOOL,
    NEW,
    NOW,
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
    MapType,
    Op,
    Outcome,
    Parameter,
    Property,
    PropertyKind,
    RefType,
    Request,
    Retry,
    Scope,
    SetType,
    TransitionTable,
    Type,
    Update,
    Value,
    initial,
)


def literal(type_: Type, value: Value) -> Expression:
    return Expression(Op.LITERAL, type_, value=value)


def node(op: Op, type_: Type, *operands: Expression, name: str = "") -> Expression:
    return Expression(op, type_, operands, name=name)


def both(*parts: Expression) -> Expression:
    return node(Op.AND, BOOL, *parts)


def negate(part: Expression) -> Expression:
    return node(Op.NOT, BOOL, part)


def equal(a: Expression, b: Expression) -> Expression:
    return node(Op.EQ, BOOL, a, b)


def at_most(a: Expression, b: Expression) -> Expression:
    return node(Op.LE, BOOL, a, b)


def field(type_: Type, name: str) -> Expression:
    return Expression(Op.FIELD, type_, name=name)


def argument(type_: Type, name: str) -> Expression:
    return Expression(Op.ARGUMENT, type_, name=name)


def plus(type_: Type, a: Expression, b: Expression) -> Expression:
    return node(Op.ADD, type_, a, b)


def read(entity: str, variable: str, type_: Type, name: str, moment: str = NOW) -> Expression:
    """`variable.name` in a property."""
    return replace(
        node(Op.READ, type_, Expression(Op.VARIABLE, RefType(entity), name=variable), name=name), moment=moment
    )


def declared(name: str, type_: Type, start: Value = None) -> Field:
    return Field(name, type_, initial(type_) if start is None else start)


def case(
    to: str | None = None, *updates: Update, when: Expression | None = None, hands: tuple = (), restarts: tuple = ()
):
    return Case(when, updates, to, hands, restarts)


def action(
    name: str,
    sources: str,
    *cases: Case,
    by: str = "",
    params: tuple = (),
    when: Expression | None = None,
    updates: tuple = (),
    gate: Gate | None = None,
) -> Action:
    roles = tuple(by.split())
    gate = gate or (Gate.ROLES if roles else Gate.MACHINE)
    return Action(name, gate, roles, params, tuple(sources.split()), when, updates, cases or (case(),))


def entity(
    name: str,
    states: str,
    *actions: Action,
    final: str = "",
    waits: str = "",
    fields: tuple = (),
    timers: tuple = (),
    single: bool = False,
    world: bool = False,
) -> Entity:
    parts = (tuple(text.split()) for text in (states, final, waits))
    return Entity(name, single or world, world, fields, *parts, actions, timers)


def table(*entities: Entity, properties: tuple = (), effects: tuple = (), scope: Scope | None = None, **rest):
    bound = scope or Scope(principals=(("ann", ("chief",)),))
    return TransitionTable("small", ("chief",), (), (), effects, entities, properties, scope=bound, **rest)


def states_type(name: str, states: str) -> EnumType:
    return EnumType(f"{name}.state", tuple(states.split()))


def in_state(name: str, states: str, variable: str, state: str, moment: str = NOW) -> Expression:
    """`variable.state == state`."""
    type_ = states_type(name, states)
    return equal(read(name, variable, type_, "state", moment), literal(type_, state))


def always(name: str, variables: tuple, body: Expression, whenever: Expression | None = None) -> Property:
    return Property(name, PropertyKind.ALWAYS, variables, whenever, body)


# A counter that its one role may raise; how far is up to the guard.

COUNT = IntType(0, 3)
COUNT_STATES = "open closed"


def counter(*properties: Property, guard_max: int | None = 2, **rest) -> TransitionTable:
    """A single counter from 0 to 3, raised while open and at most `guard_max`, then closed."""
    count = field(COUNT, "count")
    when = None if guard_max is None else at_most(count, literal(COUNT, guard_max))
    raised = Update("count", None, plus(COUNT, count, literal(COUNT, 1)))
    made = entity(
        "Counter",
        COUNT_STATES,
        action("add", "open", case(None, raised), by="chief", when=when),
        action("close", "open", case("closed"), by="chief"),
        final="closed",
        waits="open",
        fields=(declared("count", COUNT),),
        single=True,
    )
    return table(made, properties=properties, **rest)


def count_at_most(limit: int, name: str = "bounded") -> Property:
    body = at_most(read("Counter", "c", COUNT, "count"), literal(COUNT, limit))
    return always(name, (("c", "Counter"),), body)


def counted(number: int) -> Expression:
    return equal(read("Counter", "c", COUNT, "count"), literal(COUNT, number))


# A job that asks an effect and waits for its outcome.

JOB_STATES = "idle asking done"


def job(
    *,
    then: tuple = (("worked", ("finish",)), ("unknown", ("again",))),
    timers: tuple = (),
    properties: tuple = (),
    **rest,
):
    """`start` asks; `worked` finishes; an unknown outcome asks again."""
    ask = Request("work", (), replaces=False, then=then)
    effect = Effect(
        "work",
        (),
        (Outcome("worked", ()),),
        DeliveryKind.IDEMPOTENT,
        fenced=False,
        performs=None,
        timeout=1000,
        retry=Retry(),
    )
    made = entity(
        "Job",
        JOB_STATES,
        action("open", NEW, case("idle"), by="chief"),
        action("start", "idle", case("asking", hands=(ask,)), by="chief"),
        action("finish", "asking", case("done")),
        final="done",
        waits="idle",
        timers=timers,
    )
    bound = Scope(instances=(("Job", 1),), principals=(("ann", ("chief",)),))
    return table(made, properties=properties, effects=(effect,), scope=bound, **rest)


# Two-phase commit in one single entity (Gray and Lamport), without message loss.

RM_STATES = EnumType("Rm", ("working", "prepared", "committed", "aborted"))
TM_STATES = "init committed aborted"


def two_phase(participants: int, *properties: Property) -> TransitionTable:
    node_type = IntType(1, participants)
    rms = MapType(node_type, RM_STATES)
    nodes = SetType(node_type)
    r = argument(node_type, "r")
    rm = node(Op.GET, RM_STATES, field(rms, "rm"), r)
    everyone = node(Op.VALUES, nodes)
    prepared, sent = field(nodes, "prepared"), field(nodes, "sent")

    def is_rm(state: str) -> Expression:
        return equal(rm, literal(RM_STATES, state))

    def becomes(state: str) -> Update:
        return Update("rm", r, literal(RM_STATES, state))

    def joined(name: str, of: Expression) -> Update:
        return Update(name, None, node(Op.UNION, nodes, of, node(Op.SET, nodes, r)))

    one = (Parameter("r", node_type),)
    made = entity(
        "Commit",
        TM_STATES,
        action(
            "hear",
            "init",
            case(None, joined("prepared", prepared)),
            by="chief",
            params=one,
            when=node(Op.IN, BOOL, r, sent),
        ),
        action("commit", "init", case("committed"), by="chief", when=equal(prepared, everyone)),
        action("abort", "init", case("aborted"), by="chief"),
        action(
            "prepare",
            TM_STATES,
            case(None, becomes("prepared"), joined("sent", sent)),
            by="chief",
            params=one,
            when=is_rm("working"),
        ),
        action("give_up", TM_STATES, case(None, becomes("aborted")), by="chief", params=one, when=is_rm("working")),
        action("obey_commit", "committed", case(None, becomes("committed")), by="chief", params=one),
        action("obey_abort", "aborted", case(None, becomes("aborted")), by="chief", params=one),
        waits=TM_STATES,
        fields=(declared("rm", rms), declared("prepared", nodes), declared("sent", nodes)),
        single=True,
    )
    return table(made, properties=properties)


def consistent(participants: int) -> Property:
    """No participant has committed while another has aborted."""
    node_type = IntType(1, participants)
    rms = MapType(node_type, RM_STATES)
    nodes = SetType(node_type)
    everyone = node(Op.VALUES, nodes)

    def some(state: str) -> Expression:
        of = node(Op.GET, RM_STATES, read("Commit", "c", rms, "rm"), Expression(Op.VARIABLE, node_type, name="r"))
        return node(Op.ANY, BOOL, everyone, literal(BOOL, True), equal(of, literal(RM_STATES, state)), name="r")

    body = negate(both(some("committed"), some("aborted")))
    return always("consistent", (("c", "Commit"),), body)
