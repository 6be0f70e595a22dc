"""`temper simulate` and `temper hunt`: what was found is repeated by its command, and kept for every later version."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from support.tree import ROOT
from temper.cli.main import main

OWN_EYES = "        when: caller != author and caller not in approvers"
CHATTER = """\
temper: 1
blueprint: chatter
doc: A door that never comes to rest.
roles: [guard]
entities:
  Door:
    states: [shut, open]
    waits: [shut, open]
    actions:
      build: {by: guard, from: new, to: shut, send: [{to: self, action: turn, refused: ignore}]}
      turn:
        from: [shut, open]
        send: [{to: self, action: turn, refused: ignore}]
"""


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example with a mistake: who proposes may approve, too."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "examples" / "deploy" / "deploy.yaml").read_text()
    assert OWN_EYES in text
    path = tmp_path / "deploy.yaml"
    path.write_text(text.replace(OWN_EYES, "        when: caller not in approvers"))
    return path


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("command", ["simulate", "hunt"])
def test_what_is_found_is_kept_and_shown_by_every_later_verification(careless, capsys, command: str) -> None:
    first = ("--from", "0") if command == "hunt" else ()
    code, out, _ = run(capsys, command, "deploy.yaml", "--seeds", "20", *first, "--jobs", "1", "--keep")
    kept = careless.parent / "scenarios" / "four_eyes.yaml"
    assert code == 1
    assert f"kept as {kept.relative_to(careless.parent)}" in out
    assert "from: simulate" in kept.read_text()
    code, out, _ = run(capsys, "corpus", "deploy.yaml")
    assert (code, "four_eyes: shows it again" in out) == (1, True)


def test_what_repeats_a_run_and_what_keeps_it_do_so(careless, capsys) -> None:
    _, out, _ = run(capsys, "simulate", "deploy.yaml", "--seeds", "20", "--jobs", "1")
    (repeat,) = [line.removeprefix("repeat: temper ") for line in out.splitlines() if line.startswith("repeat: ")]
    (keep,) = [line.removeprefix("keep: temper ") for line in out.splitlines() if line.startswith("keep: ")]
    code, out, _ = run(capsys, *shlex.split(repeat))
    assert (code, "four_eyes: it does not hold for d = d1" in out) == (1, True)
    run(capsys, *shlex.split(keep))
    assert (careless.parent / "scenarios" / "four_eyes.yaml").exists()
    code, out, _ = run(capsys, *shlex.split(keep))
    assert "already in scenarios: four_eyes" in out


def test_what_is_wrong_with_the_runtime_is_no_scenario(tmp_path, monkeypatch, capsys) -> None:
    from temper.verify.simulate import process

    monkeypatch.setattr(process, "WRITES_MAX", 50)
    monkeypatch.chdir(tmp_path)
    Path("chatter.yaml").write_text(CHATTER)
    code, out, err = run(capsys, "simulate", "chatter.yaml", "--seeds", "2", "--jobs", "1", "--keep")
    assert code == 1
    assert "comes-to-rest: 50 transactions came one out of the other in no time" in out
    assert "keep: temper" not in out
    assert "nothing is refuted" not in out
    assert "not kept: `comes-to-rest` is about the runtime, which a scenario does not run; what repeats it does" in err
    assert not Path("scenarios").exists() or not list(Path("scenarios").iterdir())
