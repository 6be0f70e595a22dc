"""Verifiers: what can be said about a table, how it is known, and what may be loaded."""

from temper.verify.budget import Budget
from temper.verify.cascade import ENGINES, certified, certify
from temper.verify.certificate_json import (
    certificate_from_json,
    certificate_to_json,
    trace_from_json,
    trace_to_json,
)
from temper.verify.diagnose import certificate_text, diagnose
from temper.verify.explicit import Report, search
from temper.verify.model import Model, TableModel, Transition
from temper.verify.replay import Diverged, Replayed, replay
from temper.verify.report import report_json
from temper.verify.text import trace_text
from temper.verify.upgrade import Upgrade, look_of, qualified, upgrade

__all__ = [
    "ENGINES",
    "Budget",
    "Diverged",
    "Model",
    "Replayed",
    "Report",
    "TableModel",
    "Transition",
    "Upgrade",
    "certificate_from_json",
    "certificate_text",
    "certificate_to_json",
    "certified",
    "certify",
    "diagnose",
    "look_of",
    "qualified",
    "replay",
    "report_json",
    "search",
    "trace_from_json",
    "trace_text",
    "trace_to_json",
    "upgrade",
]
