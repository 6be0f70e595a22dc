"""What the solver can say of a family's properties: proved for every value of its open constants, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

import z3

from temper.machine import Family, Finding, Property, PropertyKind, Proved, Unknown
from temper.verify.prover import Proofs
from temper.verify.symbolic.clauses import is_lemma, said
from temper.verify.symbolic.every import EveryInduction, ForEvery
from temper.verify.symbolic.keyed import keyed
from temper.verify.symbolic.known import Known
from temper.verify.symbolic.shapes import Unencodable

SECONDS_MAX = 10.0
NOT_SHOWN = "induction: it is not kept by every step, for every value, that may be taken from where it holds"


def prove_for_every(family: Family, *, seconds_max: float, known: Known | None = None) -> Proofs:
    """A finding for each `always` property: proved for every value of the family's open constants, or unknown.

    What is proved holds for every value for which the blueprint is one at all, so that no range is empty; and for any
    number of instances, any principals and values. What is `known` of the family's table is tried first.

    >>> from temper.machine import TransitionTable
    >>> prove_for_every(Family(TransitionTable("empty", (), (), (), (), (), ()), (), ()), seconds_max=1).findings
    ()
    """
    asked = [property_ for property_ in family.table.properties if property_.kind is PropertyKind.ALWAYS]
    seconds_max, began = min(seconds_max, SECONDS_MAX), monotonic()
    try:
        again = None if known is None else _again(family, asked, known, seconds_max)
        found = again or _shown(family, asked, None, seconds_max)
    except (z3.Z3Exception, Unencodable):
        found = _proofs(family, asked, ForEvery({}, is_whole=True))
    return replace(found, seconds=monotonic() - began)


def _again(family: Family, asked: Sequence[Property], known: Known, seconds_max: float) -> Proofs | None:
    """What is known, proved anew; None if that does not succeed, or is not all that was asked."""
    if {each.name for each in asked} != {*known.proved, *known.open}:
        return None
    found = _shown(family, [each for each in asked if each.name in known.proved], known.lemmas, seconds_max)
    if not all(isinstance(finding.verdict, Proved) for finding in found.findings):
        return None
    verdicts = {finding.name: finding for finding in found.findings}
    open_ = Unknown(NOT_SHOWN)
    return Proofs(tuple(verdicts.get(each.name) or Finding(each.name, open_) for each in asked), found.lemmas)


def _shown(family: Family, asked: Sequence[Property], helping: Sequence[Property] | None, seconds_max: float) -> Proofs:
    """What is proved of what is asked, with these lemmas, or with those that are found."""
    if not asked:
        return Proofs(())
    induction = EveryInduction(family, seconds_max)
    lemmas = keyed(family, induction.opening) if helping is None else helping
    return _proofs(family, asked, induction.decide(asked, lemmas))


def _proofs(family: Family, asked: Sequence[Property], found: ForEvery) -> Proofs:
    leant_on = {other.name: other for others in found.leans_on.values() for other in others if is_lemma(other)}
    findings = [
        Finding(
            each.name,
            Proved(_because(family, found.leans_on[each.name])) if each.name in found.leans_on else Unknown(NOT_SHOWN),
        )
        for each in asked
    ]
    return Proofs(tuple(findings), tuple(leant_on.values()), found.is_whole)


def _because(family: Family, others: Sequence[Property]) -> str:
    named = [f"`{other.name}`" for other in others if not is_lemma(other)]
    lemmas = [f"`{_written(family, said(other))}`" for other in others if is_lemma(other)]
    with_ = [f"with {', '.join(named)}"] if named else []
    by = [f"by the lemma {'; '.join(lemmas)}"] if lemmas else []
    return ", ".join(["by induction", f"for every {' and '.join(name for name, _ in family.stand_ins)}", *with_, *by])


def _written(family: Family, text: str) -> str:
    """The text with the names of constants in the place of their stand-ins, which stand nowhere else."""
    for name, number in family.stand_ins:
        text = re.sub(rf"\b{number}\b", name, text)
    return text
