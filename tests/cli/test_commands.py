"""Commands that need no server: their answers, their JSON, their exit codes, and what mistakes look like."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from support.tree import ROOT
from temper.cli.main import commands, main, parser_of
from temper.serve.operations import OPERATIONS

DEPLOY = str(ROOT / "examples" / "deploy")
SMALL = """\
temper: 1
blueprint: small
doc: A door.
roles: [guard]
entities:
  Door:
    data: {opened: int}
    states: [shut, open]
    waits: [shut, open]
    actions:
      build: {by: guard, from: new, to: shut}
      open: {by: guard, from: shut, when: opened < 2, set: {opened: opened + 1}, to: open}
      shut: {by: guard, from: open, to: shut}
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_check_says_that_it_is_well_formed(small, capsys) -> None:
    assert run(capsys, "check", ".") == (0, "small is well formed: 1 entity, 3 rows, 0 properties\n", "")
    code, out, _ = run(capsys, "check", "small.yaml", "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["blueprint"] == "small"
    assert answer["findings"] == []
    assert len(answer["table"]) == 64


def test_check_gives_every_finding_at_once(small, capsys) -> None:
    small.write_text(SMALL.replace("from: shut,", "from: shit,").replace("opened < 2", "opened"))
    code, out, err = run(capsys, "check", ".")
    assert code == 1
    assert out == ""
    assert err.count("error[") == 2
    assert err.endswith("2 errors\n")
    code, out, _ = run(capsys, "check", ".", "--json")
    answer = json.loads(out)
    assert code == 1
    assert answer["table"] is None
    assert len(answer["findings"]) == 2
    assert {"code", "message", "span", "severity"} <= set(answer["findings"][0])


def test_show_has_one_line_a_row(small, capsys) -> None:
    code, out, _ = run(capsys, "show", ".")
    assert code == 0
    assert out == (
        "Door\n"
        "  opened: int\n"
        "  new --build--> shut\n"
        "      by guard\n"
        "  shut --open--> open                           when opened < 2\n"
        "      by guard\n"
        "      set opened = opened + 1\n"
        "  open --shut--> shut\n"
        "      by guard\n"
        "  waits: shut, open\n"
    )


def test_show_says_who_calls_and_what_is_handed_on(capsys) -> None:
    _, out, _ = run(capsys, "show", DEPLOY)
    lines = out.splitlines()
    at = lines.index("  shifting --watch--> watching")
    assert "shift_traffic.shifted of start" in lines[at + 1]
    assert lines[at + 2].strip().startswith("do probe(service=service, percent=percent): healthy → seen_good | ignore")
    assert any("called by timer watched_long_enough" in line for line in lines)


@pytest.mark.parametrize("stage", ["tree", "blueprint", "table"])
def test_every_stage_has_its_forms(stage, capsys) -> None:
    code, out, _ = run(capsys, "show", DEPLOY, "--stage", stage)
    assert code == 0
    assert "Deploy" in out
    code, out, _ = run(capsys, "show", DEPLOY, "--stage", stage, "--as", "json")
    assert code == 0
    assert json.loads(out)
    assert run(capsys, "show", DEPLOY, "--stage", stage, "--json")[1] == out


def test_mermaid_draws_a_table_and_nothing_else(small, capsys) -> None:
    _, out, _ = run(capsys, "show", ".", "--as", "mermaid")
    assert out.splitlines()[:5] == [
        "stateDiagram-v2",
        "  state Door {",
        "    [*] --> Door_shut: build",
        "    Door_shut --> Door_open: open",
        "    Door_open --> Door_shut: shut",
    ]
    assert run(capsys, "show", ".", "--stage", "tree", "--as", "mermaid")[0] == 2


def test_verify_in_json_has_the_promised_shape(small, capsys) -> None:
    code, out, _ = run(capsys, "verify", ".", "--json", "--scope", "Door=1")
    answer = json.loads(out)
    assert set(answer) >= {"certified", "table", "properties", "search"}
    assert set(answer["search"]) == {
        *("states", "transitions", "seconds", "complete"),
        *("stand_for", "reduced", "not_reduced"),
    }
    for each in answer["properties"]:
        assert set(each) >= {"name", "verdict", "because", "states", "trace"}
    assert code == (0 if answer["certified"] else 1)
    assert answer["certified"], answer["reasons"]


def test_verify_refutes_with_exit_code_1(small, capsys) -> None:
    small.write_text(SMALL.replace("roles:", "properties:\n  never: {for: d in Door, always: d.opened == 0}\nroles:"))
    code, out, _ = run(
        capsys, "verify", ".", "--only", "explicit", "--budget", "30s", "--memory", "1GiB", "--jobs", "2"
    )
    assert code == 1
    assert "refuted" in out
    assert "small is not certified" in out
    answer = json.loads(run(capsys, "verify", ".", "--json")[1])
    (never,) = [each for each in answer["properties"] if each["name"] == "never"]
    assert never["verdict"] == "refuted"
    assert [step["action"] for step in never["trace"]["steps"]] == ["build", "open"]
    assert any("never" in reason for reason in answer["reasons"])


def test_a_constant_is_overridden_for_the_run(small, capsys) -> None:
    small.write_text(SMALL.replace("entities:", "constants: {N: 2}\nentities:").replace("opened < 2", "opened < N"))
    two = json.loads(run(capsys, "verify", ".", "--json", "--scope", "Door=1")[1])["search"]["states"]
    four = json.loads(run(capsys, "verify", ".", "--json", "--scope", "Door=1", "--set", "N=4")[1])["search"]["states"]
    assert four == two + 4
    code, _, err = run(capsys, "verify", ".", "--set", "M=4")
    assert code == 1
    assert "M" in err


@pytest.mark.parametrize(
    "words",
    [
        ["verify", ".", "--scope", "Dor=1"],
        ["verify", ".", "--scope", "Door=none"],
        ["verify", ".", "--set", "N"],
        ["verify", ".", "--budget", "-5s"],
        ["verify", ".", "--memory", "soon"],
        ["verify", ".", "--memory", "0GiB"],
        ["verify", ".", "--jobs", "0"],
        ["verify", ".", "--only", "magic"],
        ["show", ".", "--stage", "soup"],
        ["check"],
        ["call", "Door"],
        ["nonsense"],
        ["log", "a", "b", "c"],
        [],
    ],
)
def test_wrong_usage_ends_with_2(small, capsys, words) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err


def test_format_prints_checks_and_writes(small, capsys) -> None:
    untidy = SMALL.replace("doc: A door.\nroles: [guard]\n", "roles: [guard]   # who\n") + "doc: A door.\n"
    small.write_text(untidy)
    code, formatted, _ = run(capsys, "format", ".")
    assert code == 0
    assert "# who" in formatted
    assert small.read_text() == untidy, "printing changes nothing"
    assert run(capsys, "format", ".", "--check")[0] == 1
    assert run(capsys, "format", ".", "--write")[0] == 0
    assert small.read_text() == formatted
    assert run(capsys, "format", ".", "--check")[0] == 0
    assert json.loads(run(capsys, "format", ".", "--json")[1])["changed"] is False


def test_diff_tells_meaning_from_writing(small, tmp_path, capsys) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "small.yaml").write_text("# the same\n" + SMALL)
    assert run(capsys, "diff", "small.yaml", "other") == (0, "they mean the same\n", "")
    (other / "small.yaml").write_text(SMALL.replace("opened < 2", "opened < 3"))
    code, out, _ = run(capsys, "diff", "small.yaml", "other")
    assert code == 0
    assert "open" in out
    assert "opened < 3" in out
    assert len(json.loads(run(capsys, "diff", "small.yaml", "other", "--json")[1])["changes"]) == 1
    (other / "small.yaml").write_text("temper: 1\n")
    assert run(capsys, "diff", "small.yaml", "other")[0] == 1


