"""The search for repairs: propose by what the run shows, rule out by runs seen before, verify what is left.

Every repair that is verified and fails leaves the run that shows why. Later ones are first tried on these runs, which
takes a moment, so that few have to be verified in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from temper.exam import edited
from temper.language import Sheet
from temper.machine import (
    Certificate,
    Finding,
    PropertyKind,
    Refuted,
    Scope,
    Trace,
    TransitionTable,
    Unknown,
    table_hash,
    universe,
)
from temper.pipeline import Read, build_read, certify
from temper.repair.answering import answering
from temper.repair.changing import TWEAKS, changing
from temper.repair.evidence import Evidence, evidence, wanted
from temper.repair.guarding import guarding
from temper.repair.repair import WORLD, Repair, size
from temper.verify import Replayed, objections, replay

OFFERS_MAX = 3
ALIKE_MAX = 2
"""So many offers may be of one kind and in one place: a third one tells less than something else does."""
FURTHER_MAX = 40
"""So many more are verified after an offer; who has one does not wait long for the next."""
RUNS_MAX = 16
"""So many runs that showed something wrong are kept to try repairs on."""
ONCE = ("happens:", "fires:", "reachable:")
"""What some run has to do. A repair may take away what must never happen, and none of these."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A repair that verifies: its certificate, what else it mends, and what is still refuted."""

    repair: Repair
    size: int
    certificate: Certificate
    mended: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mending:
    """What came of it. Of all that were proposed some are no blueprint, some were ruled out, the others verified."""

    finding: Finding
    offers: tuple[Offer, ...]
    proposed: int
    ruled_out: int
    verified: int
    seconds: float
    stopped: bool
    """Whether the time was over before all were tried."""


