"""Machine code is kept between processes, and only what can be trusted is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.examples import EXAMPLES
from temper.machine import TransitionTable, universe
from temper.pipeline import build
from temper.verify import kept
from temper.verify.native import engine, search_natively


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "code"))
    return tmp_path / "code"


def twophase() -> TransitionTable:
    built = build(EXAMPLES / "twophase", {"N": "3"})
    assert built.table is not None
    return built.table


def states() -> int:
    table = twophase()
    return search_natively(table, universe=universe(table), levels=(0,)).search.states


def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that LLVM is given from now on, but for the empty one."""
    given: list[str] = []
    llvm = engine._llvm()
    whole = llvm.parse_assembly
    monkeypatch.setattr(llvm, "parse_assembly", lambda text: (given.append(text) if text else None, whole(text))[1])
    return given


def test_what_was_compiled_once_is_not_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = compilations(monkeypatch)
    assert (states(), len(given)) == (288, 1)
    assert len(list(folder.iterdir())) == 1
    assert (states(), len(given)) == (288, 1)


def test_harder_code_is_taken_at_once_if_it_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = twophase()
    search_natively(table, universe=universe(table), levels=(2,), jobs=2)
    given = compilations(monkeypatch)
    search_natively(table, universe=universe(table), levels=(0, 2), jobs=2)
    assert given == []


@pytest.mark.parametrize("wrong", ["cut short", "a bit flipped", "empty", "of another key", "of another kind"])
def test_a_file_that_is_not_what_was_kept_is_not_taken(
    folder: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    states()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    if wrong == "of another key":
        kept.keep("0" * 64, b"something else")
        (folder / ("0" * 64 + ".code")).replace(path)
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        path.write_bytes(
            {"cut short": whole[:-9], "a bit flipped": flipped, "empty": b""}.get(wrong, b"\x7fELF" + whole)
        )
    given = compilations(monkeypatch)
    assert (states(), len(given)) == (288, 1)
    assert path.read_bytes() == whole


@pytest.mark.skipif(os.name != "posix", reason="there are no such users")
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_others_may_write_to_is_not_taken(folder: Path, whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    states()
    (path,) = folder.iterdir()
    (path if whose == "file" else folder).chmod(0o777)
    given = compilations(monkeypatch)
    assert (states(), len(given)) == (288, 1)


def test_a_folder_that_cannot_be_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").write_text("no folder")
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "a file" / "code"))
    assert states() == 288


def test_what_was_not_used_for_longest_is_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "BYTES_MAX", 1_100)
    for at, name in enumerate("abc"):
        kept.keep(name, bytes(300))
        os.utime(folder / f"{name}.code", (at, at))
    assert kept.find("a") is not None
    kept.keep("d", bytes(300))
    assert {path.stem for path in folder.iterdir()} == {"a", "c", "d"}


def test_where_code_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(kept.VARIABLE, "")
    assert kept.folder() is None
    monkeypatch.delenv(kept.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept.folder() == tmp_path / "temper"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept.folder() == tmp_path / ".cache" / "temper"
