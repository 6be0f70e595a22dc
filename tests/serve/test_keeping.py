"""What is kept, over HTTP: backups, what was at a moment, what is put away, exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.durable import assert_whole
from support.serving import START, Running, serving, table_of, uncertified
from temper.run import SqliteStore
from temper.run.retention import DAY, Retention
from temper.serve.instruments import Instruments
from temper.serve.listening import lines, listen
from temper.serve.operations import operation
from temper.serve.premises import Premises

NOTES = """\
temper: 1
blueprint: notes
doc: Notes that are written and torn.
roles: [clerk]
entities:
  Note:
    data: {n: int}
    states: [kept, torn]
    final: [torn]
    waits: [kept]
    actions:
      write: {by: clerk, from: new, to: kept}
      add: {by: clerk, from: kept, set: {n: n + 1}}
      tear: {by: clerk, from: kept, to: torn}
"""


@pytest.fixture
def running(tmp_path):
    store = SqliteStore(tmp_path / "journal.sqlite", identity="one")
    instruments = Instruments(premises=Premises(tmp_path / "journal.sqlite"))
    table = uncertified(table_of(NOTES))
    with serving(table, tmp_path, principals=(("ann", ("clerk",)),), store=store, instruments=instruments) as running:
        yield running


def call(running: Running, id_: str, action: str):
    return running.ask("ann", "call", {}, entity="Note", id=id_, action=action)


def keep(running: Running, tmp_path: Path, **ages: int) -> None:
    retention = Retention(ages.get("records"), ages.get("answers"), {"Note": DAY})
    running.loop.call_soon_threadsafe(running.runtime.keep, retention, tmp_path / "journal.archive")


def exported(running: Running, **given: str) -> list[dict]:
    told = lines(running.client("ann"), operation("export"), {"blueprint": "notes", **given})
    return [json.loads(line) for line in told]


def test_a_backup_is_made_while_it_serves(running, tmp_path) -> None:
    call(running, "a", "write")
    assert running.problem("ann", "backup", {}).code == "not-operator"
    done = running.ask("operator", "backup", {})
    assert done["record"] == 2
    assert Path(done["path"]).parent == tmp_path / "journal.backups"
    call(running, "b", "write")
    copy = SqliteStore(done["path"], identity="", read_only=True)
    assert copy.head().record == 2
    assert_whole(copy)
    copy.close()
    assert running.problem("operator", "backup", {}).code == "store-failed", "in this very moment there is one already"


def test_without_a_file_there_is_no_backup(tmp_path) -> None:
    with serving(uncertified(table_of(NOTES)), tmp_path, principals=(("ann", ("clerk",)),)) as running:
        assert running.problem("operator", "backup", {}).code == "not-in-a-file"


def test_what_it_was_is_shown(running) -> None:
    call(running, "a", "write")
    running.advance(60_000)
    call(running, "a", "add")
    running.advance(60_000)
    then = running.ask("ann", "at", entity="Note", id="a", moment="2026-01-01T00:00:30")
    assert (then["state"], then["data"], then["version"], then["retired"]) == ("kept", {"n": 0}, 1, False)
    assert then["since"] == "2026-01-01T00:00:00.000Z"
    assert running.ask("ann", "at", entity="Note", id="a", moment="2026-01-01T01:01:30+01:00")["data"] == {"n": 1}
    assert running.problem("ann", "at", entity="Note", id="a", moment="2025-12-31T10:00").code == "unknown-instance"
    assert running.problem("ann", "at", entity="Note", id="a", moment="yesterday").code == "bad-request"
    assert running.problem("ann", "at", entity="Paper", id="a", moment="2026-01-01").code == "unknown-entity"


def test_what_is_old_is_put_away_and_can_still_be_had(running, tmp_path) -> None:
    assert running.problem("operator", "tidy", {}).code == "no-retention"
    for action in ("write", "add", "tear"):
        call(running, "a", action)
    call(running, "b", "write")
    every = exported(running)
    assert [record["number"] for record in every] == [1, 2, 3, 4, 5]
    keep(running, tmp_path, records=DAY)
    running.run(_advance(running, 3 * DAY))
    assert running.ask("operator", "tidy", {}) == {"instances": 1, "records": 5, "answers": 0, "cut": 5}
    assert exported(running)[:5] == every
    assert [record["number"] for record in exported(running, after="4")] == [5, 6]
    assert running.problem("ann", "get", entity="Note", id="a").code == "unknown-instance"
    assert running.problem("ann", "call", {}, entity="Note", id="a", action="write").code == "id-taken"
    assert running.ask("ann", "history", entity="Note", id="b")["archived"] == 5
    assert running.ask("ann", "at", entity="Note", id="a", moment="2026-01-01T00:00:00.000")["state"] == "torn"
    past = running.ask("ann", "at", entity="Note", id="a", moment="2026-01-05")
    assert past["retired"]
    problem = running.problem("ann", "events", after="3")
    assert (problem.code, problem.status, problem.facts) == ("archived", 410, {"cut": 5})
    told = listen(running.client("ann"), operation("events"), {"blueprint": "notes", "after": "5", "follow": "no"})
    assert [event["type"] for _, event in told] == ["temper.retire"]
    assert (START, running.runtime.first_broken_record()) == (START, None)


def test_an_archive_that_is_harmed_is_said_so(running, tmp_path) -> None:
    call(running, "a", "write")
    keep(running, tmp_path, records=DAY)
    running.run(_advance(running, 3 * DAY))
    running.ask("operator", "tidy", {})
    for path in (tmp_path / "journal.archive").iterdir():
        path.unlink()
    assert running.problem("ann", "at", entity="Note", id="a", moment="2026-01-05").code == "archive-broken"
    assert running.problem("ann", "export").code == "archive-broken"


async def _advance(running: Running, milliseconds: int) -> None:
    running.clock.advance(milliseconds)
