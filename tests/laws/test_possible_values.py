"""Law: where little is known of what an expression reads, its value is among those that it is said to have."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.expressions import ARGS, EXAMPLE, FIELDS, IDS, NODE, RESULTS, environments, expressions, values
from support.interpreter import meaning as interpreted
from temper.machine import (
    BOOL,
    NEW,
    Environment,
    Expression,
    Op,
    OptionType,
    RefType,
    SetType,
    Type,
    Value,
    parts,
    text,
)
from temper.verify.symbolic import possible as possibilities
from temper.verify.symbolic.possible import ANY, ELSEWHERE, Guess, Values, possible

LAW = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
TOLD_APART = IDS[0]


def hidden(type_: Type, value: Value) -> Value:
    """The value as a guess has it: of instances only one is told apart."""
    match type_:
        case RefType() | OptionType(RefType()) if value is not None:
            return value if value == TOLD_APART else ELSEWHERE
        case _:
            return value


def is_open(type_: Type, value: Value) -> bool:
    """Whether a guess can hold the value at all: of sets of instances it holds the empty one alone."""
    return not (isinstance(type_, SetType) and isinstance(type_.of, RefType) and value)


class Hiding:
    """Draws how much is known of each value."""

    def __init__(self, drawing: st.DataObject, environment: Environment) -> None:
        self.drawing, self.environment = drawing, environment

    def guessed(self, type_: Type, value: Value) -> Values:
        kind = self.drawing.draw(st.sampled_from(["known", "known", "one of", "unknown"]))
        if kind == "unknown" or not is_open(type_, value):
            return ANY
        others = self.drawing.draw(st.lists(values(type_), max_size=2)) if kind == "one of" else []
        return frozenset(hidden(type_, each) for each in (value, *others) if is_open(type_, each))

    def guess(self) -> Guess:
        seen = self.environment
        return Guess(
            fields={name: self.guessed(FIELDS[name], value) for name, value in seen.fields.items()},
            args={name: self.guessed(ARGS[name], value) for name, value in seen.args.items()},
            state=frozenset({seen.state}),
            self=frozenset({hidden(NODE, seen.self)}),
            glance=self,
            variables={name: frozenset({hidden(NODE, ident)}) for name, ident in seen.variables.items()},
        )

    def read(self, entity: str, ident: Value, name: str) -> Values:
        if ident == ELSEWHERE:
            return ANY
        cell = next((cell for cell in self.environment.view.values() if cell.id == ident), None)
        if name == "state":
            return frozenset({NEW if cell is None else cell.control})
        field = next(field for field in EXAMPLE.entity("Node").fields if field.name == name)
        data = dict(zip(FIELDS, cell.data, strict=True)) if cell else {}
        return self.guessed(field.type, data.get(name, field.initial))

    def known(self, type_: RefType, ident: str) -> Value:
        return hidden(type_, ident)


def test_the_value_is_among_those_that_are_possible() -> None:
    counted = looked_at(300)
    assert min(counted.values()) > 20, counted


def test_two_instances_that_are_not_told_apart_may_be_the_same_or_not() -> None:
    peer, state = Expression(Op.FIELD, OptionType(NODE), name="peer"), Expression(Op.SELF, NODE)
    same = Expression(Op.EQ, BOOL, (peer, Expression(Op.SOME, OptionType(NODE), (state,))))
    elsewhere, here = frozenset({ELSEWHERE}), frozenset({TOLD_APART})
    assert possible(same, Guess({"peer": elsewhere}, self=elsewhere)) == {True, False}
    assert possible(same, Guess({"peer": elsewhere}, self=here)) == {False}
    assert possible(same, Guess({"peer": here}, self=here)) == {True}


WRONG = {
    "what is in one of two sets is in the first": ("either", lambda first, *_: first),
    "the unknown is true": ("EITHER", frozenset({True})),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_guess_is_noticed(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(possibilities, *WRONG[wrong])
    with pytest.raises(AssertionError):
        looked_at(300)


def looked_at(examples: int) -> Counter[str]:
    """How much was known of so many expressions, each of which had a value that was possible."""
    counted: Counter[str] = Counter()

    @settings(LAW, max_examples=examples)
    @given(st.data())
    def law(drawing: st.DataObject) -> None:
        expression: Expression = drawing.draw(
            expressions(drawing.draw(st.sampled_from(RESULTS)), depth=3, properties=drawing.draw(st.booleans()))
        )
        if any(part.op is Op.READ and part.moment == "before" for part in parts(expression)):
            return
        environment = drawing.draw(environments())
        found = possible(expression, Hiding(drawing, environment).guess())
        value: Any = hidden(expression.type, interpreted(expression, environment, EXAMPLE))
        assert found is None or value in found, (text(expression), environment, found, value)
        counted["unknown" if found is None else "known" if len(found) == 1 else "one of some"] += 1

    law()
    return counted
