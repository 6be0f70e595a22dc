"""What policies decide, as solver terms: whether an expression fails, and what it gives where it does not.

The same meaning as `machine.policy_decision`, held together with it and with Cedar by a law. Where the solver does not
take something on, the smallest condition around it may hold or not, and may fail or not: free, but the same wherever
it stands in one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import z3

from temper.machine import (
    INT_MAX,
    INT_MIN,
    Policy,
    PolicyAlgebra,
    PolicyExpression,
    PolicyOp,
    Uid,
    every_policy_op,
    expression_text,
    fold_policy,
    is_like,
)
from temper.verify.symbolic.policy_sight import Asked, PolicySight
from temper.verify.symbolic.policy_values import (
    FALSE,
    TRUE,
    Attributes,
    Choice,
    Endless,
    Listed,
    Named,
    Number,
    PolicyTerm,
    Text,
    Truth,
    alike,
    any_of,
    apart,
    both,
    chosen,
    is_empty,
    member,
    negated,
    same,
    within,
)
from temper.verify.symbolic.shapes import Texts, Unencodable

TEXTS_MAX = 100
"""So many written texts are told apart in what a text is like."""
ROLE, PRINCIPAL = "Role", "Principal"


def asked(policy: Policy, sight: PolicySight) -> Asked:
    """Whether the policy fits the call, or fails on it."""
    whole = policy.whole
    return _condition(whole, fold_policy(whole, TERMS))(sight)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an expression gives, unless it fails; None if it surely does."""

    fails: z3.BoolRef
    value: PolicyTerm | None


Meaning: TypeAlias = Callable[[PolicySight], Outcome]
FAILED = Outcome(TRUE, None)


def _condition(node: PolicyExpression, of: Meaning) -> Callable[[PolicySight], Asked]:
    """The expression where a bool is wanted: here what cannot be translated becomes free."""

    def condition(sight: PolicySight) -> Asked:
        try:
            outcome = of(sight)
        except Unencodable:
            return sight.untranslated(node)
        if not isinstance(outcome.value, Truth):
            return Asked(TRUE, FALSE)
        return Asked(outcome.fails, outcome.value.term)

    return condition


def _operands(node: PolicyExpression, operands: tuple[Meaning, ...]) -> list[Callable[[PolicySight], Asked]]:
    return [_condition(operand, of) for operand, of in zip(node.operands, operands, strict=False)]


def _not(node: PolicyExpression, of: Meaning) -> Meaning:
    (condition,) = _operands(node, (of,))

    def negation(sight: PolicySight) -> Outcome:
        found = condition(sight)
        return Outcome(found.fails, Truth(negated(found.holds)))

    return negation


def _and(node: PolicyExpression, *operands: Meaning) -> Meaning:
    left, right = _operands(node, operands)

    def conjunction(sight: PolicySight) -> Outcome:
        first = left(sight)
        if z3.is_false(first.holds):
            return Outcome(first.fails, Truth(FALSE))
        second = right(sight)
        fails = any_of([first.fails, both(first.holds, second.fails)])
        return Outcome(fails, Truth(both(first.holds, second.holds)))

    return conjunction


def _or(node: PolicyExpression, *operands: Meaning) -> Meaning:
    left, right = _operands(node, operands)

    def disjunction(sight: PolicySight) -> Outcome:
        first = left(sight)
        if z3.is_true(first.holds):
            return Outcome(first.fails, Truth(TRUE))
        second = right(sight)
        fails = any_of([first.fails, both(negated(first.holds), second.fails)])
        return Outcome(fails, Truth(any_of([first.holds, second.holds])))

    return disjunction


def _if(node: PolicyExpression, condition: Meaning, then: Meaning, otherwise: Meaning) -> Meaning:
    asks = _condition(node.operands[0], condition)

    def choice(sight: PolicySight) -> Outcome:
        found = asks(sight)
        if z3.is_true(found.fails):
            return FAILED
        if z3.is_true(found.holds) or z3.is_false(found.holds):
            branch = (then if z3.is_true(found.holds) else otherwise)(sight)
            return Outcome(any_of([found.fails, branch.fails]), branch.value)
        mine, other = then(sight), otherwise(sight)
        fails = any_of([found.fails, both(found.holds, mine.fails), both(negated(found.holds), other.fails)])
        if mine.value is None or other.value is None:
            return Outcome(fails, other.value if mine.value is None else mine.value)
        return Outcome(fails, chosen(found.holds, mine.value, other.value, sight.texts))

    return choice


def _literal(node: PolicyExpression) -> Meaning:
    match node.value:
        case bool():
            return lambda _: Outcome(FALSE, Truth(z3.BoolVal(node.value)))
        case int():
            return lambda _: Outcome(FALSE, Number(z3.IntVal(node.value)))
        case _:
            return lambda sight: Outcome(FALSE, Text(z3.IntVal(sight.texts.code(node.value))))


def _named(uid: Uid, sight: PolicySight) -> Named:
    return Named(uid.type, z3.IntVal(sight.texts.code(uid.id)), uid.id)


