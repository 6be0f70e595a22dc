"""The process in which proofs are looked for: one question on its input, one answer on its output.

`python -m temper.verify.symbolic.apart` is the child of `verify.prover`. It imports the solver while its parent still
reads the blueprint, takes no more memory than it is given, and ends when its parent does.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from time import monotonic

import z3

from temper.machine import Family, Finding, Proved, filled, table_hash
from temper.verify.prover import Answer, NoProofs, Proofs, Question
from temper.verify.symbolic.for_every import prove_for_every, shown_for_every
from temper.verify.symbolic.known import find, keep
from temper.verify.symbolic.proofs import proofs, shown_again

ROOM_SECONDS = 0.5
"""So long before its time is over, the solver is asked nothing new."""
BYTES_MIN = 512 << 20
"""Less memory than this is not enough to begin."""


def answer(question: Question) -> Answer:
    """What can be proved, or whether what is claimed can be shown by its own lemmas.

    What can be proved for every value of constants is; of the rest it is asked whether it holds for those that they
    have, and then whether the lemmas for that show it for every value. What was proved of this very table before is
    proved again, which takes a few questions.
    """
    until = monotonic() + question.seconds_max
    if question.claims is not None:
        return _shown_again(question, question.claims, until)
    everywhere = Proofs(()) if question.family is None else _everywhere(question, question.family)
    proved = _proved(everywhere.findings)
    if proved and not question.thorough and len(proved) == len(everywhere.findings):
        return everywhere
    known, hinted = find(question.table), _hinted(question, until)
    found = proofs(
        question.table,
        universe=question.universe,
        seconds_max=until - monotonic(),
        known=known,
        thorough=question.thorough,
        done={finding.name for finding in hinted.findings},
        family=question.family,
    )
    if isinstance(found, NoProofs):
        if not hinted.findings:
            return everywhere if proved else found
        found = hinted
    else:
        found = _both(hinted, found)
    if known is None or question.thorough or not known.thorough:
        keep(question.table, found, thorough=question.thorough)
    lemmas = {lemma.name: lemma for lemma in (*found.lemmas, *everywhere.lemmas)}
    return replace(
        _also_everywhere(question, found, proved, until),
        lemmas=tuple(lemmas.values()),
        seconds=monotonic() - until + question.seconds_max,
    )


def _hinted(question: Question, until: float) -> Proofs:
    """What can be shown by proofs that somebody wrote down about this very table."""
    hints = question.hints
    if hints is None or hints.table != table_hash(question.table):
        return Proofs(())
    asked = [each.name for each in question.table.properties]
    claims = [name for name in hints.proved if question.thorough or name in asked]
    try:
        world, left = question.universe.world, until - monotonic()
        found = shown_again(question.table, claims, hints.lemmas, world=world, seconds_max=left)
    except Exception:  # noqa: BLE001 - the file is anybody's: where it makes no sense, there is no hint in it
        return Proofs(())
    if isinstance(found, NoProofs):
        return Proofs(())
    return replace(found, findings=tuple(_proved(found.findings).values()))


def _both(first: Proofs, then: Proofs) -> Proofs:
    lemmas = {lemma.name: lemma for lemma in (*first.lemmas, *then.lemmas)}
    return Proofs((*first.findings, *then.findings), tuple(lemmas.values()), then.is_whole)


def _shown_again(question: Question, claims: Iterable[str], until: float) -> Answer:
    """What is claimed, shown by its own lemmas; what is claimed of a whole family is looked for anew, if that is given.

    Lemmas of a family cannot be told from those of its member that a certificate is about.
    """
    found = shown_again(
        question.table,
        claims,
        question.lemmas,
        world=question.universe.world,
        seconds_max=question.seconds_max,
    )
    if question.family is None or isinstance(found, NoProofs):
        return found
    return _also_everywhere(question, found, _proved(_everywhere(question, question.family).findings), until)


def _everywhere(question: Question, family: Family) -> Proofs:
    """What holds for every value of the family's constants, with lemmas about the table that was asked about."""
    found = prove_for_every(
        family, world=question.universe.world, seconds_max=question.seconds_max, known=find(family.table)
    )
    keep(family.table, found, thorough=True)
    return replace(found, lemmas=filled(found.lemmas, family.of(question.table)))


def _also_everywhere(question: Question, found: Proofs, proved: Mapping[str, Finding], until: float) -> Proofs:
    """What was found, and for every value where that is proved, or shown by the lemmas that were found for one."""
    wide = dict(proved)
    left = until - monotonic() - ROOM_SECONDS
    if question.family is not None and left > 0:
        rest = replace(found, findings=tuple(each for each in found.findings if each.name not in proved))
        world = question.universe.world
        wide |= _proved(shown_for_every(question.family, question.table, rest, world=world, seconds_max=left))
    return replace(found, findings=tuple(wide.get(finding.name, finding) for finding in found.findings))


def _proved(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if isinstance(finding.verdict, Proved)}


def answer_parent() -> None:
    """Answer on the real output and let anything else that is printed go to the error stream."""
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    question = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent
    assert isinstance(question, Question), "the parent asks a question"
    Thread(target=_end_with_parent, daemon=True).start()
    _limit(question.bytes_max)
    try:
        found = answer(question)
    except MemoryError:
        found = NoProofs("the solver gave up: it has no more memory")
    said.write(pickle.dumps(found))
    said.close()
    os._exit(0)  # taking the solver's terms down takes longer than the system takes to forget them


def _end_with_parent() -> None:
    """The input closes when the parent ends, however it ends. The solver lets go of the interpreter while it thinks."""
    while os.read(0, 1):
        continue
    os._exit(1)


def _limit(bytes_max: int) -> None:
    """The solver gives up by itself at what it may take, and the system stops it a little later."""
    most = max(bytes_max, BYTES_MIN)
    z3.set_param("memory_max_size", most >> 20)
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        room = most + BYTES_MIN
        resource.setrlimit(resource.RLIMIT_AS, (room if hard < 0 else min(room, hard), hard))


if __name__ == "__main__":
    # Under its real name, so that what it pickles is what the parent knows.
    from importlib import import_module

    import_module("temper.verify.symbolic.apart").answer_parent()
