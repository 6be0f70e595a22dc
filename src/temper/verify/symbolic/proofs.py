"""What can be proved of a table's properties: by induction, with the solver, or by a ranking; of the rest, nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import z3

from temper.machine import Finding, Property, PropertyKind, Proved, TransitionTable, Universe, Unknown, Verdict
from temper.verify.budget import Budget
from temper.verify.explicit import PlainSearch
from temper.verify.prover import Answer, NoProofs, Proofs
from temper.verify.symbolic.induction import QUERY_MS, Induction, Inductive
from temper.verify.symbolic.known import Known
from temper.verify.symbolic.lemmas import is_lemma, lemmas, said
from temper.verify.symbolic.ranking import ranked

SAMPLE = Budget(300, 5.0)
"""How far the search goes to rule out lemmas that do not hold."""
NOT_SHOWN = "induction: it is not kept by every step that may be taken from where it holds"


def prove(table: TransitionTable, *, universe: Universe, seconds_max: float) -> tuple[Finding, ...]:
    """A finding for each `always` and `eventually`: proved, or unknown because no induction or ranking shows it.

    What is proved holds for any number of instances, any principals, roles and values (semantics.md section 6).
    A solver that fails, or takes too long, leaves what is asked of it unknown.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> prove(empty, universe=universe(empty), seconds_max=1)
    ()
    """
    found = proofs(table, universe=universe, seconds_max=seconds_max)
    promised = ranked(table, seconds_max=seconds_max)
    if isinstance(found, NoProofs):
        return (*(Finding(each.name, Unknown(f"solver: {found.because}")) for each in _asked(table)), *promised)
    return (*found.findings, *promised)


def proofs(table: TransitionTable, *, universe: Universe, seconds_max: float, known: Known | None = None) -> Answer:
    """What induction says, with the lemmas that the proofs take, or why there is no answer.

    What is `known` is tried first. If all of it is proved again, and nothing else was asked or is to be had, that is
    all; otherwise lemmas are looked for as if nothing were known.
    """
    asked = _asked(table)
    if not asked:
        return Proofs(())
    try:
        again = None if known is None else _again(table, asked, known, seconds_max)
        return again or _found(table, asked, universe, seconds_max)
    except z3.Z3Exception as failed:
        return NoProofs(f"the solver gave up: {_words(failed)}")


def shown_again(
    table: TransitionTable, claims: Iterable[str], lemmas_: Sequence[Property], seconds_max: float
) -> Answer:
    """What somebody says was proved, shown by the lemmas that are said to do. None of it is believed."""
    claimed = frozenset(claims)
    if not are_lemmas(lemmas_):
        return NoProofs("its lemmas are none that were found here")
    return shown(table, [each for each in _asked(table) if each.name in claimed], lemmas_, seconds_max)


def are_lemmas(properties: Sequence[Property]) -> bool:
    """Whether each has the name of a lemma, and a name of its own: one that is called as another would stand for it."""
    names = {each.name for each in properties if is_lemma(each) and each.kind is PropertyKind.ALWAYS}
    return len(names) == len(properties)


def shown(table: TransitionTable, asked: Sequence[Property], helping: Sequence[Property], seconds_max: float) -> Proofs:
    """What is proved of what is asked, with no other lemmas than these."""
    found = Induction(table, seconds_max).decide(asked, helping)
    findings = tuple(Finding(each.name, _verdict(each, found)) for each in asked)
    leant_on = {other.name: other for others in found.leans_on.values() for other in others if is_lemma(other)}
    is_whole = found.seconds * 1000 < min(QUERY_MS, seconds_max * 1000)  # so no question met its end
    return Proofs(findings, tuple(leant_on.values()), is_whole, found.seconds)


def _asked(table: TransitionTable) -> list[Property]:
    return [property_ for property_ in table.properties if property_.kind is PropertyKind.ALWAYS]


def _found(table: TransitionTable, asked: Sequence[Property], universe: Universe, seconds_max: float) -> Proofs:
    sample = PlainSearch(table, universe)
    sample.go(SAMPLE)
    return shown(table, asked, lemmas(table, sample.exploration.states), seconds_max)


def _again(table: TransitionTable, asked: Sequence[Property], known: Known, seconds_max: float) -> Proofs | None:
    """What is known, proved anew; None if that does not succeed, or is not all that was asked."""
    if {each.name for each in asked} != {*known.proved, *known.open} or not are_lemmas(known.lemmas):
        return None
    found = shown(table, [each for each in asked if each.name in known.proved], known.lemmas, seconds_max)
    verdicts = {finding.name: finding for finding in found.findings}
    if not all(isinstance(finding.verdict, Proved) for finding in found.findings):
        return None
    findings = tuple(verdicts.get(each.name) or Finding(each.name, Unknown(NOT_SHOWN)) for each in asked)
    return Proofs(findings, found.lemmas, seconds=found.seconds)


def _verdict(property_: Property, found: Inductive) -> Verdict:
    if property_ not in found.proved:
        return Unknown(NOT_SHOWN)
    others = found.leans_on[property_.name]
    named = [f"`{other.name}`" for other in others if not is_lemma(other)]
    lemma = [f"`{said(other)}`" for other in others if is_lemma(other)]
    with_ = [*(["with " + ", ".join(named)] if named else []), *(["by the lemma " + "; ".join(lemma)] if lemma else [])]
    return Proved(", ".join(["by induction", *with_]))


def _words(failed: z3.Z3Exception) -> str:
    value = failed.args[0] if failed.args else failed
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
