"""What the solver can say of a table's properties: proved by induction, or nothing."""

from __future__ import annotations

import z3

from temper.machine import Finding, Property, PropertyKind, Proved, TransitionTable, Universe, Unknown, Verdict
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch
from temper.verify.symbolic.induction import Induction, Inductive
from temper.verify.symbolic.lemmas import is_lemma, lemmas, said

SAMPLE = Budget(300, 5.0)
"""How far the search goes to rule out lemmas that do not hold."""
NOT_SHOWN = "induction: it is not kept by every step that may be taken from where it holds"


def prove(table: TransitionTable, *, universe: Universe, seconds_max: float) -> tuple[Finding, ...]:
    """A finding for each `always` property: proved, or unknown because induction does not show it.

    What is proved holds for any number of instances, any principals, roles and values (semantics.md section 6).
    A solver that fails, or takes too long, leaves everything unknown.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> prove(empty, universe=universe(empty), seconds_max=1)
    ()
    """
    asked = [property_ for property_ in table.properties if property_.kind is PropertyKind.ALWAYS]
    if not asked:
        return ()
    sample = PlainSearch(table, universe)
    sample.go(SAMPLE)
    try:
        found = Induction(table, seconds_max).decide(asked, lemmas(table, sample.exploration.states))
    except z3.Z3Exception as failed:
        return tuple(Finding(each.name, Unknown(f"solver: {failed}")) for each in asked)
    return tuple(Finding(each.name, _verdict(each, found)) for each in asked)


def _verdict(property_: Property, found: Inductive) -> Verdict:
    if property_ not in found.proved:
        return Unknown(NOT_SHOWN)
    others = found.leans_on[property_.name]
    named = [f"`{other.name}`" for other in others if not is_lemma(other)]
    lemma = [f"`{said(other)}`" for other in others if is_lemma(other)]
    with_ = [*(["with " + ", ".join(named)] if named else []), *(["by the lemma " + "; ".join(lemma)] if lemma else [])]
    return Proved(", ".join(["by induction", *with_]))
