"""Faults in Cedar policies: one that lets more people through than its author meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from temper.exam.fault import Fault
from temper.report import Edit, Source

_QUIET = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"')
_HEAD = re.compile(r"\s*(?:@\w+\s*\([^)]*\)\s*)*(permit|forbid)\s*\(")
_CONDITION = re.compile(r"\b(when|unless)\s*\{")
_WHO = re.compile(r"\bprincipal\s+in\s+[\w:]+\s*,")


def policy_faults(source: Source) -> Iterator[Fault]:
    """Every forbid left out, every condition of a permit left out, every permit given to everybody.

    >>> text = 'permit (principal, action, resource) when { resource.size < 3 };'
    >>> [fault.kind for fault in policy_faults(Source("a.cedar", text))]
    ['condition-dropped']
    """
    masked = _QUIET.sub(lambda found: "_" * len(found.group()), source.text)
    start = 0
    for number, end in enumerate(_ends(masked), 1):
        head = _HEAD.match(_blanked(masked, start, end))
        if head is not None:
            yield from _of_policy(source, masked, head, start, end, f"policy {number}")
        start = end


def _of_policy(source: Source, masked: str, head: re.Match[str], start: int, end: int, said: str) -> Iterator[Fault]:
    begin = start + head.start(1)
    if head.group(1) == "forbid":
        yield _fault(source, "forbid-dropped", f"{said} no longer forbids anything", begin, end, "")
        return
    for found in _CONDITION.finditer(masked, begin, end):
        close = _closing(masked, found.end(), end)
        first = len(masked[: found.start()].rstrip())
        said_of = f"{said} permits whatever its `{found.group(1)}` says"
        yield _fault(source, "condition-dropped", said_of, first, close, "")
    who = _WHO.search(masked, begin, end)
    if who is not None:
        yield _fault(source, "permit-widened", f"{said} permits everybody", who.start(), who.end(), "principal,")


def _blanked(masked: str, start: int, end: int) -> str:
    """One statement with its comments blank, so that the head is found behind them."""
    return re.sub(r"_{2,}", lambda found: " " * len(found.group()), masked[start:end])


def _ends(masked: str) -> Iterator[int]:
    yield from (found.end() for found in re.finditer(";", masked))


def _closing(masked: str, at: int, end: int) -> int:
    """Behind the brace that closes the one before `at`."""
    depth = 1
    while depth and at < end:
        depth += {"{": 1, "}": -1}.get(masked[at], 0)
        at += 1
    return at


def _fault(source: Source, kind: str, message: str, start: int, end: int, replacement: str) -> Fault:
    name = source.path.replace("\\", "/").rpartition("/")[2]
    return Fault(kind, name, f"{message} ({name})", (Edit(source.span(start, end), replacement),))
