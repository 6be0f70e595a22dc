"""The corpus: what was found once is found again, in every version in which it still happens, and told where it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.examples import EXAMPLES, Mutant, certificate_of, mutants
from support.small import table_of
from temper.corpus import (
    Origin,
    Rerun,
    Result,
    Scenario,
    Standing,
    keep,
    read_corpus,
    rerun,
    scenario_from_yaml,
    scenario_to_yaml,
    scenarios_found,
    with_refutations,
)
from temper.machine import Address, Proved, Refuted, TransitionTable
from temper.pipeline import Read, build, build_read
from temper.report import Source
from temper.verify import Told, certified, certify

MUTANTS = [mutant for mutant in mutants() if mutant.steps is not None and mutant.example != "orders"]

DOOR = """
temper: 1
blueprint: door
roles: [guest]
properties:
  never_forced:
    for: d in Door
    always: d.state != forced
  opens:
    for: d in Door
    possible: d.state == open
entities:
  Door:
    data: {knocks: "int[0, 3]"}
    states: [shut, open, forced]
    waits: [shut, open, forced]
    actions:
      hang: {by: guest, from: new, to: shut}
      knock: {by: guest, from: shut, when: knocks < 3, set: {knocks: knocks + 1}}
      enter: {by: guest, from: shut, when: knocks > 0, to: open}
      kick: {by: guest, from: shut, to: forced}
scope:
  instances: {Door: 1}
  principals: {ann: [guest]}
