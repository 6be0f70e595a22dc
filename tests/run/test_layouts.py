"""Files of every earlier layout are brought up to date in one transaction, or left as they were."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from support.durable import all_records, assert_whole
from support.parcels import PARCELS
from support.running import Running, table_of
from temper.machine import Address
from temper.run import SqliteStore
from temper.run.store import sqlite_layout
from temper.run.store.protocol import StoreCorruptError, StoreError

LAYOUTS = sorted(Path(__file__).parent.glob("layouts/*.sql"))
"""What a store of each layout held after some calls, as SQL."""


@pytest.fixture(params=LAYOUTS, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.executescript(request.param.read_text(encoding="utf-8"))
    return path


def schema(path: Path) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(path)) as looked_at:
        return {
            name: "".join(sql.split())
            for name, sql in looked_at.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        }


def layout(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as looked_at:
        return sqlite_layout.layout_of(looked_at)


def test_every_earlier_layout_lies_here() -> None:
    assert [int(path.stem) for path in LAYOUTS] == list(sqlite_layout.MIGRATIONS)


def test_a_migrated_file_lies_as_a_new_one(old: Path, tmp_path: Path) -> None:
    SqliteStore(old, identity="two").close()
    SqliteStore(tmp_path / "new.db", identity="two").close()
    assert schema(old) == schema(tmp_path / "new.db")
    assert layout(old) == sqlite_layout.LAYOUT


def test_nothing_is_lost_and_it_goes_on(old: Path) -> None:
    async def goes_on() -> None:
        store = SqliteStore(old, identity="two")
        assert store.head().identity == "one"
        assert_whole(store)
        records = len(all_records(store))
        async with Running(table_of(PARCELS), store) as running:
            again = await running.done("Parcel", "p", "pack", {"label": "books"}, key="k1")
            assert again.repeated
            assert running.seen("Parcel", "q").data["label"] == "café"
            done = await running.done("Parcel", "r", "pack", {"label": "later"})
            assert done.record == records + 1
            await running.runtime.quiet()
            assert_whole(store)

    asyncio.run(goes_on())


def test_it_is_read_as_it_lies(old: Path) -> None:
    before = schema(old)
    store = SqliteStore(old, identity="", read_only=True)
    assert_whole(store)
    assert store.spawn_of(Address("Box", "nobody")) is None
    assert store.certificate("00ff") is None
    assert list(store.book("any")) == []
    store.close()
    assert schema(old) == before


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema(old), layout(old)
    last = max(sqlite_layout.MIGRATIONS)
    broken = {**sqlite_layout.MIGRATIONS, last: sqlite_layout.MIGRATIONS[last] + "CREATE TABLE cells (twice);"}
    monkeypatch.setattr(sqlite_layout, "MIGRATIONS", broken)
    with pytest.raises(StoreError, match="cells"):
        SqliteStore(old, identity="two")
    assert (schema(old), layout(old)) == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_layout_is_refused(old: Path, read_only: bool) -> None:
    with contextlib.closing(sqlite3.connect(old)) as newer:
        newer.execute(f"PRAGMA user_version = {sqlite_layout.LAYOUT + 1}")
    with pytest.raises(StoreCorruptError, match="knows those up to"):
        SqliteStore(old, identity="two", read_only=read_only)
