"""Journals of earlier releases: every later one opens them, replays them to the same states, and goes on from there.

A history is a journal as a release wrote it and the states it ended in. `python tests/histories/record.py` adds the
one of the release at hand; those that lie here are never written again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from support.durable import all_records, assert_whole
from support.running import EVERY_ROLE, trusted
from temper.machine import table_from_json, table_hash
from temper.run import Done, ManualClock, Runtime, SeededChance, SqliteStore, World, open_runtime

HISTORIES = sorted(path.parent for path in Path(__file__).parent.glob("*/journal.sqlite"))


def test_there_is_a_history() -> None:
    assert HISTORIES


@pytest.mark.parametrize("history", HISTORIES, ids=lambda folder: folder.name)
def test_it_is_replayed_and_goes_on(history: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    shutil.copy2(history / "journal.sqlite", path)
    expected = json.loads((history / "states.json").read_text(encoding="utf-8"))
    store = SqliteStore(path, identity="history")
    assert_whole(store)
    assert len(all_records(store)) == expected["records"]
    last = store.versions()[-1]
    table = table_from_json(json.loads(last.body))
    assert table_hash(table) == last.hash == expected["table"], "the same table has the same name for ever"
    asyncio.run(goes_on(store, World(ManualClock(10**9), SeededChance(9), store, {}), expected))


async def goes_on(store: SqliteStore, world: World, expected: dict[str, object]) -> None:
    runtime = await open_runtime(world, trusted(table_from_json(json.loads(store.versions()[-1].body))))
    assert isinstance(runtime, Runtime), runtime
    found = {
        f"{entity} {row.id}": [row.control, json.loads(row.data), row.seq]
        for entity in ("Parcel", "Box")
        for row in store.all_cells(entity)
    }
    assert found == expected["states"]
    repeated = await runtime.call("Parcel", "p", "pack", {"label": "books"}, caller="ann", roles=EVERY_ROLE, key="1")
    assert isinstance(repeated, Done)
    assert repeated.repeated, "an answer that was given is given again"
    made = await runtime.call("Parcel", "later", "pack", {"label": "later"}, caller="ann", roles=EVERY_ROLE)
    assert isinstance(made, Done)
    assert_whole(store)
    await runtime.close()
