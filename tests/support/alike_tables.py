"""Random tables in which instances and people are alike: they meet, refer to each other, and are spoken of in pairs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from support.random_tables import PLANT, SMALL, Draw, lit, random_tables
from temper.machine import (
    BOOL,
    NEW,
    Action,
    Case,
    Entity,
    EnumType,
    Expression,
    Gate,
    Op,
    OptionType,
    Parameter,
    Property,
    PropertyKind,
    Scope,
    Send,
    SetType,
    TransitionTable,
    Update,
)

PEER = OptionType(PLANT)
NAMED = lit(PLANT, "p2")


@st.composite
def alike_tables(draw: Draw) -> TransitionTable:
    """A small table in which two or three plants meet; now and then one of them is called by its name."""
    table: TransitionTable = draw(random_tables())
    entities = tuple(_meeting(draw, entity) if entity.name == "Plant" else entity for entity in table.entities)
    table = replace(table, entities=entities, scope=_scope(draw, table))
    properties = draw(st.lists(st.sampled_from(_properties(table)), max_size=3, unique_by=lambda each: each.name))
    return replace(table, properties=(*table.properties, *properties))


def _scope(draw: Draw, table: TransitionTable) -> Scope:
    counts = {"Plant": draw(st.sampled_from([2, 2, 3])), "Seed": draw(st.sampled_from([1, 2]))}
    names = {entity.name for entity in table.entities}
    return replace(
        table.scope,
        instances=tuple((name, count) for name, count in counts.items() if name in names),
        principals=(("ann", ("keeper",)), ("bob", ("guest",)), ("cid", ("keeper",))),
        values=(("str", ("a", "b", "c")),),
        in_flight=1,
        late=1,
    )


def _meeting(draw: Draw, plant: Entity) -> Entity:
    given = Expression(Op.ARGUMENT, PLANT, name="peer")
    meet = Action(
        "meet",
        Gate.ROLES,
        ("keeper",),
        (Parameter("peer", PLANT),),
        ("open", "busy"),
        Expression(Op.NOT, BOOL, (Expression(Op.EQ, BOOL, (given, Expression(Op.SELF, PLANT))),)),
        (Update("peer", None, Expression(Op.SOME, PEER, (given,))),),
        (Case(None, (), draw(st.sampled_from([None, "open", "busy"]))),),
    )
    greet = Action("greet", Gate.MACHINE, (), (), ("open", "busy"), None, (), (Case(None, (), "busy"),))
    to = Expression(Op.FIELD, PEER, name="peer")
    refused = draw(st.sampled_from([("ignore",), ("again",), ("greet", "ignore"), ("greet",)]))
    call = Action(
        "call",
        Gate.ROLES,
        ("keeper",),
        (),
        ("open",),
        None,
        (),
        (Case(None, (), "open", (Send(to, "Plant", "greet", (), refused),)),),
    )
    chosen = draw(st.sampled_from([(meet,), (meet, greet, call), (meet, greet, call), ()]))
    return replace(plant, actions=(*plant.actions, *chosen))


def _properties(table: TransitionTable) -> list[Property]:
    plant = table.entity("Plant")
    a, b = (Expression(Op.VARIABLE, PLANT, name=name) for name in "ab")
    states = EnumType("Plant.state", (NEW, *plant.states))

    def read(of: Expression, moment: str = "now") -> Expression:
        return Expression(Op.READ, states, (of,), name="state", moment=moment)

    def stands(of: Expression, state: str, moment: str = "now") -> Expression:
        return Expression(Op.EQ, BOOL, (read(of, moment), lit(states, state)))

    def peer(of: Expression) -> Expression:
        return Expression(Op.READ, PEER, (of,), name="peer")

    def some(of: Expression) -> Expression:
        return Expression(Op.SOME, PEER, (of,))

    def both(*operands: Expression) -> Expression:
        return Expression(Op.AND, BOOL, operands)

    def negated(of: Expression) -> Expression:
        return Expression(Op.NOT, BOOL, (of,))

    mutual = both(Expression(Op.EQ, BOOL, (peer(a), some(b))), Expression(Op.EQ, BOOL, (peer(b), some(a))))
    different = negated(Expression(Op.EQ, BOOL, (a, b)))
    pair, one = (("a", "Plant"), ("b", "Plant")), (("a", "Plant"),)
    every = Expression(Op.INSTANCES, SetType(PLANT), name="Plant")
    busy = Expression(Op.COUNT, SMALL, (every, stands(b, "busy")), name="b")
    two = Expression(Op.LT, BOOL, (busy, lit(SMALL, 2)))
    return [
        Property("never_mutual", PropertyKind.ALWAYS, pair, None, negated(mutual)),
        Property("mutual", PropertyKind.POSSIBLE, pair, None, both(different, mutual)),
        Property("not_both", PropertyKind.ALWAYS, pair, different, negated(both(stands(a, "busy"), stands(b, "busy")))),
        Property("few_busy", PropertyKind.ALWAYS, (), None, two),
        Property("named", PropertyKind.POSSIBLE, (), None, stands(NAMED, "busy")),
        Property("named_never", PropertyKind.ALWAYS, (), None, negated(stands(NAMED, "shut"))),
        Property(
            "stays", PropertyKind.STEP, one, None, negated(both(stands(a, "open", "before"), stands(a, "busy", "now")))
        ),
    ]
