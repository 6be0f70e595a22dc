"""The solver apart: whatever becomes of its process, the search's verdicts stand, and nothing hangs."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import z3

from support.examples import EXAMPLES
from support.small import table_of
from temper.cli import main
from temper.machine import Finding, Proved, TransitionTable, Unknown, universe
from temper.pipeline import build
from temper.verify import Budget, certify, prover
from temper.verify.prover import Answer, NoProofs, Proofs, Prover, Question
from temper.verify.symbolic import induction, known, proofs
from temper.verify.symbolic.apart import answer

COUNTER = """
temper: 1
blueprint: counter
properties:
  low: {always: Counter.count <= 3}
  even: {for: t in Ticket, whenever: t.state == open, always: t.owner != None}
accept: {"fires:Counter.up": never}
roles: [clerk]
entities:
  Counter:
    single: true
    data: {count: "int[0, 9]"}
    states: [running]
    waits: [running]
    actions:
      up: {by: clerk, from: running, when: count < 3, set: {count: count + 1}}
  Ticket:
    data: {owner: principal | None, other: "bool"}
    states: [made, open]
    waits: [made, open]
    actions:
      make: {by: clerk, from: new, set: {owner: caller}, to: made}
      start: {by: clerk, from: made, to: open}
"""
BAD_AT = {
    "it hangs": "import time; time.sleep(600)",
    "it reads and hangs": "import sys, time; sys.stdin.buffer.read(10); time.sleep(600)",
    "it crashes": "import os, signal, sys; sys.stdin.buffer.read(10); os.kill(os.getpid(), signal.SIGSEGV)",
    "it ends": "raise SystemExit(3)",
    "it says nothing": "import sys; sys.stdin.buffer.read(10)",
    "it says something else": "import sys; sys.stdin.buffer.read(10); print('forty-two')",
    "it has no more memory": "import temper.verify.symbolic.apart as a; a.BYTES_MIN = 256 << 20;"
    "a.answer = lambda question: bytearray(8 << 30); a.answer_parent()",
    "it raises": "import temper.verify.symbolic.apart as a; a.answer = lambda question: 1 // 0; a.answer_parent()",
}
SAID = {
    "it hangs": "was not done in time and was stopped",
    "it reads and hangs": "was not done in time and was stopped",
    "it crashes": "it was ended by SIGSEGV",
    "it ends": "it ended with 3",
    "it says nothing": "it ended with 0",
    "it says something else": "it ended with 0",
    "it has no more memory": "it has no more memory",
    "it raises": "ZeroDivisionError",
}


def question(table: TransitionTable, seconds_max: float = 30, bytes_max: int = 1 << 30) -> Question:
    return Question(table, universe(table), seconds_max, bytes_max)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def asked(command: tuple[str, ...] | None, seconds_max: float, table: TransitionTable) -> Answer:
    with Prover(command) as child:
        child.ask(question(table, bytes_max=64 << 20))
        process = child.process
        found = child.take(seconds_max)
    assert process is not None
    assert is_gone(process)
    return found


def test_what_the_child_says_is_what_the_solver_says() -> None:
    table = table_of(COUNTER)
    assert asked(None, 60, table) == answer(question(table))


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
@pytest.mark.parametrize("how", BAD_AT)
def test_whatever_becomes_of_the_child_there_is_an_answer(how: str) -> None:
    found = asked((sys.executable, "-c", BAD_AT[how]), 0.2 if "hangs" in how else 60, table_of(COUNTER))
    assert isinstance(found, NoProofs)
    assert SAID[how] in found.because


def test_a_child_that_others_keep_from_thinking_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look finds it to have starved for another minute: so it has not had its moment yet."""
    starved = itertools.count(0, 60)
    monkeypatch.setattr(Prover, "_starved", lambda _: next(starved))
    with Prover() as child:
        child.ask(question(table_of(COUNTER)))
        assert isinstance(child.take(0.001, starving_max=600), Proofs)
    with Prover((sys.executable, "-c", BAD_AT["it hangs"])) as child:
        child.ask(question(table_of(COUNTER)))
        assert isinstance(child.take(0.1, starving_max=0.2), NoProofs)


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
def test_a_child_that_is_killed_while_it_thinks_leaves_the_verdicts_of_the_search() -> None:
    table = table_of(COUNTER)
    with Prover((sys.executable, "-c", BAD_AT["it hangs"])) as child:
        assert child.process is not None
        os.kill(child.process, signal.SIGKILL)
        certificate = certify(table, prove=True, prover=child)
    plain = certify(table)
    assert certificate.findings == plain.findings
    assert certificate.notes[0] == "nothing is proved by induction: the solver gave up: it was ended by SIGKILL"
    assert certificate.made_with == plain.made_with


def test_a_child_that_cannot_be_started_is_no_error() -> None:
    assert asked_nothing(("/no/such/program",)).because.startswith("the solver could not be started: ")


