"""Two `temper up` on one database, as processes: what one was told the other knows, and one goes on without the other."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.postgres import Server
from support.tree import ROOT
from support.up import Up, temper

pytestmark = pytest.mark.slow


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for name in ("one", "two"):
        shutil.copytree(ROOT / "examples" / "deploy", tmp_path / name / "deploy")
    return [tmp_path / "one", tmp_path / "two"]


@pytest.fixture
def nodes(folders: list[Path], postgres: Server) -> Iterator[list[Up]]:
    url = postgres.database()
    up = []
    for folder in folders:
        up.append(Up(folder, "deploy", "--port", "0", "--store", url))
        up[-1].wait_for("curl")
    yield up
    for node in up:
        if node.process.poll() is None:
            node.end()


def ask(folder: Path, who: str, *words: str) -> None:
    ran = temper(folder, "call", "Deploy", "d1", *words, "--as", who)
    assert ran.returncode == 0, ran.stderr


def events(folder: Path, *options: str) -> list[Any]:
    ran = temper(folder, "events", "--no-follow", "--json", *options)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_two_nodes_from_the_first_call_to_the_end_of_one(nodes: list[Up], folders: list[Path]) -> None:
    one, two = folders
    ask(one, "ann", "propose", "service=web")
    ask(two, "bob", "approve")
    ask(one, "cid", "approve")
    path = one / "deploy" / "deploy.yaml"
    path.write_text(path.read_text().replace("from: [shifting, watching]\n", "from: [approved, shifting, watching]\n"))
    assert temper(one, "apply", "deploy").returncode == 0
    nodes[1].wait_for("handlers deploy/handlers.py")  # It follows, with the handlers of the new version.
    tables = {json.loads(temper(folder, "health", "--json").stdout)["table"] for folder in folders}
    assert len(tables) == 1
    ask(one, "ann", "start")
    nodes[0].end(signal.SIGKILL)  # What it was doing is done by the other.
    ask(two, "cid", "revert")
    nodes[1].wait_for("web now gets 0%")
    ran = temper(two, "log", "d1")
    told = [line.split()[3] for line in ran.stdout.splitlines()[1:5]]
    assert told == ["propose", "approve", "approve", "start"]
    every = events(two)
    assert [each["data"]["action"] for each in every if each["data"]["caller"]][:4] == told
    assert events(two, "--after", every[3]["position"]) == every[4:]
    assert nodes[1].end(signal.SIGTERM) == 0


@pytest.fixture
def archiving(folders: list[Path], postgres: Server, tmp_path: Path) -> Iterator[str]:
    """Two nodes that put records away after a second; the address of their database."""
    url, up = postgres.database(), []
    for folder in folders:
        (folder / "deploy" / "temper.toml").write_text('[retention]\nrecords = "1s"\n')
        words = ("deploy", "--port", "0", "--store", url, "--archive", str(tmp_path / "archive"))
        up.append(Up(folder, *words))
        up[-1].wait_for("curl")
    yield url
    assert [node.end() for node in up] == [0, 0]


def test_old_records_of_both_go_into_one_archive(archiving: str, folders: list[Path], tmp_path: Path) -> None:
    url, (one, two) = archiving, folders
    ask(one, "ann", "propose", "service=web")
    ask(two, "bob", "approve")
    told = exported(one)
    proposed = next(record["number"] for record in told if record.get("action") == "propose")
    for _ in range(100):
        assert temper(one, "tidy").returncode == 0
        if json.loads(temper(two, "tidy", "--json").stdout)["cut"] >= proposed:
            break
    assert list((tmp_path / "archive").iterdir())
    assert exported(two)[: len(told)] == told, "nobody misses what has left"
    gone = temper(two, "events", "--no-follow")
    assert gone.stderr.startswith("error[archived]"), gone.stderr
    seen = temper(
        one, "capture", "Deploy", "d1", "--store", url, "--blueprint", "deploy", "--into", str(one / "deploy")
    )
    assert seen.stderr.startswith("error[archive-unnamed]"), seen.stderr
    seen = temper(one, "capture", "Deploy", "d1", "--into", str(one / "deploy"))
    assert seen.stderr.startswith("error[not-capturable]"), seen.stderr
    words = ("--store", url, "--blueprint", "deploy", "--archive", str(tmp_path / "archive"))
    seen = temper(one, "capture", "Deploy", "d1", *words, "--into", str(one / "deploy"))
    assert seen.returncode == 0, seen.stderr


def exported(folder: Path) -> list[Any]:
    path = folder / "exported.jsonl"
    path.unlink(missing_ok=True)
    ran = temper(folder, "export", str(path))
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_keeps_it_from_starting(folders: list[Path], postgres: Server) -> None:
    ran = temper(folders[0], "up", "deploy", "--port", "0", "--store", "postgresql://ann:secret@127.0.0.1:1/none")
    assert ran.returncode != 0
    assert "error[store-failed]" in ran.stderr
    assert "secret" not in ran.stderr
    (folders[0] / "deploy" / "temper.toml").write_text('[retention]\nrecords = "90d"\n')
    ran = temper(folders[0], "up", "deploy", "--port", "0", "--store", postgres.database())
    assert "error[archive-unnamed]" in ran.stderr
