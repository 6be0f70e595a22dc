"""What becomes of one fault: killed by a verdict, survived, without effect, undecided, or no blueprint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from time import monotonic
from typing import TypeAlias

from temper.exam.alike import agreement
from temper.exam.behaviour import Comparison, Different, Same, compare
from temper.exam.fault import Fault, edited
from temper.exam.missing import Candidate, candidates, with_candidates
from temper.language import Sheet
from temper.machine import Certificate, Finding, Proved, Refuted, Scope, TransitionTable, Unknown, table_hash
from temper.pipeline import Read, build_read, certify
from temper.verify import objections, verdict_text

STATES_MAX = 20_000
"""How many pairs of states are compared before it is left open whether a fault has any effect."""
WIDER_STATES_MAX = 5_000
"""The same, where the comparison is tried again with one instance more of everything."""

TELLING = ("not within", "cut at")
"""How an `unknown` begins that a whole search came to: something never comes any more, or goes beyond the scope."""


@dataclass(frozen=True, slots=True)
class Killer:
    """A finding that noticed: `steps` is the length of its run; without one it is something that no longer comes."""

    name: str
    obligation: bool
    because: str
    steps: int | None


@dataclass(frozen=True, slots=True)
class Killed:
    """Verification noticed. `killers` has everything that did, the one to be named first."""

    killers: tuple[Killer, ...]


@dataclass(frozen=True, slots=True)
class Survived:
    """Nothing noticed. `differs` says where behaviour parts, `missing` is a property that notices."""

    differs: Comparison
    missing: Candidate | None
    advice: str


@dataclass(frozen=True, slots=True)
class Equivalent:
    """It changes no behaviour. `proved` tells what holds for ever from what holds of each state that was compared."""

    because: str
    proved: bool
    states: int


@dataclass(frozen=True, slots=True)
class Undecided:
    """The budget was over before anything noticed, or before everything was looked at."""

    because: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """With the fault it is no blueprint: `temper check` notices already."""

    because: str


Outcome: TypeAlias = Killed | Survived | Equivalent | Undecided | Invalid


@dataclass(frozen=True, slots=True)
class Exam:
    """A blueprint that is certified, and what the judging of one fault may cost."""

    read: Read
    seconds_max: float
    constants: tuple[tuple[str, str], ...] = ()
    scope: Scope | None = None


def judge(exam: Exam, fault: Fault) -> Outcome:
    """Plant the fault, verify, and where nothing notices find out why."""
    began = monotonic()
    built = build_read(edited(exam.read, fault.edits), dict(exam.constants))
    if built.table is None:
        return Invalid(built.diagnostics[0].message)
    original = _original(exam)
    if table_hash(built.table) == table_hash(original):
        return Equivalent("it means the same table", proved=True, states=0)
    certificate = _certificate(exam, built.table, exam.seconds_max)
    killers = tuple(killing(certificate))
    if killers:
        return Killed(killers)
    open_ = [finding for finding in certificate.findings if any(objections([finding], dict(certificate.accepted)))]
    if open_:
        return Undecided(verdict_text(open_[0].verdict))
    left = max(1.0, exam.seconds_max - (monotonic() - began))
    return _unnoticed(exam, fault, original, built.table, left)


def killing(certificate: Certificate) -> list[Killer]:
    """What keeps a table from being loaded and is no want of time: the author's properties and short runs first."""
    accepted = dict(certificate.accepted)
    found = [finding for finding in certificate.findings if any(objections([finding], accepted)) and _tells(finding)]
    return sorted((_killer(finding) for finding in found), key=_rank)


def _rank(killer: Killer) -> tuple[bool, bool, int, str]:
    return killer.steps is None, killer.obligation, killer.steps or 0, killer.name


def _killer(finding: Finding) -> Killer:
    verdict = finding.verdict
    trace = verdict.trace if isinstance(verdict, Refuted) else None
    because = f"vacuous: it holds whatever `{finding.vacuous}` is" if finding.vacuous else verdict_text(verdict)
    return Killer(finding.name, finding.obligation, because, None if trace is None else len(trace.steps))


def _tells(finding: Finding) -> bool:
    """Whether it says something of the blueprint. That time was over, or something was not looked into, does not."""
    return not isinstance(finding.verdict, Unknown) or finding.verdict.because.startswith(TELLING)


def _unnoticed(exam: Exam, fault: Fault, original: TransitionTable, wrong: TransitionTable, seconds: float) -> Outcome:
    scope = exam.scope or original.scope
    found = compare(original, wrong, scope=scope, states_max=STATES_MAX, seconds_max=seconds)
    if isinstance(found, Same):
        wider = compare(
            original, wrong, scope=_wider(original, scope), states_max=WIDER_STATES_MAX, seconds_max=seconds
        )
        if isinstance(wider, Different):
            advice = "within the scope it makes no difference; with one instance more of everything it does: widen it"
            return Survived(wider, None, advice)
        return _proved_alike(exam, fault, wrong, seconds) or _without_effect(found, wider)
    missing = _missing(exam, fault, seconds)
    return Survived(found, missing, _advice(fault))


