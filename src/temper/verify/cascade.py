"""From a table to its certificate, and from both to a table that may be loaded. Only here is `Certified` made."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from temper.machine import (
    Certificate,
    Certified,
    Exhausted,
    Family,
    Finding,
    Proved,
    Refuted,
    Scope,
    Survived,
    System,
    TransitionTable,
    Unknown,
    Verdict,
    assert_wellformed,
    filled,
    policies_hash,
    table_hash,
    universe,
    word,
)
from temper.verify.assumptions import assumptions
from temper.verify.budget import Budget
from temper.verify.contradiction import ContradictionError
from temper.verify.emptiness import emptied
from temper.verify.exhaustive import exhaust
from temper.verify.explicit import Progress, Report
from temper.verify.kept_proofs import KeptProofs
from temper.verify.obligations import owed
from temper.verify.prover import Prover
from temper.verify.proving import proving
from temper.verify.reductions import EVERY_REDUCTION, Reductions

Engine = Callable[..., Report]

ENGINES: Mapping[str, Engine] = {"explicit": exhaust}
"""What decides, by the name that `--only` takes. Each says `unknown` of what it cannot decide."""

OURS = "verifiers"
"""What a certificate calls the verifiers themselves, beside the packages that they use."""

STRENGTH: tuple[type[Verdict], ...] = (Unknown, Survived, Exhausted, Proved, Refuted)
"""From the weakest to the strongest claim. That one engine refutes what another proves is a mistake of ours."""


def certify(
    table: TransitionTable,
    *,
    scope: Scope | None = None,
    budget: Budget | None = None,
    only: Iterable[str] = (),
    starts: Iterable[System] = (),
    progress: Progress | None = None,
    reductions: Reductions = EVERY_REDUCTION,
    jobs: int | None = None,
    prove: bool = False,
    prover: Prover | None = None,
    waiting: Callable[[float], None] | None = None,
    family: Family | None = None,
    hints: KeptProofs | None = None,
) -> Certificate:
    """Ask every engine (or `only` those named) and keep the strongest verdict on each property and obligation.

    `scope` takes the place of the table's own. `starts` are images of live instances; the verdicts then cover the
    runs that go on from them. `reductions` say what a search may leave out; they change no verdict, only counts;
    `jobs` is how many workers an engine may have, as many as help if it is None. With `prove` the solver is asked,
    too, by a `prover` that may have been started before: what it proves holds beyond the universe, and where that can
    be had for the whole `family` of the table; `hints` are proofs that it tries first. It says nothing of runs that
    begin in `starts`. Whatever becomes of it, the verdicts of the engines stand. `waiting` is told for how long it was
    waited for after the search. Engines that contradict each other raise `ContradictionError`.

    >>> from temper.machine import TransitionTable
    >>> certify(TransitionTable("empty", (), (), (), (), (), ())).findings
    ()
    """
    assert_wellformed(table)
    assert family is None or filled(family.table, family.of(table)) == table, "the family is another table's"
    looked_at, budget, begins = universe(table, scope), budget or Budget(), tuple(starts)
    names = tuple(only) or tuple(ENGINES)
    with proving(table, looked_at, budget, prover, family, hints, prove=prove and not begins) as asked:
        asking = {"universe": looked_at, "budget": budget, "starts": begins, "progress": progress}
        reports = [ENGINES[name](table, **asking, reductions=reductions, jobs=jobs) for name in names]
        proofs = asked.taken(reports, waiting)
    guests = [*(guest for report in reports for guest in report.guests), *proofs.guests]
    made_with = _made_with(table, guests)
    found = [*(report.findings for report in reports), proofs.findings]
    for holds, fails in contradictions(found):
        raise ContradictionError(holds, fails, table, made_with)
    loose = [each for report in reports for each in report.loose]
    findings, unsaid = emptied(table, looked_at, strongest(found), loose, proofs, budget)
    told = [note for report in reports for note in report.notes]
    return Certificate(
        table=table_hash(table),
        findings=findings,
        search=reports[0].search,
        scope=str(looked_at),
        accepted=table.accept,
        made_with=made_with,
        notes=(*told, *proofs.notes, *unsaid, *_needless(table, findings)),
        assumptions=tuple(assumptions(table, looked_at)),
        policies=policies_hash(table),
        lemmas=proofs.lemmas,
        searched=table.scope if scope is None else scope,
        begins=len(begins),
        times=(*((name, report.search.seconds) for name, report in zip(names, reports, strict=True)), *proofs.times),
    )


def certified(table: TransitionTable, certificate: Certificate) -> Certified | tuple[str, ...]:
    """The table as one that may be loaded, or the reasons why it may not.

    It takes a certificate of this very table in which everything owed is found, nothing is refuted, and whatever is
    unknown or vacuous is accepted by name.

    >>> from temper.machine import TransitionTable
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> certified(empty, certify(empty)).table.blueprint
    'empty'
    """
    if certificate.table != table_hash(table):
        return (f"the certificate is about another table, {certificate.table[:12]}",)
    found = {finding.name for finding in certificate.findings}
    missing = [f"{name} was not looked at" for name in owed(table) if name not in found]
    reasons = (*missing, *objections(certificate.findings, dict(table.accept)))
    return reasons or Certified(table, certificate)


def still_certified(table: TransitionTable, certificate: Certificate) -> Certified | None:
    """The table, certified by what was decided before; None if that has to be decided anew.

    It was decided about this very table, its own scope and what it accepts, by these very programs: then deciding it
    again would end the same. It does for a certificate from where nobody else writes, such as our own journal; one
    that came from elsewhere is for `recheck`.
    """
    now = tuple((name, _version(name)) for name, _ in certificate.made_with)
    if certificate.searched != table.scope or certificate.made_with != now:
        return None
    if dict(certificate.accepted) != dict(table.accept):
        return None
    outcome = certified(table, certificate)
    return outcome if isinstance(outcome, Certified) else None


def objections(findings: Iterable[Finding], accepted: Mapping[str, str]) -> Iterator[str]:
    """Why findings keep a table from being loaded, one sentence each. A refutation is never accepted."""
    for finding in findings:
        verdict = finding.verdict
        if isinstance(verdict, Refuted):
            yield f"{finding.name} is refuted: {verdict.because}"
        elif finding.name in accepted:
            continue
        elif isinstance(verdict, Unknown):
            yield f"{finding.name} is unknown: {verdict.because}"
        elif finding.vacuous:
            yield f"{finding.name} is vacuous: it holds whatever `{finding.vacuous}` is"


def strongest(reports: Iterable[Iterable[Finding]]) -> tuple[Finding, ...]:
    """For each name the finding with the strongest verdict, in the order of the first report.

    What is vacuous stays so: a proof does not see it. Reports that contradict each other are asked for before.
    """
    best: dict[str, Finding] = {}
    for findings in reports:
        for finding in findings:
            other = best.setdefault(finding.name, finding)
            if STRENGTH.index(type(finding.verdict)) > STRENGTH.index(type(other.verdict)):
                best[finding.name] = replace(finding, vacuous=finding.vacuous or other.vacuous)
    return tuple(best.values())


def contradictions(reports: Iterable[Iterable[Finding]]) -> Iterator[tuple[Finding, Finding]]:
    """What one report shows to hold and another shows not to hold: the finding that it holds, and that it does not."""
    by_name: dict[str, list[Finding]] = {}
    for findings in reports:
        for finding in findings:
            by_name.setdefault(finding.name, []).append(finding)
    for found in by_name.values():
        holds = next((each for each in found if isinstance(each.verdict, Proved | Exhausted)), None)
        fails = next((each for each in found if isinstance(each.verdict, Refuted)), None)
        if holds is not None and fails is not None:
            yield holds, fails


def _needless(table: TransitionTable, findings: Iterable[Finding]) -> Iterator[str]:
    """What is accepted without need, so that an excuse does not outlive its reason."""
    found = {finding.name: finding for finding in findings}
    for name, _ in table.accept:
        if name not in found:
            yield f"`accept:` names {name}, which is no property or obligation here"
        elif not any(objections([found[name]], {})):
            yield f"`accept:` names {name}, which is {word(found[name].verdict)} and needs no excuse"


def _made_with(table: TransitionTable, guests: Iterable[str]) -> tuple[tuple[str, str], ...]:
    named = dict.fromkeys(("temper", OURS, *(("cedarpy",) if table.policies else ()), *guests, "python"))
    return tuple((guest, _version(guest)) for guest in named)


def _version(package: str) -> str:
    if package == "python":
        return platform.python_version()
    if package == OURS:
        return _ours()
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


@cache
def _ours() -> str:
    """The verifiers and what they look at, named by their text: two programs of one version may still be others."""
    digest, rooms = sha256(), Path(__file__).parents[1]
    for room in ("machine", "verify"):
        for path in sorted((rooms / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
