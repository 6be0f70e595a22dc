"""YAML's events, within bounds, and read past the places where an expression lacks its quotes."""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from temper.language.parse.findings import Findings
from temper.language.parse.quote import broken_key, broken_value, report_quote
from temper.language.parse.scalar import mask_pairs
from temper.language.parse.stumble import report_yaml_error
from temper.language.syntax import Text
from temper.report import Help

DEPTH_MAX = 64
NODES_MAX = 30_000
_REPAIR_CHARACTERS_MAX = 1_000_000


class _BoundError(Exception):
    """A bound was passed; the finding is already noted."""


def read_events(findings: Findings) -> tuple[list[Event], str, dict[int, Text]] | None:
    """All events, the text they were read from, and the expressions that were masked in it, by offset.

    Where YAML stumbles over an expression that lacks quotes, the expression is masked by a word of the same
    length and the file is read again, so that one missing quote does not hide every other finding. Each
    repair must get further than the one before, and all of them together read a bounded number of characters.
    """
    text = mask_pairs(findings.source.text)
    masked: dict[int, Text] = {}
    budget = _REPAIR_CHARACTERS_MAX
    stumbled = -1
    while True:
        try:
            return list(_bounded(findings, text)), text, masked
        except _BoundError:
            return None
        except yaml.YAMLError as error:
            index = _index(error)
            budget -= len(text)
            place = _broken(text, index) if budget > 0 and index > stumbled else None
            if place is None or place[0] in masked:
                report_yaml_error(findings, error)
                return None
            stumbled = index
        start, end = place
        masked[start] = report_quote(findings, start, end, "YAML cannot read this without quotes")
        text = f"{text[:start]}{'x' * (end - start)}{text[end:]}"


def _broken(text: str, index: int) -> tuple[int, int] | None:
    return broken_key(text, index) or broken_value(text, index)


def start_of(event: Event) -> int:
    """The offset at which the event's text begins."""
    assert event.start_mark is not None, "both parsers mark every event"
    return event.start_mark.index


def end_of(event: Event) -> int:
    """The offset at which the event's text ends."""
    assert event.end_mark is not None, "both parsers mark every event"
    return event.end_mark.index


def _index(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return int(mark.index) if mark is not None else 0


def _events(text: str) -> Iterator[Event]:
    """Events from libyaml where PyYAML was built with it, else from Python, which is slower and allows fewer tabs."""
    if yaml.__with_libyaml__:
        return yaml.parse(text, Loader=yaml.CSafeLoader)
    return yaml.parse(text, Loader=yaml.SafeLoader)


def _bounded(findings: Findings, text: str) -> Iterator[Event]:
    depth = nodes = documents = 0
    for event in _events(text):
        match event:
            case DocumentStartEvent():
                documents += 1
            case MappingStartEvent() | SequenceStartEvent():
                depth += 1
                nodes += 1
            case MappingEndEvent() | SequenceEndEvent():
                depth -= 1
            case ScalarEvent() | AliasEvent():
                nodes += 1
        if depth > DEPTH_MAX or nodes > NODES_MAX:
            _report_bound(findings, start_of(event), deep=depth > DEPTH_MAX)
            raise _BoundError
        yield event
        if documents > 1:
            return


def _report_bound(findings: Findings, index: int, *, deep: bool) -> None:
    span = findings.source.span(index, index + 1)
    if deep:
        findings.add(
            "too-deep",
            f"nested more than {DEPTH_MAX} levels deep",
            span,
            reason="one level too many",
            notes=("no part of a blueprint needs more than a dozen levels",),
            helps=(Help("check for brackets that are opened and never closed"),),
        )
        return
    findings.add(
        "too-many-nodes",
        f"more than {NODES_MAX:,} keys and values, which is more than a blueprint may have",
        span,
        reason="one too many",
        helps=(Help("split the blueprint, or check that this is the file you meant"),),
    )
