"""What the solver can say of a family's properties: proved for every value of its open constants, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

import z3

from temper.machine import Family, Finding, Property, PropertyKind, Proved, TransitionTable, Unknown
from temper.verify.prover import Proofs
from temper.verify.symbolic.clauses import is_lemma
from temper.verify.symbolic.every import EveryInduction, ForEvery
from temper.verify.symbolic.ghosts import Ghosts
from temper.verify.symbolic.keyed import keyed
from temper.verify.symbolic.known import Known
from temper.verify.symbolic.left_open import OpenInduction, lifted
from temper.verify.symbolic.opening import is_keyed
from temper.verify.symbolic.proofs import goals, leaning
from temper.verify.symbolic.shapes import Unencodable

SECONDS_MAX = 10.0
NOT_SHOWN = "induction: it is not kept by every step, for every value, that may be taken from where it holds"


def prove_for_every(family: Family, *, world: bool = True, seconds_max: float, known: Known | None = None) -> Proofs:
    """A finding for each `always` property: proved for every value of the family's open constants, or unknown.

    There is none where nothing has a set or map over an open range: then `shown_for_every` is as good.

    What is proved holds for every value for which the blueprint is one at all, so that no range is empty; and for any
    number of instances, any principals and values. What is `known` of the family's table is tried first.

    >>> from temper.machine import TransitionTable
    >>> prove_for_every(Family(TransitionTable("empty", (), (), (), (), (), ()), (), ()), seconds_max=1).findings
    ()
    """
    asked = _asked(family)
    seconds_max, began = min(seconds_max, SECONDS_MAX), monotonic()
    try:
        again = None if known is None else _again(family, asked, known, seconds_max, world=world)
        found = again or _shown(family, asked, None, seconds_max, world=world)
    except (z3.Z3Exception, Unencodable):
        found = _proofs(family, asked, ForEvery({}, is_whole=True))
    return replace(found, seconds=monotonic() - began)


def _asked(family: Family) -> list[Property]:
    """The `always` properties, where something is there for each value of an open range; else nothing is gained."""
    if not is_keyed(family):
        return []
    return [property_ for property_ in family.table.properties if property_.kind is PropertyKind.ALWAYS]


def _again(
    family: Family, asked: Sequence[Property], known: Known, seconds_max: float, *, world: bool
) -> Proofs | None:
    """What is known, proved anew; None if that does not succeed, or is not all that was asked."""
    if {each.name for each in asked} != {*known.proved, *known.open}:
        return None
    found = _shown(
        family, [each for each in asked if each.name in known.proved], known.lemmas, seconds_max, world=world
    )
    if not all(isinstance(finding.verdict, Proved) for finding in found.findings):
        return None
    verdicts = {finding.name: finding for finding in found.findings}
    open_ = Unknown(NOT_SHOWN)
    return Proofs(tuple(verdicts.get(each.name) or Finding(each.name, open_) for each in asked), found.lemmas)


def _shown(
    family: Family,
    asked: Sequence[Property],
    helping: Sequence[Property] | None,
    seconds_max: float,
    *,
    world: bool,
) -> Proofs:
    """What is proved of what is asked, with these lemmas, or with those that are found."""
    if not asked:
        return Proofs(())
    induction = EveryInduction(family, seconds_max, world=world)
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


def shown_for_every(
    family: Family, member: TransitionTable, proofs: Proofs, *, world: bool, seconds_max: float
) -> tuple[Finding, ...]:
    """What was proved of a member of the family, as far as its lemmas show it for every value of the open constants."""
    proved = {finding.name for finding in proofs.findings if isinstance(finding.verdict, Proved)}
    ghosts = Ghosts(family.table, world=world)
    try:
        induction = OpenInduction(family, ghosts, seconds_max, lifted(proofs.lemmas, family, member))
        found = induction.decide([goal for goal in goals(ghosts) if goal.name in proved])
        induction.opening.look_at(induction.texts)
    except (z3.Z3Exception, Unencodable):
        return ()
    return tuple(
        replace(finding, verdict=Proved(_because(family, found.proved[finding.name])))
        for finding in proofs.findings
        if finding.name in found.proved
    )


def _because(family: Family, others: Sequence[Property]) -> str:
    every = f"for every {' and '.join(name for name, _ in family.stand_ins)}"
    return _written(family, ", ".join(["by induction", every, *leaning(others)]))


def _written(family: Family, text: str) -> str:
    """The text with the names of constants in the place of their stand-ins, which stand nowhere else."""
    for name, number in family.stand_ins:
        text = re.sub(rf"\b{number}\b", name, text)
    return text
