"""Sources, spans and diagnostics: what every room speaks when something is wrong."""

from temper.report.diagnostic import Diagnostic, Edit, Help, Label, Severity
from temper.report.span import Source, Span
from temper.report.suggest import suggest

__all__ = ["Diagnostic", "Edit", "Help", "Label", "Severity", "Source", "Span", "suggest"]
