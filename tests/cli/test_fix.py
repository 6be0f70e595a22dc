"""`temper fix`: offers, and one of them written into the file."""

from __future__ import annotations

import json

import pytest

from support.exams import DOOR
from temper.cli.main import main

WRONG = DOOR.replace("opened < 2 and ", "")


@pytest.fixture
def door(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "door.yaml"
    path.write_text(WRONG)
    return path


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_offers_are_shown_and_nothing_is_written(door, capsys) -> None:
    code, out, _ = run(capsys, "fix", "door.yaml")
    assert code == 0
    assert out.startswith("not_too_often is refuted: ")
    assert "\n1. " in out
    assert "`temper fix door.yaml not_too_often --apply 1` writes the first one" in out
    assert door.read_text() == WRONG


def test_an_offer_is_applied_and_then_all_is_well(door, capsys) -> None:
    door.write_bytes(b"\xef\xbb\xbf" + WRONG.encode())
    code, out, _ = run(capsys, "fix", "door.yaml", "not_too_often", "--apply", "1")
    assert (code, "offer 1 is applied to door.yaml" in out) == (0, True)
    assert door.read_bytes().startswith(b"\xef\xbb\xbftemper: 1\n")
    assert run(capsys, "verify", "door.yaml")[0] == 0
    assert run(capsys, "fix", "door.yaml") == (0, "nothing is refuted, so there is nothing to mend\n", "")
    assert [path.name for path in door.parent.iterdir()] == ["door.yaml"]


def test_the_answer_for_programs_has_the_edits(door, capsys) -> None:
    code, out, _ = run(capsys, "fix", "door.yaml", "--json")
    answer = json.loads(out)
    offer = answer["offers"][0]
    assert (code, answer["property"], offer["still_refuted"], answer["applied"]) == (0, "not_too_often", [], None)
    edit = offer["edits"][0]
    mended = WRONG[: edit["start"]] + edit["replacement"] + WRONG[edit["end"] :]
    door.write_text(mended)
    assert run(capsys, "verify", "door.yaml")[0] == 0


def test_mistakes_are_said_so(door, capsys) -> None:
    code, _, err = run(capsys, "fix", "door.yaml", "not_to_often")
    assert (code, "did you mean `not_too_often`?" in err) == (2, True)
    code, _, err = run(capsys, "fix", "door.yaml", "--apply", "9")
    assert (code, "--apply 9: there is no such offer" in err) == (2, True)
    door.write_text("blueprint: door\n")
    assert run(capsys, "fix", "door.yaml")[0] == 1
