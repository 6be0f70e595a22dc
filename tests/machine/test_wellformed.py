"""Every predicate of well-formedness accepts the examples and catches a table that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.expressions import EXAMPLE
from support.tables import (
    CALLER,
    action,
    arg,
    data,
    deploy_table,
    entity,
    eq,
    field,
    lit,
    number,
    op,
    orders_table,
    params,
    sets,
    some,
    table,
    variable,
)
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    NEW,
    PRINCIPAL,
    Applied,
    Call,
    Cause,
    Cell,
    Gate,
    IntType,
    MapType,
    Op,
    OptionType,
    Property,
    PropertyKind,
    Request,
    Send,
    Spawn,
    Timer,
    TransitionTable,
    Update,
    assert_wellformed,
    step,
)
from temper.machine.wellformed import DEPTH_MAX, problems


@pytest.mark.parametrize("made", [deploy_table(), orders_table(), EXAMPLE], ids=lambda made: made.blueprint)
def test_the_examples_are_well_formed(made: TransitionTable) -> None:
    assert assert_wellformed(made) is made


def one(*actions: object, **more: object) -> TransitionTable:
    more.setdefault("states", ("s", "t"))
    return table(entity("E", *actions, **more))


def deep(depth: int) -> object:
    expression = lit(BOOL, True)
    for _ in range(depth):
        expression = op(Op.NOT, BOOL, expression)
    return expression


GO = action("go", sources=("s",))
READS_CALLER = action("who", by=("engineer",), sources=("s",), updates=sets(by=some(CALLER)))
BY = data("by", OptionType(PRINCIPAL))
DEPLOY = deploy_table()


def asking(**changes: object) -> TransitionTable:
    """The deployment with its request of `watch` changed."""
    deploy, router = DEPLOY.entities
    watch = deploy.action("watch")
    (case,) = watch.cases
    (request,) = case.deliveries
    assert isinstance(request, Request)
    mended = replace(watch, cases=(replace(case, deliveries=(replace(request, **changes),)),))
    actions = tuple(mended if one_.name == "watch" else one_ for one_ in deploy.actions)
    return replace(DEPLOY, entities=(replace(deploy, actions=actions), router))


BROKEN = {
    "there are 2 of the action of E go": one(GO, GO),
    "there are 2 of the role a": table(roles=("a", "a")),
    "E has no state u": one(GO, final=("u",)),
    "E.go leads to u": one(action("go", sources=("s",), to="u")),
    "E.go starts in u": one(action("go", sources=("u",))),
    "starts in the final state t": one(action("go", sources=("t",)), final=("t",)),
    "E.go has no case": one(replace(GO, cases=())),
    "go restarts no timer x": one(action("go", sources=("s",), restarts=("x",))),
    "starts in `new` and elsewhere": one(action("go", sources=(NEW, "s"), to="s")),
    "leaves the instance in `new`": one(action("go", sources=(NEW,))),
    "E is single and has the constructor": one(action("go", sources=(NEW,), to="s"), single=True),
    "names roles exactly": one(replace(GO, gate=Gate.ROLES)),
    "there is no role king": one(action("go", by=("king",), sources=("s",))),
    "is the environment's": one(action("go", gate=Gate.ENVIRONMENT, sources=("s",))),
    "sets n, which is no field": one(action("go", sources=("s",), updates=sets(n=number(1)))),
    "by key, but it is no map": one(
        action("go", sources=("s",), updates=(Update("n", number(1), number(1)),)), fields=(data("n", INT),)
    ),
    "as a whole and by key": one(
        action(
            "go",
            sources=("s",),
            updates=(
                Update("m", None, field("m", MapType(BOOL, INT))),
                Update("m", lit(BOOL, True), number(1)),
            ),
        ),
        fields=(data("m", MapType(BOOL, INT)),),
    ),
    "starts with 9": one(GO, fields=(data("n", IntType(0, 5), 9),)),
    "hands something on to what does not exist": asking(effect="nope"),
    "passes ['percent'] where": asking(args=(("percent", lit(IntType(0, 100), 1)),)),
    "what follows each outcome of probe": asking(then=(("healthy", ("revert",)), ("unknown", ("revert",)))),
    "leads to vanish": asking(then=(("healthy", ("vanish",)), ("sick", ("revert",)), ("unknown", ("revert",)))),
    "calls go without x": one(
        action("go", sources=("s",), takes=params(x=INT)), timers=(Timer("tick", ("s",), lit(DURATION, 1), ("go",)),)
    ),
    "calls who, which reads `caller`": one(
        READS_CALLER, fields=(BY,), timers=(Timer("tick", ("s",), lit(DURATION, 1), ("who",)),)
    ),
    "reads `caller`, but the machine calls it": one(replace(READS_CALLER, gate=Gate.MACHINE, roles=()), fields=(BY,)),
    "puts its spawn into nowhere": one(
        action("go", sources=("s",), deliveries=(Spawn("E", "open", (), "nowhere", ("ignore",)),)),
        action("open", sources=(NEW,), to="s"),
    ),
    "which is no constructor": one(action("go", sources=("s",), deliveries=(Spawn("E", "go", (), "", ("ignore",)),))),
    "reads n, which is no field": one(action("go", sources=("s",), when=eq(field("n", INT), number(1)))),
    "reads args.n": one(action("go", sources=("s",), when=eq(arg("n", INT), number(1)))),
    "reads another instance": one(
        action("go", sources=("s",), when=op(Op.READ, BOOL, variable("e", "E"), name="state"))
    ),
    "nests deeper": one(action("go", sources=("s",), when=deep(DEPTH_MAX + 1))),
    "ranges over Nobody": replace(
        one(GO), properties=(Property("p", PropertyKind.ALWAYS, (("x", "Nobody"),), None, lit(BOOL, True)),)
    ),
    "is of the world and hands": table(
        entity(
            "E",
            action("go", sources=("s",), deliveries=(Send(field("e", INT), "E", "go", (), ("ignore",)),)),
            fields=(data("e", INT),),
            states=("s",),
            world=True,
        )
    ),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_table_is_told(words: str) -> None:
    found = problems(BROKEN[words])
    assert any(words in problem for problem in found), found
    with pytest.raises(AssertionError, match="not well formed"):
        assert_wellformed(BROKEN[words])


def test_the_deepest_expression_allowed_still_compiles() -> None:
    made = one(action("go", sources=("s",), when=deep(DEPTH_MAX - 2)))
    assert problems(made) == ()
    assert isinstance(step(made, Cell("E", "e", "s", ()), Call(Cause.MACHINE, "go", {}, 0)), Applied)
