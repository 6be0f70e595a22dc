"""Old records of a database that several nodes write to: archived once, whoever does it, and every chain goes through."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.durable import all_rows, assert_one_run, assert_whole
from support.nodes import Database, Node, Nodes
from support.parcels import PARCELS
from support.running import table_of, turn
from temper.run import SharedMemory, keeping
from temper.run.archive import archived, broken_archive, broken_record, parts
from temper.run.cut import Cut, cut_note, cut_of
from temper.run.keeping import Tidied
from temper.run.position import Position
from temper.run.retention import Retention
from temper.run.store.protocol import ConflictError, StoreInUseError
from temper.run.store.rows import Batch, RecordRow

TABLE = table_of(PARCELS)
DAY = 24 * 3_600_000
OLD = Retention(records=30 * DAY)
NUMBERS = itertools.count()
Test = Callable[[Nodes], Awaitable[None]]


def run(database: Database, test: Test) -> None:
    async def whole() -> None:
        async with Nodes(TABLE, database) as nodes:
            await test(nodes)

    asyncio.run(whole())


async def work(nodes: Nodes, rounds: int = 3) -> None:
    """Every node makes something of its own, and changes what the one before it has made."""
    for _ in range(rounds):
        for at, node in enumerate(nodes.living):
            name = f"p{next(NUMBERS)}"
            await node.done("Parcel", name, "pack", {"label": "a"})
            await nodes.living[at - 1].done("Parcel", name, "raise_level")


async def tidied(node: Node, folder: Path) -> Tidied:
    node.runtime.keep(OLD, folder)
    assert node.runtime.keeping is not None
    done = await node.runtime.keeping.tidy()
    assert isinstance(done, Tidied), done
    return done


def check(nodes: Nodes, folder: Path) -> None:
    store = nodes.living[0].store
    assert_whole(store, folder)
    assert broken_record(store) is None
    assert broken_archive(folder, cut_of(store)) == ""


def test_records_of_all_nodes_go_into_the_archive_and_every_chain_goes_through(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        for _ in range(3):
            await nodes.begin()
        await work(nodes)
        nodes.clock.advance(40 * DAY)
        await work(nodes)
        one, two, _ = nodes.living
        before = all_rows(one.store)
        old = list(itertools.takewhile(lambda row: row.at < nodes.clock.now() - 30 * DAY, before))
        done = await tidied(one, tmp_path)
        assert (done.records, done.cut) == (len(old), old[-1].number)
        assert len({row.number % one.store.head().stride for row in old}) == 3
        assert all_rows(two.store, tmp_path) == before, "each record is somewhere, as it was, in the order of before"
        assert (await tidied(two, tmp_path)).records == 0
        check(nodes, tmp_path)
        nodes.clock.advance(40 * DAY)
        await work(nodes, 1)
        assert (await tidied(two, tmp_path)).records > 0, "another node goes on where the first one ended"
        assert len(parts(tmp_path)) == 2
        await work(nodes, 1)
        check(nodes, tmp_path)

    run(database, test)


def test_a_node_that_lags_behind_writes_nothing_among_what_was_archived(database: Database, tmp_path) -> None:
    """Its next number lies far below those of the others: the step is computed again, under a higher one."""

    async def test(nodes: Nodes) -> None:
        busy, idle = await nodes.begin(), await nodes.begin()
        for number in range(20):
            await busy.done("Parcel", f"p{number}", "pack", {"label": "a"})
        assert idle.runtime._driver.journal.next_record < busy.store.head().record
        nodes.clock.advance(40 * DAY)
        await busy.done("Parcel", "late", "pack", {"label": "a"})
        cut = (await tidied(busy, tmp_path)).cut
        done = await idle.done("Parcel", "q", "pack", {"label": "a"})
        assert done.record > cut > 0
        check(nodes, tmp_path)

    run(database, test)


def test_what_is_closed_off_stays_so_for_whoever_begins_later(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        one.store.close_off(1_000_000)
        two = await nodes.begin()
        for node, name in ((one, "a"), (two, "b"), (one, "c")):
            assert (await node.done("Parcel", name, "pack", {"label": "a"})).record > 1_000_000
        check(nodes, tmp_path)

    run(database, test)


def test_all_nodes_at_once_archive_each_record_once(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        for _ in range(3):
            await nodes.begin()
        await work(nodes, 8)
        nodes.clock.advance(40 * DAY)
        await work(nodes, 1)
        before = all_rows(nodes.living[0].store)
        for _ in range(2):  # Whoever was outrun finds the rest the next time.
            await asyncio.gather(work(nodes, 2), *(tidied(node, tmp_path) for node in nodes.living))
        assert cut_of(nodes.living[0].store).number > 0
        assert set(before) <= set(all_rows(nodes.living[1].store, tmp_path))
        check(nodes, tmp_path)

    run(database, test)


def test_a_cut_is_made_only_by_whoever_knows_where_it_was_cut_before(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await work(nodes)
        nodes.clock.advance(40 * DAY)
        await work(nodes, 1)
        await tidied(one, tmp_path)
        before = all_rows(one.store, tmp_path)
        driver = two.runtime._driver
        driver.journal.cut(before[-2].number, behind=0)
        driver.journal.keep("cut", "cut", json.dumps({"number": before[-2].number, "hash": ""}))
        assert isinstance(await driver.committer.flush().wait(), ConflictError)
        assert all_rows(one.store, tmp_path) == before
        check(nodes, tmp_path)

    run(database, test)


def test_records_above_what_is_closed_off_are_not_cut(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await work(nodes)
        driver = one.runtime._driver
        driver.journal.cut(one.store.head().record, behind=0)
        assert isinstance(await driver.committer.flush().wait(), ConflictError)
        check(nodes, tmp_path)

    run(database, test)


def test_a_file_that_stands_is_used_by_whoever_comes_next(database: Database, tmp_path) -> None:
    """The one who wrote it died before anything left the store."""

    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await work(nodes)
        nodes.clock.advance(40 * DAY)
        await work(nodes, 1)
        one.runtime.keep(OLD, tmp_path)
        assert one.runtime.keeping is not None
        assert one.runtime.keeping._archived() is not None
        await nodes.kill(one)
        await two.beat()
        await turn(20)
        standing = parts(tmp_path)
        assert (await tidied(two, tmp_path)).cut == standing[0].last
        assert parts(tmp_path) == standing
        check(nodes, tmp_path)

    run(database, test)


@pytest.mark.parametrize("when", ["while the file is read", "while the store is read"])
def test_records_that_leave_while_they_are_looked_at_make_no_file(
    database: Database, tmp_path, monkeypatch, when
) -> None:
    """Without them the file would look whole if they were the last ones of a chain."""

    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await two.done("Parcel", "p", "pack", {"label": "a"})
        for number in range(3):
            await one.done("Parcel", f"q{number}", "pack", {"label": "a"})
        nodes.clock.advance(40 * DAY)
        await one.done("Parcel", "r", "pack", {"label": "a"})
        one.runtime.keep(OLD, tmp_path)
        two.runtime.keep(OLD, tmp_path)
        assert one.runtime.keeping is not None
        assert two.runtime.keeping is not None
        portion = two.runtime.keeping._archived()
        assert portion is not None
        file, cut_at = parts(tmp_path)[0].path.read_bytes(), portion.steps[-1]
        looked, looks = two.store.records, itertools.count(1)
        is_written_anew = when == "while the store is read"
        if is_written_anew:
            monkeypatch.setattr(keeping, "standing", lambda *_: iter(()))
            monkeypatch.setattr(keeping, "PAGE", 2)

        def leaving(*given: Any) -> Any:
            """The other node's cut comes just before the first look at the records, or between two."""
            if next(looks) <= is_written_anew:
                return looked(*given)
            monkeypatch.undo()
            two.store.close_off(cut_at.number)
            leave(two.store, cut_at)
            return looked(*given)

        monkeypatch.setattr(type(one.store), "records", property(lambda _: leaving), raising=False)
        with pytest.raises(ConflictError):
            one.runtime.keeping._archived()
        assert [part.path.read_bytes() for part in parts(tmp_path)] == [file]
        check(nodes, tmp_path)

    run(database, test)


