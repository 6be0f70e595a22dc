"""`temper doctor`: what is well is said to be, and what is not is found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3

import pytest

from support.running import Running, table_of
from temper.cli.main import main
from temper.run import ManualClock, SqliteStore
from temper.run.examining import Health, look_at_journal
from temper.run.retention import DAY, Retention

DOOR = """
temper: 1
blueprint: door
roles: [person]
entities:
  Door:
    states: [shut, gone]
    final: [gone]
    waits: [shut]
    actions:
      build: {by: person, from: new, to: shut}
      smash: {by: person, from: shut, to: gone}
"""


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".temper" / "door"
    folder.mkdir(parents=True)

    async def lived() -> None:
        async with Running(table_of(DOOR), SqliteStore(folder / "journal.sqlite", identity="one")) as running:
            await running.done("Door", "a", "build")
            await running.done("Door", "a", "smash")
            running.clock.advance(3 * DAY)
            running.runtime.keep(Retention(records=DAY, finished={"Door": DAY}), folder / "journal.archive")
            assert running.runtime.keeping is not None
            await running.runtime.keeping.tidy()
            assert running.runtime.unexplained() == ()

    asyncio.run(lived())
    return folder / "journal.sqlite"


def looked(capsys) -> tuple[int, dict[str, str]]:
    code = main(["doctor", "--json"])
    return code, {look["what"]: look["health"] for look in json.loads(capsys.readouterr().out)["looks"]}


def test_what_is_well_is_said_to_be(journal, capsys) -> None:
    code, looks = looked(capsys)
    assert code == 0
    assert looks.keys() == {"flush", "room", "files", "layout", "journal", "archive", "clock", "server"}
    assert {looks[what] for what in ("layout", "journal", "archive", "clock", "server")} == {"good"}
    assert main(["doctor"]) == 0
    assert "3 records, and the journal goes on from them" in capsys.readouterr().out
    assert [path.name for path in journal.parent.glob(".flush*")] == []


@pytest.mark.parametrize("harm", ["UPDATE records SET body = body || ' '", "PRAGMA user_version = 99", "nothing"])
def test_what_is_bad_is_found(journal, capsys, harm) -> None:
    if harm == "nothing":
        for path in (journal.parent / "journal.archive").iterdir():
            path.unlink()
    else:
        with contextlib.closing(sqlite3.connect(journal)) as opened, opened:
            opened.execute(harm)
    code, looks = looked(capsys)
    assert code == 1
    assert looks["archive" if harm == "nothing" else "journal"] == "bad"


def test_a_clock_that_is_behind_is_noticed(journal) -> None:
    looks = {look.what: look for look in look_at_journal(journal, journal.parent / "journal.archive", ManualClock(0))}
    assert looks["clock"].health is Health.WARNING


def test_a_server_that_was_killed_is_noticed(journal, capsys) -> None:
    (journal.parent / "server.json").write_text('{"url": "http://127.0.0.1:9", "process": 1}')
    code, looks = looked(capsys)
    assert (code, looks["server"]) == (1, "bad")


def test_without_a_journal_it_says_where_it_looked(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 2
    assert "no journal lies in .temper" in capsys.readouterr().err
    assert main(["doctor", "--store", "nowhere.sqlite"]) == 2


def test_what_was_put_away_still_conforms(journal, capsys) -> None:
    """A journal is followed through its archive, and not from the middle."""
    (journal.parent / "door.yaml").write_text(DOOR)
    words = ["conform", str(journal.parent / "door.yaml"), "--journal", str(journal)]
    assert main(words) == 0
    assert "is a behaviour of door: 2 steps" in capsys.readouterr().out
    for path in (journal.parent / "journal.archive").iterdir():
        path.unlink()
    assert main(words) == 2
    assert "journal-broken" in capsys.readouterr().err
