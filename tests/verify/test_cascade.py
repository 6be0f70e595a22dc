"""The verifiers together: one who contradicts another stops everything, and the first refutation may be enough."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.examples import EXAMPLES
from support.small import gate, table_of
from temper.cli import main
from temper.machine import Exhausted, Finding, Proved, Refuted, TransitionTable, Unknown, universe
from temper.pipeline import build, certify
from temper.verify import Budget, ContradictionError, Prover, cascade
from temper.verify.cascade import contradictions
from temper.verify.native import search_natively
from temper.verify.proving import Shown

BAD = gate("low: {always: Gate.count <= 1}", "can: {possible: Gate.state == broken}")
HOLDS, FAILS = Proved("by induction"), Refuted("no", None)


@pytest.mark.parametrize("holds", [HOLDS, Exhausted("1 Gate", 3)])
def test_what_holds_for_one_and_not_for_another_is_found_in_any_order(holds: Proved | Exhausted) -> None:
    one, other = Finding("p", holds), Finding("p", FAILS)
    assert list(contradictions([[one], [other]])) == list(contradictions([[other], [one]])) == [(one, other)]
    assert list(contradictions([[Finding("p", Unknown("?"))], [other], [Finding("q", holds)]])) == []


@pytest.fixture
def mad(monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that proves what does not hold."""

    class Mad:
        def taken(self, *_: object) -> Shown:
            return Shown((Finding("low", HOLDS),), guests=("z3-solver",))

    @contextmanager
    def proving(*_: object, **__: object) -> Iterator[Mad]:
        yield Mad()

    monkeypatch.setattr(cascade, "proving", proving)


@pytest.mark.usefixtures("mad")
def test_a_proof_beside_a_refutation_stops_everything() -> None:
    with pytest.raises(ContradictionError) as caught:
        cascade.certify(table_of(BAD), prove=True)
    assert "`low` is proved: by induction and refuted: `Gate.count <= 1` is false" in str(caught.value)
    run, versions = caught.value.diagnostic().notes
    assert run.startswith("the run that refutes it:")
    assert ", z3-solver " in versions


@pytest.mark.usefixtures("mad")
def test_the_terminal_says_whose_mistake_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(BAD)
    assert main(["verify", str(path)]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error[verifiers-disagree]: `low` is proved: by induction and refuted: ")
    assert "please report it" in said.err
    assert main(["verify", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["code"] == "verifiers-disagree"
    assert main(["up", str(path), "--store", str(tmp_path / "store")]) == 3


# The first refutation


def refuted(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.name for finding in findings if isinstance(finding.verdict, Refuted)}


def twophase(*, wrong: bool) -> TransitionTable:
    built = build(EXAMPLES / "twophase", {"N": "5"})
    assert built.table is not None
    text = (EXAMPLES / "twophase" / "twophase.yaml").read_text()
    return table_of("always: not ".join(text.rsplit("possible: ", 1))) if wrong else built.table


def test_the_first_refutation_ends_a_search_that_was_to_stop_there() -> None:
    table = table_of(BAD)
    whole, first = certify(table).certificate, certify(table, stop_at_first=True).certificate
    assert refuted(first.findings) == {"low"} <= refuted(whole.findings)
    assert first.search is not None
    assert whole.search is not None
    assert first.search.states < whole.search.states
    rest = {finding.verdict for finding in first.findings if finding.name != "low"}
    assert any(isinstance(each, Unknown) and each.because.startswith("stopped: at the first") for each in rest)
    one, other = (each.verdict for found in (whole, first) for each in found.findings if each.name == "low")
    assert one == other, "the run is a shortest one all the same"


def test_a_search_that_finds_nothing_wrong_does_not_stop() -> None:
    table = twophase(wrong=False)
    whole, first = certify(table, prove=False), certify(table, prove=False, stop_at_first=True)
    assert whole.certificate.findings == first.certificate.findings


def test_machine_code_stops_too() -> None:
    table = twophase(wrong=True)
    whole = search_natively(table, universe=universe(table), levels=(0,))
    first = search_natively(table, universe=universe(table), levels=(0,), budget=Budget(stops_at_first=True))
    assert refuted(first.findings) & refuted(whole.findings)
    assert first.search.states < whole.search.states


def test_the_terminal_shows_the_refutation_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(BAD)
    assert main(["verify", str(path), "--stop-at-first"]) == 1
    said = capsys.readouterr().out
    assert "error[invariant-refuted]" in said
    assert "error[undecided]" not in said
    assert "unknown    can  stopped: at the first refutation" in said


def test_a_child_that_hangs_is_not_waited_for_once_something_is_refuted() -> None:
    with Prover((sys.executable, "-c", "import time; time.sleep(600)")) as child:
        judged = certify(table_of(BAD), seconds_max=600, stop_at_first=True, prover=child)
    assert refuted(judged.certificate.findings) == {"low"}
