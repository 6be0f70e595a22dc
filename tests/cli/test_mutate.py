"""`temper mutate`: its answer, its exit codes, and what it says when faults would tell nothing."""

from __future__ import annotations

import json

import pytest

from support.exams import DOOR
from temper.cli.main import main


@pytest.fixture
def door(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "door.yaml"
    path.write_text(DOOR)
    return path


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_survivor_is_shown_as_an_edit_and_makes_the_command_fail(door, capsys) -> None:
    code, out, _ = run(capsys, "mutate", "door.yaml", "--kind", "update-dropped")
    assert code == 1
    assert "    - build: {by: guard, from: new, params: {note: str}, set: {note: args.note}, to: shut}" in out
    assert "      step: after.note == args.note" in out
    assert door.read_text() == DOOR


def test_all_noticed_is_a_success(door, capsys) -> None:
    code, out, _ = run(capsys, "mutate", "door.yaml", "--kind", "guard-dropped", "--kind", "guard-flipped", "--all")
    assert (code, "score: 100 %, 2 of 2 noticed" in out) == (0, True)
    assert "killed  the guard of `Door.open` is dropped: not_too_often, by a run of 6 steps" in out


def test_the_answer_for_programs_has_every_fault(door, capsys) -> None:
    code, out, _ = run(capsys, "mutate", "door.yaml", "--json", "--kind", "conjunct-dropped")
    answer = json.loads(out)
    assert code == 0
    assert (answer["score"], answer["killed"], answer["equivalent"]) == (100, 1, 1)
    killed, same = answer["mutants"]
    assert (killed["outcome"], killed["killers"][0]["steps"], killed["line"]) == ("killed", 6, 18)
    assert same["outcome"] == "equivalent"
    assert same["change"][0] == "door.yaml:18"


def test_faults_are_planted_in_what_is_certified_only(door, capsys) -> None:
    door.write_text(DOOR.replace("opened < 2", "opened < 3"))
    code, out, err = run(capsys, "mutate", "door.yaml")
    assert (code, out) == (1, "")
    assert "door is not certified as it is, so faults would tell nothing" in err
    code, out, _ = run(capsys, "mutate", "door.yaml", "--json")
    assert json.loads(out)["score"] is None
    door.write_text("blueprint: door\n")
    assert run(capsys, "mutate", "door.yaml")[0] == 1


def test_a_budget_is_a_length_of_time(door, capsys) -> None:
    code, _, err = run(capsys, "mutate", "door.yaml", "--each", "soon")
    assert (code, "--each soon: that is no length of time" in err) == (2, True)
