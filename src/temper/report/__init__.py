"""Sources, spans and diagnostics: what every room speaks when something is wrong."""

from temper.report.diagnostic import Diagnostic, Edit, Help, Label, Severity
from temper.report.edit import apply_edits
from temper.report.render import diagnostic_to_json, render, render_line
from temper.report.span import Source, Span
from temper.report.suggest import suggest

__all__ = [
    "Diagnostic",
    "Edit",
    "Help",
    "Label",
    "Severity",
    "Source",
    "Span",
    "apply_edits",
    "diagnostic_to_json",
    "render",
    "render_line",
    "suggest",
]
