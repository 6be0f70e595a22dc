"""Policies: the `*.cedar` files beside the blueprint, held against the schema that the blueprint implies."""

from __future__ import annotations

import re
from typing import NamedTuple

from temper.language.blueprint import Blueprint
from temper.language.check.findings import Findings
from temper.language.lower import lower_entities
from temper.machine import Entity, PolicyProblem, policy_problems
from temper.report import Source, Span

_POLICY = re.compile(r"\b(permit|forbid)\b")


class _Governed(NamedTuple):
    roles: tuple[str, ...]
    entities: tuple[Entity, ...]


def check_policies(blueprint: Blueprint, sources: tuple[Source, ...], findings: Findings) -> None:
    """Note everything that keeps a policy from being used."""
    governed = _Governed(blueprint.roles, lower_entities(blueprint))
    for problem in policy_problems(governed, blueprint.policies):
        source = next(
            source for source in sources if source.path == problem.file or source.path.endswith("/" + problem.file)
        )
        findings.add(
            "policy-invalid",
            f"`{problem.file}` does not fit the blueprint: {problem.message}",
            _at(source, problem),
            reason="this policy" if problem.policy is not None else "this file",
            notes=(
                "a policy may read the principal's roles, the resource's data and `state`, and the context's arguments",
            ),
        )


def _at(source: Source, problem: PolicyProblem) -> Span:
    """The policy's first word, or the beginning of the file."""
    starts = [
        found.span() for found in _POLICY.finditer(re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), source.text))
    ]
    if problem.policy is not None and problem.policy < len(starts):
        return source.span(*starts[problem.policy])
    return source.span(0, max(1, len(source.line(1))))