def leave(store: Any, cut: Cut) -> None:
    """What another node's transaction does."""
    head = store.head()
    batch = Batch(head._replace(commit=head.commit + 1), cut=cut.number)
    kind, key, body = cut_note(cut)
    batch.book[kind, key] = body
    store.commit(batch)


def test_a_folder_that_lacks_what_was_archived_is_refused(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        for _ in range(2):
            await work(nodes)
            nodes.clock.advance(40 * DAY)
            await work(nodes, 1)
            await tidied(one, tmp_path / "one")
            two.runtime.keep(OLD, tmp_path / "two")
        assert two.runtime.keeping is not None
        refused = await two.runtime.keeping.tidy()
        assert not isinstance(refused, Tidied)
        assert "lacks what was archived" in refused.message
        assert not parts(tmp_path / "two")
        check(nodes, tmp_path / "one")

    run(database, test)


@pytest.mark.parametrize("harm", ["altered", "one missing", "end of a chain missing", "two exchanged"])
def test_a_harmed_archive_is_noticed(tmp_path, harm: str) -> None:
    async def test(nodes: Nodes) -> None:
        for _ in range(3):
            await nodes.begin()
        await work(nodes)
        nodes.clock.advance(40 * DAY)
        await work(nodes, 1)
        await tidied(nodes.living[0], tmp_path)
        cut, (part,) = cut_of(nodes.living[0].store), parts(tmp_path)
        lines = gzip.decompress(part.path.read_bytes()).decode().splitlines()
        slots = [RecordRow(**json.loads(line)).number % cut.stride for line in lines[1:]]
        match harm:
            case "altered":
                lines[4] = lines[4].replace("ann", "eve")
            case "one missing":
                del lines[4]
            case "end of a chain missing":
                del lines[1 + max(at for at, slot in enumerate(slots) if slot != slots[-1])]
            case _:
                lines[4], lines[5] = lines[5], lines[4]
        part.path.write_bytes(gzip.compress("\n".join(lines).encode()))
        assert broken_archive(tmp_path, cut)

    run(SharedMemory("shared"), test)


@pytest.mark.parametrize("at", [0, -1])
def test_a_record_that_is_lost_behind_the_cut_is_noticed(tmp_path, at: int) -> None:
    async def test(nodes: Nodes) -> None:
        database = nodes.server
        assert isinstance(database, SharedMemory)
        for _ in range(2):
            await nodes.begin()
        await work(nodes)
        nodes.clock.advance(40 * DAY)
        await work(nodes, 2)
        await tidied(nodes.living[0], tmp_path)
        first = [row for row in database._records if row.number % 256 == 0]
        database._records.remove(first[at - 1 if at else 0])
        assert broken_record(nodes.living[0].store) is not None

    run(SharedMemory("shared"), test)


def test_whoever_was_not_told_of_what_has_left_is_behind(database: Database, tmp_path) -> None:
    async def test(nodes: Nodes) -> None:
        one, two = await nodes.begin(), await nodes.begin()
        await one.done("Parcel", "a", "pack", {"label": "a"})
        await two.done("Parcel", "b", "pack", {"label": "a"})
        for _ in range(5):
            await one.done("Parcel", "a", "raise_level")
        nodes.clock.advance(40 * DAY)
        await one.done("Parcel", "c", "pack", {"label": "a"})
        before = all_rows(one.store)
        await tidied(one, tmp_path)
        cut, stride = cut_of(one.store), one.store.head().stride
        position = Position()
        for row in archived(tmp_path, cut):
            assert cut.is_behind(position)
            position = position.behind(row.number, stride)
        assert not cut.is_behind(position), "the idle chain was told to its end, low as its number is"
        assert [row.number for row in one.store.news(position, 100)] == [
            row.number for row in before if row.number > cut.number
        ]
        assert not Cut(stride=stride).is_behind(Position())

    run(database, test)


def test_a_schema_of_before_is_brought_up_to_date_when_nobody_serves_it(postgres) -> None:
    async def test(nodes: Nodes) -> None:
        one = await nodes.begin()
        await one.done("Parcel", "p", "pack", {"label": "a"})
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(f"ALTER TABLE {nodes.schema}.store DROP COLUMN floor")
            connection.execute(f"UPDATE {nodes.schema}.store SET layout = 1")
        with pytest.raises(StoreInUseError, match="stop them first"):
            nodes.store()
        nodes.store(read_only=True).close()
        nodes.living.remove(one)
        await one.runtime.close()
        two = await nodes.begin()
        await two.done("Parcel", "p", "raise_level")
        assert_one_run(two.store)
        assert_whole(two.store)

    run(postgres, test)