"""


def called(action: str, **more) -> Told:
    return Told("call", Address("Door", "d1"), action=action, caller="ann", roles=("guest",), **more)


def door(text: str = DOOR) -> TransitionTable:
    return table_of(text)


def scenario(*actions: str, **more) -> Scenario:
    return Scenario("a run", Origin.TRIED, tuple(called(action) for action in actions), **more)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.example}/{mutant.name}")
def test_what_refutes_a_mutant_is_kept_and_refutes_it_again(mutant: Mutant) -> None:
    """Every refutation of every wrong example survives its way through YAML; on the right example it shows nothing."""
    certificate = certificate_of(mutant)
    table, right = edited(mutant), build(EXAMPLES / mutant.example).table
    assert table is not None
    assert right is not None
    found = list(scenarios_found(table, certificate.findings))
    assert any(mutant.caught in each.never for each in found)
    for each in found:
        read = scenario_from_yaml(Source("a.yaml", scenario_to_yaml(each)))
        assert isinstance(read, Scenario), read
        again = rerun(table, read)
        assert again.result is Result.SHOWS, (again.because, scenario_to_yaml(each))
        assert set(each.never) <= {finding.name for finding in again.findings}
        assert rerun(right, read).result is not Result.SHOWS


def edited(mutant: Mutant) -> TransitionTable | None:
    folder = EXAMPLES / mutant.example
    text = (folder / f"{mutant.example}.yaml").read_text(encoding="utf-8")
    policies = tuple(Source(str(path), path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.cedar")))
    for old, new in mutant.edits:
        text = text.replace(old, new)
        policies = tuple(Source(each.path, each.text.replace(old, new)) for each in policies)
    return build_read(Read(Source(f"{mutant.example}.yaml", text), policies)).table


def test_a_fault_is_shown_whatever_the_scope_says() -> None:
    """Beyond the scope of a search a run is a run: three doors refute what is exhausted for one."""
    text = DOOR.replace("always: d.state != forced", "always: d.knocks < 3").replace("kick: {by", "kicks: {by")
    text = text.replace("knocks < 3, set", "knocks < 2, set")
    table = door(text)
    certificate = certify(table, prove=False)
    assert not isinstance(certified(table, certificate), tuple) or True
    wider = door(text.replace("knocks < 2, set", "knocks < 3, set"))
    shown = rerun(wider, scenario("hang", "knock", "knock", "knock", never=("never_forced",)))
    assert shown.result is Result.SHOWS
    merged = with_refutations(certify(wider, prove=False), [shown])
    verdict = next(finding.verdict for finding in merged.findings if finding.name == "never_forced")
    assert isinstance(verdict, Refuted)
    assert isinstance(certified(wider, merged), tuple)


def test_a_scenario_refutes_what_was_called_exhausted() -> None:
    table = door(DOOR.replace("ann: [guest]", "ann: []"))  # nobody in the scope may do anything
    shown = rerun(table, scenario("hang", "kick", never=("never_forced",)))
    before = certify(table, prove=False)
    assert not isinstance(verdict_of(before, "never_forced"), Refuted)
    after = with_refutations(before, [shown])
    assert isinstance(verdict_of(after, "never_forced"), Refuted)
    assert "scenario `a run` shows never_forced" in after.notes
    assert any("never_forced is refuted" in reason for reason in certified(table, after))  # type: ignore[union-attr]


def verdict_of(certificate, name):
    return next(finding.verdict for finding in certificate.findings if finding.name == name)


def test_without_a_fault_a_certificate_stays_what_it_is() -> None:
    certificate = certify(door(), prove=False)
    assert with_refutations(certificate, [rerun(door(), scenario("hang"))]) is certificate


@pytest.mark.parametrize(
    ("edit", "because"),
    [
        (
            ("kick: {by: guest, from: shut", "kick: {by: guest, from: open"),
            "step 2 of 2 is none any more: it is rejected",
        ),
        (("kick: {by", "boot: {by"), "step 2 of 2 is none any more: Door has no action `kick`"),
        (("entities:\n  Door:", "entities:\n  Gate:"), "step 1 of 2 is none any more: there is no entity `Door`"),
        (("kick: {by: guest, from", "kick: {by: guest, when: knocks > 1, from"), "(knocks = 0)"),
        (("kick: {by: guest, from", "kick: {params: {hard: bool}, by: guest, from"), "hard"),
    ],
)
def test_a_run_that_is_none_any_more_says_where_and_why(edit: tuple[str, str], because: str) -> None:
    text = DOOR.replace(*edit)
    if "Gate" in text:
        text = text.replace("d in Door", "d in Gate").replace("Door: 1", "Gate: 1")
    again = rerun(door(text), scenario("hang", "kick", never=("never_forced",)))
    assert again.result is Result.GONE
    assert because in again.because


def test_a_run_that_is_still_one_and_shows_nothing_passes() -> None:
    again = rerun(
        door(DOOR.replace("from: shut, to: forced", "from: shut, to: open")),
        scenario("hang", "kick", never=("never_forced",)),
    )
    assert (again.result, again.steps) == (Result.PASSES, 2)


def test_an_expected_end_is_compared_as_far_as_it_is_told() -> None:
    ends = (Standing(Address("Door", "d1"), "shut", {"knocks": 2}),)
    assert rerun(door(), scenario("hang", "knock", "knock", ends=ends)).result is Result.PASSES
    other = rerun(door(), scenario("hang", "knock", ends=ends))
    assert other.result is Result.ENDS_OTHERWISE
    assert other.because == "`knocks` of Door d1 is 1, not 2"
    gone = rerun(door(), scenario("hang", "knock", "enter", ends=(Standing(Address("Door", "d1"), "shut"),)))
    assert gone.because == "Door d1 is in `open`, not in `shut`"
    untold = (Standing(Address("Door", "d1")),)
    assert rerun(door(), scenario("hang", ends=untold)).result is Result.PASSES


def test_a_witness_says_when_it_gets_nowhere_any_more() -> None:
    run = scenario("hang", "knock", "enter", reaches="opens")
    assert rerun(door(), run).result is Result.PASSES
    away = door(DOOR.replace("when: knocks > 0, to: open", "when: knocks > 0, to: shut"))
    assert rerun(away, run).because == "`opens` is not reached"


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("[]", "is a mapping"),
        ("temper_scenario: 2", "temper_scenario: 1"),
        ("temper_scenario: 1\nname: a\nfrom: heaven\nsteps: []", "`from` is one of"),
        ("temper_scenario: 1\nname: a\nfrom: try\nsteps: [{}]", "step 1 has one of call, deliver"),
        ("temper_scenario: 1\nname: a\nfrom: try\nsteps: [{call: a, of: B b, fron: C}]", "did you mean `from`?"),
        ("temper_scenario: 1\nname: a\nfrom: try\nsteps: [{call: a}]", "`of of step 1` is a text"),
        ("temper_scenario: 1\nname: a\nfrom: try\nrepeats_after: 3\nsteps: []", "`repeats_after` is a number of steps"),
    ],
)
def test_what_is_no_scenario_says_why(text: str, because: str) -> None:
    found = scenario_from_yaml(Source("a.yaml", text))
    assert isinstance(found, tuple)
    assert found[0].code == "scenario-broken"
    assert because in found[0].message


def test_the_same_run_is_kept_once_and_another_one_beside_it(tmp_path: Path) -> None:
    one, other = scenario("hang", "kick"), scenario("hang", "knock", "kick")
    first = keep(tmp_path, one)
    assert first == tmp_path / "a run.yaml"
    assert keep(tmp_path, replace(one, found="2026-01-01T00:00:00Z")) is None
    assert keep(tmp_path, other) == tmp_path / "a run-2.yaml"
    assert keep(tmp_path, other) is None


def test_a_broken_file_stops_no_other(tmp_path: Path) -> None:
    blueprint = tmp_path / "door.yaml"
    blueprint.write_text(DOOR, encoding="utf-8")
    keep(tmp_path / "scenarios", scenario("hang"))
    (tmp_path / "scenarios" / "b.yaml").write_text("steps: [", encoding="utf-8")
    corpus = read_corpus(blueprint, "door")
    assert [each.name for each in corpus.scenarios] == ["a run"]
    assert len(corpus.findings) == 1
    assert build(blueprint).errors == 0
    assert build(tmp_path).table is not None  # scenarios are not taken for blueprints


def test_rerunning_is_data() -> None:
    assert isinstance(rerun(door(), scenario()), Rerun)


def test_a_proof_that_a_run_refutes_is_said_to_be_wrong() -> None:
    table = door()
    shown = rerun(table, scenario("hang", "kick", never=("never_forced",)))
    certificate = certify(table, prove=False)
    believed = tuple(
        replace(each, verdict=Proved("by somebody")) if each.name == "never_forced" else each
        for each in certificate.findings
    )
    merged = with_refutations(replace(certificate, findings=believed), [shown])
    assert isinstance(verdict_of(merged, "never_forced"), Refuted)
    assert any("`never_forced` was proved and a run refutes it" in note for note in merged.notes)
