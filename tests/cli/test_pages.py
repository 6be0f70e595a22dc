"""The transcripts on the pages about codes are what the program prints, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.tree import ROOT

PAGES = ROOT / "docs" / "diagnostics"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
TRANSCRIBED = [page for page in sorted(PAGES.glob("*.md")) if BLOCK.search(page.read_text(encoding="utf-8"))]


def replay(transcript: str, folder: Path) -> str:
    """The transcript as it comes out now: each `$ line` run by a shell, with what it printed below it."""
    (folder / "temper").write_text(f'#!/bin/sh\nexec {sys.executable} -m temper "$@"\n')
    (folder / "temper").chmod(0o755)
    work = folder / "work"
    work.mkdir()
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "NO_COLOR": "1"}
    lines = []
    for line in re.findall(r"^\$ (.*)$", transcript, re.MULTILINE):
        ran = subprocess.run(
            ["sh", "-c", line], cwd=work, env=environment, text=True, stdout=-1, stderr=subprocess.STDOUT, timeout=60
        )
        lines += [f"$ {line}", *ran.stdout.rstrip("\n").split("\n")] if ran.stdout else [f"$ {line}"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", TRANSCRIBED, ids=lambda page: page.stem)
def test_the_transcript_is_what_happens(page, tmp_path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = BLOCK.search(text)
    assert shown is not None
    came = replay(shown[1], tmp_path)
    if os.environ.get("TEMPER_BLESS"):
        page.write_text(text[: shown.start(1)] + came + text[shown.end(1) :], encoding="utf-8")
        return
    assert came == shown[1], "`make bless` writes what happens now"
    assert f"[{page.stem}]" in came, "the transcript shows the code that the page is about"
