"""What the world answers is not people's to choose: where the universe leaves some of it out, nothing is exhausted."""

from __future__ import annotations

import pytest

from support.small import report_of
from temper.machine import Exhausted, Refuted, Unknown

PROBE = """
temper: 1
blueprint: probe
properties:
  calm: {{for: p in Probe, always: "p.last != 57"}}
roles: [guard]
effects:
  measure:
    outcomes: {{measured: {{{field}: "{type}"}}}}
    delivery: idempotent
entities:
  Probe:
    data: {{last: "int[0, 100]"}}
    states: [asking, done]
    final: [done]
    actions:
      ask: {{by: guard, from: new, to: asking, do: [{{effect: measure, with: {{}}, then: {{measured: note, unknown: again}}}}]}}
      note: {{params: {{{field}: "{type}"}}, from: asking, set: {{last: args.{field}}}, to: done}}
scope:
  principals: {{ann: [guard]}}
  instances: {{Probe: 1}}
"""


@pytest.mark.parametrize(("type_", "whole"), [("int[0, 9]", True), ("int[0, 56]", False), ("int[0, 100]", False)])
def test_a_number_that_an_outcome_may_tell(type_: str, whole: bool) -> None:
    report = report_of(PROBE.format(field="value", type=type_))
    verdict = next(finding.verdict for finding in report.findings if finding.name == "calm")
    if whole:
        assert isinstance(verdict, Exhausted)
    elif type_ == "int[0, 56]":
        assert isinstance(verdict, Unknown)
        assert "values in measure.measured: value" in verdict.because
    else:
        assert isinstance(verdict, Refuted), "57 is written in the blueprint, so it is tried"
