"""What verify keeps, replay repeats and show draws: files, answers, exit codes, and mistakes."""

from __future__ import annotations

import json
import re

import pytest

from support.tree import ROOT
from temper.cli.main import main

DEPLOY = str(ROOT / "examples" / "deploy")
BAD = """\
temper: 1
blueprint: door
properties:
  stays_new: {for: d in Door, always: d.opened < K}
  can_open: {for: d in Door, possible: d.state == open}
roles: [guard]
constants: {K: 1}
entities:
  Door:
    data: {opened: "int[0, 9]"}
    states: [shut, open]
    waits: [shut, open]
    actions:
      build: {by: guard, from: new, to: shut}
      open: {by: guard, from: shut, when: opened < 3, set: {opened: opened + 1}, to: open}
      shut: {by: guard, from: open, to: shut}
"""


@pytest.fixture
def door(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "door.yaml"
    path.write_text(BAD)
    return path


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_out_keeps_certificate_traces_and_statistics(door, tmp_path, capsys) -> None:
    out = tmp_path / "deep" / "found"
    out.mkdir(parents=True)
    (out / "trace-of_old.json").write_text('{\n "temper_trace": 1}')
    (out / "trace-of_a_meteor.json").write_text("{}")
    (out / "notes.txt").write_text("mine")
    code, said, _ = run(capsys, "verify", "door.yaml", "--out", str(out))
    assert code == 1
    assert {path.name for path in out.iterdir()} == {
        "certificate.json",
        "notes.txt",
        "statistics.json",
        "trace-of_a_meteor.json",
        "trace-can_open.json",
        "trace-stays_new.json",
    }
    assert said.splitlines()[-1].startswith(f"written to {out}: certificate.json")
    statistics = json.loads((out / "statistics.json").read_text())
    assert statistics["states"] == sum(statistics["layers"]) == 8
    assert statistics["depth"] == 7
    assert statistics["coverage"]["rows"] == 3
    from temper.verify import certificate_from_json

    certificate = certificate_from_json(json.loads((out / "certificate.json").read_text()))
    assert certificate.search is not None
    assert certificate.search.states == 8


def test_out_that_cannot_be_written_is_told(door, capsys) -> None:
    code, _, err = run(capsys, "verify", "door.yaml", "--out", "door.yaml")
    assert code == 2
    assert "error[file-unwritable]" in err


@pytest.fixture
def kept(door, capsys):
    run(capsys, "verify", "door.yaml", "--out", "found")
    return "found/trace-stays_new.json"


def test_replay_confirms(kept, capsys) -> None:
    code, out, err = run(capsys, "replay", kept)
    assert (code, err) == (0, "")
    assert "  2  ann (guard)  Door d1: open()   state: shut -> open\n" in out
    assert "     | Door d1: open, opened 1\n" in out
    assert out.splitlines()[-1].startswith("confirmed: `stays_new` does not hold: `d.opened < 1` is false: `1 < 1`")
    code, out, _ = run(capsys, "replay", "found/trace-can_open.json", "door.yaml")
    assert code == 0
    assert out.endswith("confirmed: `can_open` is reached\n")


@pytest.mark.parametrize(
    ("trap", "finding", "said"),
    [
        ("asks-again-for-ever", "ends", "  from here it repeats for ever:\n  2  work.failed"),
        ("stuttering", None, "  from here it stays for ever: nothing more has to happen\n"),
    ],
)
def test_an_infinite_run_is_replayed(tmp_path, monkeypatch, trap, finding, said, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    run(capsys, "verify", str(ROOT / "tests" / "verify" / "traps" / f"{trap}.yaml"), "--out", "found")
    kept = min((tmp_path / "found").glob(f"trace-{finding or '*'}.json"))
    code, out, _ = run(capsys, "replay", str(kept))
    assert said in out
    assert "confirmed: `" in out
    assert code == 0


def test_one_step_alone(kept, capsys) -> None:
    _, out, _ = run(capsys, "replay", kept, "--step", "1")
    assert "Door d1: build()" in out
    assert "Door d1: open()" not in out
    assert run(capsys, "replay", kept, "--step", "9")[0] == 2
    assert run(capsys, "replay", kept, "--step", "-1")[0] == 2


def test_replay_answers_in_json(kept, capsys) -> None:
    code, out, _ = run(capsys, "replay", kept, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["confirmed"]
    assert "stays_new" in answer["shows"]
    assert answer["diverged"] is None
    assert answer["diagram"].startswith("sequenceDiagram")
    assert json.loads(run(capsys, "replay", kept, "--json", "--as", "mermaid")[1]) == answer
    assert [state["after_step"] for state in answer["states"]] == [0, 1, 2]
    assert answer["states"][2]["cells"][0]["data"] == {"opened": 1}


def test_a_changed_blueprint_diverges_where_it_does(kept, door, capsys) -> None:
    door.write_text(BAD.replace("opened + 1", "opened + 2"))
    code, out, _ = run(capsys, "replay", kept)
    assert code == 1
    assert "error[trace-diverged]: step 2 of the trace is no step of `door`: `opened` of Door d1 becomes 2" in out
    assert "~ entity Door action open" in out
    answer = json.loads(run(capsys, "replay", kept, "--json")[1])
    assert answer["diverged"]["step"] == 2
    assert answer["diverged"]["line"] == 15
    assert any("opened + 2" in change for change in answer["diverged"]["changed"])


def test_a_weaker_property_is_not_shown_any_more(kept, door, capsys) -> None:
    door.write_text(BAD.replace("d.opened < K", "d.opened < K + 5"))
    code, out, _ = run(capsys, "replay", kept)
    assert code == 1
    assert "every step is taken, and the end does not show `stays_new` but can_open" in out


def test_constants_and_scope_of_the_search_are_kept(door, capsys) -> None:
    run(capsys, "verify", "door.yaml", "--set", "K=2", "--scope", "Door=2", "--out", "found")
    code, out, _ = run(capsys, "replay", "found/trace-stays_new.json")
    assert code == 0
    assert "`2 < 2`" in out
    code, out, _ = run(capsys, "replay", "found/trace-stays_new.json", "--set", "K=9")
    assert code == 1


def test_a_blueprint_that_is_wrong_or_gone_is_told(kept, door, capsys) -> None:
    door.write_text(BAD.replace("by: guard, from: new", "by: gard, from: new"))
    code, _, err = run(capsys, "replay", kept)
    assert code == 1
    assert "error[unknown-role]" in err
    assert json.loads(run(capsys, "replay", kept, "--json")[1])["confirmed"] is False
    door.unlink()
    code, _, err = run(capsys, "replay", kept)
    assert code == 2
    assert "error[path-missing]" in err


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '{"temper_trace": 7}', "\x00"])
def test_what_is_no_trace_is_told(door, tmp_path, text, capsys) -> None:
    (tmp_path / "trace.json").write_text(text)
    code, _, err = run(capsys, "replay", "trace.json")
    assert code == 2
    assert "error[trace-broken]" in err
    assert run(capsys, "replay", "nowhere.json")[0] == 2


def test_a_run_of_several_instances_comes_with_a_diagram(capsys) -> None:
    answer = json.loads(run(capsys, "verify", DEPLOY, "--json")[1])
    (live,) = [each for each in answer["properties"] if each["name"] == "can_go_live"]
    assert live["diagram"].startswith("sequenceDiagram\n")
    assert "participant" in live["diagram"]


def test_verify_says_what_it_covered(capsys) -> None:
    _, out, _ = run(capsys, "verify", DEPLOY)
    said = "coverage: 12 of 12 rows, 8 of 8 states, 6 of 6 outcomes; 1 guard is never false: `args.percent == percent`"
    assert said in out
    assert "decides nothing" not in out
    _, out, _ = run(capsys, "verify", DEPLOY, "--coverage")
    assert re.search(
        r"1 guard never false.*\n    `args.percent == percent` of Deploy.seen_good  \(.*deploy.yaml:\d+\)", out
    )
    coverage = json.loads(run(capsys, "verify", DEPLOY, "--json")[1])["coverage"]
    assert coverage["rows_never_taken"] == []
    assert coverage["guards_never_false"][0]["action"] == "seen_good"


def test_a_small_graph_is_drawn(door, capsys) -> None:
    _, out, _ = run(capsys, "show", ".", "--stage", "graph")
    assert out.startswith("0  nothing new\n    Door d1: build() by ann (guard) -> 1\n1  Door d1: shut\n")
    _, out, _ = run(capsys, "show", ".", "--stage", "graph", "--as", "mermaid")
    assert out.startswith('flowchart TD\n  s0["0"]\n  s1["1<br/>Door d1: shut"]\n')
    _, out, _ = run(capsys, "show", ".", "--stage", "graph", "--as", "dot")
    assert 's2 [label="2\\nDoor d1: open, opened 1"];\n' in out
    answer = json.loads(run(capsys, "show", ".", "--stage", "graph", "--json")[1])
    assert len(answer["states"]) == 8
    assert answer["steps"][0] == {"source": 0, "target": 1, "label": "Door d1: build() by ann (guard)"}


def test_a_large_graph_is_refused(door, capsys) -> None:
    code, out, err = run(capsys, "show", ".", "--stage", "graph", "--states-max", "7")
    assert (code, out) == (1, "")
    assert "error[graph-too-large]" in err
    assert run(capsys, "show", ".", "--stage", "graph", "--states-max", "8")[0] == 0
    assert run(capsys, "show", ".", "--stage", "graph", "--states-max", "0")[0] == 2
    assert run(capsys, "show", ".", "--as", "dot")[0] == 2
