"""`temper bench` measures real calls, says what they were, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest

from support.tree import ROOT
from temper.cli.main import main

EXAMPLES = ("access", "queue")


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_says_how_many_calls_of_what(example, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["bench", str(ROOT / "examples" / example), "--for", "50ms", "--clients", "4"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["calls"] >= 4
    assert told["refused"] == 0
    assert 0 < told["p50_milliseconds"] <= told["p99_milliseconds"]
    assert list(tmp_path.iterdir()) == []
    assert main(words) == 0
    assert f"of {told['what']}, acknowledged in" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_said_so(tmp_path, capsys) -> None:
    assert main(["bench", str(ROOT / "examples" / "deploy"), "--in", str(tmp_path / "missing")]) == 2
    assert "file-unwritable" in capsys.readouterr().err
