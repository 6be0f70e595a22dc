"""Replacing a part by its worst constant: which parts, and by what."""

from __future__ import annotations

from temper.machine import BOOL, PRINCIPAL, Expression, Op, OptionType, Property, PropertyKind
from temper.verify.explicit.vacuity import variants


def flag(name: str) -> Expression:
    return Expression(Op.VARIABLE, BOOL, name=name)


def node(op: Op, *operands: Expression) -> Expression:
    return Expression(op, BOOL, operands)


TRUE, FALSE = (Expression(Op.LITERAL, BOOL, value=value) for value in (True, False))


def bodies(body: Expression) -> list[Expression]:
    return [v.property.body for v in variants(Property("p", PropertyKind.ALWAYS, (), None, body))]


def test_each_conjunct_and_the_whole_become_false() -> None:
    a, b = flag("a"), flag("b")
    assert bodies(node(Op.AND, a, b)) == [FALSE, node(Op.AND, FALSE, b), node(Op.AND, a, FALSE)]


def test_under_not_the_worst_constant_is_true() -> None:
    a = flag("a")
    assert bodies(node(Op.NOT, a)) == [FALSE, node(Op.NOT, TRUE)]


def test_the_premise_loses_by_being_true() -> None:
    a, b = flag("a"), flag("b")
    found = variants(Property("p", PropertyKind.ALWAYS, (), node(Op.OR, a, b), flag("q")))
    assert [v.property.whenever for v in found][1:] == [TRUE, node(Op.OR, TRUE, b), node(Op.OR, a, TRUE)]
    assert [v.part for v in found][1:] == [node(Op.OR, a, b), a, b]


def test_the_condition_of_all_is_negative_and_that_of_any_positive() -> None:
    domain, condition, body = Expression(Op.VALUES, BOOL), flag("c"), flag("b")
    assert node(Op.ALL, domain, TRUE, body) in bodies(node(Op.ALL, domain, condition, body))
    assert node(Op.ANY, domain, FALSE, body) in bodies(node(Op.ANY, domain, condition, body))


def test_a_literal_is_not_replaced() -> None:
    assert bodies(TRUE) == []


def test_possible_and_liveness_have_no_variants() -> None:
    for kind in (PropertyKind.POSSIBLE, PropertyKind.EVENTUALLY):
        assert variants(Property("p", kind, (), None, flag("a"))) == ()


def test_a_comparison_with_none_stays_since_the_types_ask_for_it() -> None:
    none = Expression(Op.LITERAL, OptionType(PRINCIPAL), value=None)
    given = node(Op.NOT, node(Op.EQ, Expression(Op.VARIABLE, OptionType(PRINCIPAL), name="x"), none))
    assert bodies(node(Op.AND, given, flag("a"))) == [FALSE, node(Op.AND, given, FALSE)]