def test_explain_and_schema(capsys) -> None:
    code, out, _ = run(capsys, "explain", "not-certified")
    assert code == 0
    assert out.startswith("# not-certified\n")
    assert "not-certified" in run(capsys, "explain")[1].splitlines()
    assert json.loads(run(capsys, "explain", "not-certified", "--json")[1])["code"] == "not-certified"
    assert json.loads(run(capsys, "schema")[1])["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("code", ["../decisions/default-deny", "/etc/passwd", "..", ""])
def test_explain_reads_pages_only(capsys, code) -> None:
    assert run(capsys, "explain", code)[0] == 2


def test_every_command_understands_json_and_help(capsys) -> None:
    for name, each in commands().items():
        assert "--json" in parser_of(name, each).format_help()
        assert each.summary
        assert len(each.summary) < 70, each.summary
        assert run(capsys, name, "--help")[0] == 0


def test_every_operation_can_be_asked_from_the_command_line() -> None:
    commanded = {"create": "call", "history": "log", "lease": "worker", "heartbeat": "worker", "complete": "worker"}
    missing = {each.name for each in OPERATIONS if commanded.get(each.name, each.name) not in commands()}
    assert missing == set()


def test_a_reader_that_goes_away_is_no_mistake() -> None:
    ran = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m temper schema | head -1"], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == "{\n"
    assert ran.stderr == ""


def test_check_reads_only_what_it_needs() -> None:
    """What makes it start at once (`benchmarks/start`): no guest but YAML, no loop, no network, no engine, no search."""
    program = f"import sys; from temper.cli import main; main(['check', {str(DEPLOY)!r}]); print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    loaded = set(ran.stdout.split())
    assert "temper.language.check" in loaded, "the program checked"
    heavy = {
        "asyncio",
        "cedarpy",
        "http.client",
        "httptools",
        "httpx",
        "multiprocessing",
        "socket",
        "sqlite3",
    }
    ours = {"temper.machine.relation", "temper.machine.row", "temper.run", "temper.serve.http", "temper.verify"}
    assert not loaded & (heavy | ours)
