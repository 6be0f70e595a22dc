"""Policies: the `*.cedar` files beside the blueprint, held against the schema that the blueprint implies."""

from __future__ import annotations

import re
from typing import NamedTuple

from temper.language.blueprint import Blueprint
from temper.language.check.findings import Findings
from temper.language.lower import lower_entities
from temper.machine import Entity, PolicyProblem, policy_problems
from temper.report import Source, Span

_POLICY = re.compile(r"\b(?:permit|forbid)\b")
_COMMENT = re.compile(r"//[^\n]*")
_NAMED = re.compile(r"`([^`\n]+)`")


class _Governed(NamedTuple):
    """What policies speak about, before there is a table."""

    roles: tuple[str, ...]
    entities: tuple[Entity, ...]


class _Placed(NamedTuple):
    """A problem with the place that it is about. `exact`: the very word was found."""

    problem: PolicyProblem
    span: Span
    exact: bool


def check_policies(blueprint: Blueprint, sources: tuple[Source, ...], findings: Findings) -> None:
    """Note everything that keeps a policy from being used."""
    governed = _Governed(blueprint.roles, lower_entities(blueprint))
    placed = [_place(problem, sources) for problem in policy_problems(governed, blueprint.policies)]
    exact = {(one.problem.file, one.problem.policy) for one in placed if one.exact}
    told_at: set[Span] = set()
    for problem, span, found in placed:
        # Cedar tells one mistake in several ways: for each type that it concerns, and again without naming a word.
        if span in told_at or (not found and (problem.file, problem.policy) in exact):
            continue
        told_at.add(span)
        told = " ".join(problem.message.split())
        findings.add(
            "policy-invalid",
            f"`{problem.file}` does not fit the blueprint: {told}",
            span,
            reason="not in the schema" if found else "here",
            notes=("a policy may read the principal's roles, the resource's data and `state`, and the arguments",),
        )


def _place(problem: PolicyProblem, sources: tuple[Source, ...]) -> _Placed:
    """The word that the message names, else the policy's first word, else the file's first line."""
    source = next(source for source in sources if source.path.rsplit("/", 1)[-1] == problem.file)
    code = _COMMENT.sub(lambda comment: " " * len(comment.group()), source.text)
    starts = [found.start() for found in _POLICY.finditer(code)]
    if problem.policy is None or problem.policy >= len(starts):
        return _Placed(problem, source.span(0, max(1, len(source.line(1)))), exact=False)
    start = starts[problem.policy]
    end = starts[problem.policy + 1] if problem.policy + 1 < len(starts) else len(code)
    for word in _NAMED.findall(problem.message):
        at = code.find(word, start, end)
        if at >= 0:
            return _Placed(problem, source.span(at, at + len(word)), exact=True)
    return _Placed(problem, source.span(start, start + len("permit")), exact=False)