class Told(Protocol):
    """Who hears how far it is: how many of how many were tried, how many verified, how many offers there are."""

    def __call__(self, tried: int, total: int, verified: int, offers: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Patient:
    """What is to be mended: the files, the table they make, and what verification says of it."""

    read: Read
    table: TransitionTable
    certificate: Certificate
    constants: Mapping[str, str] = field(default_factory=dict)
    scope: Scope | None = None


def refuted(certificate: Certificate) -> tuple[Finding, ...]:
    """What can be mended: refutations with a run, the author's properties first."""
    found = [each for each in certificate.findings if isinstance(each.verdict, Refuted) and each.verdict.trace]
    return tuple(sorted(found, key=lambda each: each.obligation))


def examine_patient(
    read: Read, table: TransitionTable, *, seconds_max: float, constants: Mapping[str, str], scope: Scope | None = None
) -> Patient:
    """Verify what is to be mended, by the search: only runs can be learnt from."""
    certificate = certify(table, scope=scope, seconds_max=seconds_max, prove=False).certificate
    return Patient(read, table, certificate, constants, scope)


def mend(patient: Patient, finding: Finding, *, seconds_max: float, told: Told | None = None) -> Mending:
    """Look for the smallest edits that mend the finding and leave everything else as good as it was."""
    began = monotonic()
    search = _Search(patient, finding, began + seconds_max)
    shown = evidence(patient.table, finding)
    listed = [] if shown is None else _proposals(patient, shown)
    for number, repair in enumerate(listed, 1):
        if search.is_done():
            break
        search.attempt(repair)
        if told is not None:
            told(number, len(listed), search.verified, len(search.offers))
    offers = sorted(search.offers, key=_rank)[:OFFERS_MAX]
    return Mending(
        finding,
        tuple(offers),
        len(listed),
        search.ruled_out,
        search.verified,
        monotonic() - began,
        search.is_over and len(offers) < OFFERS_MAX,
    )


def _rank(offer: Offer) -> tuple[int, int, int, int]:
    """What mends most comes first, then what changes least; of two alike the one that leaves more possible."""
    summary = offer.certificate.search
    return len(offer.left), offer.repair.cost, offer.size, 0 if summary is None else -summary.states_meant


class _Search:
    """The state of one search: runs that show what is wrong, tables seen, offers so far."""

    def __init__(self, patient: Patient, finding: Finding, until: float) -> None:
        self.patient, self.finding, self.until = patient, finding, until
        accepted = dict(patient.certificate.accepted)
        self.good = {each.name for each in patient.certificate.findings if not any(objections([each], accepted))}
        self.bad = {each.name for each in patient.certificate.findings} - self.good
        self.runs: list[tuple[str, Trace]] = []
        self._learn(patient.certificate, only=finding.name)
        self.seen = {table_hash(patient.table)}
        self.offers: list[Offer] = []
        self.verified = self.ruled_out = self.found_at = 0
        self.is_over = False

    def is_done(self) -> bool:
        self.is_over = monotonic() >= self.until
        further = self.verified - self.found_at
        whole = sum(not offer.left for offer in self.offers)
        return self.is_over or whole >= OFFERS_MAX or (bool(self.offers) and further >= FURTHER_MAX)

    def attempt(self, repair: Repair) -> None:
        """Build it, try it on the runs that are known, then verify it."""
        if sum(_alike(offer.repair, repair) for offer in self.offers if not offer.left) >= ALIKE_MAX:
            return
        table = build_read(edited(self.patient.read, repair.edits), self.patient.constants).table
        named = "" if table is None else table_hash(table)
        if table is None or named in self.seen:
            return
        self.seen.add(named)
        if self._shows_again(table):
            self.ruled_out += 1
            return
        self.verified += 1
        left = max(1.0, self.until - monotonic())
        certificate = certify(table, scope=self.patient.scope, seconds_max=left, jobs=1, prove=False).certificate
        if self._is_as_good(certificate):
            self.offers.append(self._offer(repair, certificate))
            self.found_at = self.found_at or self.verified
        else:
            self._learn(certificate)

    def _shows_again(self, table: TransitionTable) -> bool:
        """Whether some run that showed something wrong is still a run, and still shows it."""
        within = universe(table, self.patient.scope)
        for place, (name, trace) in enumerate(self.runs):
            replayed = replay(table, trace, universe=within, loosely=True)
            if isinstance(replayed, Replayed) and name in replayed.shows:
                self.runs.insert(0, self.runs.pop(place))
                return True
        return False

    def _learn(self, certificate: Certificate, only: str = "") -> None:
        for finding in certificate.findings:
            verdict = finding.verdict
            wanted = finding.name == only if only else finding.name == self.finding.name or finding.name not in self.bad
            if isinstance(verdict, Refuted) and verdict.trace is not None and wanted:
                self.runs.insert(0, (finding.name, verdict.trace))
        del self.runs[RUNS_MAX:]

    def _is_as_good(self, certificate: Certificate) -> bool:
        """Nothing is worse than it was, nothing that some run has to do is gone, and the finding is mended."""
        accepted = dict(certificate.accepted)
        found = {each.name: each for each in certificate.findings}
        bad = {each.name for each in certificate.findings if any(objections([each], accepted))}
        gone = {name for name in self.good - found.keys() if name.startswith(ONCE) or ":" not in name}
        worse = {name for name in bad if name not in self.bad or _is_open(found[name], self.patient.certificate)}
        return self.finding.name not in bad and not gone and not worse

    def _offer(self, repair: Repair, certificate: Certificate) -> Offer:
        still = {each.name for each in certificate.findings if isinstance(each.verdict, Refuted)}
        before = {each.name for each in self.patient.certificate.findings if isinstance(each.verdict, Refuted)}
        mended = tuple(sorted(before - still - {self.finding.name}))
        return Offer(repair, size(self.patient.read, repair), certificate, mended, tuple(sorted(still)))


def _is_open(finding: Finding, before: Certificate) -> bool:
    """Whether something that was refuted with a run is only unknown now, for want of time: that mends nothing."""
    was = next((each for each in before.findings if each.name == finding.name), None)
    return was is not None and isinstance(was.verdict, Refuted) and isinstance(finding.verdict, Unknown)


def _alike(one: Repair, other: Repair) -> bool:
    return one.kind == other.kind and {edit.span.line for edit in one.edits} == {edit.span.line for edit in other.edits}


def _proposals(patient: Patient, shown: Evidence) -> list[Repair]:
    """Every repair that the run suggests, the most promising first: by kind, by what they speak of, then by size.

    Small changes of what is there are few, and tried before anything else.
    """
    sheet = Sheet(patient.read.source)
    groups = {
        "guarding": guarding(patient.read, sheet, patient.table, shown, wanted(patient.table, patient.certificate)),
        "changing": changing(patient.read, sheet, patient.table, shown),
        "answering": answering(sheet, patient.table, shown),
    }
    found: list[tuple[tuple[int, int, int, int], Repair]] = []
    for name, rank in _ranks(patient.table, shown.finding).items():
        for repair in groups[name]:
            is_tweak = repair.kind in TWEAKS
            key = (repair.cost == WORLD, -1 if is_tweak else rank, repair.relevance, size(patient.read, repair))
            found.append((key, repair))
    return [repair for _, repair in sorted(found, key=lambda pair: pair[0])]


def _ranks(table: TransitionTable, finding: Finding) -> dict[str, int]:
    """Which repairs are looked for first: what must never happen is kept from it, what must come is made to.

    A step that is not as it should be may be kept from it, or changed, whichever is smaller.
    """
    kind = next((each.kind for each in table.properties if each.name == finding.name), None)
    if finding.name.startswith(("handled:", "moves:")) or kind is PropertyKind.EVENTUALLY:
        return {"answering": 0, "changing": 1, "guarding": 2}
    return {"guarding": 0, "changing": 0 if kind is PropertyKind.STEP else 1, "answering": 2}
