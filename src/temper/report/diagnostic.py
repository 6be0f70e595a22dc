"""Findings as data: what is wrong, where, why, and what to do about it. `render` makes them text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from temper.report.span import Span


class Severity(Enum):
    """How much a finding weighs. Only an error keeps a blueprint from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to a source as data, so that a tool or an agent can apply it."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Help:
    """What the author can do: a sentence and, where we know it, the edits that do it."""

    text: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first, with a word on what it shows."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is a slug that names what is wrong and never changes.

    `message` is complete by itself; `reason` stands under the marked text; `labels`, `notes` and
    `helps` explain. `span` is None only for what has no place in a file (a folder that is missing).
    """

    code: str
    message: str
    span: Span | None
    severity: Severity = Severity.ERROR
    reason: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[Help, ...] = ()
