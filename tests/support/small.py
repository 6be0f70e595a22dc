"""Small blueprints for the verifiers, from text to verdict."""

from __future__ import annotations

from temper.language import check, lower, parse
from temper.machine import Finding, TransitionTable, universe
from temper.report import Source
from temper.verify import Budget, Report, search


def table_of(text: str, *policies: str) -> TransitionTable:
    """The table of a blueprint that is right, with the texts of its Cedar files."""
    beside = tuple(Source(f"{number}.cedar", policy) for number, policy in enumerate(policies))
    tree, findings = parse(Source("small.yaml", text), beside)
    assert tree is not None, findings
    blueprint, more = check(tree)
    assert blueprint is not None, more
    return lower(blueprint)


def report_of(text: str, budget: Budget | None = None) -> Report:
    """What the plain search says about a blueprint within its own scope."""
    table = table_of(text)
    return search(table, universe=universe(table), budget=budget)


def findings_of(report: Report) -> dict[str, Finding]:
    return {finding.name: finding for finding in report.findings}


GATE = """
temper: 1
blueprint: gate
properties:
{properties}
roles: [guard]
entities:
  Gate:
    single: true
    data: {{count: "int[0, 3]"}}
    states: [shut, open, broken]
    final: [broken]
    waits: [shut, open]
    actions:
      lift: {{by: guard, from: shut, when: count < {limit}, set: {{count: count + 1}}, to: open}}
      drop: {{by: guard, from: open, to: shut}}
      smash: {{by: guard, from: open, when: count == {smash}, to: broken}}
scope:
  principals: {{ann: [guard]}}
{more}
"""


def gate(*properties: str, limit: int = 3, smash: int = 2, more: str = "") -> str:
    """A gate that is lifted at most `limit` times and can be smashed at the `smash`-th."""
    listed = "\n".join(f"  {line}" for line in properties) or "  nothing: {always: 1 < 2}"
    return GATE.format(properties=listed, limit=limit, smash=smash, more=more)


ASKING = """
temper: 1
blueprint: asking
roles: [chief]
effects:
  work:
    outcomes: {{worked: {{}}, failed: {{}}}}
    delivery: idempotent
    timeout: 1s
entities:
  Job:
    states: [idle, asking, done]
    final: [done]
    waits: [idle]
    actions:
      open: {{by: chief, from: new, to: idle}}
      start:
        by: chief
        from: idle
        to: asking
        do: [{{effect: work, with: {{}}, then: {{worked: {worked}, failed: {failed}, unknown: again}}}}]
      finish: {{from: asking, to: done}}
      stop: {{from: asking, to: idle}}
    timers:
      patience: {{in: asking, after: 10s, do: {patience}}}
scope:
  instances: {{Job: 1}}
  principals: {{ann: [chief]}}
{more}
"""


def asking(
    worked: str = "[finish, ignore]", failed: str = "[stop, ignore]", patience: str = "stop", more: str = ""
) -> str:
    """A job that asks an effect and gives up after a while; a late answer is ignored."""
    return ASKING.format(worked=worked, failed=failed, patience=patience, more=more)