def _variable(node: PolicyExpression) -> Meaning:
    def variable(sight: PolicySight) -> Outcome:
        match node.name:
            case "principal":
                return Outcome(FALSE, Named(PRINCIPAL, sight.caller))
            case "action":
                return Outcome(FALSE, _named(sight.action, sight))
            case "resource":
                return Outcome(FALSE, sight.resource)
            case _:
                return Outcome(FALSE, Attributes(sight.context))

    return variable


def _entry(node: PolicyExpression, of: Outcome, sight: PolicySight) -> tuple[z3.BoolRef, PolicyTerm | None] | None:
    """Whether what stands left has the attribute, and its value; None if it is nothing that has attributes."""
    match of.value:
        case Attributes(entries):
            there, here = entries.get(node.name), TRUE
        case Named(type_, term) if type_ == sight.resource.type:
            there, here = sight.attributes.get(node.name), alike(term, sight.resource.term)
        case Named():
            return FALSE, None
        case _:
            return None
    if isinstance(there, Unencodable):
        raise there
    return (FALSE, None) if there is None else (both(here, there[0]), there[1])


def _attribute(node: PolicyExpression, of: Meaning) -> Meaning:
    def read(sight: PolicySight) -> Outcome:
        whole = of(sight)
        found = _entry(node, whole, sight)
        if found is None or found[1] is None:
            return FAILED
        return Outcome(any_of([whole.fails, negated(found[0])]), found[1])

    return read


def _has(node: PolicyExpression, of: Meaning) -> Meaning:
    def has(sight: PolicySight) -> Outcome:
        whole = of(sight)
        found = _entry(node, whole, sight)
        return FAILED if found is None else Outcome(whole.fails, Truth(found[0]))

    return has


def _is(node: PolicyExpression, of: Meaning) -> Meaning:
    def is_a(sight: PolicySight) -> Outcome:
        found = of(sight)
        if not isinstance(found.value, Named):
            return FAILED
        return Outcome(found.fails, Truth(z3.BoolVal(found.value.type == node.name)))

    return is_a


def _is_in(entity: Named, of: Named, sight: PolicySight) -> z3.BoolRef:
    """Roles are the only parents there are, and only of who calls."""
    itself = same(entity, of, sight.texts)
    if (entity.type, of.type) != (PRINCIPAL, ROLE):
        return itself
    if of.name is None:
        raise Unencodable("one of several roles")
    return both(alike(entity.term, sight.caller), sight.role(of.name))


def _in(_: PolicyExpression, member_: Meaning, of: Meaning) -> Meaning:
    def is_in(sight: PolicySight) -> Outcome:
        left, right = member_(sight), of(sight)
        fails = any_of([left.fails, right.fails])
        if not isinstance(left.value, Named):
            return FAILED
        match right.value:
            case Named():
                return Outcome(fails, Truth(_is_in(left.value, right.value, sight)))
            case Listed(members):
                wrong = any_of(there for there, each in members if not isinstance(each, Named))
                groups = [(there, each) for there, each in members if isinstance(each, Named)]
                inside = any_of(both(there, _is_in(left.value, each, sight)) for there, each in groups)
                return Outcome(any_of([fails, wrong]), Truth(inside))
            case Endless():
                return Outcome(any_of([fails, negated(is_empty(right.value))]), Truth(FALSE))
            case _:
                return FAILED

    return is_in


def _like(node: PolicyExpression, of: Meaning) -> Meaning:
    def like(sight: PolicySight) -> Outcome:
        found = of(sight)
        match found.value:
            case Choice(members, term):
                fitting = [place for name, place in members if is_like(node.value, name)]
                return Outcome(found.fails, Truth(any_of(alike(term, z3.IntVal(place)) for place in fitting)))
            case Text(term):
                return Outcome(found.fails, Truth(_text_like(node, term, sight)))
            case _:
                return FAILED

    return like


def _text_like(node: PolicyExpression, term: z3.ExprRef, sight: PolicySight) -> z3.BoolRef:
    """Of a text that is written somewhere it is known what it is like; of any other it is free."""
    sample = sight.texts.code("".join(part for part in node.value if part is not None))
    if None not in node.value:
        return alike(term, z3.IntVal(sample))
    if set(node.value) == {None}:
        return TRUE
    known = tuple(sight.texts.codes.items())[:TEXTS_MAX]
    fitting = any_of(alike(term, z3.IntVal(code)) for text, code in known if is_like(node.value, text))
    if z3.is_true(fitting):
        return fitting
    others = [alike(term, z3.IntVal(code)) for text, code in known if not is_like(node.value, text)]
    if any(z3.is_true(other) for other in others):
        return fitting
    return any_of([fitting, both(negated(any_of(others)), sight.untranslated(node).holds)])


def _eq(_: PolicyExpression, left: Meaning, right: Meaning) -> Meaning:
    def equality(sight: PolicySight) -> Outcome:
        mine, other = left(sight), right(sight)
        if mine.value is None or other.value is None:
            return FAILED
        return Outcome(any_of([mine.fails, other.fails]), Truth(same(mine.value, other.value, sight.texts)))

    return equality


