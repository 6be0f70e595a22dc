"""What only the SQLite store has: large batches in few statements, and the log brought in beside the writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from temper.machine import Address
from temper.run import SqliteStore
from temper.run.journal import chained, first_broken
from temper.run.store import sqlite_checkpoint
from temper.run.store.protocol import StoreError
from temper.run.store.rows import AnswerRow, Batch, CellRow, Noted, PendingRow, RecordRow

MANY = 150
"""More than one statement takes, and not a multiple of what it takes."""


def large(store: SqliteStore, turn: int, count: int = MANY) -> Batch:
    """A batch with so many rows of each kind; what the turn before handed on is consumed."""
    head = store.head()
    records, cells, made, answers, book = [], {}, {}, {}, {}
    for number in range(count):
        body = f"{turn} {number}"
        records.append(RecordRow(head.record + 1, "Lamp", f"l{number}", turn, body, chained(head.chain, body)))
        head = head._replace(record=head.record + 1, chain=records[-1].hash, place=head.place + 1)
        cell = CellRow("Lamp", f"l{number}", "up", turn, turn, turn + number, "[]", "{}", "[]", 0)
        cells[cell.address] = cell
        made[head.place] = PendingRow(head.place, 0, "effect", "Lamp", cell.id, "Lamp", cell.id, 0, 0, 0, "", "{}")
        answers[f"{turn}-{number}"] = AnswerRow(f"{turn}-{number}", "digest", turn, "{}")
        book["note", f"{number:04}"] = f"{turn}" if number % 2 == turn % 2 else None
    before = store.head().place
    consumed = {(place, 0) for place in range(before - count + 1, before + 1)} if turn else set()
    return Batch(head._replace(commit=head.commit + 1), records, cells, consumed, made, {}, answers, book)


def test_a_large_batch_is_kept_whole(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "j.db", identity="here")
    for turn in range(3):
        written = large(store, turn)
        store.commit(written)
        assert store.head() == written.head
        assert store.records(None, turn * MANY) == written.records
        assert list(store.all_cells("Lamp")) == sorted(written.cells.values(), key=lambda row: row.id)
        assert list(store.pending()) == list(written.made.values())
        assert all(store.answer(key) == row for key, row in written.answers.items())
        assert [row.key for row in store.book("note")] == [f"{n:04}" for n in range(MANY) if n % 2 == turn % 2]
    store.close()


def consumed_twice(batch: Batch) -> None:
    batch.consumed.add((1, 0))


def noted_nothing(batch: Batch) -> None:
    batch.noted[10**6] = Noted(10**6, 0, 1, 0, 0, "")


def answered_before(batch: Batch) -> None:
    batch.answers["0-149"] = AnswerRow("0-149", "other", 5, "{}")


def numbered_before(batch: Batch) -> None:
    batch.records[-1] = batch.records[-1]._replace(number=1)


@pytest.mark.parametrize("wrong", [consumed_twice, noted_nothing, answered_before, numbered_before])
def test_a_large_batch_that_does_not_fit_leaves_nothing_behind(wrong, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "j.db", identity="here")
    for turn in range(2):
        store.commit(large(store, turn))
    before = store.head(), list(store.pending()), list(store.all_cells("Lamp")), store.records(None, 0, 9999)
    refused = large(store, 2)
    wrong(refused)
    with pytest.raises(StoreError):
        store.commit(refused)
    assert (store.head(), list(store.pending()), list(store.all_cells("Lamp")), store.records(None, 0, 9999)) == before
    store.commit(large(store, 2))
    store.close()


def test_deliveries_are_found_without_looking_through_all(tmp_path: Path) -> None:
    from temper.run.store.sqlite_batch import _deletion

    store = SqliteStore(tmp_path / "j.db", identity="here")
    sql = _deletion("pending", ("place", "round"), 4)
    told = [row[3] for row in store._writer.execute(f"EXPLAIN QUERY PLAN {sql}", (1, 0, 2, 0, 3, 0, 4, 0))]
    assert not [each for each in told if each.startswith("SCAN")], told
    told = [row[3] for row in store._writer.execute("EXPLAIN QUERY PLAN SELECT * FROM pending WHERE kind = 'spawn'"
            " AND receiver_entity = ? AND receiver_id = ?", ("a", "b"))]  # fmt: skip
    assert "pending_spawns" in told[0], told
    store.close()


def begun_anew(path: Path) -> int:
    """How often the write-ahead log began anew, as its header says."""
    log = path.with_name(f"{path.name}-wal")
    return int.from_bytes(log.read_bytes()[12:16]) if log.exists() else 0


def test_the_log_is_brought_in_beside_the_writer_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "ROWS", 10)
    monkeypatch.setattr(sqlite_checkpoint, "PAGES_MAX", 50)
    monkeypatch.setattr(sqlite_checkpoint, "PAGES_LEFT", 20)
    path = tmp_path / "j.db"
    store = SqliteStore(path, identity="here")
    turn = 0
    while begun_anew(path) < 3 and turn < 20_000:
        store.commit(large(store, turn, 10))
        turn += 1
    assert begun_anew(path) >= 3, "the log begins anew again and again"
    assert store.head().commit == turn
    assert first_broken(store.records(None, 0, 10**6)) is None
    store.close()
    assert not path.with_name("j.db-wal").exists()


def test_a_reader_keeps_its_state_while_the_log_is_brought_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "ROWS", 1)
    monkeypatch.setattr(sqlite_checkpoint, "PAGES_MAX", 5)
    store = SqliteStore(tmp_path / "j.db", identity="here")
    store.commit(large(store, 0))
    reader = store._connect()
    reader.execute("BEGIN")
    assert reader.execute("SELECT seq FROM cells WHERE id = 'l0'").fetchone() == (0,)
    for turn in range(1, 40):
        store.commit(large(store, turn))
    assert reader.execute("SELECT seq FROM cells WHERE id = 'l0'").fetchone() == (0,)
    assert store.cell(Address("Lamp", "l0")).seq == 39  # type: ignore[union-attr]
    reader.close()
    store.close()
