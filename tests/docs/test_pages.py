"""Every page that shows something is run as it stands: README, tutorial, examples."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from support.examples import BLESS
from support.session import Session, blocks
from support.tree import ROOT, shown

RUN = {"console", "python", "diff"}
COPIED = ("Makefile", "pyproject.toml", "constraints.txt", "README.md")


def pages() -> list[Path]:
    """The pages with something to run. Pages on diagnostics and cases have runners of their own."""
    candidates = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    candidates = [page for page in candidates if page.is_file() and page.parent.name != "diagnostics"]
    return sorted(page for page in candidates if any(_runs(page)))


def _runs(page: Path) -> list[str]:
    found = blocks(page.read_text(encoding="utf-8"))
    return [each.kind for each in found if each.kind in RUN or (each.kind == "yaml" and "blueprint:" in each.text)]


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    _copy_of_the_repository(tmp_path)
    text = page.read_text(encoding="utf-8")
    after = Session(tmp_path, _environment(), bless=BLESS).run(text)
    if BLESS and after != text:
        page.write_text(after, encoding="utf-8")
    assert after == text or BLESS


def _copy_of_the_repository(folder: Path) -> None:
    """What a reader has in front of them: the examples, and an environment that is made already."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__", ".temper"))
    for name in COPIED:
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != "ready":
            (folder / ".venv" / part.name).symlink_to(part)
    (folder / ".venv" / "ready").touch()  # after the files it is made from


def _environment() -> dict[str, str]:
    """The reader's environment: no colours, our own programs first, and a free port instead of the usual one."""
    programs = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPER_", "MAKE", "PYTEST"))}
    return {**kept, "PATH": f"{programs}:{os.environ['PATH']}", "NO_COLOR": "1", "UP": "--port 0", "COLUMNS": "120"}