def _proved_alike(exam: Exam, fault: Fault, wrong: TransitionTable, seconds: float) -> Equivalent | None:
    """That the fault changes nothing at all, where it is one in a guard and the solver can tell."""
    agree = agreement(_original(exam), wrong)
    if agree is None:
        return None
    asked = with_candidates(Sheet(exam.read.source), (agree,))
    table = build_read(edited(exam.read, (*fault.edits, *asked)), dict(exam.constants)).table
    if table is None:
        return None
    findings = certify(table, scope=exam.scope, seconds_max=seconds, jobs=1, prove=True).certificate.findings
    verdict = next((each.verdict for each in findings if each.name == agree.trial), None)
    if not isinstance(verdict, Proved):
        return None
    return Equivalent(f"proved: both guards agree wherever they are asked, {verdict.because}", proved=True, states=0)


def _without_effect(found: Same, wider: Comparison) -> Equivalent:
    counted = f"the same {found.states:,} states and {found.steps:,} steps within the scope"
    if isinstance(wider, Same):
        return Equivalent(f"{counted}, and {wider.states:,} with one instance more of everything", False, wider.states)
    return Equivalent(counted, proved=False, states=found.states)


def _wider(table: TransitionTable, scope: Scope) -> Scope:
    """One instance more of everything than the scope has."""
    from temper.machine import universe

    plural = [entity.name for entity in table.entities if not entity.single]
    counts = {name: len(ids) for name, ids in universe(table, scope).ids}
    return replace(scope, instances=tuple((name, counts[name] + 1) for name in plural))


def _missing(exam: Exam, fault: Fault, seconds: float) -> Candidate | None:
    """A property that holds of the blueprint as it is, and that the fault refutes."""
    holding = _holding(exam, fault.action)
    if not holding:
        return None
    asked = with_candidates(Sheet(exam.read.source), holding)
    built = build_read(edited(exam.read, (*fault.edits, *asked)), dict(exam.constants))
    if built.table is None:
        return None
    certificate = _certificate(exam, built.table, seconds)
    refuted = {finding.name for finding in certificate.findings if isinstance(finding.verdict, Refuted)}
    return next((each for each in holding if each.trial in refuted), None)


@lru_cache(maxsize=64)
def _holding(exam: Exam, action: str) -> tuple[Candidate, ...]:
    """The candidates for an action that hold of the blueprint as it is, and not vacuously."""
    sheet = Sheet(exam.read.source)
    sound = tuple(
        each
        for each in candidates(_original(exam), action)
        if build_read(edited(exam.read, with_candidates(sheet, (each,))), dict(exam.constants)).table is not None
    )
    built = build_read(edited(exam.read, with_candidates(sheet, sound)), dict(exam.constants))
    if not sound or built.table is None:
        return ()
    certificate = _certificate(exam, built.table, exam.seconds_max)
    open_ = {finding.name for finding in certificate.findings if any(objections([finding], {}))}
    return tuple(each for each in sound if each.trial not in open_)


@lru_cache(maxsize=4)
def _original(exam: Exam) -> TransitionTable:
    table = build_read(exam.read, dict(exam.constants)).table
    assert table is not None, "faults are planted in what checks"
    return table


def _certificate(exam: Exam, table: TransitionTable, seconds: float) -> Certificate:
    """What verification says. A proof refutes nothing, so the solver is asked only where the search is not enough."""
    return certify(table, scope=exam.scope, seconds_max=seconds, jobs=1, prove=_needs_proofs(exam)).certificate


@lru_cache(maxsize=4)
def _needs_proofs(exam: Exam) -> bool:
    """Whether the search alone does not certify the blueprint as it is."""
    searched = certify(_original(exam), scope=exam.scope, seconds_max=exam.seconds_max, jobs=1, prove=False)
    return searched.certified is None


def _advice(fault: Fault) -> str:
    """What to say of it, where no property was found that does."""
    match fault.kind:
        case "forbid-dropped" | "condition-dropped" | "permit-widened":
            return "who may call is nothing that a property reads; `temper who` tells, and `temper diff` what changes"
        case "source-dropped" | "source-added":
            return f"say in which states `{fault.where}` may happen, or what is `possible` from each of them"
        case "do-dropped" | "send-dropped" | "spawn-dropped" | "outcome-ignored" | "refusal-dropped":
            return f"say what must come of it `eventually`, or what only it makes `possible`, after `{fault.where}`"
        case "timer-removed" | "timer-shortened" | "target-shortened":
            return "say what must come `eventually`, with what it depends on under `assuming`"
        case _:
            return f"say what `{fault.where}` needs, or what holds after it: a `step` property with `on: {fault.where}`"
