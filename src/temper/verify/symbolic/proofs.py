"""What can be proved of a table: by induction, with the solver, or by a ranking; of the rest, nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import z3

from temper.machine import (
    Family,
    Finding,
    Property,
    PropertyKind,
    Proved,
    TransitionTable,
    Universe,
    Unknown,
    Verdict,
    world_matters,
)
from temper.verify.obligations import never_violated
from temper.verify.prover import Answer, NoProofs, Proofs
from temper.verify.symbolic.clauses import is_lemma, said
from temper.verify.symbolic.ghosts import Ghosts
from temper.verify.symbolic.goals import Always, Distinct, Fitting, Goal, Handled, Stepwise, moving
from temper.verify.symbolic.induction import Found, Induction
from temper.verify.symbolic.known import Known
from temper.verify.symbolic.ranking import ranked
from temper.verify.symbolic.samples import Samples

QUESTIONS = (70,)
"""So many questions for each property are always worth it."""
QUESTIONS_THOROUGH = (150, 1_500, 6_000)
"""So many are asked in each round where proofs are wanted; what is shown in one is known in the next."""
LEMMAS_TOLD = 8
"""So many lemmas of a proof are told; the certificate has them all."""
NOT_SHOWN = "induction: it is not shown that every step keeps it"


def prove(
    table: TransitionTable, *, universe: Universe, seconds_max: float, thorough: bool = True
) -> tuple[Finding, ...]:
    """A finding for each property and obligation that induction or a ranking can decide: proved, or unknown.

    What is proved holds for any number of instances, any principals, roles and values (semantics.md section 6).
    A solver that fails, or takes too long, leaves what is asked of it unknown.

    >>> from temper.machine import TransitionTable, universe
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> prove(empty, universe=universe(empty), seconds_max=1)
    ()
    """
    found = proofs(table, universe=universe, seconds_max=seconds_max, thorough=thorough)
    promised = ranked(table, seconds_max=seconds_max)
    if isinstance(found, NoProofs):
        asked = goals(_ghosts(table, universe), owed=thorough)
        return (*(_finding(table, each.name, Unknown(f"solver: {found.because}")) for each in asked), *promised)
    return (*found.findings, *promised)


def proofs(
    table: TransitionTable,
    *,
    universe: Universe,
    seconds_max: float,
    known: Known | None = None,
    thorough: bool = True,
    done: Collection[str] = (),
    family: Family | None = None,
) -> Answer:
    """What induction says, with the lemmas that the proofs take, or why there is no answer.

    What is `known` is tried first. If all of it is proved again, and nothing else was asked or is to be had, that is
    all; otherwise lemmas are looked for as if nothing were known. Who is not `thorough` proves the author's properties
    alone, and those with few questions: so few that it makes no difference how fast the machine is. What is `done` is
    not asked for.
    """
    ghosts = _ghosts(table, universe)
    asked = [goal for goal in goals(ghosts, owed=thorough) if goal.name not in done]
    if not asked:
        return Proofs(())
    questions = QUESTIONS_THOROUGH if thorough else QUESTIONS
    try:
        is_worth_it = known is not None and (known.thorough or not thorough)
        again = _again(ghosts, asked, known, seconds_max) if known is not None and is_worth_it else None
        if again is not None:
            return again
        samples = Samples(ghosts, family, thorough=thorough)
        return _answer(table, asked, Induction(ghosts, seconds_max, samples, (), questions).decide(asked))
    except z3.Z3Exception as failed:
        return NoProofs(f"the solver gave up: {_words(failed)}")


def prove_one(table: TransitionTable, name: str, *, universe: Universe, seconds_max: float) -> Verdict:
    """What induction says of one `always` property; the others may help, if they can be shown as well."""
    ghosts = _ghosts(table, universe)
    always = [each for each in table.properties if each.kind is PropertyKind.ALWAYS]
    asked = [Always(each) for each in always if each.name == name]
    helping = [each for each in always if each.name != name]
    try:
        found = Induction(ghosts, seconds_max, Samples(ghosts), helping, QUESTIONS_THOROUGH).decide(asked)
    except z3.Z3Exception as failed:
        return Unknown(f"solver: {_words(failed)}")
    return _verdict(name, found)


def _ghosts(table: TransitionTable, universe: Universe) -> Ghosts:
    return Ghosts(table, world=universe.world or world_matters(table))


def goals(ghosts: Ghosts, *, owed: bool = True) -> Iterator[Goal]:
    """Everything that induction may show: properties first, then what every blueprint owes."""
    for property_ in ghosts.original.properties:
        if property_.kind is PropertyKind.ALWAYS:
            yield Always(property_)
        elif property_.kind is PropertyKind.STEP:
            yield Stepwise(property_)
    if not owed:
        return
    for entity in ghosts.entities:
        due = {f"range:{entity.name}.{timer.name}" for timer in entity.timers}  # nobody knows how late it is
        for name in dict.fromkeys(never_violated(ghosts.original, entity)):
            if name in due:
                continue
            match name.partition(":")[0]:
                case "range":
                    yield Fitting(name)
                case "distinct_keys":
                    yield Distinct(name)
                case "handled":
                    yield Handled(name)
    yield from map(Always, moving(ghosts))


def shown_again(
    table: TransitionTable, claims: Iterable[str], lemmas: Sequence[Property], *, world: bool, seconds_max: float
) -> Answer:
    """What somebody says was proved, shown by the lemmas that are said to do. None of it is believed."""
    claimed = frozenset(claims)
    if not are_lemmas(lemmas):
        return NoProofs("its lemmas are none that were found here")
    ghosts = Ghosts(table, world=world)
    return shown(ghosts, [each for each in goals(ghosts) if each.name in claimed], lemmas, seconds_max)


def are_lemmas(properties: Sequence[Property]) -> bool:
    """Whether each has the name of a lemma, and a name of its own: one that is called as another would stand for it."""
    names = {each.name for each in properties if is_lemma(each) and each.kind is PropertyKind.ALWAYS}
    return len(names) == len(properties)


def shown(ghosts: Ghosts, asked: Sequence[Goal], lemmas: Sequence[Property], seconds_max: float) -> Proofs:
    """What is proved of what is asked, with no other lemmas than these."""
    found = Induction(ghosts, seconds_max, lemmas=lemmas).decide(asked)
    return _answer(ghosts.original, asked, found)


def _again(ghosts: Ghosts, asked: Sequence[Goal], known: Known, seconds_max: float) -> Proofs | None:
    """What is known, proved anew; None if that does not succeed, or is not all that was asked."""
    if not {each.name for each in asked} <= {*known.proved, *known.open} or not are_lemmas(known.lemmas):
        return None
    found = shown(ghosts, [each for each in asked if each.name in known.proved], known.lemmas, seconds_max)
    verdicts = {finding.name: finding for finding in found.findings}
    if not all(isinstance(finding.verdict, Proved) for finding in found.findings):
        return None
    left = Unknown(NOT_SHOWN)
    findings = tuple(verdicts.get(each.name) or _finding(ghosts.original, each.name, left) for each in asked)
    return Proofs(findings, found.lemmas, seconds=found.seconds)


def _answer(table: TransitionTable, asked: Sequence[Goal], found: Found) -> Proofs:
    findings = tuple(_finding(table, each.name, _verdict(each.name, found)) for each in asked)
    leant_on = {other.name: other for others in found.proved.values() for other in others if is_lemma(other)}
    return Proofs(findings, tuple(leant_on.values()), not found.is_cut, found.seconds)


def _finding(table: TransitionTable, name: str, verdict: Verdict) -> Finding:
    return Finding(name, verdict, obligation=name not in {property_.name for property_ in table.properties})


def _verdict(name: str, found: Found) -> Verdict:
    if name not in found.proved:
        return Unknown(NOT_SHOWN)
    return Proved(", ".join(["by induction", *leaning(found.proved[name])]))


def leaning(others: Sequence[Property]) -> Iterator[str]:
    """What a proof leans on, in words."""
    named = [f"`{other.name}`" for other in others if not is_lemma(other)]
    lemmas = [f"`{said(other)}`" for other in others if is_lemma(other)]
    if named:
        yield "with " + ", ".join(named)
    if lemmas:
        more = f"; and {len(lemmas) - LEMMAS_TOLD} more" if len(lemmas) > LEMMAS_TOLD else ""
        yield f"by the lemma{'s' * (len(lemmas) > 1)} " + "; ".join(lemmas[:LEMMAS_TOLD]) + more


def _words(failed: z3.Z3Exception) -> str:
    value = failed.args[0] if failed.args else failed
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
