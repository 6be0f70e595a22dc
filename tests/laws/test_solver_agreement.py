"""Law: what the solver takes an expression for is its value, as the interpreter spells it out."""

from __future__ import annotations

from collections import Counter

import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.expressions import ARGS, EXAMPLE, FIELDS, NODE, NODE_STATE, RESULTS, environments, expressions
from support.interpreter import meaning as interpreted
from temper.machine import NEW, PRINCIPAL, SetType, View, initial, text
from temper.machine import Environment as Seen
from temper.verify.symbolic.algebra import Sight, meaning
from temper.verify.symbolic.shapes import NOTHING, Term, Texts, Unencodable, either, equal, literal, with_member

RESULT = st.sampled_from(RESULTS)


class Concrete:
    """A view of which everything is known."""

    def __init__(self, view: View, texts: Texts) -> None:
        self.view, self.texts = view, texts

    def read(self, entity: str, ident: z3.ExprRef, name: str) -> Term:
        assert entity == "Node"
        found = self._literal(name, None)
        for address, cell in self.view.items():
            value = cell.control if name == "state" else dict(zip(FIELDS, cell.data, strict=True))[name]
            found = either(ident == self.texts.code(address.id), self._literal(name, value), found)
        return found

    def _literal(self, name: str, value: object) -> Term:
        if name == "state":
            return (z3.IntVal(NOTHING),) if value in (None, NEW) else literal(NODE_STATE, value, self.texts)
        start = 0 if name == "wait" else initial(FIELDS[name])
        return literal(FIELDS[name], start if value is None else value, self.texts)

    def existing(self, entity: str) -> Term:
        assert entity == "Node"
        members = literal(SetType(NODE), frozenset(), self.texts)
        for address in self.view:
            there = z3.BoolVal(True)
            members = with_member(SetType(NODE), members, literal(NODE, address.id, self.texts), there=there)
        return members


def seen(environment: Seen, texts: Texts) -> Sight:
    return Sight(
        texts,
        fields={name: literal(FIELDS[name], value, texts) for name, value in environment.fields.items()},
        args={name: literal(ARGS[name], value, texts) for name, value in environment.args.items()},
        state=literal(NODE_STATE, environment.state, texts),
        self=literal(NODE, environment.self, texts),
        caller=literal(PRINCIPAL, environment.caller, texts),
        now=(z3.IntVal(environment.now),),
        view=Concrete(environment.view, texts),
        before=Concrete(environment.before, texts),
        variables={name: literal(NODE, ident, texts) for name, ident in environment.variables.items()},
    )


def test_the_solver_agrees_with_the_interpreter() -> None:
    """What the solver does not take on is counted, and is not much."""
    counted: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def law(drawing: st.DataObject) -> None:
        type_ = drawing.draw(RESULT)
        expression = drawing.draw(expressions(type_, depth=3, properties=drawing.draw(st.booleans())))
        environment = drawing.draw(environments())
        texts = Texts()
        try:
            found = meaning(expression, seen(environment, texts))
            expected = literal(expression.type, interpreted(expression, environment, EXAMPLE), texts)
        except Unencodable as refused:
            counted[refused.because.split()[0]] += 1
            return
        solver = z3.Solver()
        solver.set("timeout", 5_000)
        solver.add(z3.Not(equal(expression.type, found, expected)))
        answer = solver.check()
        assert answer != z3.sat, (text(expression), environment, z3.simplify(found[0]), expected)
        counted[str(answer)] += 1

    law()
    assert counted["unsat"] >= 0.7 * counted.total(), counted
