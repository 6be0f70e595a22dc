"""Proofs beside a blueprint: shown again by every run, and never believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.small import table_of
from temper.cli import main
from temper.machine import BOOL, Expression, Op, Proved, TransitionTable, table_hash, universe
from temper.verify import KeptProofs, proofs_path, read_proofs, write_proofs
from temper.verify.prover import Proofs, Question
from temper.verify.symbolic import apart
from temper.verify.symbolic.apart import answer

COUNTER = """
temper: 1
blueprint: counter
properties:
  low: {always: Counter.count <= 3}
  high: {always: Counter.count <= 2}
  even: {for: t in Ticket, whenever: t.state == open, always: t.owner != None}
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
    states: [made, held, open]
    waits: [made, held, open]
    actions:
      make: {by: clerk, from: new, to: made}
      take: {by: clerk, from: made, set: {owner: caller}, to: held}
      start: {by: clerk, from: held, to: open}
"""
SOUND = COUNTER.replace("  high: {always: Counter.count <= 2}\n", "")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TEMPER_CACHE", "")
    return tmp_path


def question(table: TransitionTable, hints: KeptProofs | None = None) -> Question:
    return Question(table, universe(table), 30, 1 << 30, hints=hints)


def proved(found: object) -> set[str]:
    assert isinstance(found, Proofs)
    return {each.name for each in found.findings if isinstance(each.verdict, Proved)}


def hints_for(table: TransitionTable) -> KeptProofs:
    found = answer(question(table))
    assert isinstance(found, Proofs)
    return KeptProofs(table_hash(table), tuple(sorted(proved(found))), found.lemmas)


def shown(table: TransitionTable, hints: KeptProofs | None, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What is proved where nothing else is looked for than what the hints say."""
    monkeypatch.setattr(apart, "proofs", lambda *_, **__: Proofs(()))
    return proved(answer(question(table, hints)))


def test_what_lies_beside_the_blueprint_is_shown_by_its_own_lemmas(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(COUNTER)
    hints = hints_for(table)
    assert {*hints.proved} == {"low", "even"}
    assert len(hints.lemmas) == 1
    assert shown(table, hints, monkeypatch) == {"low", "even"}
    assert shown(table, replace(hints, lemmas=()), monkeypatch) == {"low"}
    assert shown(table, None, monkeypatch) == set()


def test_nothing_in_the_file_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(COUNTER)
    right = hints_for(table)
    (lemma,) = right.lemmas
    of_another = hints_for(table_of(COUNTER.replace("owner", "holder"))).lemmas
    false = replace(lemma, body=Expression(Op.LITERAL, BOOL, value=False), name="lemma:false")
    nonsense = replace(lemma, body=Expression(Op.READ, BOOL, (), name="nothing"), name="lemma:nonsense")
    for lemmas in [(false,), (lemma, false), (nonsense,), (lemma, nonsense), of_another, (replace(lemma, name="x"),)]:
        claimed = replace(right, proved=("low", "high", "even", "none of it"), lemmas=lemmas)
        assert shown(table, claimed, monkeypatch) <= {"low", "even"}
    assert shown(table, replace(right, table="0" * 64), monkeypatch) == set()


def test_a_file_that_makes_no_sense_leaves_what_would_be_found_without_it() -> None:
    table = table_of(COUNTER)
    right = hints_for(table)
    (lemma,) = right.lemmas
    nonsense = replace(lemma, body=Expression(Op.READ, BOOL, (), name="nothing"), name="lemma:nonsense")
    assert proved(answer(question(table, replace(right, lemmas=(nonsense,))))) == {"low", "even"}


def test_a_file_is_read_as_it_was_written(folder: Path) -> None:
    kept = hints_for(table_of(COUNTER))
    write_proofs(folder / "counter.proofs", kept)
    assert read_proofs(folder / "counter.proofs") == kept
    assert read_proofs(folder / "another.proofs") is None


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"temper_proofs": 2}', '{"temper_proofs": 1, "table": 1}', "\0"])
def test_anything_else_is_no_file_of_proofs(folder: Path, body: str) -> None:
    (folder / "counter.proofs").write_text(body)
    with pytest.raises(ValueError, match=r"."):
        read_proofs(folder / "counter.proofs")


def test_prove_writes_them_and_every_later_run_reads_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blueprint = folder / "counter.yaml"
    blueprint.write_text(SOUND)
    assert main(["verify", str(blueprint), "--prove"]) == 0
    assert f"proofs kept in {folder / 'counter.proofs'}: commit it" in capsys.readouterr().out
    kept = read_proofs(proofs_path(blueprint))
    assert kept is not None
    assert {"low", "even"} <= {*kept.proved}
    before = proofs_path(blueprint).stat().st_mtime_ns
    assert main(["verify", str(folder), "--prove"]) == 0
    assert "proofs kept" not in capsys.readouterr().out
    assert proofs_path(blueprint).stat().st_mtime_ns == before


def test_a_file_of_no_use_is_said_to_be_so_and_harms_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blueprint = folder / "counter.yaml"
    blueprint.write_text(SOUND)
    write_proofs(proofs_path(blueprint), hints_for(table_of(COUNTER)))
    assert main(["verify", str(blueprint)]) == 0
    assert "counter.proofs is about another version of the blueprint and not used" in capsys.readouterr().err
    proofs_path(blueprint).write_text("{")
    assert main(["verify", str(blueprint)]) == 0
    said = capsys.readouterr()
    assert "counter.proofs is not used: " in said.err
    assert "`temper verify --prove` writes it anew" in said.err
    assert "proved     even" in said.out