def _numbers(of: Callable[..., z3.ExprRef], *, is_condition: bool = False) -> Callable[..., Meaning]:
    """An operator on numbers. What it gives has 64 bits, or it fails."""

    def node_meaning(_: PolicyExpression, *operands: Meaning) -> Meaning:
        def computed(sight: PolicySight) -> Outcome:
            found = [operand(sight) for operand in operands]
            if not all(isinstance(each.value, Number) for each in found):
                return FAILED
            fails = any_of(each.fails for each in found)
            value = of(*(each.value.term for each in found if isinstance(each.value, Number)))
            if is_condition:
                return Outcome(fails, Truth(value))
            fits = z3.simplify(z3.And(value >= INT_MIN, value <= INT_MAX))
            return Outcome(any_of([fails, negated(fits)]), Number(value))

        return computed

    return node_meaning


def _set(_: PolicyExpression, *members: Meaning) -> Meaning:
    def display(sight: PolicySight) -> Outcome:
        found = [each(sight) for each in members]
        values = [each.value for each in found if each.value is not None]
        if len(values) < len(found):
            return FAILED
        return Outcome(any_of(each.fails for each in found), Listed(tuple((TRUE, value) for value in values)))

    return display


def _record(node: PolicyExpression, *values: Meaning) -> Meaning:
    def display(sight: PolicySight) -> Outcome:
        found = dict(zip(node.value, (value(sight) for value in values), strict=True))
        entries = {name: (TRUE, each.value) for name, each in found.items() if each.value is not None}
        if len(entries) < len(found):
            return FAILED
        return Outcome(any_of(each.fails for each in found.values()), Attributes(entries))

    return display


SetTerm: TypeAlias = Listed | Endless


def _contains(_: PolicyExpression, of: Meaning, member_: Meaning) -> Meaning:
    def contains(sight: PolicySight) -> Outcome:
        whole, part = of(sight), member_(sight)
        if not isinstance(whole.value, SetTerm) or part.value is None:
            return FAILED
        return Outcome(any_of([whole.fails, part.fails]), Truth(member(whole.value, part.value, sight.texts)))

    return contains


def _sets(of: Callable[[SetTerm, SetTerm, Texts], z3.BoolRef]) -> Callable[..., Meaning]:
    def node_meaning(_: PolicyExpression, left: Meaning, right: Meaning) -> Meaning:
        def compared(sight: PolicySight) -> Outcome:
            mine, other = left(sight), right(sight)
            if not isinstance(mine.value, SetTerm) or not isinstance(other.value, SetTerm):
                return FAILED
            return Outcome(any_of([mine.fails, other.fails]), Truth(of(mine.value, other.value, sight.texts)))

        return compared

    return node_meaning


def _is_empty(_: PolicyExpression, of: Meaning) -> Meaning:
    def empty(sight: PolicySight) -> Outcome:
        found = of(sight)
        return Outcome(found.fails, Truth(is_empty(found.value))) if isinstance(found.value, SetTerm) else FAILED

    return empty


def _unsupported(node: PolicyExpression, *_: Meaning) -> Meaning:
    def refuse(_: PolicySight) -> Outcome:
        raise Unencodable(f"`{expression_text(node)}`")

    return refuse


TERMS: PolicyAlgebra[Meaning] = every_policy_op(
    {
        PolicyOp.LITERAL: _literal,
        PolicyOp.ENTITY: lambda node: lambda sight: Outcome(FALSE, _named(node.value, sight)),
        PolicyOp.VARIABLE: _variable,
        PolicyOp.ATTRIBUTE: _attribute,
        PolicyOp.HAS: _has,
        PolicyOp.LIKE: _like,
        PolicyOp.IS: _is,
        PolicyOp.IN: _in,
        PolicyOp.NOT: _not,
        PolicyOp.AND: _and,
        PolicyOp.OR: _or,
        PolicyOp.IF: _if,
        PolicyOp.EQ: _eq,
        PolicyOp.LT: _numbers(lambda a, b: a < b, is_condition=True),
        PolicyOp.LE: _numbers(lambda a, b: a <= b, is_condition=True),
        PolicyOp.ADD: _numbers(lambda a, b: a + b),
        PolicyOp.SUB: _numbers(lambda a, b: a - b),
        PolicyOp.MUL: _numbers(lambda a, b: a * b),
        PolicyOp.NEG: _numbers(lambda a: -a),
        PolicyOp.SET: _set,
        PolicyOp.RECORD: _record,
        PolicyOp.CONTAINS: _contains,
        PolicyOp.CONTAINS_ALL: _sets(lambda of, members, texts: within(members, of, texts)),
        PolicyOp.CONTAINS_ANY: _sets(lambda of, members, texts: negated(apart(of, members, texts))),
        PolicyOp.IS_EMPTY: _is_empty,
        PolicyOp.UNSUPPORTED: _unsupported,
    }
)
"""The meaning of every operator, as `policy_decision` has it."""
