"""Every fault that can be planted in a blueprint, in the order of its text."""

from __future__ import annotations

from collections.abc import Iterator

from temper.exam.fault import Fault, edited
from temper.exam.guards import guard_faults
from temper.exam.handing import handing_faults
from temper.exam.policies import policy_faults
from temper.exam.rows import row_faults
from temper.language import Sheet
from temper.pipeline import Read

KINDS = (
    "guard-dropped",
    "guard-flipped",
    "conjunct-dropped",
    "comparison-by-one",
    "comparison-flipped",
    "quantifier-changed",
    "number-changed",
    "flag-flipped",
    "update-dropped",
    "target-swapped",
    "target-dropped",
    "case-dropped",
    "cases-swapped",
    "source-dropped",
    "source-added",
    "do-dropped",
    "send-dropped",
    "spawn-dropped",
    "replaces-dropped",
    "fence-dropped",
    "outcome-ignored",
    "refusal-dropped",
    "target-shortened",
    "timer-removed",
    "timer-shortened",
    "forbid-dropped",
    "condition-dropped",
    "permit-widened",
)
"""What kinds of faults there are, for whoever asks for some of them."""


def faults(read: Read) -> tuple[Fault, ...]:
    """The faults of a blueprint and its policies, each text once. Not every one of them leaves a blueprint.

    >>> from temper.report import Source
    >>> text = "blueprint: a\\nentities: {A: {states: [on, off], actions: {go: {from: on, to: off}}}}\\n"
    >>> [fault.message for fault in faults(Read(Source("a.yaml", text)))][:2]
    ['`A.go` may start from `off`, too', '`A.go` no longer goes to `off`']
    """
    found: dict[tuple[str, ...], Fault] = {}
    for fault in sorted(_all(read), key=lambda fault: (fault.path != read.source.path, fault.span)):
        after = tuple(source.text for source in edited(read, fault.edits).sources)
        found.setdefault(after, fault)
    found.pop(tuple(source.text for source in read.sources), None)
    return tuple(found.values())


def _all(read: Read) -> Iterator[Fault]:
    sheet = Sheet(read.source)
    yield from guard_faults(sheet)
    yield from row_faults(sheet)
    yield from handing_faults(sheet)
    for policy in read.policies:
        yield from policy_faults(policy)
