"""A certificate looked at by somebody who believes none of it.

Is it about this table, and is what it says so? Its runs are replayed, its proofs are shown again with its own lemmas,
its counts are searched again. What comes of that has to be at least as strong as what it says; and it may not leave
out what this finds to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum

from temper.machine import (
    Certificate,
    Exhausted,
    Family,
    Finding,
    Proved,
    Refuted,
    Survived,
    TransitionTable,
    Unknown,
    diff,
    policies_hash,
    table_hash,
    universe,
    word,
)
from temper.verify.available import bytes_allowed
from temper.verify.budget import Budget
from temper.verify.cascade import certify
from temper.verify.explicit import Progress
from temper.verify.kept_certificate import KeptCertificate
from temper.verify.obligations import is_for_all_runs
from temper.verify.prover import NoProofs, Prover, Question
from temper.verify.replay import Diverged, Replayed, replay
from temper.verify.text import verdict_text

SHOWN_AGAIN = "proved, shown again by its lemmas"


class Flaw(StrEnum):
    """What can be wrong with a certificate, in one word."""

    ALTERED = "altered"  # the file is not as it was written
    STALE = "stale"  # it is about another table
    FALSE = "false"  # what it says is not so
    UNCHECKED = "unchecked"  # whether it is so could not be found out


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the certificate says."""

    flaw: Flaw
    what: str

    def __str__(self) -> str:
        return f"{self.flaw}: {self.what}"


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of it. Without differences the certificate is confirmed; `confirmed` says by name how each was."""

    differences: tuple[Difference, ...]
    confirmed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def recheck(
    kept: KeptCertificate,
    table: TransitionTable,
    *,
    budget: Budget | None = None,
    prover: Prover | None = None,
    progress: Progress | None = None,
    jobs: int | None = None,
    family: Family | None = None,
) -> Rechecked:
    """Check a certificate against a table, from its own runs, lemmas and scope.

    What it says of every value of a constant is shown for the table's `family`, and not checked without it.

    >>> from temper.machine import TransitionTable
    >>> empty = TransitionTable("empty", (), (), (), (), (), ())
    >>> recheck(KeptCertificate(certify(empty), empty), empty)
    Rechecked(differences=(), confirmed=(), notes=())
    """
    differences = [*_altered(kept), *_stale(kept, table)]
    if any(each.flaw is Flaw.STALE for each in differences):
        return Rechecked(tuple(differences), ())
    fresh = _Fresh(kept.certificate, table, budget or Budget(), prover, progress, jobs, family)
    differences += fresh.differences()
    notes = tuple(_notes(kept.certificate, fresh.search, table))
    return Rechecked(tuple(differences), tuple(fresh.confirmed.items()), notes)


def _altered(kept: KeptCertificate) -> Iterator[Difference]:
    if not kept.is_whole:
        yield Difference(Flaw.ALTERED, "the file is not as it was written: its digest does not fit")
    if table_hash(kept.table) != kept.certificate.table:
        yield Difference(Flaw.ALTERED, "it names another table than the one that it holds")


def _stale(kept: KeptCertificate, table: TransitionTable) -> Iterator[Difference]:
    """What the table says otherwise than the one that was looked at."""
    certificate = kept.certificate
    if certificate.table != table_hash(table):
        said = f"it is about {certificate.table[:12]}, and this is {table_hash(table)[:12]}"
        if certificate.policies != policies_hash(table):
            said += "; the policies are others"
        changed = "".join(f"\n  {each}" for each in diff(kept.table, table))
        yield Difference(Flaw.STALE, said + changed)
    elif certificate.policies != policies_hash(table):
        yield Difference(Flaw.ALTERED, "it names other policies than its table has")
    if kept.table.scope != table.scope:
        yield Difference(Flaw.STALE, "`scope:` is another by now")
    if dict(certificate.accepted) != dict(table.accept):
        names = sorted(name for name, _ in set(certificate.accepted) ^ set(table.accept))
        yield Difference(Flaw.STALE, f"`accept:` is another by now: {', '.join(dict.fromkeys(names))}")


class _Fresh:
    """What can be said of the table now, with what the certificate brings along and none of what it claims."""

    def __init__(
        self,
        certificate: Certificate,
        table: TransitionTable,
        budget: Budget,
        prover: Prover | None,
        progress: Progress | None,
        jobs: int | None,
        family: Family | None,
    ) -> None:
        self.certificate, self.table = certificate, table
        self.universe = universe(table, certificate.searched)
        self.confirmed: dict[str, str] = {}
        claims = [each.name for each in certificate.findings if is_for_all_runs(each)]
        with (prover or Prover()) if claims else nullcontext() as child:
            if child is not None:
                child.ask(self._question(claims, budget, family))
            self.search = certify(
                table, scope=certificate.searched, budget=budget, progress=progress, jobs=jobs, prove=False
            )
            answer = NoProofs("nothing was claimed") if child is None else child.take(budget.seconds_max)
        self.no_proofs = answer.because if isinstance(answer, NoProofs) else ""
        shown = () if isinstance(answer, NoProofs) else answer.findings
        promised = _promised(table, budget) if claims else ()
        self.proved = {each.name: each.verdict for each in (*shown, *promised) if isinstance(each.verdict, Proved)}
        self.found: Mapping[str, Finding] = {each.name: each for each in self.search.findings}

    def differences(self) -> Iterator[Difference]:
        """What the certificate says and is not so, and what it does not say and is wrong."""
        claimed = {finding.name: finding for finding in self.certificate.findings}
        if self.certificate.scope != self.search.scope:
            yield Difference(Flaw.ALTERED, f"it says that it looked at {self.certificate.scope}, and did not")
        for name in self.found.keys() - claimed.keys():
            yield Difference(Flaw.ALTERED, f"it does not speak of `{name}`")
        for name, finding in claimed.items():
            if name not in self.found:
                yield Difference(Flaw.ALTERED, f"it speaks of `{name}`, which is no property or obligation here")
            else:
                yield from self._difference(finding, self.found[name])

    def _difference(self, claimed: Finding, found: Finding) -> Iterator[Difference]:
        name = claimed.name
        if isinstance(found.verdict, Refuted) and not isinstance(claimed.verdict, Refuted):
            because = verdict_text(found.verdict)
            yield Difference(Flaw.FALSE, f"`{name}` is said to be {word(claimed.verdict)}, and is refuted: {because}")
            return
        if found.vacuous and not claimed.vacuous:
            yield Difference(Flaw.FALSE, f"`{name}` holds whatever `{found.vacuous}` is, and it does not say so")
        if claimed.obligation != found.obligation:
            yield Difference(Flaw.FALSE, f"it does not tell whether `{name}` is the author's")
        match claimed.verdict:
            case Unknown():
                self.confirmed[name] = "nothing is claimed"
            case Proved(_, trace) | Refuted(_, trace) if trace is not None:
                yield from self._replayed(claimed, replay(self.table, trace, universe=self.universe))
            case Proved() if is_for_all_runs(claimed):
                yield from self._shown(name, claimed.verdict)
            case Proved():
                yield from self._seen(claimed, found)
            case Exhausted():
                yield from self._counted(claimed.verdict, found)
            case Refuted() | Survived():
                yield Difference(Flaw.UNCHECKED, f"`{name}` is said to be {word(claimed.verdict)}, without any run")

    def _replayed(self, claimed: Finding, end: Replayed | Diverged) -> Iterator[Difference]:
        said = f"the run by which `{claimed.name}` is {word(claimed.verdict)}"
        if self.certificate.begins:
            yield Difference(Flaw.UNCHECKED, f"{said} may begin with what lived then")
        elif not isinstance(end, Replayed):
            yield Difference(Flaw.FALSE, f"{said} is no run of this table{_parted(end)}")
        elif claimed.name not in end.shows and not self._is_witness(claimed):
            yield Difference(Flaw.FALSE, f"{said} does not show it")
        else:
            self.confirmed[claimed.name] = f"{word(claimed.verdict)}, its run replayed"

    def _is_witness(self, claimed: Finding) -> bool:
        """Whether the run shows something that is seen on the way and not at its end; then the search has to see it."""
        found = self.found[claimed.name].verdict
        return claimed.obligation and isinstance(found, Proved) and isinstance(claimed.verdict, Proved)

    def _seen(self, claimed: Finding, found: Finding) -> Iterator[Difference]:
        """Something that some run does, where the certificate does not show which."""
        if isinstance(found.verdict, Proved):
            self.confirmed[claimed.name] = "proved, seen again"
        else:
            said = f"`{claimed.name}` is said to be proved, and now is {word(found.verdict)}"
            yield Difference(_flaw(found), f"{said}: {verdict_text(found.verdict)}")

    def _shown(self, name: str, claimed: Proved) -> Iterator[Difference]:
        if name in self.proved:
            breadth, now = _breadth(claimed), _breadth(self.proved[name])
            if breadth and breadth != now:
                said = f"`{name}` is said to hold {breadth}, and is shown {now or 'for the values that constants have'}"
                yield Difference(Flaw.UNCHECKED, said)
            else:
                self.confirmed[name] = f"proved {breadth}, shown again" if breadth else SHOWN_AGAIN
        elif self.no_proofs:
            yield Difference(Flaw.UNCHECKED, f"`{name}` is said to be proved: {self.no_proofs}")
        else:
            yield Difference(Flaw.FALSE, f"`{name}` is said to be proved, and its lemmas do not show it")

    def _counted(self, claimed: Exhausted, found: Finding) -> Iterator[Difference]:
        name, now = found.name, found.verdict
        if isinstance(now, Exhausted) and (now.states == claimed.states or not (now.whole and claimed.whole)):
            self.confirmed[name] = f"exhausted, {verdict_text(now)} searched again"
        elif isinstance(now, Exhausted):
            said = f"exhausted by {claimed.states:,} states, and there are {now.states:,}"
            yield Difference(Flaw.FALSE, f"`{name}` is said to be {said}")
        else:
            said = f"`{name}` is said to be exhausted, and now is {word(now)}: {verdict_text(now)}"
            yield Difference(_flaw(found), said)

    def _question(self, claims: Iterable[str], budget: Budget, family: Family | None) -> Question:
        room = budget.bytes_max or bytes_allowed() // 2
        verdicts = (finding.verdict for finding in self.certificate.findings)
        is_wide = any(isinstance(verdict, Proved) and _breadth(verdict) for verdict in verdicts)
        wide = family if is_wide else None
        lemmas = self.certificate.lemmas
        return Question(self.table, self.universe, budget.seconds_max, room, tuple(claims), lemmas, wide)


def _breadth(verdict: Proved) -> str:
    """The constants for every value of which a proof says that it holds; nothing if it is about one table."""
    return next((part for part in verdict.because.split(", ") if part.startswith("for every ")), "")


def _promised(table: TransitionTable, budget: Budget) -> tuple[Finding, ...]:
    """Promises by ranking, which takes no solver: what is claimed of them is looked for anew."""
    from temper.verify.symbolic import ranked

    return ranked(table, seconds_max=budget.seconds_max)


def _flaw(found: Finding) -> Flaw:
    """Of what could not be confirmed: it is not so, or nobody had the time to see."""
    verdict = found.verdict
    is_short = isinstance(verdict, Unknown) and verdict.because.startswith(("budget", "construct"))
    return Flaw.UNCHECKED if is_short else Flaw.FALSE


def _parted(end: Replayed | Diverged) -> str:
    return f": it parts from it at step {end.at}" if isinstance(end, Diverged) else ""


def _notes(certificate: Certificate, fresh: Certificate, table: TransitionTable) -> Iterator[str]:
    """What somebody should know who relies on it."""
    if certificate.searched is not None and certificate.searched != table.scope:
        yield f"it is about another scope than the blueprint's own: {certificate.scope}"
    now = dict(fresh.made_with)
    for name, version in certificate.made_with:
        if name in now and now[name] != version:
            yield f"it was made with {name} {version}, and checked with {now[name]}"
    if certificate.begins:
        yield "what it says of runs that go on from what lived then is not checked"
