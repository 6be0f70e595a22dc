"""One conformance suite for every store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from temper.machine import Address
from temper.run import MemoryStore, PostgresStore, SharedMemory, SharedMemoryStore, SqliteStore, Store
from temper.run.journal import chained
from temper.run.store.protocol import Query, StoreCorruptError, StoreError, StoreInUseError
from temper.run.store.rows import (
    AnswerRow,
    Batch,
    CellRow,
    CertificateRow,
    Head,
    Noted,
    PendingRow,
    RecordRow,
    VersionRow,
)

Open = Callable[[], Store]


@pytest.fixture(params=["memory", "shared memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store
    match request.param:
        case "memory":
            opened = MemoryStore("here")
        case "shared memory":
            opened = SharedMemoryStore(SharedMemory("here"))
        case "sqlite":
            opened = SqliteStore(tmp_path / "j.db", identity="here")
        case _:
            server = request.getfixturevalue("postgres")
            opened = PostgresStore(server.url, schema_name=server.schema(), identity="here")
    yield opened
    opened.close()


def cell(id_: str, control: str = "up", due: int | None = None, data: str = "{}", entity: str = "Lamp") -> CellRow:
    return CellRow(entity, id_, control, 1, 5, due, "[]", data, "[]", 0)


def pending(place: int, round_: int = 0, kind: str = "effect", owner: str = "a") -> PendingRow:
    return PendingRow(place, round_, kind, "Lamp", owner, "Lamp", owner, 0, 0, 0, "", "{}")


def record(head: Head, body: str, id_: str = "a") -> RecordRow:
    return RecordRow(head.record + 1, "Lamp", id_, 5, body, chained(head.chain, body))


def batch(store: Store, *bodies: str, **parts: object) -> Batch:
    """The next batch, with a record for each text."""
    head = store.head()
    records = []
    for body in bodies:
        row = record(head, body)
        records.append(row)
        head = head._replace(record=row.number, chain=row.hash)
    made = Batch(head._replace(commit=head.commit + 1), records, **parts)  # type: ignore[arg-type]
    if isinstance(store, PostgresStore | SharedMemoryStore):
        made.rests = {address: store.load(address).record for address in made.cells}
    return made


def keyed(*rows: CellRow) -> dict[Address, CellRow]:
    return {row.address: row for row in rows}


def test_an_empty_store(store: Store) -> None:
    assert store.head()[:5] == Head("here")[:5]
    assert store.cell(Address("Lamp", "a")) is None
    assert store.next_due() is None
    assert list(store.versions()) == []
    assert store.last_record() is None
    assert list(store.pending()) == []


def test_a_batch_is_kept_whole(store: Store) -> None:
    made = {1: pending(1), 2: pending(2, kind="message")}
    answers = {"k": AnswerRow("k", "digest", 5, "{}")}
    version = VersionRow(1, "hash", 5, "{}")
    written = batch(store, "one", "two", cells=keyed(cell("a")), made=made, answers=answers, version=version)
    store.commit(written)
    assert store.head() == written.head
    assert store.cell(Address("Lamp", "a")) == cell("a")
    assert [row.body for row in store.records()] == ["one", "two"]
    assert store.last_record() == written.records[-1]
    assert store.answer("k") == answers["k"]
    assert store.answer("other") is None
    assert list(store.versions()) == [version]
    assert list(store.pending()) == list(made.values())


def test_what_was_decided_lies_beside_its_version(store: Store) -> None:
    assert store.certificate("00ff") is None
    store.commit(batch(store, version=VersionRow(1, "00ff", 5, "{}"), certificate=CertificateRow("00ff", 5, "first")))
    store.commit(batch(store, certificate=CertificateRow("00ff", 6, "again")))
    assert store.certificate("00ff") == CertificateRow("00ff", 6, "again")
    assert [row.hash for row in store.versions()] == ["00ff"]


def test_the_book_is_read_by_kind_and_key(store: Store) -> None:
    assert list(store.book("attempt")) == []
    book = {("attempt", "3-0-1"): "a", ("attempt", "3-0-2"): "b", ("attempt", "30-0-1"): "c", ("paused", "3-0-1"): "p"}
    store.commit(batch(store, book=book))
    assert [row.body for row in store.book("attempt")] == ["a", "b", "c"]
    assert [row.body for row in store.book("attempt", "3-0-")] == ["a", "b"]
    assert [row.body for row in store.book("attempt", after="3-0-1", limit=1)] == ["b"]
    store.commit(batch(store, book={("attempt", "3-0-1"): None, ("attempt", "3-0-2"): "B", ("attempt", "gone"): None}))
    assert [tuple(row) for row in store.book("attempt")] == [("attempt", "3-0-2", "B"), ("attempt", "30-0-1", "c")]
    assert [row.body for row in store.book("paused")] == ["p"]


def test_a_cell_is_written_over(store: Store) -> None:
    store.commit(batch(store, "one", cells=keyed(cell("a", due=7))))
    store.commit(batch(store, "two", cells=keyed(cell("a", control="down"))))
    assert store.cell(Address("Lamp", "a")) == cell("a", control="down")
    assert store.next_due() is None


def test_many_instances_are_read_together(store: Store) -> None:
    """Each with its own effects by place, of any entity, and only those that are there."""
    made = {4: pending(4, owner="b"), 1: pending(1), 3: pending(3), 2: pending(2, kind="message")}
    rows = keyed(cell("a"), cell("b"), cell("a", entity="Shade"), *(cell(f"c{number}") for number in range(200)))
    store.commit(batch(store, "one", cells=rows, made=made))
    asked = [Address("Lamp", "gone"), Address("Shade", "b"), *rows]
    found = store.instances(asked)
    assert {address: each.row for address, each in found.items()} == rows
    effects = {address: [row.place for row in each.effects] for address, each in found.items() if each.effects}
    assert effects == {Address("Lamp", "a"): [1, 3], Address("Lamp", "b"): [4]}
    assert store.instances([]) == {}


def test_deliveries_are_consumed_before_others_take_their_place(store: Store) -> None:
    store.commit(batch(store, "one", made={3: pending(3)}))
    store.commit(batch(store, "again", consumed={(3, 0)}, made={3: pending(3, 1)}))
    assert list(store.pending()) == [pending(3, 1)]


def test_book_keeping(store: Store) -> None:
    store.commit(batch(store, "one", made={3: pending(3)}))
    store.commit(batch(store, noted={3: Noted(3, 0, 1, 2, 99, "slow")}))
    assert list(store.pending()) == [pending(3)._replace(claimed=1, attempts=2, not_before=99, note="slow")]


@pytest.mark.parametrize(
    "parts",
    [
        {"consumed": {(9, 0)}},
        {"consumed": {(3, 1)}},
        {"noted": {9: Noted(9, 0, 1, 0, 0, "")}},
        {"noted": {3: Noted(3, 1, 1, 0, 0, "")}},
        {"made": {3: pending(3)}},
        {"answers": {"k": AnswerRow("k", "other", 5, "{}")}},
        {"consumed": {(9, 0)}, "book": {("paused", "ship"): "{}"}},
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(store: Store, parts: dict[str, object]) -> None:
    store.commit(batch(store, "one", made={3: pending(3)}, answers={"k": AnswerRow("k", "digest", 5, "{}")}))
    before = store.head()
    with pytest.raises(StoreError):
        store.commit(batch(store, "two", cells=keyed(cell("b")), **parts))
    store.recover()
    assert store.head() == before
    assert store.cell(Address("Lamp", "b")) is None
    assert [row.body for row in store.records()] == ["one"]
    assert list(store.book("paused")) == []
    store.commit(batch(store, "two"))


def test_a_second_writer_is_noticed(store: Store) -> None:
    stale = batch(store, "mine")
    store.commit(batch(store, "theirs"))
    with pytest.raises(StoreError):
        store.commit(stale)
    assert [row.body for row in store.records()] == ["theirs"]


def test_what_is_due(store: Store) -> None:
    rows = keyed(cell("late", due=5), cell("later", due=6), cell("soon", due=9), cell("never"))
    store.commit(batch(store, "one", cells=rows))
    assert list(store.due(8, 10)) == [Address("Lamp", "late"), Address("Lamp", "later")]
    assert list(store.due(8, 1)) == [Address("Lamp", "late")]
    assert store.next_due() == 5
    assert [row.id for row in store.armed(2)] == ["late", "later"]


def test_effects_of_one_owner(store: Store) -> None:
    made = {2: pending(2), 1: pending(1), 3: pending(3, owner="b"), 4: pending(4, kind="message")}
    store.commit(batch(store, "one", made=made))
    assert [row.place for row in store.effects_of(Address("Lamp", "a"))] == [1, 2]
    assert [row.place for row in store.pending(1, 2)] == [2, 3]


def test_the_spawn_that_makes_an_instance(store: Store) -> None:
    spawn = pending(5, kind="spawn")._replace(receiver_entity="Box", receiver_id="b")
    made = {4: pending(4, kind="message")._replace(receiver_entity="Box", receiver_id="b"), 5: spawn}
    store.commit(batch(store, "one", made=made))
    assert store.spawn_of(Address("Box", "b")) == spawn
    assert store.spawn_of(Address("Box", "a")) is None
    store.commit(batch(store, "two", consumed={(5, 0)}))
    assert store.spawn_of(Address("Box", "b")) is None


def test_records_of_one_instance(store: Store) -> None:
    head = store.head()
    first = record(head, "one", "a")
    second = RecordRow(2, "Lamp", "b", 5, "two", chained(first.hash, "two"))
    store.commit(Batch(head._replace(commit=1, record=2, chain=second.hash), [first, second]))
    assert list(store.records(Address("Lamp", "b"))) == [second]
    assert list(store.records(None, 1)) == [second]
    assert list(store.records(None, 0, 1)) == [first]


def test_lists(store: Store) -> None:
    rows = [
        cell("a", "up", data='{"n":1,"flag":true,"name":"caf\\u00e9"}'),
        cell("b", "down", data='{"n":2,"flag":false,"name":"x"}'),
        cell("c", "up", data='{"n":2,"flag":true,"name":"\\"x\\""}'),
        cell("d", "new", data='{"n":2,"flag":true,"name":"x"}'),
        cell("e", "up", entity="Other"),
    ]
    store.commit(batch(store, "one", cells=keyed(*rows)))

    def ids(**query: object) -> list[str]:
        return [row.id for row in store.cells(Query("Lamp", **query))]  # type: ignore[arg-type]

    assert ids() == ["a", "b", "c"]
    assert ids(state="up") == ["a", "c"]
    assert ids(where=(("n", 2),)) == ["b", "c"]
    assert ids(where=(("flag", True),)) == ["a", "c"]
    assert ids(where=(("flag", 1),)) == []
    assert ids(where=(("name", "café"),)) == ["a"]
    assert ids(where=(("name", '"x"'),)) == ["c"]
    assert ids(where=(("nothing", 1),)) == []
    assert ids(state="up", where=(("n", 2),)) == ["c"]
    assert ids(limit=2) == ["a", "b"]
    assert ids(after="a", limit=1) == ["b"]
    assert [row.id for row in store.all_cells("Lamp")] == ["a", "b", "c", "d"]


def test_a_file_is_found_again(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "j.db", identity="one")
    first.commit(batch(first, "one", cells=keyed(cell("a"))))
    first.close()
    again = SqliteStore(tmp_path / "j.db", identity="two")
    assert again.head().identity == "one"
    assert again.cell(Address("Lamp", "a")) == cell("a")
    again.close()


def test_only_one_process_writes(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "j.db", identity="one")
    with pytest.raises(StoreInUseError, match="in use"):
        SqliteStore(tmp_path / "j.db", identity="two")
    reader = SqliteStore(tmp_path / "j.db", identity="", read_only=True)
    first.commit(batch(first, "one"))
    assert reader.head().record == 1
    reader.close()
    first.close()


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at by somebody" * 20)
    with pytest.raises(StoreCorruptError):
        SqliteStore(tmp_path / "text.db", identity="x")

    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(StoreCorruptError, match="something else"):
        SqliteStore(tmp_path / "other.db", identity="x")
