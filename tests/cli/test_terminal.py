"""Colour and progress are for people at a terminal, and for nobody else."""

from __future__ import annotations

import io
import json

import pytest

from temper.cli.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_colour_on_a_terminal_only(monkeypatch) -> None:
    assert Terminal(as_json=False, out=Screen()).style("x", "red") == "\x1b[31mx\x1b[0m"
    assert Terminal(as_json=False, out=io.StringIO()).style("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal(as_json=False, out=Screen()).style("x", "red") == "x"


def test_progress_on_a_terminal_only_and_taken_away() -> None:
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        terminal = Terminal(as_json=False, out=io.StringIO(), err=stream)
        terminal.progress("10 states")
        terminal.say("done")
    assert screen.getvalue().endswith("\r" + " " * 9 + "\r")
    assert pipe.getvalue() == ""


def test_json_is_one_document_whatever_happens() -> None:
    out = io.StringIO()
    terminal = Terminal(as_json=True, out=out, err=Screen())
    terminal.progress("10 states")
    terminal.complain("wrong-usage", "no", "yes")
    assert json.loads(out.getvalue()) == {"code": "wrong-usage", "message": "no", "help": "yes"}
