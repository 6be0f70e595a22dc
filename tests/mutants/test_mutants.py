"""A verifier is worth what it catches: every wrong version of an example is refuted, for the reason it is wrong."""

from __future__ import annotations

import pytest

from support.examples import EXAMPLES, Mutant, caught, certificate_of, mutants, names

MUTANTS = list(mutants())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.example}/{mutant.name}")
def test_a_wrong_blueprint_is_caught_by_a_shortest_trace(mutant: Mutant) -> None:
    certificate = certificate_of(mutant)
    found = caught(certificate)
    assert mutant.caught in found, f"{mutant.name} survived; caught was {found}; notes: {certificate.notes}"
    assert found[mutant.caught] == mutant.steps, f"the shortest trace of {mutant.name} has another length: {found}"


@pytest.mark.parametrize("example", names())
def test_the_harness_sees_when_nothing_is_wrong(example: str) -> None:
    """The canary: an edit that means nothing must not look like a catch."""
    text = (EXAMPLES / example / f"{example}.yaml").read_text(encoding="utf-8")
    doc = next(line for line in text.splitlines() if line.startswith("doc: "))
    harmless = Mutant(example, "harmless", ((doc, "doc: The same."),), "nothing", None)
    assert caught(certificate_of(harmless)) == {}


def test_every_example_has_a_mutant() -> None:
    assert {mutant.example for mutant in MUTANTS} == set(names())


def test_most_mutants_are_refuted_and_not_merely_unknown() -> None:
    refuted = [mutant for mutant in MUTANTS if mutant.steps is not None]
    assert len(refuted) >= 0.8 * len(MUTANTS)


def test_names_are_used_once() -> None:
    called = [(mutant.example, mutant.name) for mutant in MUTANTS]
    assert len(called) == len(set(called))
