"""`temper who`, and what `temper diff` says of requests: answers, JSON, exit codes, and what mistakes look like."""

from __future__ import annotations

import json
import shutil

import pytest

from support.tree import ROOT
from temper.cli.main import main

ACCESS = str(ROOT / "examples" / "access")


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_who_can_call_an_action(capsys) -> None:
    code, out, _ = run(capsys, "who", "can", "Grant.approve", ACCESS, "--in", "requested")
    assert code == 0
    assert "  whoever is security\n" in out
    assert out.endswith("nobody else can, proved for every name, set of roles, value and argument\n")
    code, out, _ = run(capsys, "who", "can", "Grant.approve", ACCESS, "--json")
    answer = json.loads(out)
    assert (code, answer["complete"], answer["guard"]) == (0, True, "caller != holder")
    assert sorted(way["roles"] for way in answer["ways"]) == [["lead"], ["security"]]
    assert {way["example"]["applied"] for way in answer["ways"]} == {True}


def test_whether_one_principal_can(capsys) -> None:
    assert run(capsys, "who", "can", "Grant.approve", ACCESS, "--principal", "sam")[0] == 0
    code, out, _ = run(capsys, "who", "can", "Grant.approve", ACCESS, "--principal", "ann")
    assert code == 1
    assert "ann never can, proved for every value: no policy permits it" in out
    code, out, _ = run(
        capsys, "who", "can", "Grant.turn_down", ACCESS, "--principal", "zoe", "--roles", "engineer", "--json"
    )
    assert (code, json.loads(out)["why_not"]) == (1, "it takes lead or security")


def test_every_action_and_what_policies_are_for(capsys) -> None:
    code, out, _ = run(capsys, "who", "can", ACCESS)
    assert code == 0
    assert out.endswith("every policy decides something\n")
    answer = json.loads(run(capsys, "who", "can", ACCESS, "--json")[1])
    assert ([each["action"] for each in answer["actions"]], answer["policies"]) == (
        ["request", "approve", "turn_down", "withdraw"],
        [],
    )


def test_what_takes_two_people_and_the_run_that_shows_it(capsys, tmp_path) -> None:
    kept = tmp_path / "run.json"
    code, out, _ = run(capsys, "who", "can", "reach", "Grant.active", ACCESS, "--out", str(kept))
    assert code == 0
    assert "it takes more than one person\n" in out
    code, out, _ = run(capsys, "replay", str(kept), ACCESS)
    assert (code, out.splitlines()[-1]) == (0, "confirmed: `reach` is reached")
    code, out, _ = run(capsys, "who", "can", "reach", "Grant.active", ACCESS, "--principal", "bob", "--json")
    assert (code, json.loads(out)["answer"]) == (1, "never")


WRONG = {
    "can Grnt.approve": ("unknown-entity", "there is no entity `Grnt`", "did you mean `Grant`?"),
    "can Grant.aprove": ("unknown-action", "Grant has no action `aprove`", "did you mean `approve`?"),
    "can Grant.active": (
        "unknown-action",
        "Grant has no action `active`",
        "`active` is a state: `temper who can reach Grant.active PATH`",
    ),
    "can reach Grant.approve": (
        "unknown-state",
        "Grant has no state `approve`",
        "`approve` is an action: `temper who can Grant.approve PATH`",
    ),
    "can reach Grant.activ": ("unknown-state", "Grant has no state `activ`", "did you mean `active`?"),
    "can Grant.approve --in requestd": (
        "unknown-state",
        "Grant has no state `requestd`",
        "did you mean `requested`?",
    ),
    "can Grant.approve --in active": (
        "wrong-state",
        "Grant.approve is never called in `active`",
        "it starts from requested",
    ),
    "can Grant.approve --principal zoe": (
        "unknown-principal",
        "the scope names no principal `zoe`",
        "say which --roles they have; the scope names ann, bob, eve, sam",
    ),
    "can Grant.approve --principal zoe --roles led": ("unknown-role", "there is no role `led`", "did you mean `lead`?"),
    "can Grant.approve --roles lead": (
        "wrong-usage",
        "--roles are those of a principal",
        "as in --principal zoe --roles lead",
    ),
    "may Grant.approve": (
        "wrong-usage",
        "`temper who may Grant.approve` is no question",
        "as in `temper who can Grant.approve PATH` or `temper who can reach Grant.active PATH`",
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_name_is_answered_with_the_right_one(words: str, capsys) -> None:
    code, out, _ = run(capsys, "who", *words.split(), ACCESS, "--json")
    answer = json.loads(out)
    assert (code, (answer["code"], answer["message"], answer["help"])) == (2, WRONG[words])


def test_a_blueprint_with_mistakes_is_not_asked(capsys, tmp_path) -> None:
    (tmp_path / "broken.yaml").write_text("temper: 1\nblueprint: broken\nentties: {}\n")
    code, _, err = run(capsys, "who", "can", str(tmp_path))
    assert code == 1
    assert "error[" in err


def test_diff_tells_whose_calls_are_newly_allowed_and_denied(capsys, tmp_path) -> None:
    other = tmp_path / "access"
    shutil.copytree(ACCESS, other)
    policies = other / "access.cedar"
    policies.write_text(policies.read_text().replace('== "ordinary"', '== "sensitive"'))
    _, out, _ = run(capsys, "diff", ACCESS, str(other))
    assert "newly allowed: Grant.approve by whoever is lead\n" in out
    assert "newly denied: Grant.approve by whoever is lead\n" in out
    answer = json.loads(run(capsys, "diff", ACCESS, str(other), "--json")[1])
    assert [each["roles"] for each in answer["requests"]["newly_denied"]] == [["lead"]]
    policies.write_text((ROOT / "examples" / "access" / "access.cedar").read_text() + "\n// nothing new\n")
    assert "roles and policies let the same calls pass" in run(capsys, "diff", ACCESS, str(other))[1]
    assert json.loads(run(capsys, "diff", ACCESS, ACCESS, "--json")[1])["requests"] is None