def asked_nothing(command: tuple[str, ...]) -> NoProofs:
    with Prover(command) as child:
        child.ask(question(table_of(COUNTER)))
        found = child.take(1)
    assert isinstance(found, NoProofs)
    return found


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="there is no way to wait for the process of another")
def test_the_child_ends_with_its_parent() -> None:
    told = (
        "import os, sys; from temper.verify.prover import Prover, Question; from temper.machine import *;"
        "t = TransitionTable('empty', (), (), (), (), (), ());"
        "p = Prover((sys.executable, '-c', 'import temper.verify.symbolic.apart as a, time;"
        "a.answer = lambda q: time.sleep(600); a.answer_parent()'));"
        "p.ask(Question(t, universe(t), 600.0, 1 << 30)); print(p.process, flush=True); sys.stdin.read(); os._exit(1)"
    )
    parent = subprocess.Popen([sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    try:
        assert select.select([child], [], [], 60)[0], "the child goes on without anybody to answer"
    finally:
        os.close(child)
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()


def test_a_solver_that_raises_gives_no_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(*_: object) -> None:
        raise z3.Z3Exception(b"out of memory")

    monkeypatch.setattr(induction.Induction, "decide", raising)
    table = table_of(COUNTER)
    assert answer(question(table)) == NoProofs("the solver gave up: out of memory")
    found = proofs.prove(table, universe=universe(table), seconds_max=1)
    assert {finding.verdict for finding in found} == {Unknown("solver: the solver gave up: out of memory")}


@pytest.mark.parametrize("how", ["it hangs", "it ends"])
def test_verify_ends_in_time_and_says_what_became_of_proofs(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prover, "COMMAND", (sys.executable, "-c", BAD_AT[how]))
    assert main(["verify", str(EXAMPLES / "access"), "--budget", "3s"]) == 0
    said = capsys.readouterr().out
    assert f"note: nothing is proved by induction: the solver {'was not' if how == 'it hangs' else 'gave up'}" in said
    assert "exhausted  four_eyes" in said


def test_verify_goes_without_proofs_if_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prover, "Prover", None)
    for options in (["--without", "proofs"], ["--only", "explicit"]):
        assert main(["verify", str(EXAMPLES / "access"), *options]) == 0
        assert "exhausted  four_eyes" in capsys.readouterr().out


# What is kept between runs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPER_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each induction took."""
    seen: list[int] = []
    decide = induction.Induction.decide

    def counted(self: induction.Induction, of: list) -> induction.Found:
        found = decide(self, of)
        seen.append(found.queries)
        return found

    monkeypatch.setattr(induction.Induction, "decide", counted)
    return seen


def test_a_proof_that_is_known_is_shown_again_with_its_lemmas_alone(folder: Path, queries: list[int]) -> None:
    table = table_of(COUNTER)
    first, second = answer(question(table)), answer(question(table))
    assert isinstance(first, Proofs)
    assert first == second
    assert len(first.lemmas) == 1
    assert queries[1] < queries[0]


def test_what_is_known_is_a_hint_and_never_a_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that claims too much is found out: what it says is shown again, or looked for anew."""
    wrong = table_of(COUNTER.replace("count <= 3", "count <= 2"))
    honest = answer(question(wrong))
    assert isinstance(honest, Proofs)
    lied = replace(honest, findings=tuple(replace(each, verdict=Proved("by induction")) for each in honest.findings))
    known.keep(wrong, lied, thorough=True)
    assert known.find(wrong).proved == ("low", "even")
    again = answer(question(wrong))
    assert isinstance(again, Proofs)
    assert {each.name: type(each.verdict) for each in again.findings} == {"low": Unknown, "even": Proved}


def test_what_is_known_of_another_table_or_another_prover_is_not_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(COUNTER)
    answer(question(table))
    assert known.find(table) is not None
    assert known.find(table_of(COUNTER.replace("count < 3", "count < 2"))) is None
    monkeypatch.setattr(known, "_own", lambda: "another")
    assert known.find(table) is None


def test_what_a_hurried_solver_did_not_find_is_looked_for_again(folder: Path) -> None:
    table = table_of(COUNTER)
    assert isinstance(answer(question(table, seconds_max=0)), Proofs)
    found = known.find(table)
    assert found is not None
    assert found.open == ()
    again = answer(question(table))
    assert isinstance(again, Proofs)
    assert all(isinstance(finding.verdict, Proved) for finding in again.findings)


def test_a_file_of_another_shape_is_as_good_as_none(folder: Path) -> None:
    table = table_of(COUNTER)
    for body in (b"", b"[]", b"{}", b'{"lemmas": [1], "proved": [], "open": []}', b"\xff"):
        known.kept.keep(known._key(table), body, known.KIND)
        assert known.find(table) is None


def test_a_whole_verification_is_the_same_the_second_time(folder: Path) -> None:
    built = build(EXAMPLES / "twophase")
    assert built.table is not None
    thorough = Budget(seconds_max=120, thorough=True)
    first, second = (certify(built.table, prove=True, budget=thorough) for _ in range(2))
    later = certify(built.table, prove=True, budget=Budget(seconds_max=60))
    assert {each.name for each in later.findings if isinstance(each.verdict, Proved)} >= {"all_decide_alike"}
    assert first.findings == second.findings
    assert any(path.suffix == ".proofs" for path in folder.iterdir())
    proved = {finding.name: finding for finding in first.findings}
    assert isinstance(proved["votes_are_real"], Finding)
    assert isinstance(proved["votes_are_real"].verdict, Proved)
    assert isinstance(proved["all_decide_alike"].verdict, Proved)
